-- A file of the first schema, as the server that had it left it.
PRAGMA application_id = 1416193125;
PRAGMA user_version = 1;

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
    created_change INTEGER NOT NULL,
    last_change INTEGER NOT NULL,
    column_changes TEXT NOT NULL,
    tag_changes TEXT NOT NULL
) STRICT;

CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('input', 'output')),
    name TEXT NOT NULL,
    UNIQUE (run, direction, name)
) STRICT;

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

CREATE TABLE waits (
    run TEXT NOT NULL,
    stream TEXT NOT NULL,
    wait TEXT NOT NULL,
    PRIMARY KEY (run, stream)
) STRICT, WITHOUT ROWID;

CREATE TABLE replays (
    kind TEXT NOT NULL CHECK (kind IN ('key', 'batch-key', 'request')),
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    token BLOB NOT NULL,
    id TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (kind, scope, key, token)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE batch_items (
    batch TEXT NOT NULL,
    position INTEGER NOT NULL,
    run TEXT,
    task TEXT,
    error TEXT,
    error_code TEXT,
    PRIMARY KEY (batch, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE objects (
    path TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    bytes BLOB NOT NULL
) STRICT;

INSERT INTO runs VALUES ('run_first', 'mine', 'EXECUTING', 1, 1795301765269, 1795301765280, NULL, 1795301765269, 1795301765270, NULL,
    NULL, 0, '["a"]', NULL, 0, 'k', '{"topic":"x"}', 'application/json', NULL, 'application/json', '{"n":1}', 'application/json', 1,
    NULL, '["log"]', 'batch_first', NULL, NULL, 0, 5, 9,
    '[5,5,9,9,5,5,5,5,5,5,5,5,9,5,5,5,5,5,5,8,5,5,5,5,5,9]', '[{"tag":"a","from":5,"until":null}]');
INSERT INTO streams VALUES (1, 'run_first', 'input', 'words'), (2, 'run_first', 'output', 'log');
INSERT INTO records VALUES (1, 1, 0, 1795301765300, '{"data":"\"hello\"","id":"inp_1"}', 'first', NULL, NULL),
    (2, 2, 0, 1795301765301, '{"data":1,"id":"p"}', NULL, 'default', 0);
INSERT INTO waits VALUES ('run_first', 'words', 'waitpoint_w');
INSERT INTO replays VALUES ('key', 'mine', 'k', x'', 'run_first', 9000000000000),
    ('request', 'mine', 'r', zeroblob(32), 'run_first', 9000000000000), ('batch-key', 'mine', 'b', x'', 'batch_first', 9000000000000);
INSERT INTO used_tokens VALUES (zeroblob(32));
INSERT INTO waitpoints VALUES (0, 'waitpoint_first', 1795301765269, NULL, 'w', 1, NULL, '["t"]', 1795301765400, '7', 'application/json', 0);
INSERT INTO batches VALUES ('batch_first', 1795301765269, 1795301765300, 2, NULL, 1795301765300);
INSERT INTO batch_items VALUES ('batch_first', 0, 'run_first', NULL, NULL, NULL), ('batch_first', 1, NULL, 'mine', 'no', NULL);
INSERT INTO objects VALUES ('run_first/payload.json', 'application/json', x'7b7d');
