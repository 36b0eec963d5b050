-- What belongs to a user's secrets beside the present password.
CREATE TABLE credential (
    "user"       TEXT    PRIMARY KEY REFERENCES "user" (id) ON DELETE CASCADE,
    password_us  BIGINT  NOT NULL,           -- when the password was set; 0: by somebody else, to be changed
    history      TEXT    NOT NULL,           -- JSON: hashes of earlier passwords, the latest first
    totp_secret  TEXT    NOT NULL,           -- base32; empty: no second factor
    totp_active  BOOLEAN NOT NULL,
    totp_step    BIGINT  NOT NULL,           -- the last time step used: none counts twice
    break_glass  BOOLEAN NOT NULL
);

-- When the password was given last in a session.
ALTER TABLE session ADD COLUMN proved_us BIGINT NOT NULL DEFAULT 0;

-- Tokens that open one thing without an account: a wallboard, a venue's checklist. Only the hash is kept.
CREATE TABLE pass (
    id         TEXT   PRIMARY KEY,
    token_hash BYTEA  NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    name       TEXT   NOT NULL,
    opens      TEXT   NOT NULL,              -- JSON, shape owned by the caller
    made_by    TEXT   NOT NULL,
    made_us    BIGINT NOT NULL,
    expires_us BIGINT NOT NULL,
    revoked_us BIGINT,
    used_us    BIGINT
);
