//! Complaints about a body, in the words of the original's validator.

use axum::http::StatusCode;
use serde_json::Value;

use crate::respond::Refusal;

/// The type of a value, as JavaScript's validators name it.
pub(super) const fn kind(value: Option<&Value>) -> &'static str {
    match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}

pub(super) fn mismatch(expected: &str, value: &Value, path: &str) -> Refusal {
    let message = format!("Validation error: Expected {expected}, received {} at \"{path}\"", kind(Some(value)));
    Refusal::Error(StatusCode::BAD_REQUEST, message)
}
