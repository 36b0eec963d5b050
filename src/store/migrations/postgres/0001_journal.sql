-- The journal: append-only rows, chained by hash, cut into segments by month. The same tables as in SQLite.
CREATE TABLE segment (
    number        BIGINT PRIMARY KEY,
    month         TEXT   NOT NULL,           -- 2026-11
    first_seq     BIGINT NOT NULL,
    opened_us     BIGINT NOT NULL,
    last_seq      BIGINT,                    -- the closing record: all or nothing
    last_hash     BYTEA,
    closed_us     BIGINT,
    key           TEXT,
    signature     BYTEA,
    exported_us   BIGINT,
    export_sha256 TEXT,
    dropped_us    BIGINT,
    CHECK ((last_seq IS NULL) = (signature IS NULL)),
    CHECK (exported_us IS NULL OR last_seq IS NOT NULL),
    CHECK (dropped_us IS NULL OR exported_us IS NOT NULL)
);

CREATE TABLE journal (
    seq     BIGINT PRIMARY KEY,
    segment BIGINT NOT NULL REFERENCES segment (number),
    time_us BIGINT NOT NULL,
    actor   TEXT   NOT NULL,
    kind    TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    version BIGINT NOT NULL,
    body    BYTEA  NOT NULL,                 -- canonical JSON
    prev    BYTEA  NOT NULL CHECK (length(prev) = 32),
    hash    BYTEA  NOT NULL CHECK (length(hash) = 32)
);

-- The one segment that is being dropped, inside the transaction that drops it.
CREATE TABLE segment_dropping (
    number BIGINT PRIMARY KEY REFERENCES segment (number)
);

CREATE FUNCTION segment_dropping_needs_export() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM segment WHERE number = NEW.number AND exported_us IS NOT NULL) THEN
        RAISE EXCEPTION 'a segment is closed and exported before it is dropped';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER segment_dropping_needs_export BEFORE INSERT ON segment_dropping
    FOR EACH ROW EXECUTE FUNCTION segment_dropping_needs_export();

CREATE FUNCTION journal_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM journal) THEN
        RAISE EXCEPTION 'journal rows are appended one after the other';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER journal_append_only BEFORE INSERT ON journal
    FOR EACH ROW EXECUTE FUNCTION journal_append_only();

CREATE FUNCTION journal_no_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'journal rows are never changed; a correction is a new row';
END $$;
CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal
    FOR EACH ROW EXECUTE FUNCTION journal_no_update();

CREATE FUNCTION journal_no_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM segment_dropping WHERE number = OLD.segment) THEN
        RAISE EXCEPTION 'journal rows are never deleted; whole segments are dropped after export';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal
    FOR EACH ROW EXECUTE FUNCTION journal_no_delete();

-- TRUNCATE passes by the triggers of rows.
CREATE FUNCTION journal_no_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'journal rows are never deleted; whole segments are dropped after export';
END $$;
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION journal_no_truncate();

-- How far the events of each agent's key are counted: the outbox they are numbered in, and the message that brought
-- the last of them.
CREATE TABLE mark (
    lane   TEXT   PRIMARY KEY,
    outbox TEXT   NOT NULL,
    event  BIGINT NOT NULL,
    boot   BIGINT NOT NULL,
    seq    BIGINT NOT NULL
);

-- Single facts about the store: sealed_seq, the last journal row that a synced checkpoint covers.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);

-- Deliveries: a row before each attempt to tell the outside world.
CREATE TABLE outbox (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel    TEXT   NOT NULL,
    target     TEXT   NOT NULL,
    key        TEXT   NOT NULL,              -- idempotency key for the receiver
    body       BYTEA  NOT NULL,
    cause_seq  BIGINT,                       -- the journal row that asked for it
    created_us BIGINT NOT NULL,
    attempts   BIGINT NOT NULL DEFAULT 0,
    next_us    BIGINT NOT NULL,
    done_us    BIGINT,
    outcome    TEXT,                         -- delivered | abandoned
    detail     TEXT   NOT NULL DEFAULT ''
);
CREATE INDEX outbox_due ON outbox (next_us) WHERE done_us IS NULL;
