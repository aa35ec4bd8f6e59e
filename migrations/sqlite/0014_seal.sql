-- What cursors are sealed with. Every node of the register knows it, and it is shown to nobody.
CREATE TABLE seal (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    secret BLOB NOT NULL CHECK (length(secret) = 32)
) STRICT;
INSERT INTO seal (one, secret) VALUES (1, randomblob(32));
