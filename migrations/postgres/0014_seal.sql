-- What cursors are sealed with. Every node of the register knows it, and it is shown to nobody.
CREATE TABLE seal (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    secret BYTEA NOT NULL CHECK (length(secret) = 32)
);
INSERT INTO seal (one, secret)
    VALUES (1, decode(replace(gen_random_uuid()::TEXT || gen_random_uuid()::TEXT, '-', ''), 'hex'));
