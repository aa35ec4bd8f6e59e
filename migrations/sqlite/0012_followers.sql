-- The current version of a thing is written over by the one that follows it, and kept beside it with the revision at
-- which it ends: so the indexes of what has not changed stay as they are.
CREATE TRIGGER workflow_followed AFTER UPDATE OF since ON workflow WHEN OLD.since < NEW.since BEGIN
    INSERT INTO workflow (id, since, until, ordinal, document, name)
        VALUES (OLD.id, OLD.since, NEW.since, OLD.ordinal, OLD.document, OLD.name);
END;
CREATE TRIGGER authority_followed AFTER UPDATE OF since ON authority WHEN OLD.since < NEW.since BEGIN
    INSERT INTO authority (id, since, until, ordinal, document, name, jurisdiction, gate, workflow, unspecified)
        VALUES (OLD.id, OLD.since, NEW.since, OLD.ordinal, OLD.document, OLD.name, OLD.jurisdiction, OLD.gate,
            OLD.workflow, OLD.unspecified);
END;
CREATE TRIGGER company_followed AFTER UPDATE OF since ON company WHEN OLD.since < NEW.since BEGIN
    INSERT INTO company (id, since, until, ordinal, document, name, jurisdiction, roles, parent)
        VALUES (OLD.id, OLD.since, NEW.since, OLD.ordinal, OLD.document, OLD.name, OLD.jurisdiction, OLD.roles,
            OLD.parent);
END;
CREATE TRIGGER chip_followed AFTER UPDATE OF since ON chip WHEN OLD.since < NEW.since BEGIN
    INSERT INTO chip (id, since, until, ordinal, document, name, designer, origin, eccn_published)
        VALUES (OLD.id, OLD.since, NEW.since, OLD.ordinal, OLD.document, OLD.name, OLD.designer, OLD.origin,
            OLD.eccn_published);
END;
CREATE TRIGGER source_followed AFTER UPDATE OF since ON source WHEN OLD.since < NEW.since BEGIN
    INSERT INTO source (id, since, until, ordinal, document, publisher, title, published_on, language, republishes,
        stale_at)
        VALUES (OLD.id, OLD.since, NEW.since, OLD.ordinal, OLD.document, OLD.publisher, OLD.title, OLD.published_on,
            OLD.language, OLD.republishes, OLD.stale_at);
END;
CREATE TRIGGER approval_followed AFTER UPDATE OF since ON approval WHEN OLD.since < NEW.since BEGIN
    INSERT INTO approval (id, since, until, ordinal, document, company, chip, authority, exporter, reference,
        supersedes, stage, stage_since, disputed, valid_from, valid_until)
        VALUES (OLD.id, OLD.since, NEW.since, OLD.ordinal, OLD.document, OLD.company, OLD.chip, OLD.authority,
            OLD.exporter, OLD.reference, OLD.supersedes, OLD.stage, OLD.stage_since, OLD.disputed, OLD.valid_from,
            OLD.valid_until);
END;
CREATE TRIGGER transition_followed AFTER UPDATE OF since ON transition WHEN OLD.since < NEW.since BEGIN
    INSERT INTO transition (id, since, until, ordinal, document, approval, stage, effective_on, retracted)
        VALUES (OLD.id, OLD.since, NEW.since, OLD.ordinal, OLD.document, OLD.approval, OLD.stage, OLD.effective_on,
            OLD.retracted);
END;
CREATE TRIGGER report_followed AFTER UPDATE OF since ON report WHEN OLD.since < NEW.since BEGIN
    INSERT INTO report (id, since, until, ordinal, document, company, chip, authority, stage, on_date, modality,
        status)
        VALUES (OLD.id, OLD.since, NEW.since, OLD.ordinal, OLD.document, OLD.company, OLD.chip, OLD.authority,
            OLD.stage, OLD.on_date, OLD.modality, OLD.status);
END;
CREATE TRIGGER condition_followed AFTER UPDATE OF since ON condition WHEN OLD.since < NEW.since BEGIN
    INSERT INTO condition (id, since, until, ordinal, document, authority, approval, company, chip, kind, force,
        status, in_force_from, in_force_until, met_on, period)
        VALUES (OLD.id, OLD.since, NEW.since, OLD.ordinal, OLD.document, OLD.authority, OLD.approval, OLD.company,
            OLD.chip, OLD.kind, OLD.force, OLD.status, OLD.in_force_from, OLD.in_force_until, OLD.met_on, OLD.period);
END;

-- Cases as they were at an earlier revision are found by what they refer to.
DROP INDEX approval_company_idx;
DROP INDEX approval_chip_since_idx;
CREATE INDEX approval_company_idx ON approval (company, chip) WHERE until IS NULL;

DELETE FROM sqlite_stat1 WHERE idx IN ('approval_company_idx', 'approval_chip_since_idx');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('approval', 'approval_company_idx', '100000 40 1');
