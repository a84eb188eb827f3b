//! `POST /api/v1/tasks/:task/trigger`

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

use super::handout::{self, Told};
use super::options::{MOST_TAGS, Options, too_many_tags};
use super::validate::read_body;
use crate::auth::Caller;
use crate::clock::{now_ms, now_seconds};
use crate::jwt::Claims;
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::{Created, Packet, Replay, Run};
use crate::upload::Upload;
use crate::{id, packet, tasks};

const BODY_LIMIT: usize = 3_145_728;
const RUN_TOKEN_SECONDS: i64 = 3600;

pub(crate) async fn trigger(
    State(app): State<AppState>,
    Path(task): Path<String>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Refusal> {
    let caller = Caller::of(&headers, &app.config)?;
    let body = read_body(&upload.within(BODY_LIMIT)?)?;
    let options = Options::read(&app, &body, &headers)?;
    // A token that may write a task may trigger it: recorded, though the documents ask for `trigger`.
    caller.must(&[("trigger", "tasks", &task), ("write", "tasks", &task)])?;
    let token = caller.one_time_token();
    let replays = options.replays(&task, &headers, token);
    let run = prepare(&app, &task, &body, options, None)?;
    match begin(&app, run, replays, token) {
        Begun::Run { id, is_cached } => Ok(answer(&app, &caller, &id, is_cached)),
        Begun::TokenUsed => {
            let message = format!("Cannot trigger {task} with a one-time use token as it has already been used.");
            Err(Refusal::Error(StatusCode::UNPROCESSABLE_ENTITY, message))
        }
    }
}

/// The run that a body asks for, of this batch if any. It does not exist until it is begun.
pub(super) fn prepare(
    app: &AppState,
    task: &str,
    body: &Value,
    options: Options,
    batch: Option<&str>,
) -> Result<Run, Refusal> {
    if options.tags.len() > MOST_TAGS {
        return Err(too_many_tags("Runs", options.tags.len()));
    }
    let mut run = new_run(app, task, payload_packet(body)?, options);
    run.batch = batch.map(str::to_owned);
    Ok(run)
}

enum Begun {
    /// The new run, or the earlier one that this trigger repeats.
    Run {
        id: String,
        is_cached: bool,
    },
    TokenUsed,
}

/// Keeps the run and starts its task, unless this is a repeat.
fn begin(app: &AppState, run: Run, replays: Vec<(Replay, u64)>, token: Option<[u8; 32]>) -> Begun {
    match app.store.create_run(run.clone(), replays, token) {
        Created::Now => {
            tasks::start(app, &run);
            Begun::Run { id: run.id, is_cached: false }
        }
        Created::Before { id, by } => Begun::Run { id, is_cached: matches!(by, Replay::Key { .. }) },
        Created::TokenUsed => Begun::TokenUsed,
    }
}

/// Keeps the run as the item of its batch with this index and starts its task, unless it repeats an earlier trigger.
pub(super) fn begin_item(app: &AppState, run: Run, index: u64, replays: Vec<(Replay, u64)>) {
    if matches!(app.store.create_item_run(run.clone(), index, replays), Created::Now) {
        tasks::start(app, &run);
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

fn new_run(app: &AppState, task: &str, payload: Packet, options: Options) -> Run {
    let now = now_ms();
    let mut run = Run::new(id::run(), task, now);
    run.payload = packet::shelve(payload, &run.id, "payload", &app.store);
    run.tags = options.tags;
    run.ttl = options.ttl;
    run.is_test = options.is_test;
    (run.max_attempts, run.max_duration) = (options.max_attempts, options.max_duration);
    run.idempotency_key = options.idempotency_key;
    if let Some(metadata) = options.metadata {
        (run.metadata, run.metadata_version) = (metadata, 1);
    }
    if let Some(parent) = options.parent.and_then(|parent| app.store.run(&parent)) {
        run.depth = parent.depth + 1;
        run.root = Some(parent.root.unwrap_or_else(|| parent.id.clone()));
        run.parent = Some(parent.id);
    }
    if let Some(until) = options.delay_until.filter(|until| *until > now) {
        run.delay(until);
    }
    run
}

/// The payload as it is kept: with a type other than JSON it is a text already.
fn payload_packet(body: &Value) -> Result<Packet, Refusal> {
    let refuse = |message: &str| Refusal::Error(StatusCode::UNPROCESSABLE_ENTITY, message.to_owned());
    let kind = body["options"]["payloadType"].as_str().unwrap_or(Packet::JSON);
    match (body.get("payload"), kind) {
        (None, _) => Ok(Packet { kind: kind.to_owned().into(), ..Packet::EMPTY }),
        (Some(Value::String(text)), Packet::SUPER_JSON) => {
            let packet: Option<Value> = serde_json::from_str(text).ok();
            if packet.is_none_or(|packet| !packet.is_object()) {
                return Err(refuse("The payload says application/super+json and is not JSON"));
            }
            Ok(Packet::new(text.as_str(), Packet::SUPER_JSON))
        }
        (Some(Value::String(path)), Packet::STORE) if path.is_empty() => {
            Err(refuse("The payload says application/store and names no path"))
        }
        // Some clients say the default and send what they wrote down.
        (Some(Value::String(text)), Packet::JSON)
            if body["options"]["payloadType"].is_string() && serde_json::from_str::<Value>(text).is_ok() =>
        {
            Ok(Packet::new(text.as_str(), Packet::JSON))
        }
        (Some(payload), Packet::JSON) => Ok(Packet::new(payload.to_string(), Packet::JSON)),
        (Some(Value::String(text)), _) => Ok(Packet::new(text.as_str(), kind.to_owned())),
        (Some(payload), _) => Ok(Packet::new(payload.to_string(), Packet::JSON)),
    }
}
