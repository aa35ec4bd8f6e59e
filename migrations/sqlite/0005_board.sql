-- What a page of the board and a cell need is found by company, at any revision and however long the ledger.
CREATE INDEX holding_day_company_idx ON holding_day (company, day);
CREATE INDEX report_company_idx ON report (company, chip);
