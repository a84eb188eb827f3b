//! `GET /api/v2/batches/:batch`

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use crate::auth::Caller;
use crate::clock::iso;
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::Batch;

pub(crate) async fn retrieve(
    State(app): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = Caller::of(&headers, &app.config)?;
    let batch = app.store.batch(&id).ok_or(Refusal::NotFound { retry: true })?;
    caller.must_read_batch(&id)?;
    Ok(respond::json(StatusCode::OK, &View::of(&batch, app.store.is_over(&batch))))
}

/// Times are ISO texts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    id: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    created_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    processing_completed_at: Option<String>,
    run_count: u64,
    runs: Vec<&'a str>,
    processing: Processing<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Processing<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<String>,
    errors: Vec<Failed<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed<'a> {
    index: u64,
    task_identifier: &'a str,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'a str>,
}

impl<'a> View<'a> {
    fn of(batch: &'a Batch, is_over: bool) -> Self {
        let errors: Vec<Failed<'_>> = batch
            .failures()
            .map(|(index, failure)| Failed {
                index,
                task_identifier: &failure.task,
                error: &failure.error,
                error_code: failure.code.as_deref(),
            })
            .collect();
        let runs: Vec<&str> = batch.runs().collect();
        // Pending also while all its runs are there and under way, as recorded.
        let status = match (batch.sealed_at, errors.is_empty(), runs.is_empty()) {
            (Some(_), false, true) => "ABORTED",
            (Some(_), false, false) => "PARTIAL_FAILED",
            (Some(_), true, _) if is_over => "COMPLETED",
            (None | Some(_), ..) => "PENDING",
        };
        let completed_at = batch.sealed_at.map(iso);
        Self {
            id: &batch.id,
            status,
            idempotency_key: batch.idempotency_key.as_deref(),
            created_at: iso(batch.created_at),
            updated_at: iso(batch.updated_at),
            processing_completed_at: completed_at.clone(),
            run_count: batch.size,
            runs,
            processing: Processing { completed_at, errors },
        }
    }
}
