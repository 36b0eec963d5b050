-- What belongs to a user's secrets beside the present password.
CREATE TABLE credential (
    user         TEXT    PRIMARY KEY REFERENCES user (id) ON DELETE CASCADE,
    password_us  INTEGER NOT NULL,           -- when the password was set; 0: by somebody else, to be changed
    history      TEXT    NOT NULL,           -- JSON: hashes of earlier passwords, the latest first
    totp_secret  TEXT    NOT NULL,           -- base32; empty: no second factor
    totp_active  INTEGER NOT NULL CHECK (totp_active IN (0, 1)),
    totp_step    INTEGER NOT NULL,           -- the last time step used: none counts twice
    break_glass  INTEGER NOT NULL CHECK (break_glass IN (0, 1))
) STRICT;

-- When the password was given last in a session.
ALTER TABLE session ADD COLUMN proved_us INTEGER NOT NULL DEFAULT 0;

-- Tokens that open one thing without an account: a wallboard, a venue's checklist. Only the hash is kept.
CREATE TABLE pass (
    id         TEXT    PRIMARY KEY,
    token_hash BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    name       TEXT    NOT NULL,
    opens      TEXT    NOT NULL,             -- JSON, shape owned by the caller
    made_by    TEXT    NOT NULL,
    made_us    INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    revoked_us INTEGER,
    used_us    INTEGER
) STRICT;
