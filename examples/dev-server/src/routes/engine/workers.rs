//! Workers: connected, then polling, then gone. See [`crate::engine`].

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::read;
use crate::auth::Caller;
use crate::clock::ms;
use crate::engine::{self, Claim, Poll, TaskOffer};
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::upload::LongUpload;

/// Of what is spoken here. A worker that knows another one says so.
const PROTOCOL: u32 = 1;

#[derive(Deserialize)]
struct Connect {
    worker: String,
    protocol: u32,
    tasks: Vec<TaskOffer>,
    concurrency: usize,
    #[serde(default)]
    runs: Vec<Claim>,
}

/// `POST /engine/v1/worker/connect` `{"worker", "protocol": 1, "tasks": [{"id", "retry"?}], "concurrency", "runs":
/// [{"id", "execution", "waits"}]}`: a worker says what it serves and what it holds. The answer says which of that it
/// still holds, and how often to poll.
pub(crate) async fn connect(
    State(app): State<AppState>,
    headers: HeaderMap,
    LongUpload(bytes): LongUpload,
) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    let body: Connect = read(&bytes, "worker")?;
    if body.protocol != PROTOCOL {
        let message = format!(
            "This server speaks version {PROTOCOL} of the protocol for workers, and not {}: use server and package of one version",
            body.protocol
        );
        return Err(Refusal::Error(StatusCode::UNPROCESSABLE_ENTITY, message));
    }
    let connected = engine::connect(&app, &body.worker, body.tasks, body.concurrency, &body.runs);
    let silence = app.config.worker_silence;
    let answer = json!({
        "session": connected.session,
        "runs": connected.runs,
        "silenceMs": ms(silence),
        "holdMs": ms(silence / 3),
    });
    Ok(respond::json(StatusCode::OK, &answer))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ask {
    worker: String,
    session: String,
    #[serde(default)]
    seen: u64,
    #[serde(default)]
    is_leaving: bool,
}

/// `POST /engine/v1/worker/poll` `{"worker", "session", "seen", "isLeaving"?}`: held until there are orders with a
/// number above `seen`, for `holdMs` at most. 410 when the worker has to connect again.
pub(crate) async fn poll(
    State(app): State<AppState>,
    headers: HeaderMap,
    LongUpload(bytes): LongUpload,
) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    let Ask { worker, session, seen, is_leaving } = read(&bytes, "poll")?;
    let poll = Poll { worker: &worker, session: &session, seen, is_leaving };
    match engine::poll(&app, poll, app.config.worker_silence / 3).await {
        Ok(orders) => Ok(respond::json(StatusCode::OK, &json!({ "orders": orders }))),
        Err(engine::Unknown) => {
            let message = "This server does not know the worker, or not any more: connect again";
            Err(Refusal::Error(StatusCode::GONE, message.to_owned()))
        }
    }
}

/// `POST /engine/v1/worker/leave` `{"worker", "session"}`: gives back whatever it holds.
pub(crate) async fn leave(
    State(app): State<AppState>,
    headers: HeaderMap,
    LongUpload(bytes): LongUpload,
) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    let Ask { worker, session, .. } = read(&bytes, "goodbye")?;
    engine::leave(&app, &worker, &session);
    Ok(respond::json(StatusCode::OK, &json!({ "ok": true })))
}
