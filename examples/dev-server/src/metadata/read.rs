//! Operations as they come in a body.

use serde_json::Value;
use tidegate::proto::document::VALUE_DEPTH;
use tidegate::proto::operation::Key;

use super::{Document, Json, Operation};

const TYPES: &str = "'set' | 'delete' | 'append' | 'remove' | 'increment' | 'update'";

/// Reads an operation; a complaint about its member comes as (message, member).
pub(crate) fn operation(json: &Value) -> Result<Operation, (String, &'static str)> {
    let given = || json.get("value").ok_or_else(|| ("Required".to_owned(), "value"));
    let value = || read(given()?).ok_or_else(|| ("Nested too deep".to_owned(), "value"));
    let text = || {
        let problem = if json.get("key").is_none() { "Required" } else { "Expected string" };
        json["key"].as_str().ok_or((problem.to_owned(), "key"))
    };
    let key = || Key::read(text()?).map_err(|problem| (problem, "key"));
    match json["type"].as_str() {
        Some("set") => Ok(Operation::Set(key()?, value()?)),
        Some("delete") => {
            key()?;
            Ok(Operation::Delete(text()?.to_owned()))
        }
        Some("append") => Ok(Operation::Append(key()?, value()?)),
        Some("remove") => Ok(Operation::Remove(key()?, value()?)),
        Some("increment") => {
            let by = given()?.as_f64().ok_or(("Expected number".to_owned(), "value"))?;
            Ok(Operation::Increment(key()?, by))
        }
        Some("update") => {
            if !given()?.is_object() {
                return Err(("Expected object".to_owned(), "value"));
            }
            Document::parse(&given()?.to_string(), VALUE_DEPTH)
                .map(Operation::Update)
                .ok_or_else(|| ("Nested too deep".to_owned(), "value"))
        }
        _ => Err((format!("Invalid discriminator value. Expected {TYPES}"), "type")),
    }
}

fn read(value: &Value) -> Option<Json> {
    Json::parse(&value.to_string(), VALUE_DEPTH)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::operation;

    #[test]
    fn what_is_no_operation_is_refused() {
        for (json, member) in [
            (json!({ "type": "set", "key": "__proto__", "value": 1 }), "key"),
            (json!({ "type": "set", "key": "$.a.__proto__.b", "value": 1 }), "key"),
            (json!({ "type": "delete", "key": "$.constructor" }), "key"),
            (json!({ "type": "append", "key": "$.a.prototype", "value": 1 }), "key"),
            (json!({ "type": "set", "key": "$.", "value": 1 }), "key"),
            (json!({ "type": "set", "value": 1 }), "key"),
            (json!({ "type": "set", "key": 1, "value": 1 }), "key"),
            (json!({ "type": "set", "key": "a" }), "value"),
            (json!({ "type": "increment", "key": "a", "value": "1" }), "value"),
            (json!({ "type": "update", "value": [] }), "value"),
            (json!({ "type": "push", "key": "a", "value": 1 }), "type"),
            (json!([]), "type"),
        ] {
            assert_eq!(operation(&json).unwrap_err().1, member, "{json}");
        }
        for key in ["constructor", "prototype", "$", "$a", "a.b"] {
            assert!(operation(&json!({ "type": "set", "key": key, "value": 1 })).is_ok(), "{key}");
        }
    }
}
