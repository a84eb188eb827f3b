//! The metadata of runs: a JSON object that the task and its backends change while the run goes on.

mod operation;
mod path;

use serde_json::{Map, Value};

pub(crate) use operation::Operation;

use crate::packet;
use crate::store::{Run, Store};

/// The most that a document may measure as a text, in bytes.
pub(crate) const LIMIT: usize = 262_144;

/// How often a change is tried again when others change the document in between.
const TRIES: usize = 64;

pub(crate) type Document = Map<String, Value>;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unwritten {
    UnknownRun,
    TooLarge,
    /// Others changed the document every time.
    Contended,
}

/// The document of a run; empty when it has none.
pub(crate) fn document(run: &Run, store: &Store) -> Document {
    match packet::decode(&run.metadata, store) {
        Some(Value::Object(document)) => document,
        _ => Document::new(),
    }
}

/// Carries operations out in order and gives the document that comes of it. When none of them can be applied nothing is written.
pub(crate) fn update(store: &Store, run: &str, operations: &[Operation]) -> Result<Document, Unwritten> {
    write(store, run, |mut document| {
        let applied = operations.iter().filter(|operation| operation.apply(&mut document)).count();
        (document, applied > 0)
    })
}

/// Puts a document in the place of the one there is.
pub(crate) fn replace(store: &Store, run: &str, document: &Document) -> Result<Document, Unwritten> {
    write(store, run, |_| (document.clone(), true))
}

/// Reads, changes and writes, until what is written is made of what was read last. The change says whether there is anything to write.
fn write(store: &Store, run: &str, change: impl Fn(Document) -> (Document, bool)) -> Result<Document, Unwritten> {
    for _ in 0..TRIES {
        let current = store.run(run).ok_or(Unwritten::UnknownRun)?;
        let (document, is_changed) = change(self::document(&current, store));
        if !is_changed {
            return Ok(document);
        }
        let text = Value::Object(document.clone()).to_string();
        if text.len() > LIMIT {
            return Err(Unwritten::TooLarge);
        }
        if store.replace_metadata(run, current.metadata_version, &text) {
            return Ok(document);
        }
    }
    Err(Unwritten::Contended)
}

/// The run above this one, or this one when there is none.
pub(crate) fn relative(run: &Run, above: Option<&String>) -> String {
    above.unwrap_or(&run.id).clone()
}
