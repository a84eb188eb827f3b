//! The messages of a feed.

use serde_json::{Map, Value, json};

use super::dialect::FeedDialect;
use crate::store::{COLUMNS, Cell, Change, Move, Run, cells};

/// Columns that are always sent.
const RESERVED: [&str; 5] = ["id", "taskIdentifier", "friendlyId", "status", "createdAt"];

const CHANGED_ALL: [bool; COLUMNS.len()] = [true; COLUMNS.len()];

/// The columns that a reader wants, by their place among all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection([bool; COLUMNS.len()]);

impl Selection {
    /// All but these. Names of no column are left alone, and so are those that are always sent.
    pub(crate) fn without<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Self {
        let skipped = |name| names.clone().any(|skipped| skipped == name);
        Self(COLUMNS.each_ref().map(|column| RESERVED.contains(&column.name) || !skipped(column.name)))
    }

    /// The types of the columns, as the schema header tells them.
    pub(crate) fn schema(&self) -> String {
        let wanted = COLUMNS.iter().zip(self.0).filter(|(_, is_wanted)| *is_wanted);
        let types = wanted.map(|(column, _)| {
            let mut kind = json!({ "type": column.kind });
            if column.is_list {
                kind["dims"] = 1.into();
            }
            (column.name.to_owned(), kind)
        });
        Value::Object(types.collect()).to_string()
    }
}

/// Writes messages for one reader.
pub(crate) struct Writer {
    pub(crate) dialect: FeedDialect,
    pub(crate) selection: Selection,
    /// Whether the reader knows the status `DEQUEUED`.
    pub(crate) knows_dequeued: bool,
}

impl Writer {
    pub(crate) fn insert(&self, run: &Run) -> Value {
        self.message(run, "insert", self.value(run, CHANGED_ALL), 0)
    }

    /// What a reader is told of a change; `None` when it concerns nothing that this reader sees.
    pub(crate) fn change(&self, change: &Change, sequence: u64) -> Option<Value> {
        let run = &change.run;
        let is_partial = self.dialect == FeedDialect::Electric;
        let (operation, value) = match change.how {
            Move::In => ("insert", self.value(run, CHANGED_ALL)),
            Move::Within if is_partial => ("update", self.value(run, change.columns)),
            Move::Within => ("update", self.value(run, CHANGED_ALL)),
            Move::Out if is_partial => ("delete", self.value(run, [false; COLUMNS.len()])),
            Move::Out => return None,
        };
        let says_something = operation != "update" || value.len() > 1;
        says_something.then(|| self.message(run, operation, value, sequence))
    }

    /// The whole body: messages, and that there are no more.
    pub(crate) fn body(&self, mut messages: Vec<Value>, sequence: u64) -> String {
        let mut headers = json!({ "control": "up-to-date" });
        if self.dialect == FeedDialect::Electric {
            headers["global_last_seen_lsn"] = sequence.to_string().into();
        }
        messages.push(json!({ "headers": headers }));
        Value::Array(messages).to_string()
    }

    fn message(&self, run: &Run, operation: &str, value: Map<String, Value>, sequence: u64) -> Value {
        let mut headers = json!({ "operation": operation });
        if self.dialect == FeedDialect::Electric {
            headers["relation"] = json!(["public", "TaskRun"]);
            if sequence > 0 {
                headers["lsn"] = sequence.to_string().into();
                headers["op_position"] = 0.into();
                headers["txids"] = json!([sequence]);
            }
        }
        json!({ "key": format!(r#""public"."TaskRun"/"{}""#, run.internal_id()), "value": value, "headers": headers })
    }

    /// The wanted columns among the changed, and always the key.
    fn value(&self, run: &Run, changed: [bool; COLUMNS.len()]) -> Map<String, Value> {
        let mut value = Map::new();
        for (index, (column, cell)) in COLUMNS.iter().zip(cells(run)).enumerate() {
            if column.name == "id" || (self.selection.0[index] && changed[index]) {
                value.insert(column.name.to_owned(), self.text(column.name, &cell));
            }
        }
        value
    }

    fn text(&self, column: &str, cell: &Cell) -> Value {
        match self.dialect.text(cell) {
            Some(status) if column == "status" && status == "DEQUEUED" && !self.knows_dequeued => "EXECUTING".into(),
            Some(text) => text.into(),
            None => Value::Null,
        }
    }
}

/// The body that makes a reader forget what it has and begin anew.
pub(crate) fn must_refetch() -> String {
    json!([{ "headers": { "control": "must-refetch" } }]).to_string()
}
