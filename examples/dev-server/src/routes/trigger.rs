//! `POST /api/v1/tasks/:task/trigger`

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

use super::handout::{self, Told};
use super::options::Options;
use super::validate::read_body;
use crate::auth::Caller;
use crate::clock::{now_ms, now_seconds};
use crate::jwt::Claims;
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::{Created, Replay, Run, Status};
use crate::upload::Upload;
use crate::{id, tasks};

const BODY_LIMIT: usize = 3_145_728;
const MOST_TAGS: usize = 10;
const RUN_TOKEN_SECONDS: i64 = 3600;

pub(crate) async fn trigger(
    State(app): State<AppState>,
    Path(task): Path<String>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Refusal> {
    let caller = Caller::of(&headers, &app.config)?;
    let body = read_body(&upload.within(BODY_LIMIT)?)?;
    let options = Options::read(&body, &headers)?;
    // A token that may write a task may trigger it: recorded, though the documents ask for `trigger`.
    caller.must(&[("trigger", "tasks", &task), ("write", "tasks", &task)])?;
    let token = caller.one_time_token();
    let replays = options.replays(&task, &headers, token);
    let run = prepare(&task, &body, options)?;
    match begin(&app, run, replays, token) {
        Begun::Run { id, is_cached } => Ok(answer(&app, &caller, &id, is_cached)),
        Begun::TokenUsed => {
            let message = format!("Cannot trigger {task} with a one-time use token as it has already been used.");
            Err(Refusal::Error(StatusCode::UNPROCESSABLE_ENTITY, message))
        }
    }
}

/// The run that a body asks for. It does not exist until it is begun.
pub(super) fn prepare(task: &str, body: &Value, options: Options) -> Result<Run, Refusal> {
    if options.tags.len() > MOST_TAGS {
        let message = format!("Runs can only have {MOST_TAGS} tags, you're trying to set {}.", options.tags.len());
        return Err(Refusal::Error(StatusCode::UNPROCESSABLE_ENTITY, message));
    }
    Ok(new_run(task, decode_payload(body)?, options))
}

pub(super) enum Begun {
    /// The new run, or the earlier one that this trigger repeats.
    Run {
        id: String,
        is_cached: bool,
    },
    TokenUsed,
}

/// Keeps the run and starts its task, unless this is a repeat.
pub(super) fn begin(app: &AppState, run: Run, replays: Vec<(Replay, u64)>, token: Option<[u8; 32]>) -> Begun {
    match app.store.create_run(run.clone(), replays, token) {
        Created::Now => {
            tasks::start(app, &run);
            Begun::Run { id: run.id, is_cached: false }
        }
        Created::Before { id, by } => Begun::Run { id, is_cached: matches!(by, Replay::Key { .. }) },
        Created::TokenUsed => Begun::TokenUsed,
    }
}

fn answer(app: &AppState, caller: &Caller, run_id: &str, is_cached: bool) -> Response {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        id: &'a str,
        is_cached: bool,
    }
    let scopes = vec![format!("read:runs:{run_id}"), format!("write:inputStreams:{run_id}")];
    let mut claims = Claims::new(&app.config.environment_id, scopes, now_seconds(), RUN_TOKEN_SECONDS);
    if let Caller::Frontend { claims: own, .. } = caller {
        claims.realtime.clone_from(&own.realtime);
    }
    let response = respond::json(StatusCode::OK, &Body { id: run_id, is_cached });
    handout::with_token(response, app, &claims, Told::Scopes)
}

fn new_run(task: &str, payload: Value, options: Options) -> Run {
    let now = now_ms();
    Run {
        id: id::run(),
        task: task.to_owned(),
        status: Status::Queued,
        created_at: now,
        updated_at: now,
        started_at: None,
        finished_at: None,
        tags: options.tags,
        ttl: options.ttl,
        is_test: options.is_test,
        idempotency_key: options.idempotency_key,
        payload,
        output: None,
        error: None,
        streams: Vec::new(),
        batch: None,
    }
}

/// The value that the task gets: super-JSON and text arrive as strings, everything else as it is.
fn decode_payload(body: &Value) -> Result<Value, Refusal> {
    let payload = &body["payload"];
    match (payload, body["options"]["payloadType"].as_str()) {
        (Value::String(packet), Some("application/super+json")) => {
            let mut packet: Value = serde_json::from_str(packet).map_err(|_| {
                let message = "The payload says application/super+json and is not JSON".to_owned();
                Refusal::Error(StatusCode::UNPROCESSABLE_ENTITY, message)
            })?;
            Ok(packet["json"].take())
        }
        (Value::String(packet), Some("application/json")) => {
            Ok(serde_json::from_str(packet).unwrap_or_else(|_| payload.clone()))
        }
        _ => Ok(payload.clone()),
    }
}
