-- The ledger: movements of chips, and what they add up to.

CREATE TABLE movement_identity (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created INTEGER NOT NULL CHECK (created >= 1)
) STRICT;

-- A movement has one version, which never ends: nothing of the ledger is edited or retired.
CREATE TABLE movement (
    id TEXT NOT NULL REFERENCES movement_identity (id),
    since INTEGER NOT NULL CHECK (since >= 1),
    until INTEGER CHECK (until IS NULL),
    company TEXT NOT NULL REFERENCES company_identity (id),
    chip TEXT NOT NULL REFERENCES chip_identity (id),
    approval TEXT REFERENCES approval_identity (id),
    kind TEXT NOT NULL CHECK (kind IN ('order', 'cancellation', 'shipment', 'delivery', 'return')),
    units INTEGER NOT NULL CHECK (units BETWEEN 1 AND 1000000000000),
    occurred_on TEXT NOT NULL CHECK (length(occurred_on) = 10),
    external_ref TEXT,
    document TEXT NOT NULL,
    PRIMARY KEY (id, since)
) STRICT;
CREATE UNIQUE INDEX movement_current_key ON movement (id) WHERE until IS NULL;
CREATE UNIQUE INDEX movement_external_ref_key ON movement (company, kind, external_ref) WHERE external_ref IS NOT NULL;
CREATE INDEX movement_company_idx ON movement (company, id);
CREATE INDEX movement_chip_idx ON movement (chip, id);
CREATE INDEX movement_approval_idx ON movement (approval, id);
CREATE INDEX movement_occurred_on_idx ON movement (occurred_on, id);

-- What the movements of a company and a chip that name one approval add up to, as known between two
-- revisions. The empty text stands for those that name none.
CREATE TABLE holding (
    company TEXT NOT NULL REFERENCES company_identity (id),
    chip TEXT NOT NULL REFERENCES chip_identity (id),
    approval TEXT NOT NULL,
    ordered INTEGER NOT NULL CHECK (ordered BETWEEN 0 AND 1000000000000000),
    cancelled INTEGER NOT NULL CHECK (cancelled BETWEEN 0 AND 1000000000000000),
    shipped INTEGER NOT NULL CHECK (shipped BETWEEN 0 AND 1000000000000000),
    delivered INTEGER NOT NULL CHECK (delivered BETWEEN 0 AND 1000000000000000),
    returned INTEGER NOT NULL CHECK (returned BETWEEN 0 AND 1000000000000000),
    since INTEGER NOT NULL CHECK (since >= 1),
    until INTEGER,
    PRIMARY KEY (company, chip, approval, since),
    CONSTRAINT holding_until_check CHECK (until > since)
) STRICT;
CREATE UNIQUE INDEX holding_current_key ON holding (company, chip, approval) WHERE until IS NULL;
CREATE INDEX holding_chip_idx ON holding (chip) WHERE until IS NULL;

-- What those of one day add up to, for limits that count anew every month, quarter or year.
CREATE TABLE holding_day (
    company TEXT NOT NULL REFERENCES company_identity (id),
    chip TEXT NOT NULL REFERENCES chip_identity (id),
    day TEXT NOT NULL CHECK (length(day) = 10),
    ordered INTEGER NOT NULL CHECK (ordered BETWEEN 0 AND 1000000000000000),
    cancelled INTEGER NOT NULL CHECK (cancelled BETWEEN 0 AND 1000000000000000),
    shipped INTEGER NOT NULL CHECK (shipped BETWEEN 0 AND 1000000000000000),
    delivered INTEGER NOT NULL CHECK (delivered BETWEEN 0 AND 1000000000000000),
    returned INTEGER NOT NULL CHECK (returned BETWEEN 0 AND 1000000000000000),
    since INTEGER NOT NULL CHECK (since >= 1),
    until INTEGER,
    PRIMARY KEY (company, chip, day, since),
    CONSTRAINT holding_day_until_check CHECK (until > since)
) STRICT;
CREATE UNIQUE INDEX holding_day_current_key ON holding_day (company, chip, day) WHERE until IS NULL;
