//! Changes of runs' metadata, each made whole, once, and over what was read.

use super::Store;
use super::packet::Packet;
use super::replays::{Created, Replay};
use super::runs::Run;
use crate::clock::now_ms;

/// A document to write in the place of the one with that version.
#[derive(Debug)]
pub(crate) struct MetadataWrite {
    pub(crate) run: String,
    pub(crate) version: u64,
    pub(crate) document: String,
}

/// So long a repeat of a change of metadata is told from another.
const METADATA_REPLAY_MS: u64 = 86_400_000;

fn metadata_replay(run: &str, key: &str) -> Replay {
    Replay::Request { of: format!("metadata of {run}"), key: key.to_owned(), token: None }
}

impl Store {
    /// Puts other documents in the place of runs' metadata, unless one of them is not the one with its version any
    /// more, or this was done before for that run under that key, or this execution of the run does not count any more:
    /// then `false`, and nothing is written.
    pub(crate) fn write_metadata(
        &self,
        id: &str,
        writes: &[MetadataWrite],
        key: Option<&str>,
        execution: Option<u32>,
    ) -> bool {
        let now = now_ms();
        let mut tables = self.tables();
        let is_same = |write: &MetadataWrite| {
            tables.runs.get(&write.run).is_some_and(|run| run.metadata_version == write.version)
        };
        let is_stale = |execution| !tables.runs.get(id).is_some_and(|run| run.is_held_by(execution));
        if !writes.iter().all(is_same) || execution.is_some_and(is_stale) {
            return false;
        }
        let replays = key.map(|key| (metadata_replay(id, key), now + METADATA_REPLAY_MS)).into_iter().collect();
        if !matches!(tables.claim(id, replays, None), Created::Now) {
            return false;
        }
        for write in writes {
            let replace = |run: &mut Run| {
                run.metadata = Packet::new(write.document.as_str(), Packet::JSON);
                run.metadata_version += 1;
            };
            tables.runs.change(&write.run, now, replace);
            tables.note_run(&write.run);
        }
        true
    }

    /// Whether that has been done under this key.
    pub(crate) fn has_written_metadata(&self, id: &str, key: &str) -> bool {
        let now = now_ms();
        self.tables().replays.get(&metadata_replay(id, key), now).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_written_only_over_what_was_read() {
        let store = Store::default();
        let run = Run::new("run_1".to_owned(), "t", 1);
        store.create_run(run, Vec::new(), None);
        let write = |version, document: &str, key| {
            let write = MetadataWrite { run: "run_1".to_owned(), version, document: document.to_owned() };
            store.write_metadata("run_1", &[write], key, None)
        };
        assert!(write(0, "{}", None));
        assert!(!write(0, r#"{"late":true}"#, None));
        assert!(write(1, r#"{"n":1}"#, Some("key")));
        assert!(!write(2, r#"{"n":2}"#, Some("key")), "once under a key");
        assert!(store.has_written_metadata("run_1", "key") && !store.has_written_metadata("run_2", "key"));
        assert_eq!(store.run("run_1").unwrap().metadata.data.as_deref(), Some(r#"{"n":1}"#));
        let unknown = MetadataWrite { run: "run_2".to_owned(), version: 0, document: "{}".to_owned() };
        assert!(!store.write_metadata("run_1", &[unknown], Some("other"), None));
        assert!(!store.has_written_metadata("run_1", "other"), "what is not written takes no key");
    }
}
