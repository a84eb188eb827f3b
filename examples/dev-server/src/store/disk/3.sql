-- Streams at S2. Never change this file: add the next one.

-- Appends to logs that lie at S2, by what makes a repeat a repeat. One that is not settled was on its way to that place when it was last
-- heard of: the record there, if there is one, tells by its part id.
CREATE TABLE appends (
    stream INTEGER NOT NULL,
    seq_num INTEGER NOT NULL,
    part TEXT NOT NULL,
    once_key TEXT,
    client TEXT,
    line INTEGER,
    is_settled INTEGER NOT NULL,
    PRIMARY KEY (stream, seq_num, part)
) STRICT, WITHOUT ROWID;

-- The first record of the input that may end the wait.
ALTER TABLE waits ADD COLUMN first INTEGER NOT NULL DEFAULT 0;
