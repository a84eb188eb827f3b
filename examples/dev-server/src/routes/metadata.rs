//! The metadata of a run. Secret key only, not for browsers.

use axum::extract::{Path, State};
use axum::http::header::ALLOW;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::validate::{kind, read_body};
use crate::auth::Caller;
use crate::clock::now_ms;
use crate::metadata::{self, Operation, Unwritten};
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
    Ok(respond::json(StatusCode::OK, &body))
}

/// `PUT` of the same: another document, or operations on the one there is. Answers with the document that comes of it.
pub(crate) async fn write(
    State(app): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    let body = read_body(&upload.within(BODY_LIMIT)?)?;
    let document = match body.get("metadata") {
        None => None,
        Some(Value::Object(document)) => Some(document),
        Some(other) => return Err(invalid(&format!("Expected object, received {}", kind(Some(other))), "metadata")),
    };
    let own = operations(&body, "operations")?;
    let above = [operations(&body, "parentOperations")?, operations(&body, "rootOperations")?];

    let error = |status, message: &str| Refusal::Error(status, message.to_owned());
    let run = app.store.run(&id).ok_or_else(|| error(StatusCode::NOT_FOUND, "Task Run not found"))?;
    if run.finished_at.is_some_and(|end| now_ms().saturating_sub(end) > CHANGEABLE_MS) {
        let message = "Cannot update metadata for a completed run";
        return Err(error(StatusCode::UNPROCESSABLE_ENTITY, message));
    }
    for (operations, relative) in above.iter().zip([&run.parent, &run.root]) {
        if let Some(operations) = operations {
            metadata::update(&app.store, &metadata::relative(&run, relative.as_ref()), operations).map_err(refuse)?;
        }
    }
    let document = match (own, document) {
        (Some(operations), _) => metadata::update(&app.store, &id, &operations).map_err(refuse)?,
        (None, Some(document)) => metadata::replace(&app.store, &id, document).map_err(refuse)?,
        (None, None) => metadata::Document::new(),
    };
    Ok(respond::json(StatusCode::OK, &json!({ "metadata": document })))
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
        Operation::read(operation).map_err(|(problem, at)| invalid(&problem, &format!("{member}[{index}].{at}")))
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
