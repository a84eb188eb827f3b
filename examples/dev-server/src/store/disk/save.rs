//! Entries as statements.

use rusqlite::{CachedStatement, Connection, Result, ToSql, Transaction, TransactionBehavior, params};
use serde::Serialize;

use super::Entry;
use crate::store::StreamKey;
use crate::store::batches::{Batch, Item};
use crate::store::log::Doubt;
use crate::store::replays::Replay;
use crate::store::run_table::Drops;
use crate::store::shapes::Kept;
use crate::store::waitpoints::Waitpoint;

/// Writes what all these transactions changed, or nothing of it.
pub(super) fn save(connection: &mut Connection, group: &[Vec<Entry>]) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for change in group.iter().flatten() {
        write(&transaction, change)?;
    }
    transaction.commit()
}

fn write(file: &Transaction<'_>, change: &Entry) -> Result<()> {
    let put = |statement: &str, values: &[&dyn ToSql]| run(file, statement, values);
    match change {
        Entry::Run(kept) => write_run(file, kept),
        Entry::Stream { number, key } => {
            let (run, direction, name) = parts(key);
            put(
                "INSERT INTO streams (id, run, direction, name) VALUES (?, ?, ?, ?)",
                params![number, run, direction, name],
            )
        }
        Entry::Record { stream, record, once, line } => {
            let (client, line) = line.as_ref().map(|(client, line)| (client, line)).unzip();
            put(
                "INSERT INTO records (stream, seq_num, timestamp, body, once_key, client, line) VALUES (?, ?, ?, ?, ?, ?, ?)",
                params![stream, record.seq_num, record.timestamp, record.body, once, client, line],
            )
        }
        Entry::Doubt { stream, doubt: Doubt { seq_num, part, once, line } } => {
            let (client, line) = line.as_ref().map(|(client, line)| (client, line)).unzip();
            put(
                "INSERT INTO appends (stream, seq_num, part, once_key, client, line, is_settled) VALUES (?, ?, ?, ?, ?, ?, 0)",
                params![stream, seq_num, part, once, client, line],
            )
        }
        Entry::NoDoubt { stream, doubt: Doubt { seq_num, part, .. }, is_there } => {
            let statement = if *is_there {
                "UPDATE appends SET is_settled = 1 WHERE stream = ? AND seq_num = ? AND part = ?"
            } else {
                "DELETE FROM appends WHERE stream = ? AND seq_num = ? AND part = ?"
            };
            put(statement, params![stream, seq_num, part])
        }
        Entry::Wait { key, wait } => {
            let (run, _, stream) = parts(key);
            put(
                "INSERT OR REPLACE INTO waits (run, stream, wait, first) VALUES (?, ?, ?, ?)",
                params![run, stream, wait.id, wait.from],
            )
        }
        Entry::NoWait { key } => {
            let (run, _, stream) = parts(key);
            put("DELETE FROM waits WHERE run = ? AND stream = ?", params![run, stream])
        }
        Entry::RunWait { run, position, waitpoint, is_open } => put(
            "INSERT OR REPLACE INTO run_waits (run, position, waitpoint, is_open) VALUES (?, ?, ?, ?)",
            params![run, position, waitpoint, is_open],
        ),
        Entry::NoRunWait { run, position } => {
            put("DELETE FROM run_waits WHERE run = ? AND position = ?", params![run, position])
        }
        Entry::NoRunWaits { run } => put("DELETE FROM run_waits WHERE run = ?", params![run]),
        Entry::Replay { replay, id, until } => {
            let (kind, scope, key, token) = columns(replay);
            put(
                "INSERT OR REPLACE INTO replays (kind, scope, key, token, id, until) VALUES (?, ?, ?, ?, ?, ?)",
                params![kind, scope, key, token, id, until],
            )
        }
        Entry::NoReplay(replay) => {
            let (kind, scope, key, token) = columns(replay);
            put(
                "DELETE FROM replays WHERE kind = ? AND scope = ? AND key = ? AND token = ?",
                params![kind, scope, key, token],
            )
        }
        Entry::UsedToken(fingerprint) => {
            put("INSERT INTO used_tokens (fingerprint) VALUES (?)", params![fingerprint.as_slice()])
        }
        Entry::Waitpoint { position, waitpoint } => write_waitpoint(file, *position, waitpoint),
        Entry::Batch(batch) => write_batch(file, batch),
        Entry::Item { batch, index, item } => {
            let (run, failure) = match item {
                Item::Started => return Ok(()),
                Item::Run(run) => (Some(run), None),
                Item::Failed(failure) => (None, Some(failure)),
            };
            put(
                "INSERT OR REPLACE INTO batch_items (batch, position, run, task, error, error_code) VALUES (?, ?, ?, ?, ?, ?)",
                params![
                    batch,
                    index,
                    run,
                    failure.map(|failure| &failure.task),
                    failure.map(|failure| &failure.error),
                    failure.and_then(|failure| failure.code.as_deref())
                ],
            )
        }
        Entry::Object { path, object } => put(
            "INSERT OR REPLACE INTO objects (path, type, bytes) VALUES (?, ?, ?)",
            params![path, object.kind, &object.bytes[..]],
        ),
        Entry::NoRun { run } => {
            put("DELETE FROM appends WHERE stream IN (SELECT id FROM streams WHERE run = ?)", params![run])?;
            // Their records have no index to be found by: see `clear`.
            for table in ["streams", "waits", "run_waits"] {
                put(&format!("DELETE FROM {table} WHERE run = ?"), params![run])?;
            }
            put("DELETE FROM runs WHERE id = ?", params![run])
        }
        Entry::Drops(Drops { sequence, created_at }) => put(
            "INSERT OR REPLACE INTO drops (id, last_change, created_at) VALUES (1, ?, ?)",
            params![sequence, created_at],
        ),
        Entry::NoWaitpoint { position } => put("DELETE FROM waitpoints WHERE position = ?", params![position]),
        Entry::NoBatch { batch } => {
            put("DELETE FROM batch_items WHERE batch = ?", params![batch])?;
            put("DELETE FROM batches WHERE id = ?", params![batch])
        }
        Entry::NoObject { path } => put("DELETE FROM objects WHERE path = ?", params![path]),
        Entry::Clear => Ok(()),
    }
}

