-- A transition is part of its case and says which one that is, for as long as there is one: that needs no row of
-- what refers to what.
DELETE FROM reference WHERE from_kind = 'transition' AND to_kind = 'approval';
DROP INDEX reference_to_idx;
CREATE INDEX reference_to_idx ON reference (to_kind, to_id, from_kind, from_id);

DELETE FROM sqlite_stat1 WHERE idx = 'reference_to_idx';
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('reference', 'reference_to_idx', '2000000 400000 50 25 1');
