//! Everything that is kept: runs, batches, wait tokens, logs, waits, and what makes a repeat harmless.
//!
//! In memory for now. Every method is one transaction that takes and gives owned values, so that a database can take the place of
//! the tables without a caller noticing. What is not data wakes tasks and readers of this process: [`Store::watch`] and
//! [`Store::watch_waitpoint`].

mod batches;
mod log;
mod packet;
mod runs;
mod waitpoints;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

pub(crate) use batches::{Batch, Failure, Item as BatchItem, Place as BatchPlace};
pub(crate) use log::{Append, Appended, RECORD_LIMIT, Record, Slice, Tail};
pub(crate) use packet::Packet;
pub(crate) use runs::{Created, Outcome, Replay, Run, Status};
pub(crate) use waitpoints::{
    Key as WaitpointKey, Place as WaitpointPlace, Query as WaitpointQuery, State as WaitpointState, Waitpoint,
};

use crate::clock::now_ms;
use log::Log;
use waitpoints::Waitpoints;

/// One append-only log of a run. Inputs and outputs are apart: an output key cannot name an input.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum StreamKey {
    Input { run: String, stream: String },
    Output { run: String, stream: String },
}

impl StreamKey {
    pub(crate) fn input(run: &str, stream: &str) -> Self {
        Self::Input { run: run.to_owned(), stream: stream.to_owned() }
    }

    pub(crate) fn output(run: &str, stream: &str) -> Self {
        Self::Output { run: run.to_owned(), stream: stream.to_owned() }
    }
}

#[derive(Default)]
pub(crate) struct Store {
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    runs: BTreeMap<String, Run>,
    logs: HashMap<StreamKey, Log>,
    waits: HashMap<StreamKey, String>,
    replays: HashMap<Replay, (String, u64)>,
    used_tokens: HashSet<[u8; 32]>,
    waitpoints: Waitpoints,
    batches: HashMap<String, Batch>,
}

impl Tables {
    /// Takes the keys and the one-time token of something new, all of them or none.
    fn claim(&mut self, id: &str, replays: Vec<(Replay, u64)>, one_time_token: Option<[u8; 32]>) -> Created {
        let now = now_ms();
        for (replay, _) in &replays {
            if let Some((earlier, _)) = self.replays.get(replay).filter(|(_, until)| *until > now) {
                return Created::Before { id: earlier.clone(), by: replay.clone() };
            }
        }
        if one_time_token.is_some_and(|token| !self.used_tokens.insert(token)) {
            return Created::TokenUsed;
        }
        self.replays.extend(replays.into_iter().map(|(replay, until)| (replay, (id.to_owned(), until))));
        Created::Now
    }
}

impl Store {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn run(&self, id: &str) -> Option<Run> {
        self.tables().runs.get(id).cloned()
    }

    /// Keeps a new run, unless one of the `replays` (each with the time until which it counts, in ms) names an earlier one, or the
    /// one-time token was used before.
    pub(crate) fn create_run(
        &self,
        run: Run,
        replays: Vec<(Replay, u64)>,
        one_time_token: Option<[u8; 32]>,
    ) -> Created {
        let mut tables = self.tables();
        let created = tables.claim(&run.id, replays, one_time_token);
        if matches!(created, Created::Now) {
            tables.runs.insert(run.id.clone(), run);
        }
        created
    }

    /// Notes that the run executes.
    pub(crate) fn start_run(&self, id: &str) {
        if let Some(run) = self.tables().runs.get_mut(id) {
            run.start(now_ms());
        }
    }

    /// Ends a run. The first end stays: `false` when the run had ended before, or is unknown.
    pub(crate) fn finish_run(&self, id: &str, outcome: Outcome) -> bool {
        self.tables().runs.get_mut(id).is_some_and(|run| run.finish(outcome, now_ms()))
    }

    /// Adds a stream to the ones the run declares.
    pub(crate) fn declare_stream(&self, run: &str, stream: &str) {
        if let Some(run) = self.tables().runs.get_mut(run) {
            run.declare(stream, now_ms());
        }
    }

    pub(crate) fn append(&self, key: &StreamKey, append: Append<'_>) -> Appended {
        self.tables().logs.entry(key.clone()).or_default().append(append, now_ms())
    }

    /// Whether the log holds a record that was appended once with this key.
    pub(crate) fn has(&self, key: &StreamKey, once: &str) -> bool {
        self.tables().logs.get(key).is_some_and(|log| log.has(once))
    }

    /// The records from a sequence number on, a bounded number of them, and where the log ends.
    pub(crate) fn read(&self, key: &StreamKey, from: u64) -> Slice {
        self.tables().logs.get(key).map_or_else(Slice::default, |log| log.read(from))
    }

    /// Changes whenever the log grows.
    pub(crate) fn watch(&self, key: &StreamKey) -> watch::Receiver<u64> {
        self.tables().logs.entry(key.clone()).or_default().watch()
    }

    /// The index of the last line that this client ingested; `None` when there is none.
    pub(crate) fn last_line(&self, key: &StreamKey, client: &str) -> Option<u64> {
        self.tables().logs.get(key)?.last_line(client)
    }

    /// Registers what waits for the next record of an input stream. A later wait takes the place of an earlier one.
    pub(crate) fn register_wait(&self, key: &StreamKey, wait: &str) {
        self.tables().waits.insert(key.clone(), wait.to_owned());
    }

    pub(crate) fn waiting(&self, key: &StreamKey) -> Option<String> {
        self.tables().waits.get(key).cloned()
    }

    /// Removes the registration only if it is still this one: between completing a wait and removing it, the task may have
    /// registered its next.
    pub(crate) fn remove_wait(&self, key: &StreamKey, wait: &str) -> bool {
        let mut tables = self.tables();
        let is_same = tables.waits.get(key).is_some_and(|registered| registered == wait);
        is_same && tables.waits.remove(key).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_removed_only_by_its_own_id() {
        let store = Store::default();
        let key = StreamKey::input("run_1", "approval");
        store.register_wait(&key, "first");
        store.register_wait(&key, "second");
        assert!(!store.remove_wait(&key, "first"));
        assert_eq!(store.waiting(&key).as_deref(), Some("second"));
        assert!(store.remove_wait(&key, "second"));
        assert_eq!(store.waiting(&key), None);
    }

    #[test]
    fn an_output_stream_cannot_alias_an_input_stream() {
        let store = Store::default();
        store.append(&StreamKey::input("run_1", "x"), Append::new("1", "inp_1"));
        assert!(store.read(&StreamKey::output("run_1", "x"), 0).records.is_empty());
        assert!(store.read(&StreamKey::output("run_1", "$trigger.input:x"), 0).records.is_empty());
    }
}
