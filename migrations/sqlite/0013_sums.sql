-- So do sums follow each other: what a company holds at the newest revision is found among as many rows as it has
-- chips and days, however many movements there were.
CREATE TRIGGER holding_followed AFTER UPDATE OF since ON holding WHEN OLD.since < NEW.since BEGIN
    INSERT INTO holding (company, chip, approval, ordered, cancelled, shipped, delivered, returned, since, until)
        VALUES (OLD.company, OLD.chip, OLD.approval, OLD.ordered, OLD.cancelled, OLD.shipped, OLD.delivered, OLD.returned,
            OLD.since, NEW.since);
END;
CREATE TRIGGER holding_day_followed AFTER UPDATE OF since ON holding_day WHEN OLD.since < NEW.since BEGIN
    INSERT INTO holding_day (company, chip, day, ordered, cancelled, shipped, delivered, returned, since, until)
        VALUES (OLD.company, OLD.chip, OLD.day, OLD.ordered, OLD.cancelled, OLD.shipped, OLD.delivered, OLD.returned,
            OLD.since, NEW.since);
END;

DROP INDEX holding_day_company_idx;
CREATE INDEX holding_day_company_idx ON holding_day (company, day) WHERE until IS NULL;

DELETE FROM sqlite_stat1 WHERE tbl = 'holding_day';
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('holding_day', 'sqlite_autoindex_holding_day_1', '1000000 10000 500 2 1'),
    ('holding_day', 'holding_day_current_key', '500000 5000 250 1'),
    ('holding_day', 'holding_day_company_idx', '500000 5000 10');
