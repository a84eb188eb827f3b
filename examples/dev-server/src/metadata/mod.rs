//! The metadata of runs: a JSON object that the task and its backends change while the run goes on. What an operation
//! does to it is the core's to say.

pub(crate) use tidegate::proto::document::{Document, Json};
pub(crate) use tidegate::proto::metadata::DOCUMENT_LIMIT as LIMIT;
pub(crate) use tidegate::proto::operation::{Applied, Operation};

mod read;

pub(crate) use read::operation;

use serde_json::Value;
use tidegate::proto::document::{DOCUMENT_DEPTH, VALUE_DEPTH};
use tidegate::proto::operation::Key;

use crate::packet;
use crate::store::{MetadataWrite, Packet, Run, Store};

/// How often a change is tried again when others change the documents in between.
const TRIES: usize = 64;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unwritten {
    UnknownRun,
    TooLarge,
    /// Others changed the documents every time.
    Contended,
    /// By an execution of the run that does not count any more.
    Stale,
}

/// What is to be done to the documents of a run and of those above it, all of it or nothing.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) own: Vec<Operation>,
    /// In the place of the run's own document, before the operations.
    pub(crate) document: Option<Document>,
    pub(crate) parent: Vec<Operation>,
    pub(crate) root: Vec<Operation>,
    /// The execution of the run that asks for it; none: somebody else.
    pub(crate) execution: Option<u32>,
}

/// The document of a run; empty when it has none.
pub(crate) fn document(run: &Run, store: &Store) -> Document {
    // Read as it is: the other way would put each number through a type that JavaScript does not have.
    if run.metadata.kind == Packet::JSON {
        let text = run.metadata.data.as_deref().unwrap_or("{}");
        return Document::parse(text, DOCUMENT_DEPTH).unwrap_or_default();
    }
    let value = packet::decode(&run.metadata, store);
    value.and_then(|value| Document::parse(&value.to_string(), DOCUMENT_DEPTH)).unwrap_or_default()
}

/// A value of the server's own.
pub(crate) fn json(value: &Value) -> Json {
    Json::parse(&value.to_string(), VALUE_DEPTH).unwrap_or(Json::Null)
}

pub(crate) fn set(key: &str, value: impl Into<Value>) -> Operation {
    Operation::Set(Key::Member(key.to_owned()), json(&value.into()))
}

pub(crate) fn append(key: &str, value: impl Into<Value>) -> Operation {
    Operation::Append(Key::Member(key.to_owned()), json(&value.into()))
}

/// Carries operations out in order and gives the document that comes of it. When none of them can be applied nothing is
/// written.
pub(crate) fn update(store: &Store, run: &str, operations: &[Operation]) -> Result<Document, Unwritten> {
    write(store, run, &Change { own: operations.to_vec(), ..Change::default() }, None)
}

/// Reads, changes and writes, until what is written is made of what was read last. Gives the run's own document. Done
/// once under a key: for a repeat nothing is written.
pub(crate) fn write(store: &Store, id: &str, change: &Change, key: Option<&str>) -> Result<Document, Unwritten> {
    for _ in 0..TRIES {
        let run = store.run(id).ok_or(Unwritten::UnknownRun)?;
        if key.is_some_and(|key| store.has_written_metadata(id, key)) {
            return Ok(document(&run, store));
        }
        if change.execution.is_some_and(|execution| !run.is_held_by(execution)) {
            return Err(Unwritten::Stale);
        }
        let above = |above: &Option<String>| above.clone().unwrap_or_else(|| id.to_owned());
        let steps = [
            (above(&run.parent), &change.parent, None),
            (above(&run.root), &change.root, None),
            (id.to_owned(), &change.own, change.document.as_ref()),
        ];
        let mut documents: Vec<Changed> = Vec::new();
        for (target, operations, replacement) in steps {
            if operations.is_empty() && target != id {
                continue;
            }
            let changed = Changed::among(&mut documents, store, &target)?;
            if let Some(replacement) = replacement {
                changed.document.clone_from(replacement);
                changed.has_changed = true;
            }
            for operation in operations {
                changed.has_changed |= operation.apply(&mut changed.document) != Applied::No;
            }
        }
        let mut writes = Vec::new();
        for changed in documents.iter().filter(|changed| changed.has_changed) {
            let text = changed.document.text();
            if text.len() > LIMIT {
                return Err(Unwritten::TooLarge);
            }
            writes.push(MetadataWrite { run: changed.run.clone(), version: changed.version, document: text });
        }
        if store.write_metadata(id, &writes, key, change.execution) {
            let own = documents.into_iter().find(|changed| changed.run == id);
            return Ok(own.map(|changed| changed.document).unwrap_or_default());
        }
    }
    Err(Unwritten::Contended)
}

struct Changed {
    run: String,
    version: u64,
    document: Document,
    has_changed: bool,
}

impl Changed {
    /// The one of this run, as it was read before or as it is.
    fn among<'a>(all: &'a mut Vec<Self>, store: &Store, id: &str) -> Result<&'a mut Self, Unwritten> {
        let index = match all.iter().position(|changed| changed.run == id) {
            Some(index) => index,
            None => {
                let run = store.run(id).ok_or(Unwritten::UnknownRun)?;
                let (document, version) = (document(&run, store), run.metadata_version);
                all.push(Self { run: id.to_owned(), version, document, has_changed: false });
                all.len() - 1
            }
        };
        Ok(&mut all[index])
    }
}
