//! What shows the rows: the other side of the border, in a few lines.

use std::collections::BTreeMap;

use serde_json::Value;
use tidegate::proto::shape::Rows;

/// Columns by name, of rows by key.
pub(crate) type Table = BTreeMap<String, BTreeMap<String, Value>>;

#[derive(Default)]
pub(crate) struct Follower {
    next: Table,
    pub(crate) shown: Table,
    pub(crate) fresh: usize,
    /// Answers that did not complete anything.
    pub(crate) parts: usize,
    schema: Option<String>,
}

impl Follower {
    /// `true` when something is to be shown.
    pub(crate) fn take(&mut self, rows: &Rows) -> bool {
        if rows.fresh {
            self.next.clear();
            self.fresh += 1;
            self.schema.clone_from(&rows.schema);
        }
        assert_eq!(rows.schema.is_some(), rows.fresh, "the schema comes with the first messages of a log");
        let messages: Vec<Value> = serde_json::from_str(&rows.text).expect("messages are a JSON array");
        for message in messages {
            let Some(key) = message["key"].as_str() else { continue };
            let value = message["value"].as_object().into_iter().flatten();
            match message["headers"]["operation"].as_str() {
                Some("delete") => {
                    self.next.remove(key);
                }
                _ => self.next.entry(key.into()).or_default().extend(value.map(|(k, v)| (k.clone(), v.clone()))),
            }
        }
        if rows.complete {
            self.shown.clone_from(&self.next);
        } else {
            self.parts += 1;
        }
        rows.complete
    }
}
