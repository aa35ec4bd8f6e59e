-- A stage lasts until the next one begins, which says so already: a case that moves on gets one row more, instead of
-- one that ends and two that begin. Rows that differed only in when the stage ends become one.
CREATE TEMPORARY TABLE stay (approval, valid_from, stage, since, until) ON COMMIT DROP AS
    SELECT approval, valid_from, stage, min(since), CASE WHEN count(until) = count(*) THEN max(until) END
    FROM (SELECT *, count(*) FILTER (WHERE apart) OVER (PARTITION BY approval, valid_from ORDER BY since) AS stay
          FROM (SELECT *, lag(stage) OVER rows_of_day IS DISTINCT FROM stage
                       OR lag(until) OVER rows_of_day IS DISTINCT FROM since AS apart
                FROM stage_span
                WINDOW rows_of_day AS (PARTITION BY approval, valid_from ORDER BY since)) AS marked) AS stays
    GROUP BY approval, valid_from, stage, stay
    ORDER BY approval, valid_from, min(since);
DELETE FROM stage_span;
ALTER TABLE stage_span DROP CONSTRAINT stage_span_valid_check;
ALTER TABLE stage_span DROP COLUMN valid_to;
INSERT INTO stage_span (approval, valid_from, stage, since, until)
    SELECT approval, valid_from, stage, since, until FROM stay;
