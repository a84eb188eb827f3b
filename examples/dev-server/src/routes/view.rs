//! A run as the API shows it.

use axum::http::HeaderMap;
use serde::Serialize;
use serde_json::{Value, json};

use super::packets::presigned_get;
use crate::clock::iso;
use crate::packet;
use crate::state::AppState;
use crate::store::{Packet, Run, Status};

/// Of the code that runs here there is one version.
const VERSION: &str = "20261101.1";

/// In the original's order. Times are ISO texts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct View<'a> {
    id: &'a str,
    task_identifier: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
    status: &'static str,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delayed_until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expired_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'a str>,
    cost_in_cents: u8,
    base_cost_in_cents: u8,
    duration_ms: u64,
    is_test: bool,
    depth: u32,
    tags: &'a [String],
    #[serde(flatten)]
    flags: Flags,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<&'a str>,
    trigger_function: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Value>,
    region: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_presigned_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_presigned_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    attempt_count: u32,
    attempts: [(); 0],
    related_runs: Value,
}

/// As a row of a list: without what may be large.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line<'a> {
    id: &'a str,
    status: &'static str,
    task_identifier: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
    created_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delayed_until: Option<String>,
    is_test: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expired_at: Option<String>,
    env: Value,
    tags: &'a [String],
    cost_in_cents: u8,
    base_cost_in_cents: u8,
    duration_ms: u64,
    depth: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Value>,
    task_kind: &'static str,
    region: &'a str,
    #[serde(flatten)]
    flags: Flags,
}

/// What the status comes to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "so they stand on the wire")]
struct Flags {
    is_queued: bool,
    is_executing: bool,
    is_completed: bool,
    is_failed: bool,
    is_success: bool,
    is_cancelled: bool,
    is_waiting: bool,
}

impl Flags {
    fn of(status: Status) -> Self {
        let is = |names: &[&str]| names.contains(&status.public());
        let (is_failed, is_success) =
            (is(&["FAILED", "CRASHED", "SYSTEM_FAILURE", "EXPIRED", "TIMED_OUT"]), is(&["COMPLETED"]));
        Self {
            is_queued: is(&["PENDING_VERSION", "QUEUED", "DELAYED"]),
            is_executing: is(&["DEQUEUED", "EXECUTING"]),
            // "Completed" means succeeded or failed here; a cancelled run is not.
            is_completed: is_failed || is_success,
            is_failed,
            is_success,
            is_cancelled: is(&["CANCELED"]),
            is_waiting: is(&["WAITING"]),
        }
    }
}

impl<'a> View<'a> {
    pub(super) fn of(run: &'a Run, app: &'a AppState, headers: &HeaderMap) -> Self {
        let (payload, payload_presigned_url) = inline(&run.payload, app, headers);
        let (output, output_presigned_url) = inline(&run.output, app, headers);
        Self {
            id: &run.id,
            task_identifier: &run.task,
            idempotency_key: run.idempotency_key.as_deref(),
            version: run.started_at.map(|_| VERSION),
            status: run.status.public(),
            created_at: iso(run.created_at),
            started_at: run.started_at.map(iso),
            updated_at: iso(run.updated_at),
            finished_at: run.finished_at.map(iso),
            delayed_until: run.delay_until.map(iso),
            expired_at: run.expired_at.map(iso),
            ttl: run.ttl.as_deref(),
            cost_in_cents: 0,
            base_cost_in_cents: 0,
            duration_ms: run.usage_ms,
            is_test: run.is_test,
            depth: run.depth,
            tags: &run.tags,
            flags: Flags::of(run.status),
            batch_id: run.batch.as_deref(),
            trigger_function: "trigger",
            metadata: packet::decode(&run.metadata, &app.store),
            region: &app.config.environment_id,
            payload,
            payload_presigned_url,
            output,
            output_presigned_url,
            error: run.error.as_ref().map(public_error),
            attempt_count: run.attempts,
            attempts: [],
            related_runs: related(run, app),
        }
    }
}

impl<'a> Line<'a> {
    pub(super) fn of(run: &'a Run, app: &'a AppState) -> Self {
        Self {
            id: &run.id,
            status: run.status.public(),
            task_identifier: &run.task,
            idempotency_key: run.idempotency_key.as_deref(),
            version: run.started_at.map(|_| VERSION),
            created_at: iso(run.created_at),
            updated_at: iso(run.updated_at),
            started_at: run.started_at.map(iso),
            finished_at: run.finished_at.map(iso),
            delayed_until: run.delay_until.map(iso),
            is_test: run.is_test,
            ttl: run.ttl.as_deref(),
            expired_at: run.expired_at.map(iso),
            env: json!({ "id": app.config.environment_id, "name": "dev", "user": "Local Developer" }),
            tags: &run.tags,
            cost_in_cents: 0,
            base_cost_in_cents: 0,
            duration_ms: run.usage_ms,
            depth: run.depth,
            metadata: packet::decode(&run.metadata, &app.store),
            task_kind: "STANDARD",
            region: &app.config.environment_id,
            flags: Flags::of(run.status),
        }
    }
}

/// The value of a packet, or where to get it.
fn inline(packet: &Packet, app: &AppState, headers: &HeaderMap) -> (Option<Value>, Option<String>) {
    match packet.data.as_deref() {
        Some(path) if packet.kind == Packet::STORE => (None, Some(presigned_get(app, headers, path))),
        _ => (packet::decode(packet, &app.store), None),
    }
}

/// An error of the wire as the API says it.
pub(super) fn public_error(error: &Value) -> Value {
    match error["type"].as_str() {
        Some("BUILT_IN_ERROR") => {
            let member = |name: &str| (name.to_owned(), error[name].clone());
            Value::Object(["name", "message", "stackTrace"].map(member).into_iter().collect())
        }
        Some("INTERNAL_ERROR") => {
            let code = error["code"].as_str().unwrap_or("UNKNOWN");
            // What the original leaves out: how long a run might have taken.
            let more = error["message"].as_str().filter(|_| code == "MAX_DURATION_EXCEEDED");
            let more = more.map(|message| format!(": {message}")).unwrap_or_default();
            json!({ "message": format!("trigger.dev internal error ({code}){more}") })
        }
        _ => json!({ "message": error["raw"] }),
    }
}

fn related(run: &Run, app: &AppState) -> Value {
    let brief = |run: Run| {
        json!({
            "id": run.id, "taskIdentifier": run.task, "status": run.status.public(), "createdAt": iso(run.created_at),
        })
    };
    let above = |id: &Option<String>| id.as_ref().and_then(|id| app.store.run(id)).map(brief);
    let children = app.store.children(&run.id);
    let mut related = json!({ "children": children.into_iter().map(brief).collect::<Vec<_>>() });
    for (name, run) in [("root", above(&run.root)), ("parent", above(&run.parent))] {
        if let Some(run) = run {
            related[name] = run;
        }
    }
    related
}
