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
            tags: tags(options)?,
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

    /// The keys under which this trigger counts as made, each with the time until which it does.
    pub(super) fn replays(&self, task: &str, headers: &HeaderMap) -> Vec<(Replay, u64)> {
        let until = |seconds: i64| now_ms().saturating_add(u64::try_from(seconds).unwrap_or(0).saturating_mul(1000));
        let task = || task.to_owned();
        let request = headers.get(REQUEST_KEY).and_then(|value| value.to_str().ok());
        let by_request =
            request.map(|key| (Replay::Request { task: task(), key: key.to_owned() }, until(REQUEST_REPLAY_SECONDS)));
        let by_key = self.idempotency_key.as_ref().map(|key| {
            let seconds = self.idempotency_seconds.unwrap_or(KEY_REPLAY_SECONDS);
            (Replay::Key { task: task(), key: key.clone() }, until(seconds))
        });
        by_request.into_iter().chain(by_key).collect()
    }
}

fn tags(options: &Value) -> Result<Vec<String>, Refusal> {
    match options.get("tags") {
        None => Ok(Vec::new()),
        Some(Value::String(tag)) => Ok(vec![tag.clone()]),
        Some(Value::Array(tags)) => tags
            .iter()
            .enumerate()
            .map(|(index, tag)| match tag.as_str() {
                Some(text) => Ok(text.to_owned()),
                None => Err(mismatch("string", tag, &format!("options.tags[{index}]"))),
            })
            .collect(),
        Some(other) => {
            let received = kind(Some(other));
            let at = "at \"options.tags\"";
            let message =
                format!("Expected string, received {received} {at}, or Expected array, received {received} {at}");
            Err(Refusal::Error(StatusCode::BAD_REQUEST, format!("Validation error: {message}")))
        }
    }
}
