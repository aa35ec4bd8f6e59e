-- A version says which change of its revision made it, so that the changes of a thing are found by its versions, and
-- when a transition was accepted by the transition: an index of every change by its thing is not needed.
ALTER TABLE workflow ADD COLUMN ordinal INTEGER NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE workflow SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'workflow' AND c.id = workflow.id AND c.revision = workflow.since AND c.ordinal <> 1;
ALTER TABLE authority ADD COLUMN ordinal INTEGER NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE authority SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'authority' AND c.id = authority.id AND c.revision = authority.since AND c.ordinal <> 1;
ALTER TABLE company ADD COLUMN ordinal INTEGER NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE company SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'company' AND c.id = company.id AND c.revision = company.since AND c.ordinal <> 1;
ALTER TABLE chip ADD COLUMN ordinal INTEGER NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE chip SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'chip' AND c.id = chip.id AND c.revision = chip.since AND c.ordinal <> 1;
ALTER TABLE source ADD COLUMN ordinal INTEGER NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE source SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'source' AND c.id = source.id AND c.revision = source.since AND c.ordinal <> 1;
ALTER TABLE approval ADD COLUMN ordinal INTEGER NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE approval SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'approval' AND c.id = approval.id AND c.revision = approval.since AND c.ordinal <> 1;
ALTER TABLE transition ADD COLUMN ordinal INTEGER NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE transition SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'transition' AND c.id = transition.id AND c.revision = transition.since AND c.ordinal <> 1;
ALTER TABLE report ADD COLUMN ordinal INTEGER NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE report SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'report' AND c.id = report.id AND c.revision = report.since AND c.ordinal <> 1;
ALTER TABLE condition ADD COLUMN ordinal INTEGER NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE condition SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'condition' AND c.id = condition.id AND c.revision = condition.since AND c.ordinal <> 1;
ALTER TABLE movement ADD COLUMN ordinal INTEGER NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE movement SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'movement' AND c.id = movement.id AND c.revision = movement.since AND c.ordinal <> 1;

CREATE TABLE change_by_place (
    revision INTEGER NOT NULL REFERENCES revision (number),
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    action TEXT NOT NULL
        CHECK (action IN ('created', 'updated', 'retired', 'took_effect', 'ended', 'became_stale')),
    before TEXT,
    after TEXT,
    PRIMARY KEY (revision, ordinal),
    CONSTRAINT change_created_check CHECK ((action = 'created') = (before IS NULL)),
    CONSTRAINT change_retired_check CHECK ((action = 'retired') = (after IS NULL))
) STRICT;
INSERT INTO change_by_place (revision, ordinal, kind, id, action, before, after)
    SELECT revision, ordinal, kind, id, action, before, after FROM change ORDER BY revision, ordinal;
DROP TABLE change;
ALTER TABLE change_by_place RENAME TO change;

DELETE FROM sqlite_stat1 WHERE tbl IN ('change', 'change_by_place');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('change', 'sqlite_autoindex_change_1', '2000000 2 1');
