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
