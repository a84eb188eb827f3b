//! `POST /api/v1/tasks/:task/trigger`

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

use super::options::Options;
use super::validate::kind;
use crate::auth::Caller;
use crate::clock::{now_ms, now_seconds};
use crate::jwt::{self, Claims};
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::{Created, Packet, Replay, Run};
use crate::upload::Upload;
use crate::{id, packet, tasks};

const BODY_LIMIT: usize = 3_145_728;
pub(super) const MOST_TAGS: usize = 10;
const RUN_TOKEN_SECONDS: i64 = 3600;

const TOKEN: HeaderName = HeaderName::from_static("x-trigger-jwt");
const TOKEN_CLAIMS: HeaderName = HeaderName::from_static("x-trigger-jwt-claims");

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
    if options.tags.len() > MOST_TAGS {
        let message = format!("Runs can only have {MOST_TAGS} tags, you're trying to set {}.", options.tags.len());
        return Err(Refusal::Error(StatusCode::UNPROCESSABLE_ENTITY, message));
    }

    let replays = options.replays(&task, &headers);
    let run = new_run(&app, &task, payload_packet(&body)?, options);
    let (run_id, is_cached) = match app.store.create_run(run.clone(), replays, one_time_token(&caller)) {
        Created::Now => {
            tasks::start(&app, &run);
            (run.id, false)
        }
        Created::Before { id, by: Replay::Key { .. } } => (id, true),
        Created::Before { id, by: Replay::Request { .. } } => (id, false),
        Created::TokenUsed => {
            let message = format!("Cannot trigger {task} with a one-time use token as it has already been used.");
            return Err(Refusal::Error(StatusCode::UNPROCESSABLE_ENTITY, message));
        }
    };
    Ok(answer(&app, &caller, &run_id, is_cached))
}

fn answer(app: &AppState, caller: &Caller, run_id: &str, is_cached: bool) -> Response {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        id: &'a str,
        is_cached: bool,
    }
    #[derive(Serialize)]
    struct PublicClaims<'a> {
        sub: &'a str,
        r#pub: bool,
        scopes: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        realtime: Option<&'a Value>,
    }
    let scopes = vec![format!("read:runs:{run_id}"), format!("write:inputStreams:{run_id}")];
    let mut claims = Claims::new(&app.config.environment_id, scopes, now_seconds(), RUN_TOKEN_SECONDS);
    if let Caller::Frontend { claims: own, .. } = caller {
        claims.realtime.clone_from(&own.realtime);
    }
    let public = PublicClaims {
        sub: &app.config.environment_id,
        r#pub: true,
        scopes: &claims.scopes,
        realtime: claims.realtime.as_ref(),
    };
    let public = serde_json::to_string(&public).unwrap_or_default();
    let mut response = respond::json(StatusCode::OK, &Body { id: run_id, is_cached });
    for (name, value) in [(TOKEN, jwt::sign(&claims, &app.config.secret_key)), (TOKEN_CLAIMS, public)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn new_run(app: &AppState, task: &str, payload: Packet, options: Options) -> Run {
    let now = now_ms();
    let mut run = Run::new(id::run(), task, now);
    run.payload = packet::shelve(payload, &run.id, "payload", &app.store);
    run.tags = options.tags;
    run.ttl = options.ttl;
    run.is_test = options.is_test;
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

fn one_time_token(caller: &Caller) -> Option<[u8; 32]> {
    match caller {
        Caller::Frontend { claims, token, .. } if claims.one_time == Some(true) => Some(jwt::fingerprint(token)),
        Caller::Frontend { .. } | Caller::Backend => None,
    }
}

/// A body of JSON that is truthy in JavaScript, and an object.
pub(super) fn read_body(bytes: &[u8]) -> Result<Value, Refusal> {
    let bad = |message: String| Refusal::Error(StatusCode::BAD_REQUEST, message);
    if bytes.is_empty() {
        return Err(bad("Request body is empty".to_owned()));
    }
    let body: Value = serde_json::from_slice(bytes).map_err(|_| bad("Invalid JSON".to_owned()))?;
    let falsy = [Value::Null, Value::Bool(false), Value::from(0), Value::from("")];
    if falsy.contains(&body) || body.as_f64() == Some(0.0) {
        return Err(bad("Invalid JSON".to_owned()));
    }
    if body.is_object() {
        Ok(body)
    } else {
        Err(bad(format!("Validation error: Expected object, received {}", kind(Some(&body)))))
    }
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
