-- A transition is part of its case and says which one that is, for as long as there is one: that needs no row of
-- what refers to what.
DELETE FROM reference WHERE from_kind = 'transition' AND to_kind = 'approval';
DROP INDEX reference_to_idx;
CREATE INDEX reference_to_idx ON reference (to_kind, to_id, from_kind, from_id);
