-- Rows that still hold are found by their key, and a case's transitions, which are part of it, by it.
DROP INDEX reference_current_key;
DROP INDEX reference_to_idx;
DROP INDEX stage_span_current_key;

-- What a change touches beside what it refers to follows from the case it refers to, and needs no rows: three of
-- the four that came with a transition.
DELETE FROM reference WHERE NOT direct;
ALTER TABLE reference DROP COLUMN direct;
CREATE INDEX reference_to_idx ON reference (to_kind, to_id, from_kind, from_id)
    WHERE to_kind <> 'approval' OR from_kind <> 'transition';

-- A transition has few versions, and a movement one.
DROP INDEX transition_current_key;
DROP INDEX movement_current_key;
