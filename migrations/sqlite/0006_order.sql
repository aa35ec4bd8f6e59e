-- The cases for one chip or at one authority in the order in which they are listed: a page ends where it is
-- full, however many there are, instead of sorting them all first.
DROP INDEX approval_chip_idx;
DROP INDEX approval_authority_idx;
CREATE INDEX approval_chip_idx ON approval (chip, id) WHERE until IS NULL;
CREATE INDEX approval_authority_idx ON approval (authority, id) WHERE until IS NULL;
