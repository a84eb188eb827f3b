//! What a worker is told to do.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use crate::clock::iso;
use crate::metadata;
use crate::packet;
use crate::store::{Begun, Packet, Store, WaitEnd};

/// An order and its number: orders are told again until a poll says that they have come.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Order {
    pub(crate) seq: u64,
    #[serde(flatten)]
    pub(crate) what: What,
}

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub(crate) enum What {
    /// Execute a run from the top.
    Start(Box<Start>),
    /// A wait of a run has ended.
    Resume { run: String, execution: u32, wait: End },
    /// Stop: the run was cancelled, or has ended in another way.
    Cancel { run: String, execution: u32 },
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Start {
    run: RunFields,
    attempt: u32,
    execution: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Arc<str>>,
    payload_type: Cow<'static, str>,
    /// The run's metadata as they are, as a text.
    metadata: String,
    /// The waits that have ended by now, in the order in which they were made.
    waits: Vec<End>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RunFields {
    id: String,
    task: String,
    tags: Vec<String>,
    is_test: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root_id: Option<String>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    /// In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_duration: Option<u32>,
}

/// How a wait has ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct End {
    waitpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq_num: Option<u64>,
    /// Whether it was completed: otherwise its time was out.
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Arc<str>>,
    output_type: Cow<'static, str>,
}

impl End {
    pub(crate) fn of(end: WaitEnd, store: &Store) -> Self {
        let Packet { data: output, kind: output_type } = packet::unshelve(end.output, store);
        let WaitEnd { waitpoint, stream: stream_id, seq_num, is_error, .. } = end;
        Self { waitpoint, stream_id, seq_num, ok: !is_error, output, output_type }
    }
}

impl Start {
    pub(super) fn of(Begun { run, waits }: Begun, store: &Store) -> Self {
        let metadata = metadata::document(&run, store).text();
        let Packet { data: payload, kind: payload_type } = packet::unshelve(run.payload, store);
        Self {
            metadata,
            attempt: run.attempts,
            execution: run.executions,
            payload,
            payload_type,
            waits: waits.into_iter().map(|end| End::of(end, store)).collect(),
            run: RunFields {
                id: run.id,
                task: run.task,
                tags: run.tags,
                is_test: run.is_test,
                parent_id: run.parent,
                root_id: run.root,
                created_at: iso(run.created_at),
                started_at: run.started_at.map(iso),
                max_duration: run.max_duration,
            },
        }
    }
}
