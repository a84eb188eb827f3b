//! How a run goes to sleep.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;

use super::{execution, stale};
use crate::auth::Caller;
use crate::engine::{self, End};
use crate::inputs;
use crate::respond::{self, Refusal};
use crate::routes::REQUEST_KEY;
use crate::routes::validate::{mismatch, read_body};
use crate::routes::waitpoints::{CREATE_LIMIT, wanted};
use crate::state::AppState;
use crate::store::{StreamKey, Suspended};
use crate::upload::Upload;

/// `POST /api/v1/runs/:run/input-streams/wait`: makes a wait token that the next record of an input stream completes.
/// As for any wait token there are `timeout`, `idempotencyKey`, `idempotencyKeyTTL` and `tags`; besides `streamId`, and
/// `lastSeqNum`, behind which the next record is.
pub(crate) async fn wait_for_input(
    State(app): State<AppState>,
    Path(run): Path<String>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    let execution = execution(&headers)?;
    let body = read_body(&upload.within(CREATE_LIMIT)?)?;
    let stream = body["streamId"].as_str().ok_or_else(|| mismatch("string", &body["streamId"], "streamId"))?;
    let last = match &body["lastSeqNum"] {
        last if last.is_null() || last.is_number() => last.as_u64(),
        other => return Err(mismatch("number", other, "lastSeqNum")),
    };
    let mut waitpoint = wanted(&app, &body)?;
    waitpoint.stream = Some(stream.to_owned());
    let request_key = headers.get(REQUEST_KEY).and_then(|key| key.to_str().ok());
    // A repeat of the request makes no second one.
    let is_repeatable = !waitpoint.key.is_chosen;
    if let Some(key) = request_key.filter(|_| is_repeatable) {
        waitpoint.key.text = format!("{run}/{stream}/{key}");
    }
    let known = app.store.run(&run).ok_or_else(|| Refusal::Error(StatusCode::NOT_FOUND, "Run not found".to_owned()))?;
    if execution.is_some_and(|execution| !known.is_held_by(execution)) {
        return Err(stale());
    }
    let key = StreamKey::input(&run, stream);
    let (waitpoint, is_cached) = inputs::wait(&app, &key, waitpoint, last).await?;
    let is_cached = is_cached && !is_repeatable;
    Ok(respond::json(StatusCode::OK, &json!({ "waitpointId": waitpoint.id, "isCached": is_cached })))
}

/// `POST /engine/v1/runs/:run/waitpoints/tokens/:waitpoint/wait`: has the run wait. Where that is over already, the
/// answer says how it ended; else the worker is told when it has.
pub(crate) async fn wait(
    State(app): State<AppState>,
    Path((run, waitpoint)): Path<(String, String)>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    let execution = execution(&headers)?;
    upload.within(CREATE_LIMIT)?;
    let not_found = |what: &str| Refusal::Error(StatusCode::NOT_FOUND, format!("{what} not found"));
    match engine::suspend(&app, &run, execution, &waitpoint) {
        Suspended::UnknownRun => Err(not_found("Run")),
        Suspended::UnknownWait => Err(not_found("Waitpoint")),
        Suspended::Stale => Err(stale()),
        Suspended::Waiting(_) => Ok(respond::json(StatusCode::OK, &json!({ "success": true }))),
        Suspended::Ended(end) => {
            let body = json!({ "success": true, "wait": End::of(*end, &app.store) });
            Ok(respond::json(StatusCode::OK, &body))
        }
    }
}
