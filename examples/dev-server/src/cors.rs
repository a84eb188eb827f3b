//! What a browser on another origin is told.
//!
//! The original adds these headers to its browser routes only, and so does this server; it also adds them to the 401 of
//! a request without credentials, so that a page can read that answer too.

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::json;

use crate::respond;

/// What the original exposes on every answer.
const EXPOSED: &str = "x-trigger-jwt,x-trigger-jwt-claims";
/// What is exposed besides, on an answer that has it.
const EXPOSED_IF_THERE: [HeaderName; 2] = [respond::SHOULD_RETRY, respond::IDEMPOTENT];

/// Answers preflights and dresses every other answer.
pub(crate) async fn answer(request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS {
        return preflight(request.headers());
    }
    let origin = request.headers().get(ORIGIN).cloned();
    let mut response = next.run(request).await;
    dress(response.headers_mut(), origin);
    response
}

/// Adds the headers of an answer that is no preflight, unless it is open to every origin already.
pub(crate) fn dress(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    let own = headers.get(ACCESS_CONTROL_EXPOSE_HEADERS).and_then(|own| own.to_str().ok());
    let mut exposed = own.map_or_else(|| EXPOSED.to_owned(), |own| format!("{own}, {EXPOSED}"));
    for name in EXPOSED_IF_THERE.iter().filter(|name| headers.contains_key(*name)) {
        exposed.push(',');
        exposed.push_str(name.as_str());
    }
    if let Ok(exposed) = HeaderValue::try_from(exposed) {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

fn preflight(asked: &HeaderMap) -> Response {
    let mut response = respond::json(StatusCode::OK, &json!({}));
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    set(ACCESS_CONTROL_ALLOW_METHODS, "GET,HEAD,PUT,PATCH,POST,DELETE");
    set(ACCESS_CONTROL_MAX_AGE, "300");
    set(VARY, "Origin, Access-Control-Request-Headers");
    if let Some(origin) = asked.get(ORIGIN) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    if let Some(names) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    response
}
