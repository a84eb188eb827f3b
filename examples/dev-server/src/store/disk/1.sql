-- The first schema. Times are milliseconds since the epoch, lists are JSON. Never change this file: add the next one.

CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    task TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    delay_until INTEGER,
    queued_at INTEGER,
    started_at INTEGER,
    expired_at INTEGER,
    finished_at INTEGER,
    usage_ms INTEGER NOT NULL,
    tags TEXT NOT NULL,
    ttl TEXT,
    is_test INTEGER NOT NULL,
    idempotency_key TEXT,
    payload TEXT,
    payload_type TEXT NOT NULL,
    output TEXT,
    output_type TEXT NOT NULL,
    metadata TEXT,
    metadata_type TEXT NOT NULL,
    metadata_version INTEGER NOT NULL,
    error TEXT,
    streams TEXT NOT NULL,
    batch TEXT,
    parent TEXT,
    root TEXT,
    depth INTEGER NOT NULL,
    -- For readers of feeds, whose offset is a number of changes: with which change the run came, and with which it, each of its
    -- columns and each of its tags changed last.
    created_change INTEGER NOT NULL,
    last_change INTEGER NOT NULL,
    column_changes TEXT NOT NULL,
    tag_changes TEXT NOT NULL
) STRICT;

-- An input or an output of a run.
CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('input', 'output')),
    name TEXT NOT NULL,
    UNIQUE (run, direction, name)
) STRICT;

-- In the order in which they came. What makes a repeat of an append a repeat stands with its record: a key, or the line number of one
-- client. There is no index by stream: it would write a page for each stream that grows, where this writes to the end alone.
CREATE TABLE records (
    position INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    seq_num INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    body TEXT NOT NULL,
    once_key TEXT,
    client TEXT,
    line INTEGER
) STRICT;

-- What waits for the next record of an input.
CREATE TABLE waits (
    run TEXT NOT NULL,
    stream TEXT NOT NULL,
    wait TEXT NOT NULL,
    PRIMARY KEY (run, stream)
) STRICT, WITHOUT ROWID;

-- Keys of triggers and batches, and what they name until when. `token` is the fingerprint of a one-time token, or empty.
CREATE TABLE replays (
    kind TEXT NOT NULL CHECK (kind IN ('key', 'batch-key', 'request')),
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    token BLOB NOT NULL,
    id TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (kind, scope, key, token)
) STRICT, WITHOUT ROWID;

-- Fingerprints of one-time tokens that were used.
CREATE TABLE used_tokens (
    fingerprint BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE waitpoints (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    timeout_at INTEGER,
    key TEXT NOT NULL,
    key_is_chosen INTEGER NOT NULL,
    key_expires_at INTEGER,
    tags TEXT NOT NULL,
    completed_at INTEGER,
    output TEXT,
    output_type TEXT,
    output_is_error INTEGER
) STRICT;

CREATE TABLE batches (
    id TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    size INTEGER NOT NULL,
    idempotency_key TEXT,
    sealed_at INTEGER
) STRICT;

-- What became of the items of a batch: a run, or a failure.
CREATE TABLE batch_items (
    batch TEXT NOT NULL,
    position INTEGER NOT NULL,
    run TEXT,
    task TEXT,
    error TEXT,
    error_code TEXT,
    PRIMARY KEY (batch, position)
) STRICT, WITHOUT ROWID;

-- Payloads and outputs that are too large for a row.
CREATE TABLE objects (
    path TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    bytes BLOB NOT NULL
) STRICT;
