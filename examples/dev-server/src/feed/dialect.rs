//! How the two backends write a value as a text.

use std::str::FromStr;

use serde_json::Value;

use crate::clock::iso;
use crate::store::Cell;

/// Whose feeds of runs the server sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeedDialect {
    /// The server's own, as recorded: whole rows, no deletes, no `electric-up-to-date`.
    #[default]
    Native,
    /// Electric's, which stood before it: changed columns only, deletes, and handles that end with a 409.
    Electric,
}

/// By the name that the command line uses: `native`, `electric`.
impl FromStr for FeedDialect {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "native" => Ok(Self::Native),
            "electric" => Ok(Self::Electric),
            other => Err(format!("there are no {other:?} feeds: say native or electric")),
        }
    }
}

impl FeedDialect {
    /// The text of a value; `None` for null.
    pub(super) fn text(self, cell: &Cell) -> Option<String> {
        Some(match (cell, self) {
            (Cell::Null, _) => return None,
            (Cell::Text(text), _) => text.to_string(),
            (Cell::Number(number), _) => number.to_string(),
            (Cell::Bool(value), Self::Native) => if *value { "t" } else { "f" }.to_owned(),
            (Cell::Bool(value), Self::Electric) => value.to_string(),
            (Cell::Time(ms), Self::Native) => iso(*ms).trim_end_matches('Z').to_owned(),
            (Cell::Time(ms), Self::Electric) => {
                let text = iso(*ms).trim_end_matches('Z').replace('T', " ");
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
            (Cell::List(items), _) => {
                let items: Vec<String> = items.iter().map(|item| self.element(item)).collect();
                format!("{{{}}}", items.join(","))
            }
            (Cell::Json(value), _) => {
                let mut text = String::new();
                write_json(value, if self == Self::Electric { " " } else { "" }, &mut text);
                text
            }
        })
    }

    /// An element of an array literal. Postgres quotes only what needs it.
    fn element(self, item: &str) -> String {
        let is_plain = !item.is_empty()
            && !item.eq_ignore_ascii_case("null")
            && !item.contains(|c: char| matches!(c, '{' | '}' | ',' | '"' | '\\') || c.is_whitespace());
        if is_plain && self == Self::Electric {
            return item.to_owned();
        }
        format!("\"{}\"", item.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// As a jsonb column prints: short keys first.
fn write_json(value: &Value, space: &str, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| (key.len(), key.as_str()));
            text.push('{');
            for (index, (key, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    *text += ",";
                    *text += space;
                }
                *text += &format!("{}:{space}", Value::from(key.as_str()));
                write_json(member, space, text);
            }
            text.push('}');
        }
        Value::Array(elements) => {
            text.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    *text += ",";
                    *text += space;
                }
                write_json(element, space, text);
            }
            text.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => *text += &value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::FeedDialect::{Electric, Native};
    use super::*;

    #[test]
    fn each_backend_has_its_way_with_values() {
        let list = |items: &[&str]| Cell::List(items.iter().map(|item| (*item).to_owned()).collect());
        for (cell, native, electric) in [
            (Cell::Bool(true), "t", "true"),
            (Cell::Number(0), "0", "0"),
            (Cell::Time(1_795_301_650_200), "2026-11-21T22:54:10.200", "2026-11-21 22:54:10.2"),
            (Cell::Time(1_795_301_650_000), "2026-11-21T22:54:10.000", "2026-11-21 22:54:10"),
            (list(&[]), "{}", "{}"),
            (list(&["live1", "x,y", "quo\"te"]), r#"{"live1","x,y","quo\"te"}"#, r#"{live1,"x,y","quo\"te"}"#),
            (list(&["", "NULL", "a b", "\\"]), r#"{"","NULL","a b","\\"}"#, r#"{"","NULL","a b","\\"}"#),
            (
                Cell::Json(json!({ "type": "STRING_ERROR", "raw": ["a", 1] })),
                r#"{"raw":["a",1],"type":"STRING_ERROR"}"#,
                r#"{"raw": ["a", 1], "type": "STRING_ERROR"}"#,
            ),
        ] {
            assert_eq!(
                (Native.text(&cell).as_deref(), Electric.text(&cell).as_deref()),
                (Some(native), Some(electric))
            );
        }
        assert_eq!(Native.text(&Cell::Null), None);
    }
}
