-- Runs that are dropped, and how one is retried. Never change this file: add the next one.

-- How the run is retried, as JSON, as the worker said that took it up last.
ALTER TABLE runs ADD COLUMN retry TEXT;

-- When runs were dropped last, in numbers of changes, and when the newest of all that were was created. At most one row.
CREATE TABLE drops (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last_change INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
