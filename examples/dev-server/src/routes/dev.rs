//! `/dev/…`: the switches for faults, the log of requests, and the worker's part in a run. Secret key only.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::json;

use crate::auth::Caller;
use crate::engine;
use crate::faults::Rule;
use crate::packet;
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::{Packet, Report};
use crate::upload::Upload;

const BODY_LIMIT: usize = 1_048_576;

/// `GET /dev/faults`
pub(crate) async fn faults(State(app): State<AppState>, headers: HeaderMap) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    Ok(respond::json(StatusCode::OK, &*app.faults.rules()))
}

/// `PUT /dev/faults`
pub(crate) async fn set_faults(
    State(app): State<AppState>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    let refuse =
        |problem: String| Refusal::Error(StatusCode::BAD_REQUEST, format!("These are no fault rules: {problem}"));
    let body = upload.within(BODY_LIMIT)?;
    let rules: Vec<Rule> = serde_json::from_slice(&body).map_err(|error| refuse(error.to_string()))?;
    if let Some(problem) = rules.iter().find_map(Rule::problem) {
        return Err(refuse(problem));
    }
    let mut current = app.faults.rules();
    *current = rules;
    Ok(respond::json(StatusCode::OK, &*current))
}

/// `DELETE /dev/faults`
pub(crate) async fn clear_faults(State(app): State<AppState>, headers: HeaderMap) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    app.faults.rules().clear();
    Ok(respond::json(StatusCode::OK, &json!([])))
}

/// `GET /dev/requests?path=…`, the path as it stands in requests.
pub(crate) async fn requests(State(app): State<AppState>, headers: HeaderMap, uri: Uri) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    let prefix = uri.query().and_then(|query| query.strip_prefix("path=")).unwrap_or_default();
    let requests = app.faults.requests();
    let body = json!({ "forgotten": requests.forgotten(), "requests": requests.under(prefix) });
    Ok(respond::json(StatusCode::OK, &body))
}

/// `PUT /dev/runs/:run`: what a worker elsewhere would report of a run, as far as it is given: `status` (the database's
/// name; the times follow from it), `output` and `outputType`, `metadata` and `metadataType` (texts), `error`, `tags`,
/// `streams`, `usageDurationMs`.
pub(crate) async fn report(
    State(app): State<AppState>,
    Path(run): Path<String>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    let refuse = |problem| Refusal::Error(StatusCode::BAD_REQUEST, format!("This is no report of a run: {problem}"));
    let mut report: Report = serde_json::from_slice(&upload.within(BODY_LIMIT)?).map_err(refuse)?;
    if let Some(output) = report.output.take() {
        let kind = report.output_type.take().unwrap_or_else(|| Packet::SUPER_JSON.to_owned());
        let packet = packet::shelve(Packet::new(output, kind), &run, "output", &app.store);
        report.output = packet.data.map(|data| data.to_string());
        report.output_type = Some(packet.kind.into_owned());
    }
    if app.store.report_run(&run, report) {
        if app.store.run(&run).is_some_and(|run| run.is_over()) {
            engine::ended(&app, &run);
        }
        Ok(respond::json(StatusCode::OK, &json!({ "id": run })))
    } else {
        Err(Refusal::NoResource)
    }
}
