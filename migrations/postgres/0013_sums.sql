-- So do sums follow each other: what a company holds at the newest revision is found among as many rows as it has
-- chips and days, however many movements there were.
CREATE FUNCTION holding_followed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    OLD.until := NEW.since;
    INSERT INTO holding VALUES (OLD.*);
    RETURN NULL;
END
$$;
CREATE TRIGGER holding_followed AFTER UPDATE OF since ON holding FOR EACH ROW WHEN (OLD.since < NEW.since)
    EXECUTE FUNCTION holding_followed();
CREATE FUNCTION holding_day_followed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    OLD.until := NEW.since;
    INSERT INTO holding_day VALUES (OLD.*);
    RETURN NULL;
END
$$;
CREATE TRIGGER holding_day_followed AFTER UPDATE OF since ON holding_day FOR EACH ROW WHEN (OLD.since < NEW.since)
    EXECUTE FUNCTION holding_day_followed();

DROP INDEX holding_day_company_idx;
CREATE INDEX holding_day_company_idx ON holding_day (company, day) WHERE until IS NULL;
