//! The tables of a store, out of its file.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::types::Type;
use rusqlite::{Connection, Error, Result, Row};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::clock::now_ms;
use crate::store::batches::{Batch, Failure, Item};
use crate::store::columns::COUNT;
use crate::store::log::{Doubt, Log, Record};
use crate::store::logs::Logs;
use crate::store::replays::Replay;
use crate::store::run_table::Drops;
use crate::store::runs::Run;
use crate::store::shapes::Kept;
use crate::store::tables::Tables;
use crate::store::waitpoints::{Completion, Key, Waitpoint};
use crate::store::{InputWait, Object, Packet, StreamKey};

/// With whether there are records of streams that are gone.
pub(super) fn load(file: &Connection) -> Result<(Tables, bool)> {
    let mut tables = Tables::default();
    each(file, "SELECT * FROM runs", |row| {
        tables.runs.restore(run(row)?);
        Ok(())
    })?;
    each(file, "SELECT last_change, created_at FROM drops", |row| {
        tables.runs.restore_drops(Drops { sequence: row.get(0)?, created_at: row.get(1)? });
        Ok(())
    })?;
    let has_strays = logs(file, &mut tables)?;
    each(file, "SELECT run, stream, wait, first FROM waits", |row| {
        let wait = InputWait { id: row.get(2)?, from: row.get(3)? };
        tables.waits.insert(StreamKey::Input { run: row.get(0)?, stream: row.get(1)? }, wait);
        Ok(())
    })?;
    each(file, "SELECT run, position, waitpoint, is_open FROM run_waits", |row| {
        tables.run_waits.restore(row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(())
    })?;
    file.execute("DELETE FROM replays WHERE until <= ?", [now_ms()])?;
    each(file, "SELECT kind, scope, key, token, id, until FROM replays", |row| {
        tables.replays.insert(replay(row)?, row.get(4)?, row.get(5)?);
        Ok(())
    })?;
    each(file, "SELECT fingerprint FROM used_tokens", |row| {
        tables.used_tokens.insert(row.get(0)?);
        Ok(())
    })?;
    each(file, "SELECT * FROM waitpoints ORDER BY position", |row| {
        tables.waitpoints.restore(row.get("position")?, waitpoint(row)?);
        Ok(())
    })?;
    each(file, "SELECT * FROM batches", |row| {
        let batch = batch(row)?;
        tables.batches.insert(batch.id.clone(), batch);
        Ok(())
    })?;
    each(file, "SELECT batch, position, run, task, error, error_code FROM batch_items", |row| {
        if let Some(batch) = tables.batches.get_mut(&row.get::<_, String>(0)?) {
            batch.items.insert(row.get(1)?, item(row)?);
        }
        Ok(())
    })?;
    each(file, "SELECT path, type, bytes FROM objects", |row| {
        let object = Object { kind: row.get(1)?, bytes: row.get::<_, Vec<u8>>(2)?.into() };
        tables.objects.insert(row.get(0)?, object);
        Ok(())
    })?;
    Ok((tables, has_strays))
}

fn each(file: &Connection, query: &str, mut take: impl FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
    let mut statement = file.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(())
}

fn logs(file: &Connection, tables: &mut Tables) -> Result<bool> {
    let mut logs: HashMap<u64, (StreamKey, Log)> = HashMap::new();
    each(file, "SELECT id, run, direction, name FROM streams", |row| {
        let (run, stream) = (row.get(1)?, row.get(3)?);
        let is_input = row.get_ref(2)?.as_str()? == "input";
        let key = if is_input { StreamKey::Input { run, stream } } else { StreamKey::Output { run, stream } };
        let number = row.get(0)?;
        logs.insert(number, (key, Log::numbered(number)));
        Ok(())
    })?;
    // The number of a stream that is gone is not given again as long as something lies under it.
    let mut last = logs.keys().copied().max().unwrap_or(0);
    let mut has_strays = false;
    let query = "SELECT stream, seq_num, timestamp, body, once_key, client, line FROM records ORDER BY position";
    each(file, query, |row| {
        let number = row.get(0)?;
        let Some((_, log)) = logs.get_mut(&number) else {
            (last, has_strays) = (last.max(number), true);
            return Ok(());
        };
        let body: Arc<str> = row.get_ref(3)?.as_str()?.into();
        let record = Record { seq_num: row.get(1)?, timestamp: row.get(2)?, body };
        let line = row.get::<_, Option<String>>(5)?.zip(row.get(6)?);
        log.restore(record, row.get(4)?, line);
        Ok(())
    })?;
    each(file, "SELECT stream, seq_num, part, once_key, client, line, is_settled FROM appends", |row| {
        let Some((_, log)) = logs.get_mut(&row.get(0)?) else { return Ok(()) };
        let line = row.get::<_, Option<String>>(4)?.zip(row.get(5)?);
        let doubt = Doubt { seq_num: row.get(1)?, part: row.get(2)?, once: row.get(3)?, line };
        log.restore_doubt(doubt, row.get(6)?);
        Ok(())
    })?;
    tables.logs = Logs::restore(logs.into_values(), last);
    Ok(has_strays)
}

fn run(row: &Row<'_>) -> Result<Kept> {
    let packet = |data, kind| Ok::<_, Error>(Packet { data: row.get(data)?, kind: row.get::<_, String>(kind)?.into() });
    let (error, retry): (Option<String>, Option<String>) = (row.get("error")?, row.get("retry")?);
    let run = Run {
        id: row.get("id")?,
        task: row.get("task")?,
        status: parse(row, "status", &Value::from(row.get::<_, String>("status")?).to_string())?,
        attempts: row.get("attempts")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        delay_until: row.get("delay_until")?,
        queued_at: row.get("queued_at")?,
        started_at: row.get("started_at")?,
        expired_at: row.get("expired_at")?,
        finished_at: row.get("finished_at")?,
        usage_ms: row.get("usage_ms")?,
        tags: json(row, "tags")?,
        ttl: row.get("ttl")?,
        is_test: row.get("is_test")?,
        idempotency_key: row.get("idempotency_key")?,
        payload: packet("payload", "payload_type")?,
        output: packet("output", "output_type")?,
        metadata: packet("metadata", "metadata_type")?,
        metadata_version: row.get("metadata_version")?,
        error: error.map(|error| parse(row, "error", &error)).transpose()?,
        streams: json(row, "streams")?,
        batch: row.get("batch")?,
        parent: row.get("parent")?,
        root: row.get("root")?,
        depth: row.get("depth")?,
        executions: row.get("executions")?,
        max_attempts: row.get("max_attempts")?,
        max_duration: row.get("max_duration")?,
        retry: retry.map(|retry| parse(row, "retry", &retry)).transpose()?,
        retry_at: row.get("retry_at")?,
    };
    let changed = row.get("last_change")?;
    // The columns may have become others since: then all of them have changed.
    let columns: Vec<u64> = json(row, "column_changes")?;
    let columns = columns.try_into().unwrap_or([changed; COUNT]);
    Ok(Kept { run, created: row.get("created_change")?, changed, columns, memberships: json(row, "tag_changes")? })
}

fn replay(row: &Row<'_>) -> Result<Replay> {
    let (scope, key) = (row.get(1)?, row.get(2)?);
    Ok(match row.get_ref(0)?.as_str()? {
        "key" => Replay::Key { task: scope, key },
        "batch-key" => Replay::BatchKey { tasks: scope, key },
        _ => Replay::Request { of: scope, key, token: row.get_ref(3)?.as_blob()?.try_into().ok() },
    })
}

fn waitpoint(row: &Row<'_>) -> Result<Waitpoint> {
    let at: Option<u64> = row.get("completed_at")?;
    let completion = |at| {
        let kind: String = row.get("output_type")?;
        let output = Packet { data: row.get("output")?, kind: kind.into() };
        let (seq_num, is_error) = (row.get("seq_num")?, row.get("output_is_error")?);
        Ok::<_, Error>(Completion { at, output, seq_num, is_error })
    };
    Ok(Waitpoint {
        id: row.get("id")?,
        created_at: row.get("created_at")?,
        timeout_at: row.get("timeout_at")?,
        key: Key {
            text: row.get("key")?,
            is_chosen: row.get("key_is_chosen")?,
            expires_at: row.get("key_expires_at")?,
        },
        tags: json(row, "tags")?,
        stream: row.get("stream")?,
        completion: at.map(completion).transpose()?,
    })
}

fn batch(row: &Row<'_>) -> Result<Batch> {
    Ok(Batch {
        id: row.get("id")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        size: row.get("size")?,
        idempotency_key: row.get("idempotency_key")?,
        sealed_at: row.get("sealed_at")?,
        items: std::collections::BTreeMap::new(),
    })
}

fn item(row: &Row<'_>) -> Result<Item> {
    if let Some(run) = row.get(2)? {
        return Ok(Item::Run(run));
    }
    let code: Option<String> = row.get(5)?;
    Ok(Item::Failed(Failure { task: row.get(3)?, error: row.get(4)?, code: code.map(Into::into) }))
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T> {
    parse(row, column, row.get_ref(column)?.as_str()?)
}

fn parse<T: DeserializeOwned>(row: &Row<'_>, column: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        let index = row.as_ref().column_index(column).unwrap_or_default();
        Error::FromSqlConversionFailure(index, Type::Text, error.into())
    })
}
