//! Looking at a run, and cancelling it.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::clock::iso;
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::{Run, Status};
use crate::tasks;

/// `GET /api/v3/runs/:run`
pub(crate) async fn retrieve(
    State(app): State<AppState>,
    Path(run): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = Caller::of(&headers, &app.config)?;
    let run = app.store.run(&run).ok_or(Refusal::NotFound { retry: true })?;
    caller.must_read(&run)?;
    Ok(respond::json(StatusCode::OK, &View::of(&run)))
}

/// `POST /api/v2/runs/:run/cancel`. Cancelling a run that has ended changes nothing and succeeds.
pub(crate) async fn cancel(
    State(app): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = Caller::of(&headers, &app.config)?;
    let run = app.store.run(&id);
    let task = run.as_ref().map_or("", |run| &run.task);
    caller.must(&[("write", "runs", &id), ("write", "tasks", task)])?;
    let run = run.ok_or(Refusal::NoResource)?;
    tasks::cancel(&app, &run.id);
    Ok(respond::json(StatusCode::OK, &json!({ "id": run.id })))
}

/// A run as the retrieve route shows it, in the original's order. Times are ISO texts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    id: &'a str,
    task_identifier: &'a str,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'a Value>,
    cost_in_cents: u8,
    base_cost_in_cents: u8,
    duration_ms: u64,
    is_test: bool,
    depth: u8,
    tags: &'a [String],
    is_queued: bool,
    is_executing: bool,
    is_completed: bool,
    is_failed: bool,
    is_success: bool,
    is_cancelled: bool,
    is_waiting: bool,
    trigger_function: &'static str,
    payload: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    attempt_count: u8,
    attempts: [(); 0],
    related_runs: Value,
}

impl<'a> View<'a> {
    fn of(run: &'a Run) -> Self {
        let is = |status| run.status == status;
        let lasted = |start: u64| run.finished_at.map_or(0, |end| end.saturating_sub(start));
        Self {
            id: &run.id,
            task_identifier: &run.task,
            status: run.status,
            idempotency_key: run.idempotency_key.as_deref(),
            created_at: iso(run.created_at),
            started_at: run.started_at.map(iso),
            updated_at: iso(run.updated_at),
            finished_at: run.finished_at.map(iso),
            ttl: run.ttl.as_ref(),
            cost_in_cents: 0,
            base_cost_in_cents: 0,
            duration_ms: run.started_at.map_or(0, lasted),
            is_test: run.is_test,
            depth: 0,
            tags: &run.tags,
            is_queued: is(Status::Queued),
            is_executing: is(Status::Executing),
            // "Completed" means succeeded or failed here; a cancelled run is not.
            is_completed: is(Status::Completed) || is(Status::Failed),
            is_failed: is(Status::Failed),
            is_success: is(Status::Completed),
            is_cancelled: is(Status::Canceled),
            is_waiting: false,
            trigger_function: "trigger",
            payload: &run.payload,
            output: run.output.as_ref(),
            error: run.error.as_ref().map(|message| json!({ "name": "Error", "message": message })),
            attempt_count: u8::from(run.started_at.is_some()),
            attempts: [],
            related_runs: json!({ "children": [] }),
        }
    }
}
