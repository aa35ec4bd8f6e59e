-- What a change touches beside what it refers to follows from the case it refers to, and needs no rows: three of
-- the four that came with a transition. Rows are found by their key, and are kept in its order and nowhere else.
CREATE TABLE reference_by_key (
    from_kind TEXT NOT NULL,
    from_id TEXT NOT NULL,
    to_kind TEXT NOT NULL,
    to_id TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    PRIMARY KEY (from_kind, from_id, to_kind, to_id, since),
    CONSTRAINT reference_until_check CHECK (until > since)
) STRICT, WITHOUT ROWID;
INSERT INTO reference_by_key (from_kind, from_id, to_kind, to_id, since, until)
    SELECT from_kind, from_id, to_kind, to_id, since, until FROM reference WHERE direct = 1
    ORDER BY from_kind, from_id, to_kind, to_id, since;
DROP TABLE reference;
ALTER TABLE reference_by_key RENAME TO reference;
-- A case's transitions are part of it, and found by it.
CREATE INDEX reference_to_idx ON reference (to_kind, to_id, from_kind, from_id)
    WHERE to_kind <> 'approval' OR from_kind <> 'transition';

CREATE TABLE stage_span_by_key (
    approval TEXT NOT NULL REFERENCES approval_identity (id),
    valid_from TEXT NOT NULL CHECK (length(valid_from) IN (0, 10)),
    valid_to TEXT CHECK (length(valid_to) = 10),
    stage TEXT NOT NULL,
    since INTEGER NOT NULL CHECK (since >= 1),
    until INTEGER,
    PRIMARY KEY (approval, valid_from, since),
    CONSTRAINT stage_span_valid_check CHECK (valid_to > valid_from),
    CONSTRAINT stage_span_until_check CHECK (until > since)
) STRICT, WITHOUT ROWID;
INSERT INTO stage_span_by_key (approval, valid_from, valid_to, stage, since, until)
    SELECT approval, valid_from, valid_to, stage, since, until FROM stage_span
    ORDER BY approval, valid_from, since;
DROP TABLE stage_span;
ALTER TABLE stage_span_by_key RENAME TO stage_span;
CREATE INDEX stage_span_stage_idx ON stage_span (stage, approval);
CREATE INDEX stage_span_valid_from_idx ON stage_span (valid_from) WHERE until IS NULL;

-- A transition has few versions, and a movement one.
DROP INDEX transition_current_key;
DROP INDEX movement_current_key;

DELETE FROM sqlite_stat1 WHERE tbl IN ('reference', 'stage_span')
    OR idx IN ('transition_current_key', 'movement_current_key');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('reference', 'reference', '2000000 200000 2 2 1 1'),
    ('reference', 'reference_to_idx', '1000000 200000 50 25 1'),
    ('stage_span', 'stage_span', '1000000 10 1 1'),
    ('stage_span', 'stage_span_stage_idx', '1000000 50000 3'),
    ('stage_span', 'stage_span_valid_from_idx', '1000000 1000');
