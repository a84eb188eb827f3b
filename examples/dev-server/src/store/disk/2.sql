-- Workers: runs that are executed elsewhere, and what they wait for. Never change this file: add the next one.

-- How often a worker took the run up; how many attempts it may have; how many seconds one may take; when the next one may begin.
ALTER TABLE runs ADD COLUMN executions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN max_attempts INTEGER;
ALTER TABLE runs ADD COLUMN max_duration INTEGER;
ALTER TABLE runs ADD COLUMN retry_at INTEGER;

-- The input stream whose next record completes the wait token, and the record that did.
ALTER TABLE waitpoints ADD COLUMN stream TEXT;
ALTER TABLE waitpoints ADD COLUMN seq_num INTEGER;

-- What runs that have not ended have waited for, in order. A wait is open until its run has been told of its end.
CREATE TABLE run_waits (
    run TEXT NOT NULL,
    position INTEGER NOT NULL,
    waitpoint TEXT NOT NULL,
    is_open INTEGER NOT NULL,
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
