//! `POST /realtime/v1/streams/:run/input/:stream`: data for a run that is under way. Any verb that changes things will do.

use std::str;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use super::options::REQUEST_KEY;
use crate::auth::Caller;
use crate::engine;
use crate::id;
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::{Append, Appended, StreamKey};
use crate::upload::Upload;

const BODY_LIMIT: usize = 1_048_576;

pub(crate) async fn send(
    State(app): State<AppState>,
    Path((run, stream)): Path<(String, String)>,
    headers: HeaderMap,
    upload: Upload,
) -> Response {
    let mut response = match try_send(&app, &run, &stream, &headers, upload) {
        Ok(response) => response,
        Err(refusal) => axum::response::IntoResponse::into_response(refusal),
    };
    if app.config.idempotent_sends {
        response.headers_mut().insert(respond::IDEMPOTENT, HeaderValue::from_static("1"));
    }
    response
}

fn try_send(app: &AppState, run: &str, stream: &str, headers: &HeaderMap, upload: Upload) -> Result<Response, Refusal> {
    let caller = Caller::of(headers, &app.config)?;
    let body = upload.within(BODY_LIMIT)?;
    caller.must(&[("write", "inputStreams", run)])?;
    let not_ok = |status, message: &str| Refusal::NotOk(status, message.to_owned());
    let run = app.store.run(run).ok_or_else(|| not_ok(StatusCode::NOT_FOUND, "Run not found"))?;
    let key = StreamKey::input(&run.id, stream);
    let request_key =
        headers.get(REQUEST_KEY).filter(|_| app.config.idempotent_sends).and_then(|key| key.to_str().ok());
    // The one that was lost may be what ended the run.
    if run.is_over() && !request_key.is_some_and(|request_key| app.store.has(&key, request_key)) {
        return Err(not_ok(StatusCode::BAD_REQUEST, "Cannot send to input stream on a completed run"));
    }
    let data = read_data(&body)?;

    // The record's `data` is a text that holds JSON: the original encodes input twice.
    let text = data.map(|data| serde_json::Value::from(data.get()).to_string());
    let record_id = id::input_record();
    let append = match &text {
        Some(text) => Append::new(text, &record_id),
        None => Append::without_data(&record_id),
    };
    let (appended, waiting) = app.store.send(&key, &append.once(request_key));
    if let Appended::TooLarge(size) = appended {
        return Err(record_too_large(size));
    }
    if let Some(wait) = waiting {
        app.waits.wake(&wait);
        engine::wait_ended(app, &wait);
    }
    Ok(respond::json(StatusCode::OK, &serde_json::json!({ "ok": true })))
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
