//! Answers: JSON as the original spells it, and every refusal it knows.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::clock::whole_seconds;

/// `x-should-retry`: whether a client may expect another answer soon.
pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Tells a client that repeating a send with the same request key is harmless here. Not so on the original.
pub(crate) const IDEMPOTENT: HeaderName = HeaderName::from_static("x-tidegate-idempotent");

pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let text = serde_json::to_string(body).unwrap_or_default();
    with_type(status, "application/json; charset=utf-8", text)
}

pub(crate) fn text(status: StatusCode, body: impl Into<Body>) -> Response {
    with_type(status, "text/plain;charset=UTF-8", body)
}

pub(crate) fn with_type(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    (status, [(CONTENT_TYPE, HeaderValue::from_static(content_type))], body.into()).into_response()
}

/// Why a request is not carried out. Each prints as the original's status and body.
#[derive(Debug)]
pub(crate) enum Refusal {
    NoKey,
    BadKey,
    BadToken,
    TokenOfNoEnvironment,
    MissingScope,
    /// A loader route found nothing; `retry` as in `x-should-retry`.
    NotFound {
        retry: bool,
    },
    /// An action route found nothing.
    NoResource,
    WrongMethod,
    BodyTooLarge,
    /// `{"error": …}` with any status.
    Error(StatusCode, String),
    /// `{"ok":false,"error": …}`, as the stream routes say it.
    NotOk(StatusCode, String),
    /// Plain text.
    Text(StatusCode, String),
    /// The log service behind this server fails; `retry` as in `x-should-retry`, and `after` as in `retry-after`.
    LogService {
        status: StatusCode,
        message: String,
        retry: bool,
        after: Duration,
    },
    /// Any other JSON.
    Json(StatusCode, serde_json::Value),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = |status, text: &str| json(status, &json!({ "error": text }));
        match self {
            Self::NoKey => error(StatusCode::UNAUTHORIZED, "Invalid or Missing API key"),
            Self::BadKey => error(StatusCode::UNAUTHORIZED, "Invalid API key"),
            Self::BadToken => error(StatusCode::UNAUTHORIZED, "Public Access Token is invalid"),
            Self::TokenOfNoEnvironment => error(StatusCode::UNAUTHORIZED, "Invalid Public Access Token"),
            Self::MissingScope => json(StatusCode::FORBIDDEN, &Forbidden::BODY),
            Self::NotFound { retry } => with_retry(error(StatusCode::NOT_FOUND, "Not found"), retry),
            Self::NoResource => error(StatusCode::NOT_FOUND, "Resource not found"),
            Self::WrongMethod => {
                let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
                response
            }
            Self::BodyTooLarge => error(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large"),
            Self::Error(status, message) => error(status, &message),
            Self::NotOk(status, message) => json(status, &NotOk { ok: false, error: &message }),
            Self::Text(status, message) => text(status, message),
            Self::LogService { status, message, retry, after } => {
                let mut response = with_retry(json(status, &NotOk { ok: false, error: &message }), retry);
                if !after.is_zero() {
                    response.headers_mut().insert(RETRY_AFTER, whole_seconds(after).into());
                }
                response
            }
            Self::Json(status, body) => json(status, &body),
        }
    }
}

fn with_retry(mut response: Response, retry: bool) -> Response {
    let value = HeaderValue::from_static(if retry { "true" } else { "false" });
    response.headers_mut().insert(SHOULD_RETRY, value);
    response
}

#[derive(Serialize)]
struct Forbidden {
    error: &'static str,
    code: &'static str,
    param: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl Forbidden {
    const BODY: Self =
        Self { error: "Unauthorized", code: "unauthorized", param: "access_token", kind: "authorization" };
}

#[derive(Serialize)]
struct NotOk<'a> {
    ok: bool,
    error: &'a str,
}
