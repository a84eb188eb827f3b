//! Reading a stream of a run as server-sent events.

use axum::extract::{Path, State};
use axum::http::header::{ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use std::time::Duration;

use crate::auth::Caller;
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::StreamKey;
use crate::streams::{From, Patience};

const LONGEST_SECONDS: i64 = 600;

/// `GET /realtime/v1/streams/:run/:key`
pub(crate) async fn output(
    State(app): State<AppState>,
    Path((run, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    may_read(&app, &run, &headers)?;
    // The original forwards what is no number and then fails; taking it as absent is what it does for its older
    // streams.
    let idle = match leading_integer(text(&headers, "timeout-seconds")) {
        Some(seconds) => checked(seconds, 0)?,
        None => app.config.idle_after,
    };
    events(&app, StreamKey::output(&run, &key), idle, &headers).await
}

/// `GET /realtime/v1/streams/:run/input/:stream`, where the time-out is checked strictly.
pub(crate) async fn input(
    State(app): State<AppState>,
    Path((run, stream)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    may_read(&app, &run, &headers)?;
    let idle = match (text(&headers, "timeout-seconds"), leading_integer(text(&headers, "timeout-seconds"))) {
        ("", _) => app.config.idle_after,
        (_, Some(seconds)) => checked(seconds, 1)?,
        (_, None) => return Err(bad("Invalid timeout seconds")),
    };
    events(&app, StreamKey::input(&run, &stream), idle, &headers).await
}

fn may_read(app: &AppState, run: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    let caller = Caller::of(headers, &app.config)?;
    let run = app.store.run(run).ok_or(Refusal::NotFound { retry: false })?;
    caller.must_read(&run)
}

fn checked(seconds: i64, least: i64) -> Result<Duration, Refusal> {
    match seconds {
        _ if seconds < least => Err(bad("Timeout seconds must be greater than 0")),
        _ if seconds > LONGEST_SECONDS => Err(bad("Timeout seconds must be less than 600")),
        _ => Ok(Duration::from_secs(seconds.unsigned_abs())),
    }
}

fn bad(message: &str) -> Refusal {
    Refusal::Text(StatusCode::BAD_REQUEST, message.to_owned())
}

/// As JavaScript's `parseInt`: `60abc` is 60.
fn leading_integer(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    text[..text.len() - digits.len() + end].parse().ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// After which record to go on: the number before the first dash. Everything else, the id of an event included, starts
/// over.
fn start_after(last_event_id: &str) -> u64 {
    let number = last_event_id.split('-').next().unwrap_or_default().trim();
    number.parse::<u64>().map_or(0, |last| last.saturating_add(1))
}

async fn events(app: &AppState, key: StreamKey, idle: Duration, headers: &HeaderMap) -> Result<Response, Refusal> {
    let last = text(headers, "last-event-id");
    let from = match text(headers, "x-trigger-stream-start") {
        "latest" if last.is_empty() => From::End,
        _ => From::Number(start_after(last)),
    };
    let patience = Patience { idle, ping_after: app.config.ping_after };
    let body = app.streams.events(key, from, patience).await?;
    let mut response = respond::with_type(StatusCode::OK, "text/event-stream; charset=utf-8", body);
    let own = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| own.insert(name, HeaderValue::from_static(value));
    set(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
    set(ACCESS_CONTROL_EXPOSE_HEADERS, "*");
    set(CACHE_CONTROL, "no-cache, no-transform");
    set(VARY, "origin, access-control-request-method, access-control-request-headers");
    set(HeaderName::from_static("x-accel-buffering"), "no");
    set(HeaderName::from_static("x-stream-version"), "v2");
    if app.config.idempotent_sends {
        set(respond::IDEMPOTENT, "1");
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resumes_by_sequence_number_only() {
        let read = ["", "0", "2", "2-7", "1795301071007-0", "2,3,417", "abc", "-1"].map(start_after);
        assert_eq!(read, [0, 1, 3, 3, 1_795_301_071_008, 0, 0, 0]);
    }

    #[test]
    fn reads_integers_as_javascript_does() {
        let read = ["60", "60abc", " 7", "-5", "abc", "", "1.9"].map(leading_integer);
        assert_eq!(read, [Some(60), Some(60), Some(7), Some(-5), None, None, Some(1)]);
    }
}
