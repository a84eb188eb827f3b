//! The metadata of a run. Secret key only, not for browsers.

use axum::extract::{Path, State};
use axum::http::header::ALLOW;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::engine;
use super::options::REQUEST_KEY;
use super::validate::{kind, read_body};
use crate::auth::Caller;
use crate::clock::now_ms;
use crate::metadata::{self, Json, Operation, Unwritten};
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::upload::Upload;

const BODY_LIMIT: usize = 2_097_152;
/// So long after its end a run's metadata may still be changed.
const CHANGEABLE_MS: u64 = 3_600_000;

/// `GET /api/v1/runs/:run/metadata`: the document as a text.
pub(crate) async fn read(
    State(app): State<AppState>,
    Path(run): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let error = |status, message: &str| Refusal::Error(status, message.to_owned());
    // In words of its own: this route is older than the others.
    Caller::backend(&headers, &app.config)
        .map_err(|_| error(StatusCode::UNAUTHORIZED, "Invalid or Missing API Key"))?;
    let run = app.store.run(&run).ok_or_else(|| error(StatusCode::NOT_FOUND, "Run not found"))?;
    let body = json!({ "metadata": run.metadata.data.as_deref(), "metadataType": run.metadata.kind });
    Ok(announced(&app, respond::json(StatusCode::OK, &body)))
}

/// `PUT` of the same: another document, or operations on the one there is, and on those of the runs above. All of it is
/// done, or nothing; under a key once, and by an execution of the run only while that counts. Answers with the document
/// that comes of it.
pub(crate) async fn write(
    State(app): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    upload: Upload,
) -> Response {
    let response = match try_write(&app, &id, &headers, upload) {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    };
    announced(&app, response)
}

fn try_write(app: &AppState, id: &str, headers: &HeaderMap, upload: Upload) -> Result<Response, Refusal> {
    Caller::backend(headers, &app.config)?;
    let execution = engine::execution(headers)?;
    let body = read_body(&upload.within(BODY_LIMIT)?)?;
    let replacement = match body.get("metadata") {
        None => None,
        Some(Value::Object(document)) => Some(document),
        Some(other) => return Err(invalid(&format!("Expected object, received {}", kind(Some(other))), "metadata")),
    };
    let own = operations(&body, "operations")?;
    let has_document = own.is_some() || replacement.is_some();
    let replacement = replacement.filter(|_| own.is_none()).map(|document| Value::Object(document.clone()));
    let document = match replacement.map(|document| metadata::json(&document)) {
        Some(Json::Object(document)) => Some(document),
        Some(_) => return Err(invalid("Nested too deep", "metadata")),
        None => None,
    };
    let (parent, root) = (operations(&body, "parentOperations")?, operations(&body, "rootOperations")?);
    let change = metadata::Change {
        own: own.unwrap_or_default(),
        document,
        parent: parent.unwrap_or_default(),
        root: root.unwrap_or_default(),
        execution,
    };

    let error = |status, message: &str| Refusal::Error(status, message.to_owned());
    let run = app.store.run(id).ok_or_else(|| error(StatusCode::NOT_FOUND, "Task Run not found"))?;
    let key = headers.get(REQUEST_KEY).filter(|_| app.config.idempotent_sends).and_then(|key| key.to_str().ok());
    let is_closed = run.finished_at.is_some_and(|end| now_ms().saturating_sub(end) > CHANGEABLE_MS);
    if is_closed && !key.is_some_and(|key| app.store.has_written_metadata(id, key)) {
        let message = "Cannot update metadata for a completed run";
        return Err(error(StatusCode::UNPROCESSABLE_ENTITY, message));
    }
    let document = metadata::write(&app.store, id, &change, key).map_err(refuse)?;
    // As it is: a number of JavaScript's is not read and written again.
    let document = if has_document { document.text() } else { "{}".to_owned() };
    let document = RawValue::from_string(document).map_err(|_| Refusal::NotFound { retry: false })?;
    Ok(respond::json(StatusCode::OK, &Written { metadata: document }))
}

#[derive(Serialize)]
struct Written {
    metadata: Box<RawValue>,
}

/// Says that a change under the same key is made once.
fn announced(app: &AppState, mut response: Response) -> Response {
    if app.config.idempotent_sends {
        response.headers_mut().insert(respond::IDEMPOTENT, HeaderValue::from_static("1"));
    }
    response
}

/// Any other verb on the same.
pub(crate) async fn wrong_method() -> Response {
    let mut response = Refusal::WrongMethod.into_response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("PUT"));
    response
}

fn operations(body: &Value, member: &str) -> Result<Option<Vec<Operation>>, Refusal> {
    let list = match body.get(member) {
        None => return Ok(None),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(invalid(&format!("Expected array, received {}", kind(Some(other))), member)),
    };
    let read = |(index, operation): (usize, &Value)| {
        metadata::operation(operation).map_err(|(problem, at)| invalid(&problem, &format!("{member}[{index}].{at}")))
    };
    list.iter().enumerate().map(read).collect::<Result<_, _>>().map(Some)
}

fn invalid(problem: &str, path: &str) -> Refusal {
    Refusal::Error(StatusCode::BAD_REQUEST, format!("Validation error: {problem} at \"{path}\""))
}

fn refuse(unwritten: Unwritten) -> Refusal {
    let (status, message) = match unwritten {
        Unwritten::UnknownRun => (StatusCode::NOT_FOUND, "Task Run not found".to_owned()),
        Unwritten::TooLarge => return too_large(),
        Unwritten::Stale => return engine::stale(),
        Unwritten::Contended => {
            (StatusCode::SERVICE_UNAVAILABLE, "Metadata write contention; retry shortly".to_owned())
        }
    };
    Refusal::Error(status, message)
}

pub(super) fn too_large() -> Refusal {
    let message = format!("Metadata exceeds maximum size of {} bytes", metadata::LIMIT);
    Refusal::Error(StatusCode::PAYLOAD_TOO_LARGE, message)
}
