//! What a trigger may ask for, and what makes it a repeat.

use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::validate::{kind, mismatch};
use crate::clock::{from_iso, now_ms};
use crate::respond::Refusal;
use crate::span;
use crate::state::AppState;
use crate::store::{Packet, Replay};

const REQUEST_REPLAY_SECONDS: u64 = 24 * 3600;
const KEY_REPLAY_SECONDS: u64 = 30 * 24 * 3600;

pub(super) const MOST_TAGS: usize = 10;
/// In UTF-16 units, as JavaScript counts.
const LONGEST_TAG: usize = 128;

/// The header by which a client marks the retries of one call.
pub(crate) const REQUEST_KEY: &str = "x-trigger-request-idempotency-key";

#[derive(Default)]
pub(super) struct Options {
    pub(super) tags: Vec<String>,
    pub(super) ttl: Option<String>,
    /// When the run may start, in ms.
    pub(super) delay_until: Option<u64>,
    pub(super) metadata: Option<Packet>,
    pub(super) parent: Option<String>,
    pub(super) is_test: bool,
    pub(super) max_attempts: Option<u32>,
    /// In seconds.
    pub(super) max_duration: Option<u32>,
    pub(super) idempotency_key: Option<String>,
    idempotency_seconds: Option<u64>,
}

impl Options {
    pub(super) fn read(app: &AppState, body: &Value, headers: &HeaderMap) -> Result<Self, Refusal> {
        // The older headers count where the body says nothing.
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let keyed = |options: Self, key: Option<String>, ttl: Option<String>| {
            let key = key.or_else(|| header("idempotency-key"));
            let ttl = ttl.or_else(|| header("idempotency-key-ttl")).filter(|_| key.is_some());
            let idempotency_seconds = ttl.and_then(|ttl| key_seconds(app, &ttl, "for 30 days"));
            Self { idempotency_key: key, idempotency_seconds, ..options }
        };
        let options = match body.get("options") {
            None => return Ok(keyed(Self::default(), None, None)),
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
            ttl: ttl(options)?,
            delay_until: text("delay")?.map(|delay| delay_until(&delay)).transpose()?,
            metadata: metadata(options)?,
            parent: text("parentRunId")?,
            is_test: options["test"] == true,
            max_attempts: count(options, "maxAttempts")?,
            max_duration: count(options, "maxDuration")?,
            ..Self::default()
        };
        Ok(keyed(read, text("idempotencyKey")?, text("idempotencyKeyTTL")?))
    }

    /// The keys under which this trigger counts as made, each with the time until which it does. `token` is the
    /// one-time token that makes it, if one does.
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

/// How many seconds an idempotency key counts. One that cannot be read is passed over, as on the original, and that is
/// said: the key counts `otherwise`.
pub(super) fn key_seconds(app: &AppState, ttl: &str, otherwise: &str) -> Option<u64> {
    let seconds = span::key_seconds(ttl);
    if seconds.is_none() && !ttl.is_empty() {
        let shown: String = ttl.chars().take(40).collect();
        app.say_once(&format!(
            "idempotencyKeyTTL {shown:?} is passed over, as on Trigger.dev, and the key counts {otherwise}: \
             write a number and s, m, h or d, such as 24h"
        ));
    }
    seconds
}

/// The time so many seconds from now, in milliseconds since the epoch.
pub(super) fn until(seconds: u64) -> u64 {
    now_ms().saturating_add(seconds.saturating_mul(1000))
}

pub(super) fn tags(options: &Value, path: &str) -> Result<Vec<String>, Refusal> {
    match options.get("tags") {
        None => Ok(Vec::new()),
        Some(Value::String(tag)) => Ok(vec![fitting(tag, path)?]),
        Some(Value::Array(tags)) => tags
            .iter()
            .enumerate()
            .map(|(index, tag)| match tag.as_str() {
                Some(text) => fitting(text, &format!("{path}[{index}]")),
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

pub(super) fn fits(tag: &str) -> bool {
    tag.encode_utf16().count() <= LONGEST_TAG
}

fn fitting(tag: &str, path: &str) -> Result<String, Refusal> {
    if !fits(tag) {
        let message = format!("Validation error: Tags must be less than {LONGEST_TAG} characters at \"{path}\"");
        return Err(Refusal::Error(StatusCode::BAD_REQUEST, message));
    }
    Ok(tag.to_owned())
}

/// `of` is what carries the tags, `many` how many it would have.
pub(super) fn too_many_tags(of: &str, many: usize) -> Refusal {
    let message = format!("{of} can only have {MOST_TAGS} tags, you're trying to set {many}.");
    Refusal::Error(StatusCode::UNPROCESSABLE_ENTITY, message)
}

/// A whole number from 1 on.
fn count(options: &Value, name: &str) -> Result<Option<u32>, Refusal> {
    match options.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => {
            let whole = number.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0);
            whole.map(Some).ok_or_else(|| {
                let message = format!("Invalid {name} {number}: give a whole number from 1 on");
                Refusal::Error(StatusCode::UNPROCESSABLE_ENTITY, message)
            })
        }
        Some(other) => Err(mismatch("number", other, &format!("options.{name}"))),
    }
}

/// A span as a text, or whole seconds.
fn ttl(options: &Value) -> Result<Option<String>, Refusal> {
    let ttl = match options.get("ttl") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(span)) => span.clone(),
        Some(Value::Number(seconds)) => format!("{seconds}s"),
        Some(other) => return Err(mismatch("string", other, "options.ttl")),
    };
    if span::joined_seconds(&ttl).is_none() {
        let message = format!("Invalid ttl {ttl:?}: give a span such as 10m or 1h30m, or whole seconds");
        return Err(Refusal::Error(StatusCode::UNPROCESSABLE_ENTITY, message));
    }
    Ok(Some(ttl))
}

/// A span from now, or a time, in milliseconds since the epoch.
pub(super) fn delay_until(delay: &str) -> Result<u64, Refusal> {
    span::after(delay, now_ms()).or_else(|| from_iso(delay)).ok_or_else(|| {
        let message = format!(
            "Invalid delay {delay:?}: give a span such as 30s or 1h30m, or a time such as 2026-01-31T12:00:00Z"
        );
        Refusal::Error(StatusCode::UNPROCESSABLE_ENTITY, message)
    })
}

/// A text is taken as it is, with its type; anything else is written down.
fn metadata(options: &Value) -> Result<Option<Packet>, Refusal> {
    let text = match options.get("metadata") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    if text.len() > crate::metadata::LIMIT {
        return Err(super::metadata::too_large());
    }
    let kind = options["metadataType"].as_str().unwrap_or(Packet::JSON).to_owned();
    Ok(Some(Packet::new(text, kind)))
}
