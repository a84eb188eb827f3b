//! What stands behind the question mark.

use axum::http::StatusCode;
use serde_json::json;

use crate::clock::{from_iso, now_ms};
use crate::respond::Refusal;
use crate::span;

/// The parameters of a request. Of several with one name the first counts.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn read(text: Option<&str>) -> Self {
        Self(form_urlencoded::parse(text.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The parts of a list with commas, none when it is missing or empty.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        self.get(name).filter(|list| !list.is_empty()).map(|list| list.split(',').collect()).unwrap_or_default()
    }

    /// The time that lies so far back as a span such as `7d` says, in milliseconds since the epoch.
    pub(super) fn since(&self, name: &str) -> Option<u64> {
        let seconds = span::joined_seconds(self.get(name)?)?;
        Some(now_ms().saturating_sub(seconds.saturating_mul(1000)))
    }
}

/// A time in milliseconds since the epoch, or as ISO 8601 writes it.
pub(super) fn time(text: &str) -> Option<u64> {
    text.parse().ok().or_else(|| from_iso(text))
}

pub(super) fn refuse(parameter: &str, message: &str) -> Refusal {
    let detail = json!({ "code": "custom", "message": message, "path": [parameter] });
    Refusal::Json(StatusCode::BAD_REQUEST, json!({ "error": "Query Error", "details": [detail] }))
}