/// The row of a key.
fn columns(replay: &Replay) -> (&'static str, &str, &str, &[u8]) {
    match replay {
        Replay::Key { task, key } => ("key", task, key, &[]),
        Replay::BatchKey { tasks, key } => ("batch-key", tasks, key, &[]),
        Replay::Request { of, key, token } => ("request", of, key, token.as_ref().map_or(&[], |token| &token[..])),
    }
}

fn run(file: &Transaction<'_>, statement: &str, values: &[&dyn ToSql]) -> Result<()> {
    let mut statement: CachedStatement<'_> = file.prepare_cached(statement)?;
    statement.execute(values).map(drop)
}

fn parts(key: &StreamKey) -> (&str, &str, &str) {
    match key {
        StreamKey::Input { run, stream } => (run, "input", stream),
        StreamKey::Output { run, stream } => (run, "output", stream),
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn write_run(file: &Transaction<'_>, kept: &Kept) -> Result<()> {
    let run = &kept.run;
    let values = params![
        run.id,
        run.task,
        run.status.name(),
        run.attempts,
        run.created_at,
        run.updated_at,
        run.delay_until,
        run.queued_at,
        run.started_at,
        run.expired_at,
        run.finished_at,
        run.usage_ms,
        json(&run.tags),
        run.ttl,
        run.is_test,
        run.idempotency_key,
        run.payload.data,
        run.payload.kind,
        run.output.data,
        run.output.kind,
        run.metadata.data,
        run.metadata.kind,
        run.metadata_version,
        run.error.as_ref().map(json),
        json(&run.streams),
        run.batch,
        run.parent,
        run.root,
        run.depth,
        kept.created,
        kept.changed,
        json(&kept.columns.as_slice()),
        json(&kept.memberships),
        run.executions,
        run.max_attempts,
        run.max_duration,
        run.retry_at,
        run.retry.as_ref().map(json)
    ];
    self::run(
        file,
        "INSERT OR REPLACE INTO runs (id, task, status, attempts, created_at, updated_at, delay_until, queued_at, started_at, \
         expired_at, finished_at, usage_ms, tags, ttl, is_test, idempotency_key, payload, payload_type, output, output_type, \
         metadata, metadata_type, metadata_version, error, streams, batch, parent, root, depth, created_change, last_change, \
         column_changes, tag_changes, executions, max_attempts, max_duration, retry_at, retry) VALUES (?, ?, ?, ?, ?, ?, ?, ?, \
         ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values,
    )
}

fn write_waitpoint(file: &Transaction<'_>, position: u64, waitpoint: &Waitpoint) -> Result<()> {
    let end = waitpoint.completion.as_ref();
    let values = params![
        position,
        waitpoint.id,
        waitpoint.created_at,
        waitpoint.timeout_at,
        waitpoint.key.text,
        waitpoint.key.is_chosen,
        waitpoint.key.expires_at,
        json(&waitpoint.tags),
        end.map(|end| end.at),
        end.and_then(|end| end.output.data.as_ref()),
        end.map(|end| &end.output.kind),
        end.map(|end| end.is_error),
        waitpoint.stream,
        end.and_then(|end| end.seq_num)
    ];
    run(
        file,
        "INSERT OR REPLACE INTO waitpoints (position, id, created_at, timeout_at, key, key_is_chosen, key_expires_at, tags, \
         completed_at, output, output_type, output_is_error, stream, seq_num) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values,
    )
}

fn write_batch(file: &Transaction<'_>, batch: &Batch) -> Result<()> {
    run(
        file,
        "INSERT OR REPLACE INTO batches (id, created_at, updated_at, size, idempotency_key, sealed_at) VALUES (?, ?, ?, ?, ?, ?)",
        params![batch.id, batch.created_at, batch.updated_at, batch.size, batch.idempotency_key, batch.sealed_at],
    )
}
