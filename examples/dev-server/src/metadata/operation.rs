//! The operations on a document.

use serde_json::{Number, Value};

use super::Document;
use super::path::{self, Path};

const TYPES: &str = "'set' | 'delete' | 'append' | 'remove' | 'increment' | 'update'";

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operation {
    Set {
        key: Key,
        value: Value,
    },
    /// Takes the key as it is written, a path included.
    Delete {
        key: String,
    },
    Append {
        key: Key,
        value: Value,
    },
    Remove {
        key: Key,
        value: Value,
    },
    Increment {
        key: Key,
        by: Number,
    },
    /// Replaces the whole document.
    Update {
        document: Document,
    },
}

/// A member of the document, or a path into it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Key {
    Member(String),
    Path(Path),
}

impl Operation {
    pub(crate) fn set(key: &str, value: impl Into<Value>) -> Self {
        Self::Set { key: Key::Member(key.to_owned()), value: value.into() }
    }

    pub(crate) fn append(key: &str, value: impl Into<Value>) -> Self {
        Self::Append { key: Key::Member(key.to_owned()), value: value.into() }
    }

    /// Reads an operation; a complaint about its member comes as (message, member).
    pub(crate) fn read(json: &Value) -> Result<Self, (String, &'static str)> {
        let value = || json.get("value").cloned().ok_or(("Required".to_owned(), "value"));
        let text = || {
            let problem = if json.get("key").is_none() { "Required" } else { "Expected string" };
            json["key"].as_str().ok_or((problem.to_owned(), "key"))
        };
        let key = || Key::read(text()?).map_err(|problem| (problem, "key"));
        match json["type"].as_str() {
            Some("set") => Ok(Self::Set { key: key()?, value: value()? }),
            Some("delete") => {
                Key::read(text()?).map_err(|problem| (problem, "key"))?;
                Ok(Self::Delete { key: text()?.to_owned() })
            }
            Some("append") => Ok(Self::Append { key: key()?, value: value()? }),
            Some("remove") => Ok(Self::Remove { key: key()?, value: value()? }),
            Some("increment") => {
                let Value::Number(by) = value()? else { return Err(("Expected number".to_owned(), "value")) };
                Ok(Self::Increment { key: key()?, by })
            }
            Some("update") => {
                let Value::Object(document) = value()? else { return Err(("Expected object".to_owned(), "value")) };
                Ok(Self::Update { document })
            }
            _ => Err((format!("Invalid discriminator value. Expected {TYPES}"), "type")),
        }
    }

    /// Whether it could be applied.
    pub(super) fn apply(&self, document: &mut Document) -> bool {
        match self {
            Self::Set { key, value } => key.edit(document, &|_| Some(value.clone())),
            Self::Delete { key } => document.shift_remove(key).is_some(),
            Self::Append { key, value } => key.edit(document, &|old| Some(appended(old, value))),
            Self::Remove { key, value } => key.edit(document, &|old| {
                let kept = old?.as_array()?.iter().filter(|element| *element != value).cloned();
                Some(Value::Array(kept.collect()))
            }),
            Self::Increment { key, by } => key.edit(document, &|old| Some(Value::Number(sum(old, by)))),
            Self::Update { document: new } => {
                document.clone_from(new);
                true
            }
        }
    }
}

impl Key {
    /// # Errors
    /// A sentence for a key that could reach what every JavaScript object inherits, and for a path that leads nowhere.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("$.") {
            return Path::read(rest).map(Self::Path);
        }
        if text == "__proto__" {
            return Err("A metadata key must not be __proto__".to_owned());
        }
        Ok(Self::Member(text.to_owned()))
    }

    /// Puts what `new` makes of the old value in its place. Whether there was a place, and something to put there.
    fn edit(&self, document: &mut Document, new: &path::Edit<'_>) -> bool {
        match self {
            Self::Path(path) => path.edit(document, new),
            Self::Member(name) => {
                let Some(value) = new(document.get(name)) else { return false };
                document.insert(name.clone(), value);
                true
            }
        }
    }
}

fn appended(old: Option<&Value>, value: &Value) -> Value {
    match old {
        None => Value::Array(vec![value.clone()]),
        Some(Value::Array(elements)) => Value::Array(elements.iter().chain([value]).cloned().collect()),
        Some(other) => Value::Array(vec![other.clone(), value.clone()]),
    }
}

/// As JavaScript adds: one kind of number, and what is none counts as 0.
fn sum(old: Option<&Value>, by: &Number) -> Number {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let old = old.and_then(Value::as_f64).unwrap_or(0.0);
    let sum = old + by.as_f64().unwrap_or(0.0);
    if sum.fract() == 0.0 && sum.abs() <= EXACT {
        return Number::from(sum as i64);
    }
    Number::from_f64(sum).unwrap_or_else(|| Number::from(0))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Operation;

    /// The document after the operations, and how many were applied.
    fn after(document: Value, operations: Value) -> (Value, usize) {
        let mut document = document.as_object().unwrap().clone();
        let operations = operations.as_array().unwrap().clone();
        let applied =
            operations.iter().filter(|operation| Operation::read(operation).unwrap().apply(&mut document)).count();
        (Value::Object(document), applied)
    }

    #[test]
    fn members_are_set_deleted_and_counted() {
        let operations = json!([
            { "type": "set", "key": "a", "value": { "b": 1 } },
            { "type": "increment", "key": "n", "value": 2 },
            { "type": "increment", "key": "n", "value": -0.5 },
            { "type": "increment", "key": "text", "value": 1 },
            { "type": "delete", "key": "gone" },
            { "type": "delete", "key": "$.a" },
            { "type": "delete", "key": "never" },
        ]);
        let before = json!({ "text": "x", "gone": 1, "$.a": 2 });
        assert_eq!(after(before, operations), (json!({ "text": 1, "a": { "b": 1 }, "n": 1.5 }), 6));
        let halves = json!([{ "type": "increment", "key": "n", "value": 0.5 }, { "type": "increment", "key": "n", "value": 0.5 }]);
        assert_eq!(after(json!({}), halves).0.to_string(), r#"{"n":1}"#);
    }

    #[test]
    fn lists_grow_and_shrink() {
        let operations = json!([
            { "type": "append", "key": "new", "value": 1 },
            { "type": "append", "key": "list", "value": [2] },
            { "type": "append", "key": "single", "value": 2 },
            { "type": "remove", "key": "twice", "value": { "x": [1] } },
            { "type": "remove", "key": "single", "value": 7 },
            { "type": "remove", "key": "missing", "value": 7 },
            { "type": "remove", "key": "text", "value": "x" },
        ]);
        let before = json!({ "list": [1], "single": 1, "twice": [{ "x": [1] }, 3, { "x": [1] }], "text": "x" });
        let expected = json!({ "new": [1], "list": [1, [2]], "single": [1, 2], "twice": [3], "text": "x" });
        assert_eq!(after(before, operations), (expected, 5));
    }

    #[test]
    fn an_update_replaces_everything() {
        let operations = json!([{ "type": "update", "value": { "b": 2 } }]);
        assert_eq!(after(json!({ "a": 1 }), operations), (json!({ "b": 2 }), 1));
    }

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
            assert_eq!(Operation::read(&json).unwrap_err().1, member, "{json}");
        }
        for key in ["constructor", "prototype", "$", "$a", "a.b"] {
            assert!(Operation::read(&json!({ "type": "set", "key": key, "value": 1 })).is_ok(), "{key}");
        }
    }
}
