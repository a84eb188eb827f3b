//! What an execution of a run came to.

use std::num::NonZeroU32;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{read, stale};
use crate::auth::Caller;
use crate::clock::iso;
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::{AttemptEnd, Packet};
use crate::upload::LongUpload;
use crate::{engine, packet};

/// The largest output, in bytes.
const LARGEST_OUTPUT: usize = 10 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Completion {
    execution: NonZeroU32,
    output: Option<String>,
    output_type: Option<String>,
    #[serde(default)]
    usage_ms: u64,
}

/// `POST /engine/v1/runs/:run/complete` `{"execution", "output"?, "outputType"?, "usageMs"?}`. 410 when the execution
/// does not count.
pub(crate) async fn complete(
    State(app): State<AppState>,
    Path(run): Path<String>,
    headers: HeaderMap,
    LongUpload(bytes): LongUpload,
) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    let Completion { execution, output, output_type, usage_ms } = read(&bytes, "completion")?;
    if output.as_ref().is_some_and(|output| output.len() > LARGEST_OUTPUT) {
        return Err(Refusal::BodyTooLarge);
    }
    if !app.store.run(&run).ok_or(Refusal::NoResource)?.is_held_by(execution.get()) {
        return Err(stale());
    }
    let kind = output_type.unwrap_or_else(|| Packet::JSON.to_owned());
    let packet = output.map_or(Packet::EMPTY, |output| Packet::new(output, kind));
    let output = packet::shelve(packet, &run, "output", &app.store);
    answer(engine::complete(&app, &run, execution.get(), output, usage_ms))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failing {
    execution: NonZeroU32,
    error: Value,
    #[serde(default)]
    is_final: bool,
    #[serde(default)]
    usage_ms: u64,
}

/// `POST /engine/v1/runs/:run/fail` `{"execution", "error", "isFinal"?, "usageMs"?}`, the error as on the wire. Tells
/// when the next attempt begins, if there is one. 410 when the execution does not count.
pub(crate) async fn fail(
    State(app): State<AppState>,
    Path(run): Path<String>,
    headers: HeaderMap,
    LongUpload(bytes): LongUpload,
) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    let Failing { execution, error, is_final, usage_ms } = read(&bytes, "failure")?;
    if app.store.run(&run).is_none() {
        return Err(Refusal::NoResource);
    }
    answer(engine::fail(&app, &run, execution.get(), error, is_final, usage_ms))
}

fn answer(end: AttemptEnd) -> Result<Response, Refusal> {
    match end {
        AttemptEnd::Stale => Err(stale()),
        AttemptEnd::Ended => Ok(respond::json(StatusCode::OK, &json!({ "ok": true }))),
        AttemptEnd::Again { at } => Ok(respond::json(StatusCode::OK, &json!({ "ok": true, "retryAt": iso(at) }))),
    }
}
