//! What a trigger may ask for, and what makes it a repeat.

use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::validate::{kind, mismatch};
use crate::clock::now_ms;
use crate::respond::Refusal;
use crate::span;
use crate::store::Replay;

const REQUEST_REPLAY_SECONDS: i64 = 24 * 3600;
const KEY_REPLAY_SECONDS: i64 = 30 * 24 * 3600;

/// The header by which a client marks the retries of one call.
pub(crate) const REQUEST_KEY: &str = "x-trigger-request-idempotency-key";

#[derive(Default)]
pub(super) struct Options {
    pub(super) tags: Vec<String>,
    pub(super) ttl: Option<Value>,
    pub(super) is_test: bool,
    pub(super) idempotency_key: Option<String>,
    idempotency_seconds: Option<i64>,
}

impl Options {
    pub(super) fn read(body: &Value, headers: &HeaderMap) -> Result<Self, Refusal> {
        let options = match body.get("options") {
            None => return Ok(Self::default().or_headers(headers)),
            Some(options) if options.is_object() => options,
            Some(other) => return Err(mismatch("object", other, "options")),
        };
        let text = |name: &str| match options.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(mismatch("string", other, &format!("options.{name}"))),
        };
        let read = Self {
            tags: tags(options, "options.tags")?,
            ttl: options.get("ttl").filter(|ttl| ttl.is_string() || ttl.is_number()).cloned(),
            is_test: options["test"] == true,
            idempotency_key: text("idempotencyKey")?,
            idempotency_seconds: text("idempotencyKeyTTL")?.as_deref().and_then(span::seconds),
        };
        Ok(read.or_headers(headers))
    }

    /// The older headers, where the body says nothing.
    fn or_headers(mut self, headers: &HeaderMap) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        self.idempotency_key = self.idempotency_key.or_else(|| header("idempotency-key").map(str::to_owned));
        self.idempotency_seconds =
            self.idempotency_seconds.or_else(|| header("idempotency-key-ttl").and_then(span::seconds));
        self
    }

    /// The keys under which this trigger counts as made, each with the time until which it does. `token` is the one-time token
    /// that makes it, if one does.
    pub(super) fn replays(&self, task: &str, headers: &HeaderMap, token: Option<[u8; 32]>) -> Vec<(Replay, u64)> {
        by_request(task, headers, token).into_iter().chain(self.by_key(task)).collect()
    }

    /// The same, for a trigger that is not a request of its own.
    pub(super) fn by_key(&self, task: &str) -> Option<(Replay, u64)> {
        let key = self.idempotency_key.clone()?;
        let seconds = self.idempotency_seconds.unwrap_or(KEY_REPLAY_SECONDS);
        Some((Replay::Key { task: task.to_owned(), key }, until(seconds)))
    }
}

/// How a retry of the same call is known for a day.
pub(super) fn by_request(of: &str, headers: &HeaderMap, token: Option<[u8; 32]>) -> Option<(Replay, u64)> {
    let key = headers.get(REQUEST_KEY)?.to_str().ok()?.to_owned();
    Some((Replay::Request { of: of.to_owned(), key, token }, until(REQUEST_REPLAY_SECONDS)))
}

/// The time so many seconds from now, in milliseconds since the epoch.
pub(super) fn until(seconds: i64) -> u64 {
    now_ms().saturating_add(u64::try_from(seconds).unwrap_or(0).saturating_mul(1000))
}

pub(super) fn tags(options: &Value, path: &str) -> Result<Vec<String>, Refusal> {
    match options.get("tags") {
        None => Ok(Vec::new()),
        Some(Value::String(tag)) => Ok(vec![tag.clone()]),
        Some(Value::Array(tags)) => tags
            .iter()
            .enumerate()
            .map(|(index, tag)| match tag.as_str() {
                Some(text) => Ok(text.to_owned()),
                None => Err(mismatch("string", tag, &format!("{path}[{index}]"))),
            })
            .collect(),
        Some(other) => {
            let received = kind(Some(other));
            let at = format!("at \"{path}\"");
            let message =
                format!("Expected string, received {received} {at}, or Expected array, received {received} {at}");
            Err(Refusal::Error(StatusCode::BAD_REQUEST, format!("Validation error: {message}")))
        }
    }
}
