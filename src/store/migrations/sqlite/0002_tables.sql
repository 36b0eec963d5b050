-- People stand apart from the journal, which holds ids only: a name can be corrected or erased without
-- breaking the chain.
CREATE TABLE person (
    id         TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL,
    numbers    TEXT    NOT NULL,             -- JSON: [{"kind":"mobile","number":"…"}]
    updated_us INTEGER NOT NULL
) STRICT;

-- Who may sign in.
CREATE TABLE user (
    id            TEXT    PRIMARY KEY,
    name          TEXT    NOT NULL,
    roles         TEXT    NOT NULL,          -- JSON, shape owned by the caller
    password_hash TEXT    NOT NULL,
    disabled      INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    updated_us    INTEGER NOT NULL
) STRICT;

CREATE TABLE session (
    token_hash   BLOB    PRIMARY KEY CHECK (length(token_hash) = 32),
    user         TEXT    NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    created_us   INTEGER NOT NULL,
    last_seen_us INTEGER NOT NULL,
    expires_us   INTEGER NOT NULL,
    address      TEXT    NOT NULL
) STRICT;
CREATE INDEX session_user ON session (user);

-- Failed sign-ins by subject (an account or an address); survives a restart.
CREATE TABLE lockout (
    subject  TEXT    PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_us  INTEGER NOT NULL,
    until_us INTEGER NOT NULL
) STRICT;

-- One-time tokens by purpose (set-up, enrolment, console log-in); only the hash is kept.
CREATE TABLE one_time_token (
    token_hash BLOB    PRIMARY KEY CHECK (length(token_hash) = 32),
    purpose    TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    expires_us INTEGER NOT NULL,
    used_us    INTEGER
) STRICT;

-- One row per subject, metric and minute.
CREATE TABLE sample (
    subject TEXT    NOT NULL,
    metric  TEXT    NOT NULL,
    minute  INTEGER NOT NULL,                -- minutes since 1970 UTC
    count   INTEGER NOT NULL,
    sum     REAL    NOT NULL,
    min     REAL    NOT NULL,
    max     REAL    NOT NULL,
    PRIMARY KEY (subject, metric, minute)
) STRICT, WITHOUT ROWID;
CREATE INDEX sample_minute ON sample (minute);

-- What evidence is kept; the files lie beside the database under their hash.
CREATE TABLE evidence (
    sha256    TEXT    PRIMARY KEY,
    bytes     INTEGER NOT NULL,
    stored_us INTEGER NOT NULL
) STRICT;
