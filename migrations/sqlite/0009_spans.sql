-- A stage lasts until the next one begins, which says so already: a case that moves on gets one row more, instead of
-- one that ends and two that begin. Rows that differed only in when the stage ends become one.
CREATE TABLE stage_span_by_start (
    approval TEXT NOT NULL REFERENCES approval_identity (id),
    valid_from TEXT NOT NULL CHECK (length(valid_from) IN (0, 10)),
    stage TEXT NOT NULL,
    since INTEGER NOT NULL CHECK (since >= 1),
    until INTEGER,
    PRIMARY KEY (approval, valid_from, since),
    CONSTRAINT stage_span_until_check CHECK (until > since)
) STRICT, WITHOUT ROWID;
INSERT INTO stage_span_by_start (approval, valid_from, stage, since, until)
    SELECT approval, valid_from, stage, min(since), CASE WHEN count(until) = count(*) THEN max(until) END
    FROM (SELECT *, count(*) FILTER (WHERE apart) OVER (PARTITION BY approval, valid_from ORDER BY since) AS stay
          FROM (SELECT *, lag(stage) OVER rows_of_day IS DISTINCT FROM stage
                       OR lag(until) OVER rows_of_day IS DISTINCT FROM since AS apart
                FROM stage_span
                WINDOW rows_of_day AS (PARTITION BY approval, valid_from ORDER BY since)) AS marked) AS stays
    GROUP BY approval, valid_from, stage, stay
    ORDER BY approval, valid_from, min(since);
DROP TABLE stage_span;
ALTER TABLE stage_span_by_start RENAME TO stage_span;
CREATE INDEX stage_span_stage_idx ON stage_span (stage, approval);
CREATE INDEX stage_span_valid_from_idx ON stage_span (valid_from) WHERE until IS NULL;

DELETE FROM sqlite_stat1 WHERE tbl = 'stage_span';
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('stage_span', 'stage_span', '1000000 10 1 1'),
    ('stage_span', 'stage_span_stage_idx', '1000000 50000 3'),
    ('stage_span', 'stage_span_valid_from_idx', '1000000 1000');
