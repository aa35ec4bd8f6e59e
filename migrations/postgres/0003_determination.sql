-- Receipts of questions that were answered. They are no register data: they make no revision, and once
-- written they never change, whatever becomes of the register. `revision` is the newest one at that time.
CREATE TABLE determination (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    company TEXT COLLATE "C" NOT NULL REFERENCES company_identity (id),
    chip TEXT COLLATE "C" NOT NULL REFERENCES chip_identity (id),
    activity TEXT COLLATE "C" NOT NULL CHECK (activity IN ('prepare', 'order', 'ship')),
    verdict TEXT COLLATE "C" NOT NULL CHECK (verdict IN ('no', 'unknown', 'yes')),
    revision BIGINT NOT NULL CHECK (revision >= 0),
    made_at TIMESTAMPTZ NOT NULL,
    document TEXT COLLATE "C" NOT NULL
);
CREATE INDEX determination_company_idx ON determination (company, chip, id);
CREATE INDEX determination_chip_idx ON determination (chip, id);

-- What a question needs is found by whom and what it is about, at any revision.
CREATE INDEX condition_approval_idx ON condition (approval, company);
CREATE INDEX condition_company_idx ON condition (company);
CREATE INDEX approval_company_idx ON approval (company, chip, since);

-- A source with a limit that was never checked has been past it all along.
UPDATE source SET stale_at = TIMESTAMPTZ '1970-01-01 00:00:00Z'
WHERE stale_at IS NULL AND document::jsonb ->> 'check_every_days' IS NOT NULL;

-- The transition that entered a stage is looked for at any revision.
DROP INDEX transition_approval_idx;
CREATE INDEX transition_approval_idx ON transition (approval, effective_on);

-- Dates that change what a condition comes to: the day it is met, and the beginning of the next period.
ALTER TABLE condition ADD COLUMN met_on TEXT COLLATE "C" CHECK (length(met_on) = 10);
ALTER TABLE condition ADD COLUMN period TEXT COLLATE "C" CHECK (period IN ('month', 'quarter', 'year'));
UPDATE condition SET met_on = document::jsonb ->> 'met_on', period = document::jsonb ->> 'period';
CREATE INDEX condition_met_on_idx ON condition (met_on) WHERE until IS NULL;
CREATE INDEX condition_period_idx ON condition (period) WHERE until IS NULL;
