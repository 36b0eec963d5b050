-- The journal: append-only rows, chained by hash, cut into segments by month.
CREATE TABLE segment (
    number        INTEGER PRIMARY KEY,
    month         TEXT    NOT NULL,          -- 2026-11
    first_seq     INTEGER NOT NULL,
    opened_us     INTEGER NOT NULL,
    last_seq      INTEGER,                   -- the closing record: all or nothing
    last_hash     BLOB,
    closed_us     INTEGER,
    key           TEXT,
    signature     BLOB,
    exported_us   INTEGER,
    export_sha256 TEXT,
    dropped_us    INTEGER,
    CHECK ((last_seq IS NULL) = (signature IS NULL)),
    CHECK (exported_us IS NULL OR last_seq IS NOT NULL),
    CHECK (dropped_us IS NULL OR exported_us IS NOT NULL)
) STRICT;

CREATE TABLE journal (
    seq     INTEGER PRIMARY KEY,
    segment INTEGER NOT NULL REFERENCES segment (number),
    time_us INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    version INTEGER NOT NULL,
    body    BLOB    NOT NULL,                -- canonical JSON
    prev    BLOB    NOT NULL CHECK (length(prev) = 32),
    hash    BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- The one segment that is being dropped, inside the transaction that drops it.
CREATE TABLE segment_dropping (
    number INTEGER PRIMARY KEY REFERENCES segment (number)
) STRICT;

CREATE TRIGGER segment_dropping_needs_export BEFORE INSERT ON segment_dropping
WHEN NOT EXISTS (SELECT 1 FROM segment WHERE number = NEW.number AND exported_us IS NOT NULL)
BEGIN
    SELECT RAISE(ABORT, 'a segment is closed and exported before it is dropped');
END;

CREATE TRIGGER journal_append_only BEFORE INSERT ON journal
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM journal)
BEGIN
    SELECT RAISE(ABORT, 'journal rows are appended one after the other');
END;

CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal
BEGIN
    SELECT RAISE(ABORT, 'journal rows are never changed; a correction is a new row');
END;

CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal
WHEN NOT EXISTS (SELECT 1 FROM segment_dropping WHERE number = OLD.segment)
BEGIN
    SELECT RAISE(ABORT, 'journal rows are never deleted; whole segments are dropped after export');
END;

-- How far the events of each agent's key are counted: the outbox they are numbered in, and the message that brought
-- the last of them.
CREATE TABLE mark (
    lane   TEXT    PRIMARY KEY,
    outbox TEXT    NOT NULL,
    event  INTEGER NOT NULL,
    boot   INTEGER NOT NULL,
    seq    INTEGER NOT NULL
) STRICT;

-- Single facts about the store: sealed_seq, the last journal row that a synced checkpoint covers.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

-- Deliveries: a row before each attempt to tell the outside world.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    channel    TEXT    NOT NULL,
    target     TEXT    NOT NULL,
    key        TEXT    NOT NULL,             -- idempotency key for the receiver
    body       BLOB    NOT NULL,
    cause_seq  INTEGER,                      -- the journal row that asked for it
    created_us INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    next_us    INTEGER NOT NULL,
    done_us    INTEGER,
    outcome    TEXT,                         -- delivered | abandoned
    detail     TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX outbox_due ON outbox (next_us) WHERE done_us IS NULL;
