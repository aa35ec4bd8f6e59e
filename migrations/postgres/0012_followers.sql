-- The current version of a thing is written over by the one that follows it, and kept beside it with the revision at
-- which it ends: so the indexes of what has not changed stay as they are.
CREATE FUNCTION workflow_followed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    OLD.until := NEW.since;
    INSERT INTO workflow VALUES (OLD.*);
    RETURN NULL;
END
$$;
CREATE TRIGGER workflow_followed AFTER UPDATE OF since ON workflow FOR EACH ROW WHEN (OLD.since < NEW.since)
    EXECUTE FUNCTION workflow_followed();
CREATE FUNCTION authority_followed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    OLD.until := NEW.since;
    INSERT INTO authority VALUES (OLD.*);
    RETURN NULL;
END
$$;
CREATE TRIGGER authority_followed AFTER UPDATE OF since ON authority FOR EACH ROW WHEN (OLD.since < NEW.since)
    EXECUTE FUNCTION authority_followed();
CREATE FUNCTION company_followed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    OLD.until := NEW.since;
    INSERT INTO company VALUES (OLD.*);
    RETURN NULL;
END
$$;
CREATE TRIGGER company_followed AFTER UPDATE OF since ON company FOR EACH ROW WHEN (OLD.since < NEW.since)
    EXECUTE FUNCTION company_followed();
CREATE FUNCTION chip_followed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    OLD.until := NEW.since;
    INSERT INTO chip VALUES (OLD.*);
    RETURN NULL;
END
$$;
CREATE TRIGGER chip_followed AFTER UPDATE OF since ON chip FOR EACH ROW WHEN (OLD.since < NEW.since)
    EXECUTE FUNCTION chip_followed();
CREATE FUNCTION source_followed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    OLD.until := NEW.since;
    INSERT INTO source VALUES (OLD.*);
    RETURN NULL;
END
$$;
CREATE TRIGGER source_followed AFTER UPDATE OF since ON source FOR EACH ROW WHEN (OLD.since < NEW.since)
    EXECUTE FUNCTION source_followed();
CREATE FUNCTION approval_followed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    OLD.until := NEW.since;
    INSERT INTO approval VALUES (OLD.*);
    RETURN NULL;
END
$$;
CREATE TRIGGER approval_followed AFTER UPDATE OF since ON approval FOR EACH ROW WHEN (OLD.since < NEW.since)
    EXECUTE FUNCTION approval_followed();
CREATE FUNCTION transition_followed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    OLD.until := NEW.since;
    INSERT INTO transition VALUES (OLD.*);
    RETURN NULL;
END
$$;
CREATE TRIGGER transition_followed AFTER UPDATE OF since ON transition FOR EACH ROW WHEN (OLD.since < NEW.since)
    EXECUTE FUNCTION transition_followed();
CREATE FUNCTION report_followed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    OLD.until := NEW.since;
    INSERT INTO report VALUES (OLD.*);
    RETURN NULL;
END
$$;
CREATE TRIGGER report_followed AFTER UPDATE OF since ON report FOR EACH ROW WHEN (OLD.since < NEW.since)
    EXECUTE FUNCTION report_followed();
CREATE FUNCTION condition_followed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    OLD.until := NEW.since;
    INSERT INTO condition VALUES (OLD.*);
    RETURN NULL;
END
$$;
CREATE TRIGGER condition_followed AFTER UPDATE OF since ON condition FOR EACH ROW WHEN (OLD.since < NEW.since)
    EXECUTE FUNCTION condition_followed();

-- Cases as they were at an earlier revision are found by what they refer to.
DROP INDEX approval_company_idx;
DROP INDEX approval_chip_since_idx;
CREATE INDEX approval_company_idx ON approval (company, chip) WHERE until IS NULL;
