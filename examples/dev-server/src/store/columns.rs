//! A run as a row of the table that feeds show.

use std::sync::Arc;

use serde_json::Value;

use super::{Packet, Run};

/// A column: its name, its type, and whether it is a list of that type.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) is_list: bool,
}

const fn column(name: &'static str, kind: &'static str) -> Column {
    Column { name, kind, is_list: false }
}

const fn list(name: &'static str, kind: &'static str) -> Column {
    Column { name, kind, is_list: true }
}

pub(crate) const COUNT: usize = 26;

/// In the order of the wire.
pub(crate) const COLUMNS: [Column; COUNT] = [
    column("id", "text"),
    column("taskIdentifier", "text"),
    column("createdAt", "timestamp"),
    column("updatedAt", "timestamp"),
    column("startedAt", "timestamp"),
    column("delayUntil", "timestamp"),
    column("queuedAt", "timestamp"),
    column("expiredAt", "timestamp"),
    column("completedAt", "timestamp"),
    column("friendlyId", "text"),
    column("number", "int4"),
    column("isTest", "bool"),
    column("status", "text"),
    column("usageDurationMs", "int4"),
    column("costInCents", "float8"),
    column("baseCostInCents", "float8"),
    column("ttl", "text"),
    column("payload", "text"),
    column("payloadType", "text"),
    column("metadata", "text"),
    column("metadataType", "text"),
    column("output", "text"),
    column("outputType", "text"),
    list("runTags", "text"),
    column("error", "jsonb"),
    list("realtimeStreams", "text"),
];

/// A value before it is written down in some dialect.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Text(Arc<str>),
    Number(u64),
    Bool(bool),
    /// Milliseconds since the epoch.
    Time(u64),
    List(Vec<String>),
    Json(Value),
}

/// The cells of a run, one for each of [`COLUMNS`].
pub(crate) fn cells(run: &Run) -> [Cell; COUNT] {
    let text = |text: &str| Cell::Text(text.into());
    let time = |time: Option<u64>| time.map_or(Cell::Null, Cell::Time);
    let data = |packet: &Packet| packet.data.clone().map_or(Cell::Null, Cell::Text);
    [
        text(run.internal_id()),
        text(&run.task),
        Cell::Time(run.created_at),
        Cell::Time(run.updated_at),
        time(run.started_at),
        time(run.delay_until),
        time(run.queued_at),
        time(run.expired_at),
        time(run.finished_at),
        text(&run.id),
        Cell::Number(0),
        Cell::Bool(run.is_test),
        text(run.status.name()),
        Cell::Number(run.usage_ms),
        Cell::Number(0),
        Cell::Number(0),
        run.ttl.as_deref().map_or(Cell::Null, text),
        data(&run.payload),
        text(&run.payload.kind),
        data(&run.metadata),
        text(&run.metadata.kind),
        data(&run.output),
        text(&run.output.kind),
        // Without tags the column is null, without streams it is an empty list.
        if run.tags.is_empty() { Cell::Null } else { Cell::List(run.tags.clone()) },
        run.error.clone().map_or(Cell::Null, Cell::Json),
        Cell::List(run.streams.clone()),
    ]
}
