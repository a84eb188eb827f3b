//! What stands before `/api` in the original: it counts requests, and turns away those without credentials and those
//! beyond their limit, in words of its own. `/realtime` has no such door.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, AUTHORIZATION, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use crate::auth::Caller;
use crate::clock::now_ms;
use crate::rate_limit::{Budget, Holder, RateLimits};
use crate::state::AppState;
use crate::{cors, jwt, respond};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

pub(crate) async fn guard(State(app): State<AppState>, request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS || !is_guarded(request.uri().path()) {
        return next.run(request).await;
    }
    let origin = request.headers().get(ORIGIN).cloned();
    let Some(credential) = request.headers().get(AUTHORIZATION) else {
        let mut response = unknown();
        cors::dress(response.headers_mut(), origin);
        return response;
    };
    let holder = holder(request.headers(), credential, &app);
    let now = now_ms();
    let budget = app.limiter.spend(holder, now);
    let policy = app.config.rate_limits;
    let is_refused = budget.is_exceeded && policy != RateLimits::Announced;
    let mut response = if is_refused { too_many(&budget, now) } else { next.run(request).await };
    if is_refused && policy == RateLimits::Refused {
        cors::dress(response.headers_mut(), origin);
    }
    announce(response.headers_mut(), &budget, policy);
    response
}

/// The callback of a wait token needs no credential; the others check their own and are not counted.
fn is_guarded(path: &str) -> bool {
    let Some(path) = path.strip_prefix("/api/") else { return false };
    let parts: Vec<&str> = path.split('/').collect();
    !matches!(
        parts[..],
        ["v1", "auth", "jwt", "claims"]
            | ["v1", "waitpoints", "tokens", _, "callback", _]
            | ["v3", "batches", _, "items"]
            | ["v1" | "v2", "packets", ..]
    )
}

fn holder(headers: &HeaderMap, credential: &HeaderValue, app: &AppState) -> Holder {
    let fingerprint = || jwt::fingerprint(credential.as_bytes());
    match Caller::of(headers, &app.config) {
        Ok(Caller::Backend) => Holder::SecretKey,
        Ok(Caller::Frontend { .. }) => Holder::PublicToken(fingerprint()),
        Err(_) => Holder::Unknown(fingerprint()),
    }
}

fn unknown() -> Response {
    let text = "No authorization header provided";
    problem(StatusCode::UNAUTHORIZED, "Unauthorized", &format!(r#""detail": "{text}","#), text)
}

fn too_many(budget: &Budget, now: u64) -> Response {
    let Budget { limit, remaining, reset, .. } = *budget;
    let seconds = reset.saturating_sub(now) as f64 / 1000.0;
    let text = format!("Rate limit exceeded {remaining}/{limit} requests remaining. Retry in {seconds} seconds.");
    let members = format!(
        r#""detail": "{text}",
  "reset": {reset},
  "limit": {limit},
  "remaining": {remaining},
  "secondsUntilReset": {seconds},"#
    );
    problem(StatusCode::TOO_MANY_REQUESTS, "Rate Limit Exceeded", &members, &text)
}

/// In the layout of the original, which is indented.
fn problem(status: StatusCode, title: &str, members: &str, error: &str) -> Response {
    let code = status.as_u16();
    let body = format!(
        r#"{{
  "title": "{title}",
  "status": {code},
  "type": "https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/{code}",
  {members}
  "error": "{error}"
}}"#
    );
    respond::with_type(status, "application/problem+json; charset=utf-8", Body::from(body))
}

fn announce(headers: &mut HeaderMap, budget: &Budget, policy: RateLimits) {
    for (name, number) in [(LIMIT, budget.limit), (REMAINING, budget.remaining), (RESET, budget.reset)] {
        headers.insert(name, number.into());
    }
    let exposed = headers.get(ACCESS_CONTROL_EXPOSE_HEADERS).and_then(|own| own.to_str().ok());
    if let (Some(exposed), false) = (exposed, policy == RateLimits::TriggerDev) {
        let exposed = HeaderValue::try_from(format!("{exposed},{LIMIT},{REMAINING},{RESET}"));
        if let Ok(exposed) = exposed {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_guarded;

    #[test]
    fn what_has_no_door_is_listed() {
        for path in ["/api/v1/tasks/t/trigger", "/api/v1/waitpoints/tokens/w/complete", "/api/v3/batches", "/api/v1/x"]
        {
            assert!(is_guarded(path), "{path}");
        }
        for path in [
            "/realtime/v1/runs",
            "/api/v1/auth/jwt/claims",
            "/api/v1/waitpoints/tokens/w/callback/h",
            "/api/v3/batches/b/items",
            "/api/v1/packets/a/b",
        ] {
            assert!(!is_guarded(path), "{path}");
        }
    }
}
