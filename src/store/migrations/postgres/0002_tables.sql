-- People stand apart from the journal, which holds ids only: a name can be corrected or erased without
-- breaking the chain.
CREATE TABLE person (
    id         TEXT   PRIMARY KEY,
    name       TEXT   NOT NULL,
    numbers    TEXT   NOT NULL,              -- JSON: [{"kind":"mobile","number":"…"}]
    updated_us BIGINT NOT NULL
);

-- Who may sign in.
CREATE TABLE "user" (
    id            TEXT    PRIMARY KEY,
    name          TEXT    NOT NULL,
    roles         TEXT    NOT NULL,          -- JSON, shape owned by the caller
    password_hash TEXT    NOT NULL,
    disabled      BOOLEAN NOT NULL,
    updated_us    BIGINT  NOT NULL
);

CREATE TABLE session (
    token_hash   BYTEA  PRIMARY KEY CHECK (length(token_hash) = 32),
    "user"       TEXT   NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
    created_us   BIGINT NOT NULL,
    last_seen_us BIGINT NOT NULL,
    expires_us   BIGINT NOT NULL,
    address      TEXT   NOT NULL
);
CREATE INDEX session_of_user ON session ("user");

-- Failed sign-ins by subject (an account or an address); survives a restart.
CREATE TABLE lockout (
    subject  TEXT   PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_us  BIGINT NOT NULL,
    until_us BIGINT NOT NULL
);

-- One-time tokens by purpose (set-up, enrolment, console log-in); only the hash is kept.
CREATE TABLE one_time_token (
    token_hash BYTEA  PRIMARY KEY CHECK (length(token_hash) = 32),
    purpose    TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    expires_us BIGINT NOT NULL,
    used_us    BIGINT
);

-- One row per subject, metric and minute.
CREATE TABLE sample (
    subject TEXT             NOT NULL,
    metric  TEXT             NOT NULL,
    minute  BIGINT           NOT NULL,       -- minutes since 1970 UTC
    count   BIGINT           NOT NULL,
    sum     DOUBLE PRECISION NOT NULL,
    min     DOUBLE PRECISION NOT NULL,
    max     DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (subject, metric, minute)
);
CREATE INDEX sample_minute ON sample (minute);

-- What evidence is kept; the files lie beside the journal's directory under their hash.
CREATE TABLE evidence (
    sha256    TEXT   PRIMARY KEY,
    bytes     BIGINT NOT NULL,
    stored_us BIGINT NOT NULL
);
