//! Wait tokens: made by a backend, completed by whoever was given the token or the callback address.

mod list;
mod view;

use axum::extract::{Path, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};

use super::handout::{self, Told};
use super::options::{MOST_TAGS, key_seconds, tags, too_many_tags, until};
use super::validate::{mismatch, read_body};
use crate::auth::Caller;
use crate::clock::{now_ms, now_seconds};
use crate::jwt::Claims;
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::{Packet, Waitpoint, WaitpointKey as Key, WaitpointState};
use crate::upload::Upload;
use crate::{callback, engine, id, packet, span};

pub(crate) use list::list;
pub(crate) use view::retrieve;

pub(super) const CREATE_LIMIT: usize = 10_240;
const COMPLETE_LIMIT: usize = 3_145_728;
const LONGEST_KEY: usize = 2048;
const TOKEN_SECONDS: i64 = 24 * 3600;

/// `POST /api/v1/waitpoints/tokens`
pub(crate) async fn create(
    State(app): State<AppState>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Refusal> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        id: &'a str,
        is_cached: bool,
        url: String,
    }
    Caller::backend(&headers, &app.config)?;
    let body = read_body(&upload.within(CREATE_LIMIT)?)?;
    let (waitpoint, is_cached) = app.store.create_waitpoint(wanted(&app, &body)?);
    let url = callback::url(&app, &waitpoint.id, Some(&headers));
    let response = respond::json(StatusCode::OK, &Body { id: &waitpoint.id, is_cached, url });
    Ok(handout::with_token(response, &app, &completing(&app, &waitpoint.id), Told::Nothing))
}

/// What a token says that may complete this wait token and nothing else, for a day.
pub(crate) fn completing(app: &AppState, waitpoint: &str) -> Claims {
    let scopes = vec![format!("write:waitpoints:{waitpoint}")];
    Claims::new(&app.config.environment_id, scopes, now_seconds(), TOKEN_SECONDS)
}

/// A wait token that nobody has heard of yet.
pub(crate) fn new_waitpoint(timeout_at: Option<u64>) -> Waitpoint {
    Waitpoint {
        id: id::waitpoint(),
        created_at: now_ms(),
        timeout_at,
        key: Key { text: id::idempotency_key(), is_chosen: false, expires_at: None },
        tags: Vec::new(),
        stream: None,
        completion: None,
    }
}

pub(super) fn wanted(app: &AppState, body: &Value) -> Result<Waitpoint, Refusal> {
    let text = |name: &str| match body.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(other) => Err(mismatch("string", other, name)),
    };
    let (key, ttl, timeout) = (text("idempotencyKey")?, text("idempotencyKeyTTL")?, text("timeout")?);
    if key.is_some_and(|key| key.encode_utf16().count() > LONGEST_KEY) {
        let message =
            format!("Validation error: idempotencyKey must be {LONGEST_KEY} characters or less at \"idempotencyKey\"");
        return Err(Refusal::Error(StatusCode::BAD_REQUEST, message));
    }
    let tags = tags(body, "tags")?;
    if tags.len() > MOST_TAGS {
        return Err(too_many_tags("Waitpoints", tags.len()));
    }
    let mut waitpoint = new_waitpoint(timeout.and_then(|text| span::end(text, now_ms())));
    waitpoint.tags = tags;
    if let Some(key) = key.filter(|key| !key.is_empty()) {
        let expires_at = ttl.and_then(|ttl| key_seconds(app, ttl, "without end")).map(until);
        waitpoint.key = Key { text: key.to_owned(), is_chosen: true, expires_at };
    }
    Ok(waitpoint)
}

/// `POST /api/v1/waitpoints/tokens/:waitpoint/complete`
pub(crate) async fn complete(
    State(app): State<AppState>,
    Path(waitpoint): Path<String>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Refusal> {
    let caller = Caller::of(&headers, &app.config)?;
    let body = read_body(&upload.within(COMPLETE_LIMIT)?)?;
    caller.must(&[("write", "waitpoints", &waitpoint)])?;
    complete_with(&app, &waitpoint, body.get("data"))
}

/// `POST /api/v1/waitpoints/tokens/:waitpoint/callback/:hash`. The whole body is the result, `{}` when it is not JSON.
pub(crate) async fn call_back(
    State(app): State<AppState>,
    Path((waitpoint, hash)): Path<(String, String)>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Refusal> {
    if !headers.contains_key(CONTENT_LENGTH) {
        return Err(Refusal::Error(StatusCode::LENGTH_REQUIRED, "Content-Length header is required".to_owned()));
    }
    let bytes = upload.within(COMPLETE_LIMIT)?;
    if app.store.waitpoint(&waitpoint).is_none() {
        return Err(unknown());
    }
    if !callback::is_hash_of(&app, &waitpoint, &hash) {
        return Err(Refusal::Error(StatusCode::UNAUTHORIZED, "Invalid URL, hash doesn't match".to_owned()));
    }
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!({}));
    complete_with(&app, &waitpoint, Some(&body))
}

fn complete_with(app: &AppState, waitpoint: &str, result: Option<&Value>) -> Result<Response, Refusal> {
    // An empty text is nothing, for the original does not tell them apart.
    let output = result.filter(|result| **result != "").map_or(Packet::EMPTY, packet::encode);
    let known = app.store.waitpoint(waitpoint).ok_or_else(unknown)?;
    if known.state() == WaitpointState::Waiting {
        // Under a name of its own, for another completion may still come first, and the first result stays.
        let output = packet::shelve(output, waitpoint, &id::part(), &app.store);
        app.store.complete_waitpoint(waitpoint, output);
        engine::wait_ended(app, waitpoint);
    }
    Ok(respond::json(StatusCode::OK, &json!({ "success": true })))
}

fn unknown() -> Refusal {
    Refusal::Error(StatusCode::NOT_FOUND, "Waitpoint not found".to_owned())
}
