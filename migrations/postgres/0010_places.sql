-- A version says which change of its revision made it, so that the changes of a thing are found by its versions, and
-- when a transition was accepted by the transition: an index of every change by its thing is not needed.
ALTER TABLE workflow ADD COLUMN ordinal BIGINT NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE workflow SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'workflow' AND c.id = workflow.id AND c.revision = workflow.since AND c.ordinal <> 1;
ALTER TABLE workflow ALTER COLUMN ordinal DROP DEFAULT;
ALTER TABLE authority ADD COLUMN ordinal BIGINT NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE authority SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'authority' AND c.id = authority.id AND c.revision = authority.since AND c.ordinal <> 1;
ALTER TABLE authority ALTER COLUMN ordinal DROP DEFAULT;
ALTER TABLE company ADD COLUMN ordinal BIGINT NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE company SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'company' AND c.id = company.id AND c.revision = company.since AND c.ordinal <> 1;
ALTER TABLE company ALTER COLUMN ordinal DROP DEFAULT;
ALTER TABLE chip ADD COLUMN ordinal BIGINT NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE chip SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'chip' AND c.id = chip.id AND c.revision = chip.since AND c.ordinal <> 1;
ALTER TABLE chip ALTER COLUMN ordinal DROP DEFAULT;
ALTER TABLE source ADD COLUMN ordinal BIGINT NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE source SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'source' AND c.id = source.id AND c.revision = source.since AND c.ordinal <> 1;
ALTER TABLE source ALTER COLUMN ordinal DROP DEFAULT;
ALTER TABLE approval ADD COLUMN ordinal BIGINT NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE approval SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'approval' AND c.id = approval.id AND c.revision = approval.since AND c.ordinal <> 1;
ALTER TABLE approval ALTER COLUMN ordinal DROP DEFAULT;
ALTER TABLE transition ADD COLUMN ordinal BIGINT NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE transition SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'transition' AND c.id = transition.id AND c.revision = transition.since AND c.ordinal <> 1;
ALTER TABLE transition ALTER COLUMN ordinal DROP DEFAULT;
ALTER TABLE report ADD COLUMN ordinal BIGINT NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE report SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'report' AND c.id = report.id AND c.revision = report.since AND c.ordinal <> 1;
ALTER TABLE report ALTER COLUMN ordinal DROP DEFAULT;
ALTER TABLE condition ADD COLUMN ordinal BIGINT NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE condition SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'condition' AND c.id = condition.id AND c.revision = condition.since AND c.ordinal <> 1;
ALTER TABLE condition ALTER COLUMN ordinal DROP DEFAULT;
ALTER TABLE movement ADD COLUMN ordinal BIGINT NOT NULL DEFAULT 1 CHECK (ordinal >= 1);
UPDATE movement SET ordinal = c.ordinal FROM change c
    WHERE c.kind = 'movement' AND c.id = movement.id AND c.revision = movement.since AND c.ordinal <> 1;
ALTER TABLE movement ALTER COLUMN ordinal DROP DEFAULT;
ALTER TABLE change DROP CONSTRAINT change_thing_key;
