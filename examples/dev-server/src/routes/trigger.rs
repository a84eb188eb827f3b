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
use crate::store::{Created, Replay, Run, Status};
use crate::upload::Upload;
use crate::{id, tasks};

const BODY_LIMIT: usize = 3_145_728;
const MOST_TAGS: usize = 10;
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
    let run = new_run(&task, decode_payload(&body)?, options);
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
    }
}

fn one_time_token(caller: &Caller) -> Option<[u8; 32]> {
    match caller {
        Caller::Frontend { claims, token, .. } if claims.one_time == Some(true) => Some(jwt::fingerprint(token)),
        Caller::Frontend { .. } | Caller::Backend => None,
    }
}

/// A body of JSON that is truthy in JavaScript, and an object.
fn read_body(bytes: &[u8]) -> Result<Value, Refusal> {
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
