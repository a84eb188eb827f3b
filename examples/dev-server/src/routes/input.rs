//! `POST /realtime/v1/streams/:run/input/:stream`: data for a run that is under way. Any verb that changes things will
//! do.

use std::str;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use super::options::REQUEST_KEY;
use crate::auth::Caller;
use crate::id;
use crate::inputs;
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::{Append, Appended, StreamKey};
use crate::streams::Failure;
use crate::upload::Upload;

const BODY_LIMIT: usize = 1_048_576;

pub(crate) async fn send(
    State(app): State<AppState>,
    Path((run, stream)): Path<(String, String)>,
    headers: HeaderMap,
    upload: Upload,
) -> Response {
    let mut response = match try_send(&app, &run, &stream, &headers, upload).await {
        Ok(response) => response,
        Err(refusal) => axum::response::IntoResponse::into_response(refusal),
    };
    if app.config.idempotent_sends {
        response.headers_mut().insert(respond::IDEMPOTENT, HeaderValue::from_static("1"));
    }
    response
}

async fn try_send(
    app: &AppState,
    run: &str,
    stream: &str,
    headers: &HeaderMap,
    upload: Upload,
) -> Result<Response, Refusal> {
    let caller = Caller::of(headers, &app.config)?;
    let body = upload.within(BODY_LIMIT)?;
    caller.must(&[("write", "inputStreams", run)])?;
    let not_ok = |status, message: &str| Refusal::NotOk(status, message.to_owned());
    let run = app.store.run(run).ok_or_else(|| not_ok(StatusCode::NOT_FOUND, "Run not found"))?;
    let key = StreamKey::input(&run.id, stream);
    let request_key =
        headers.get(REQUEST_KEY).filter(|_| app.config.idempotent_sends).and_then(|key| key.to_str().ok());
    // The one that was lost may be what ended the run.
    let is_repeat = match request_key.filter(|_| run.is_over()) {
        Some(request_key) => app.streams.has(&key, request_key).await?,
        None => false,
    };
    if run.is_over() && !is_repeat {
        return Err(not_ok(StatusCode::BAD_REQUEST, "Cannot send to input stream on a completed run"));
    }
    let data = read_data(&body)?;

    // The record's `data` is a text that holds JSON: the original encodes input twice.
    let text = data.map(|data| serde_json::Value::from(data.get()).to_string());
    let delivery = deliver(app.clone(), key, text, request_key.map(str::to_owned));
    // On its own: when the sender hangs up, what is in the log still wakes the task.
    let delivered = tokio::spawn(delivery).await;
    let stopped = |_| Refusal::Error(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error".to_owned());
    match delivered.map_err(stopped)?? {
        Appended::Now | Appended::Before => Ok(respond::json(StatusCode::OK, &serde_json::json!({ "ok": true }))),
        Appended::TooLarge(size) => Err(record_too_large(size)),
    }
}

async fn deliver(
    app: AppState,
    key: StreamKey,
    text: Option<String>,
    request_key: Option<String>,
) -> Result<Appended, Failure> {
    let record_id = id::input_record();
    let append = match &text {
        Some(text) => Append::new(text, &record_id),
        None => Append::without_data(&record_id),
    };
    inputs::send(&app, &key, &append.once(request_key.as_deref())).await
}

/// The `data` member as it was written; `None` when it is missing.
fn read_data(body: &[u8]) -> Result<Option<Box<RawValue>>, Refusal> {
    let crash = || Refusal::Error(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error".to_owned());
    let json: &RawValue =
        str::from_utf8(body).ok().and_then(|text| serde_json::from_str(text).ok()).ok_or_else(crash)?;
    let members: Result<BTreeMap<String, Box<RawValue>>, _> = serde_json::from_str(json.get());
    match members {
        Ok(mut members) => Ok(members.remove("data")),
        Err(_) => Err(Refusal::NotOk(StatusCode::BAD_REQUEST, "Invalid request body".to_owned())),
    }
}

pub(super) fn record_too_large(size: usize) -> Refusal {
    let limit = crate::store::RECORD_LIMIT;
    Refusal::NotOk(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!(
            "Record metered size {size} bytes exceeds the S2 per-record limit of {limit} bytes. \
             Reduce tool-output size or split into smaller parts."
        ),
    )
}
