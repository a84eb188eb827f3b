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
    claims.one_time = (body["oneTimeUse"] == true).then_some(true);
    claims.realtime = body.get("realtime").filter(|realtime| realtime.is_object()).cloned();
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
        let received = kind(body.get("scopes"));
        let message = if received == "undefined" {
            "Required".to_owned()
        } else {
            format!("Expected array, received {received}")
        };
        let issue = json!({ "code": "invalid_type", "expected": "array", "received": received, "path": ["scopes"], "message": message });
        return Err(invalid_body(Some(issue)));
    };
    if scopes.is_empty() {
        return Err(invalid_body(Some(json!({
            "code": "too_small", "minimum": 1, "type": "array", "inclusive": true, "exact": false,
            "message": "Array must contain at least 1 element(s)", "path": ["scopes"],
        }))));
    }
    let text = |(index, scope): (usize, &Value)| {
        scope.as_str().map(str::to_owned).ok_or_else(|| {
            let received = kind(Some(scope));
            let message = format!("Expected string, received {received}");
            invalid_body(Some(json!({
                "code": "invalid_type", "expected": "string", "received": received, "path": ["scopes", index], "message": message,
            })))
        })
    };
    scopes.iter().enumerate().map(text).collect()
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
