-- The ledger: movements of chips, and what they add up to.

CREATE TABLE movement_identity (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created BIGINT NOT NULL CHECK (created >= 1)
);

-- A movement has one version, which never ends: nothing of the ledger is edited or retired.
CREATE TABLE movement (
    id TEXT COLLATE "C" NOT NULL REFERENCES movement_identity (id),
    since BIGINT NOT NULL CHECK (since >= 1),
    until BIGINT CHECK (until IS NULL),
    company TEXT COLLATE "C" NOT NULL REFERENCES company_identity (id),
    chip TEXT COLLATE "C" NOT NULL REFERENCES chip_identity (id),
    approval TEXT COLLATE "C" REFERENCES approval_identity (id),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('order', 'cancellation', 'shipment', 'delivery', 'return')),
    units BIGINT NOT NULL CHECK (units BETWEEN 1 AND 1000000000000),
    occurred_on TEXT COLLATE "C" NOT NULL CHECK (length(occurred_on) = 10),
    external_ref TEXT COLLATE "C",
    document TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (id, since)
);
CREATE UNIQUE INDEX movement_current_key ON movement (id) WHERE until IS NULL;
CREATE UNIQUE INDEX movement_external_ref_key ON movement (company, kind, external_ref) WHERE external_ref IS NOT NULL;
CREATE INDEX movement_company_idx ON movement (company, id);
CREATE INDEX movement_chip_idx ON movement (chip, id);
CREATE INDEX movement_approval_idx ON movement (approval, id);
CREATE INDEX movement_occurred_on_idx ON movement (occurred_on, id);

-- What the movements of a company and a chip that name one approval add up to, as known between two
-- revisions. The empty text stands for those that name none.
CREATE TABLE holding (
    company TEXT COLLATE "C" NOT NULL REFERENCES company_identity (id),
    chip TEXT COLLATE "C" NOT NULL REFERENCES chip_identity (id),
    approval TEXT COLLATE "C" NOT NULL,
    ordered BIGINT NOT NULL CHECK (ordered BETWEEN 0 AND 1000000000000000),
    cancelled BIGINT NOT NULL CHECK (cancelled BETWEEN 0 AND 1000000000000000),
    shipped BIGINT NOT NULL CHECK (shipped BETWEEN 0 AND 1000000000000000),
    delivered BIGINT NOT NULL CHECK (delivered BETWEEN 0 AND 1000000000000000),
    returned BIGINT NOT NULL CHECK (returned BETWEEN 0 AND 1000000000000000),
    since BIGINT NOT NULL CHECK (since >= 1),
    until BIGINT,
    PRIMARY KEY (company, chip, approval, since),
    CONSTRAINT holding_until_check CHECK (until > since)
);
CREATE UNIQUE INDEX holding_current_key ON holding (company, chip, approval) WHERE until IS NULL;
CREATE INDEX holding_chip_idx ON holding (chip) WHERE until IS NULL;

-- What those of one day add up to, for limits that count anew every month, quarter or year.
CREATE TABLE holding_day (
    company TEXT COLLATE "C" NOT NULL REFERENCES company_identity (id),
    chip TEXT COLLATE "C" NOT NULL REFERENCES chip_identity (id),
    day TEXT COLLATE "C" NOT NULL CHECK (length(day) = 10),
    ordered BIGINT NOT NULL CHECK (ordered BETWEEN 0 AND 1000000000000000),
    cancelled BIGINT NOT NULL CHECK (cancelled BETWEEN 0 AND 1000000000000000),
    shipped BIGINT NOT NULL CHECK (shipped BETWEEN 0 AND 1000000000000000),
    delivered BIGINT NOT NULL CHECK (delivered BETWEEN 0 AND 1000000000000000),
    returned BIGINT NOT NULL CHECK (returned BETWEEN 0 AND 1000000000000000),
    since BIGINT NOT NULL CHECK (since >= 1),
    until BIGINT,
    PRIMARY KEY (company, chip, day, since),
    CONSTRAINT holding_day_until_check CHECK (until > since)
);
CREATE UNIQUE INDEX holding_day_current_key ON holding_day (company, chip, day) WHERE until IS NULL;
