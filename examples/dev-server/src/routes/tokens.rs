//! Minting public access tokens. Secret key only.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::validate::kind;
use crate::auth::Caller;
use crate::clock::now_seconds;
use crate::jwt::{self, Claims};
use crate::respond::{self, Refusal};
use crate::span;
use crate::state::AppState;
use crate::upload::Upload;

const BODY_LIMIT: usize = 1_048_576;
const LONGEST_SECONDS: i64 = 30 * 86_400;

/// `POST /api/v1/auth/public-tokens`
pub(crate) async fn mint(State(app): State<AppState>, headers: HeaderMap, upload: Upload) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    let body: Value = serde_json::from_slice(&upload.within(BODY_LIMIT)?).map_err(|_| invalid_body(None))?;
    let scopes = scopes_of(&body)?;
    let seconds = lifetime(&body["expirationTime"], 15 * 60)?;
    refuse_malformed(&scopes)?;

    let mut claims = Claims::new(&app.config.environment_id, scopes, now_seconds(), seconds);
    claims.one_time = one_time(&body)?.then_some(true);
    claims.realtime = realtime(&body)?;
    Ok(respond::json(StatusCode::OK, &json!({ "token": jwt::sign(&claims, &app.config.secret_key) })))
}

/// `POST /api/v1/auth/jwt`, the older way to the same.
pub(crate) async fn mint_legacy(
    State(app): State<AppState>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    let body: Value = serde_json::from_slice(&upload.within(BODY_LIMIT)?).map_err(|_| invalid_body(None))?;
    let scopes = body["claims"]["scopes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let scopes = scopes.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let seconds = lifetime(&body["expirationTime"], 3600)?;
    let claims = Claims::new(&app.config.environment_id, scopes, now_seconds(), seconds);
    Ok(respond::json(StatusCode::OK, &json!({ "token": jwt::sign(&claims, &app.config.secret_key) })))
}

/// `POST /api/v1/auth/jwt/claims`: what a backend needs to sign a token itself.
pub(crate) async fn claims(State(app): State<AppState>, headers: HeaderMap) -> Result<Response, Refusal> {
    #[derive(serde::Serialize)]
    struct Answer<'a> {
        sub: &'a str,
        r#pub: bool,
    }
    Caller::backend(&headers, &app.config)?;
    Ok(respond::json(StatusCode::OK, &Answer { sub: &app.config.environment_id, r#pub: true }))
}

fn scopes_of(body: &Value) -> Result<Vec<String>, Refusal> {
    let Some(scopes) = body["scopes"].as_array() else {
        return Err(wrong_type("array", body.get("scopes"), json!(["scopes"])));
    };
    if scopes.is_empty() {
        return Err(invalid_body(Some(json!({
            "code": "too_small", "minimum": 1, "type": "array", "inclusive": true, "exact": false,
            "message": "Array must contain at least 1 element(s)", "path": ["scopes"],
        }))));
    }
    texts(scopes, &["scopes"])
}

fn one_time(body: &Value) -> Result<bool, Refusal> {
    match body.get("oneTimeUse") {
        None => Ok(false),
        Some(Value::Bool(once)) => Ok(*once),
        Some(other) => Err(wrong_type("boolean", Some(other), json!(["oneTimeUse"]))),
    }
}

/// What run subscriptions with the token leave out: `{"skipColumns": [string]}`.
fn realtime(body: &Value) -> Result<Option<Value>, Refusal> {
    let Some(realtime) = body.get("realtime") else { return Ok(None) };
    if !realtime.is_object() {
        return Err(wrong_type("object", Some(realtime), json!(["realtime"])));
    }
    match realtime.get("skipColumns") {
        None => Ok(Some(json!({}))),
        Some(Value::Array(columns)) => {
            Ok(Some(json!({ "skipColumns": texts(columns, &["realtime", "skipColumns"])? })))
        }
        Some(other) => Err(wrong_type("array", Some(other), json!(["realtime", "skipColumns"]))),
    }
}

fn texts(items: &[Value], path: &[&str]) -> Result<Vec<String>, Refusal> {
    let text = |(index, item): (usize, &Value)| {
        let path = || path.iter().map(|part| json!(part)).chain([json!(index)]).collect();
        item.as_str().map(str::to_owned).ok_or_else(|| wrong_type("string", Some(item), path()))
    };
    items.iter().enumerate().map(text).collect()
}

fn wrong_type(expected: &str, value: Option<&Value>, path: Value) -> Refusal {
    let received = kind(value);
    let message =
        if value.is_none() { "Required".to_owned() } else { format!("Expected {expected}, received {received}") };
    invalid_body(Some(json!({
        "code": "invalid_type", "expected": expected, "received": received, "path": path, "message": message,
    })))
}

/// Seconds from now: a text is a span, a number is a time in seconds since the epoch.
fn lifetime(expiration: &Value, default: i64) -> Result<i64, Refusal> {
    let bad = |message: &str| Refusal::Error(StatusCode::BAD_REQUEST, message.to_owned());
    let seconds = match expiration {
        Value::Null => return Ok(default),
        Value::String(text) => span::seconds(text),
        Value::Number(time) => time.as_f64().map(|time| (time as i64).saturating_sub(now_seconds())),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Err(invalid_body(None)),
    };
    match seconds {
        None => Err(bad("Invalid expiration time")),
        Some(..=0) => Err(bad("Expiration time must be in the future")),
        Some(seconds) if seconds > LONGEST_SECONDS => Err(bad("Expiration time cannot exceed 30 days")),
        Some(seconds) => Ok(seconds),
    }
}

/// A bare action grants nothing, except `admin`: a token made of it would only look like one.
fn refuse_malformed(scopes: &[String]) -> Result<(), Refusal> {
    let denied: Vec<&String> = scopes.iter().filter(|scope| !scope.contains(':') && *scope != "admin").collect();
    if denied.is_empty() {
        return Ok(());
    }
    Err(Refusal::Json(
        StatusCode::FORBIDDEN,
        json!({
            "error": "Requested scopes exceed the API key's access", "code": "scopes_exceed_key_access", "deniedScopes": denied,
        }),
    ))
}

fn invalid_body(issue: Option<Value>) -> Refusal {
    let body = match issue {
        Some(issue) => json!({ "error": "Invalid request body", "issues": [issue] }),
        None => json!({ "error": "Invalid request body" }),
    };
    Refusal::Json(StatusCode::BAD_REQUEST, body)
}
