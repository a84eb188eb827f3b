//! A value as it is kept: a text, and the type that tells how to read it.

use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// `None` for nothing at all.
    pub(crate) data: Option<String>,
    pub(crate) kind: &'static str,
}

impl Packet {
    pub(crate) const fn nothing() -> Self {
        Self { data: None, kind: "application/json" }
    }

    pub(crate) const fn json(text: String) -> Self {
        Self { data: Some(text), kind: "application/json" }
    }

    /// Some JSON. A text is kept as it is, and what is not as super-JSON. An empty text is nothing: the original does not tell them apart.
    pub(crate) fn of(json: &str) -> Self {
        match serde_json::from_str(json) {
            Ok(Value::String(text)) if text.is_empty() => Self::nothing(),
            Ok(Value::String(text)) => Self { data: Some(text), kind: "text/plain" },
            Ok(_) | Err(_) => {
                Self { data: Some(format!(r#"{{"json":{}}}"#, json.trim())), kind: "application/super+json" }
            }
        }
    }

    /// The value, null for nothing.
    pub(crate) fn value(&self) -> Value {
        let Some(data) = &self.data else { return Value::Null };
        match self.kind {
            "text/plain" => data.as_str().into(),
            "application/super+json" => {
                serde_json::from_str(data).map_or(Value::Null, |mut packet: Value| packet["json"].take())
            }
            _ => serde_json::from_str(data).unwrap_or_default(),
        }
    }
}
