-- What is asked of a register of any size is found by an index, in the order in which it is shown.
CREATE INDEX approval_stage_idx ON approval (stage, id) WHERE until IS NULL;
CREATE INDEX approval_stage_since_idx ON approval ((COALESCE(stage_since, '')), id) WHERE until IS NULL;
CREATE INDEX approval_since_idx ON approval (since, id) WHERE until IS NULL;
CREATE INDEX company_since_idx ON company (since, id) WHERE until IS NULL;
CREATE INDEX condition_since_idx ON condition (since, id) WHERE until IS NULL;
CREATE INDEX source_since_idx ON source (since, id) WHERE until IS NULL;
CREATE INDEX report_since_idx ON report (since, id) WHERE until IS NULL;
CREATE INDEX report_chip_idx ON report (chip, id) WHERE until IS NULL;
CREATE INDEX report_authority_idx ON report (authority, id) WHERE until IS NULL;
CREATE INDEX condition_chip_idx ON condition (chip, id) WHERE until IS NULL;
CREATE INDEX condition_authority_idx ON condition (authority, id) WHERE until IS NULL;

-- The same at any revision.
CREATE INDEX approval_chip_since_idx ON approval (chip, id, since);
CREATE INDEX company_name_since_idx ON company (name, id, since);

-- The conditions of a question, by what their scope names and leaves open.
DROP INDEX condition_approval_idx;
CREATE INDEX condition_approval_idx ON condition (approval, company, chip);

-- `approval_company_idx` finds what this one found.
DROP INDEX approval_case_idx;

-- Most things have no bounds, and need no place in an index of them.
DROP INDEX approval_valid_from_idx;
DROP INDEX approval_valid_until_idx;
DROP INDEX approval_supersedes_idx;
DROP INDEX condition_in_force_from_idx;
DROP INDEX condition_in_force_until_idx;
DROP INDEX condition_met_on_idx;
DROP INDEX condition_period_idx;
CREATE INDEX approval_valid_from_idx ON approval (valid_from) WHERE until IS NULL AND valid_from IS NOT NULL;
CREATE INDEX approval_valid_until_idx ON approval (valid_until) WHERE until IS NULL AND valid_until IS NOT NULL;
CREATE INDEX approval_supersedes_idx ON approval (supersedes, since) WHERE supersedes IS NOT NULL;
CREATE INDEX condition_in_force_from_idx ON condition (in_force_from)
    WHERE until IS NULL AND in_force_from IS NOT NULL;
CREATE INDEX condition_in_force_until_idx ON condition (in_force_until)
    WHERE until IS NULL AND in_force_until IS NOT NULL;
CREATE INDEX condition_met_on_idx ON condition (met_on) WHERE until IS NULL AND met_on IS NOT NULL;
CREATE INDEX condition_period_idx ON condition (period) WHERE until IS NULL AND period IS NOT NULL;

-- What SQLite plans by: how many rows a large register has, and how many of them each prefix of an index finds.
-- Without that it guesses, and takes an index of all cases at an authority for one of a company's.
ANALYZE sqlite_schema;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('approval', 'sqlite_autoindex_approval_1', '1000000 10 1'),
    ('approval', 'approval_current_key', '100000 1'),
    ('approval', 'approval_company_idx', '1000000 400 10 1'),
    ('approval', 'approval_chip_idx', '100000 2500 1'),
    ('approval', 'approval_chip_since_idx', '1000000 25000 10 1'),
    ('approval', 'approval_authority_idx', '100000 10000 1'),
    ('approval', 'approval_stage_idx', '100000 15000 1'),
    ('approval', 'approval_stage_since_idx', '100000 100 1'),
    ('approval', 'approval_since_idx', '100000 1 1'),
    ('approval', 'approval_valid_from_idx', '1000 1'),
    ('approval', 'approval_valid_until_idx', '1000 1'),
    ('approval', 'approval_supersedes_idx', '1000 10 1'),
    ('condition', 'sqlite_autoindex_condition_1', '100000 2 1'),
    ('condition', 'condition_current_key', '50000 1'),
    ('condition', 'condition_approval_idx', '100000 100 20 4'),
    ('condition', 'condition_company_idx', '100000 40'),
    ('condition', 'condition_chip_idx', '50000 1000 1'),
    ('condition', 'condition_authority_idx', '50000 5000 1'),
    ('condition', 'condition_since_idx', '50000 1 1'),
    ('condition', 'condition_in_force_from_idx', '1000 1'),
    ('condition', 'condition_in_force_until_idx', '1000 1'),
    ('condition', 'condition_met_on_idx', '1000 1'),
    ('condition', 'condition_period_idx', '1000 300'),
    ('report', 'sqlite_autoindex_report_1', '100000 2 1'),
    ('report', 'report_current_key', '50000 1'),
    ('report', 'report_case_idx', '50000 20 5 3'),
    ('report', 'report_company_idx', '100000 40 10'),
    ('report', 'report_chip_idx', '50000 1000 1'),
    ('report', 'report_authority_idx', '50000 5000 1'),
    ('report', 'report_on_date_idx', '50000 50'),
    ('report', 'report_since_idx', '50000 1 1'),
    ('transition', 'sqlite_autoindex_transition_1', '1000000 1 1'),
    ('transition', 'transition_current_key', '1000000 1'),
    ('transition', 'transition_approval_idx', '1000000 10 1'),
    ('stage_span', 'sqlite_autoindex_stage_span_1', '1000000 10 1 1'),
    ('stage_span', 'stage_span_current_key', '1000000 10 1'),
    ('stage_span', 'stage_span_stage_idx', '1000000 50000 3'),
    ('stage_span', 'stage_span_valid_from_idx', '1000000 1000'),
    ('change', 'sqlite_autoindex_change_1', '2000000 2 1'),
    ('change', 'sqlite_autoindex_change_2', '2000000 200000 2 1'),
    ('reference', 'sqlite_autoindex_reference_1', '4000000 400000 4 2 1 1'),
    ('reference', 'reference_current_key', '3000000 300000 4 2 1'),
    ('reference', 'reference_to_idx', '4000000 800000 100 50 1'),
    ('movement', 'sqlite_autoindex_movement_1', '1000000 1 1'),
    ('movement', 'movement_current_key', '1000000 1'),
    ('movement', 'movement_external_ref_key', '1000000 100 50 1'),
    ('movement', 'movement_company_idx', '1000000 100 1'),
    ('movement', 'movement_chip_idx', '1000000 25000 1'),
    ('movement', 'movement_approval_idx', '1000000 100 1'),
    ('movement', 'movement_occurred_on_idx', '1000000 500 1');
