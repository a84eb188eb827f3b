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

/// A body of JSON that is truthy in JavaScript, and an object.
pub(super) fn read_body(bytes: &[u8]) -> Result<Value, Refusal> {
    let bad = |message: String| Refusal::Error(StatusCode::BAD_REQUEST, message);
    if bytes.is_empty() {
        return Err(bad("Request body is empty".to_owned()));
    }
    let body: Value = serde_json::from_slice(bytes).map_err(|_| bad("Invalid JSON".to_owned()))?;
    let falsy = [Value::Null, Value::Bool(false), Value::from(0), Value::from("")];
    if falsy.contains(&body) || body.as_f64() == Some(0.0) {
        return Err(bad("Invalid JSON".to_owned()));
    }
    if body.is_object() {
        Ok(body)
    } else {
        Err(bad(format!("Validation error: Expected object, received {}", kind(Some(&body)))))
    }
}
