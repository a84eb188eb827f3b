//! Everything that is kept: runs, batches, wait tokens, logs, waits, and what makes a repeat harmless.
//!
//! Every method is one transaction on tables in memory, and takes and gives owned values. A store that was opened on a file writes each
//! transaction there as well, in their order: see [`disk`]. Whoever tells what he has seen waits for [`Store::written`] first.
//! What is not data are [`Store::watch`], [`Store::watch_runs`] and [`Store::watch_waitpoint`]: they wake tasks and readers of this process.

mod batches;
mod columns;
mod disk;
mod executions;
mod log;
mod packet;
mod run_table;
mod run_waits;
mod runs;
mod shapes;
mod waitpoints;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::mem;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

pub(crate) use batches::{Batch, Failure, Item as BatchItem, Place as BatchPlace};
pub(crate) use columns::{COLUMNS, Cell, cells};
pub use disk::DatabaseError;
pub(crate) use executions::{AttemptEnd, Begun, Failure as AttemptFailure, Suspended};
pub(crate) use log::{Append, Appended, RECORD_LIMIT, Record, Slice, Tail};
pub(crate) use packet::{Object, Packet};
pub(crate) use run_waits::{InputWait, WaitEnd};
pub(crate) use runs::{Created, Outcome, Replay, Report, Run, Status};
pub(crate) use shapes::{Change, Move, Reading, Shape};
pub(crate) use waitpoints::{
    Key as WaitpointKey, Place as WaitpointPlace, Query as WaitpointQuery, State as WaitpointState, Waitpoint,
};

use crate::clock::now_ms;
use disk::{Entries, Entry, Journal};
use log::Log;
use run_table::RunTable;
use run_waits::RunWaits;
use waitpoints::Waitpoints;

/// One append-only log of a run. Inputs and outputs are apart: an output key cannot name an input.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

    fn run(&self) -> &str {
        match self {
            Self::Input { run, .. } | Self::Output { run, .. } => run,
        }
    }
}

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

#[derive(Default)]
pub(crate) struct Store {
    tables: Mutex<Tables>,
    /// None: what it keeps ends with the process.
    journal: Option<Journal>,
    /// The runs that had not ended when the process before this one did.
    unfinished: Mutex<Vec<Run>>,
}

#[derive(Default)]
struct Tables {
    runs: RunTable,
    objects: HashMap<String, Object>,
    logs: HashMap<StreamKey, Log>,
    /// The number of the newest log.
    last_stream: u64,
    /// In the order of their runs.
    waits: BTreeMap<StreamKey, InputWait>,
    run_waits: RunWaits,
    replays: HashMap<Replay, (String, u64)>,
    used_tokens: HashSet<[u8; 32]>,
    waitpoints: Waitpoints,
    batches: HashMap<String, Batch>,
    changes: Entries,
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
        if let Some(token) = one_time_token {
            if !self.used_tokens.insert(token) {
                return Created::TokenUsed;
            }
            self.changes.note(|| Entry::UsedToken(token));
        }
        for (replay, until) in replays {
            self.changes.note(|| Entry::Replay { replay: replay.clone(), id: id.to_owned(), until });
            self.replays.insert(replay, (id.to_owned(), until));
        }
        Created::Now
    }

    fn insert_run(&mut self, run: Run) {
        let id = run.id.clone();
        self.runs.insert(run);
        self.note_run(&id);
    }

    /// Changes a run at the time that the change gets. `None` when there is no such run.
    fn change_run<T>(&mut self, id: &str, change: impl FnOnce(&mut Run, u64) -> T) -> Option<T> {
        let now = now_ms();
        let (result, has_changed) = self.runs.change(id, now, |run| change(run, now))?;
        if has_changed {
            self.note_run(id);
            if self.runs.get(id).is_some_and(Run::is_over) {
                self.forget_waits(id);
            }
        }
        Some(result)
    }

    fn append(&mut self, key: &StreamKey, append: &Append<'_>) -> Appended {
        let Self { logs, last_stream, changes, .. } = self;
        let log = logs.entry(key.clone()).or_default();
        let appended = log.append(append, now_ms());
        if appended != Appended::Now {
            return appended;
        }
        let (stream, is_new) = log.number(|| *last_stream + 1);
        if is_new {
            *last_stream = stream;
            changes.note(|| Entry::Stream { number: stream, key: key.clone() });
        }
        if let Some(record) = log.last() {
            let (once, line) = (append.key(), append.client_line());
            changes.note(|| Entry::Record { stream, record: record.clone(), once, line });
        }
        appended
    }

    fn note_run(&mut self, id: &str) {
        if let Some(kept) = self.runs.kept(id) {
            self.changes.note(|| Entry::Run(kept.clone().into()));
        }
    }
}

/// The tables for one transaction. What has changed is handed over at its end, before anyone else has them.
struct Transaction<'a> {
    tables: MutexGuard<'a, Tables>,
    journal: Option<&'a Journal>,
}

impl Deref for Transaction<'_> {
    type Target = Tables;

    fn deref(&self) -> &Tables {
        &self.tables
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut Tables {
        &mut self.tables
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        let changes = self.tables.changes.take();
        if let Some(journal) = self.journal.filter(|_| !changes.is_empty()) {
            journal.hand_over(changes);
        }
    }
}

impl Store {
    /// A store that lives on in a file, with everything that the file holds.
    pub(crate) fn open(path: &Path) -> Result<Self, DatabaseError> {
        let (mut tables, journal) = disk::open(path)?;
        tables.changes.are_kept = true;
        let mut unfinished = tables.runs.newest(|run| !run.is_over());
        unfinished.reverse();
        Ok(Self { tables: Mutex::new(tables), journal: Some(journal), unfinished: Mutex::new(unfinished) })
    }

    fn tables(&self) -> Transaction<'_> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        Transaction { tables, journal: self.journal.as_ref() }
    }

    /// Waits until everything that can be seen by now will be seen after a crash as well. At once in memory.
    ///
    /// # Errors
    /// Why the file cannot be written any more.
    pub(crate) async fn written(&self) -> Result<(), Arc<str>> {
        match &self.journal {
            Some(journal) => journal.written().await,
            None => Ok(()),
        }
    }

    /// Why the file cannot be written any more, once that is so. Never in memory.
    pub(crate) async fn failure(&self) -> Arc<str> {
        match &self.journal {
            Some(journal) => journal.failure().await,
            None => std::future::pending().await,
        }
    }

    /// The runs that had not ended when the file was opened, oldest first. Whoever takes them goes on with them.
    pub(crate) fn take_unfinished(&self) -> Vec<Run> {
        mem::take(&mut *self.unfinished.lock().unwrap_or_else(PoisonError::into_inner))
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
            tables.insert_run(run);
        }
        created
    }

    /// Keeps a new run as the item of its batch with this index, unless one of the `replays` names an earlier one, which then is the item.
    pub(crate) fn create_item_run(&self, run: Run, index: u64, replays: Vec<(Replay, u64)>) -> Created {
        let mut tables = self.tables();
        let batch = run.batch.clone().unwrap_or_default();
        let mut item = run.id.clone();
        let created = tables.claim(&run.id, replays, None);
        match &created {
            Created::Now => tables.insert_run(run),
            Created::Before { id, .. } => item.clone_from(id),
            Created::TokenUsed => return created,
        }
        tables.settle_item(&batch, index, BatchItem::Run(item));
        created
    }

    fn change_run<T>(&self, id: &str, change: impl FnOnce(&mut Run, u64) -> T) -> Option<T> {
        self.tables().change_run(id, change)
    }

    /// Notes that the run executes, for the first time or once more.
    pub(crate) fn start_run(&self, id: &str) {
        self.change_run(id, Run::start);
    }

    /// Notes that a delayed run may start. `false` when it is not delayed any more.
    pub(crate) fn queue_run(&self, id: &str) -> bool {
        self.change_run(id, Run::queue).unwrap_or(false)
    }

    /// Puts the start of a delayed run off to another time (ms). `false` when it is not delayed.
    pub(crate) fn delay_run(&self, id: &str, until: u64) -> bool {
        let delay = |run: &mut Run, _| {
            let is_delayed = run.status == Status::Delayed;
            if is_delayed {
                run.delay(until);
            }
            is_delayed
        };
        self.change_run(id, delay).unwrap_or(false)
    }

    /// Ends a run that nothing has started. `false` when that came first.
    pub(crate) fn expire_run(&self, id: &str) -> bool {
        let expire = |run: &mut Run, now| {
            run.status == Status::Pending && run.attempts == 0 && run.finish(Outcome::Expired, now)
        };
        self.change_run(id, expire).unwrap_or(false)
    }

    /// Ends a run. The first end stays: `false` when the run had ended before, or is unknown.
    pub(crate) fn finish_run(&self, id: &str, outcome: Outcome) -> bool {
        self.change_run(id, |run, now| run.finish(outcome, now)).unwrap_or(false)
    }

    /// Notes what a worker elsewhere says of a run. `false` when it is unknown.
    pub(crate) fn report_run(&self, id: &str, report: Report) -> bool {
        self.change_run(id, |run, now| run.report(report, now)).is_some()
    }

    /// Adds a stream to the ones the run declares.
    pub(crate) fn declare_stream(&self, run: &str, stream: &str) {
        // Asked for every part that is written.
        let is_declared = |run: &Run| run.streams.iter().any(|declared| declared == stream);
        if !self.tables().runs.get(run).is_some_and(is_declared) {
            self.change_run(run, |run, _| run.declare(stream));
        }
    }

    /// Adds the tags that a run lacks, as long as it then has no more than `most`: gives how many it lacked, `Err` with how many it would
    /// have when they are too many, `None` when it is unknown.
    pub(crate) fn tag_run(&self, id: &str, tags: &[String], most: usize) -> Option<Result<usize, usize>> {
        self.change_run(id, |run, _| {
            let mut all = run.tags.clone();
            for tag in tags {
                if !all.contains(tag) {
                    all.push(tag.clone());
                }
            }
            let added = all.len() - run.tags.len();
            if all.len() > most {
                return Err(all.len());
            }
            run.tags = all;
            Ok(added)
        })
    }

    /// Puts other documents in the place of runs' metadata, unless one of them is not the one with its version any more, or this was done
    /// before for that run under that key, or this execution of the run does not count any more: then `false`, and nothing is written.
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
        self.tables().replays.get(&metadata_replay(id, key)).is_some_and(|(_, until)| *until > now)
    }

    /// The newest runs of a shape, oldest first, and the place in the history of changes.
    pub(crate) fn snapshot(&self, shape: &Shape, most: usize) -> Reading<Run> {
        self.tables().runs.snapshot(shape, most)
    }

    /// What has become of a shape's runs since a place in the history of changes.
    pub(crate) fn changes(&self, shape: &Shape, seen: u64) -> Reading<Change> {
        self.tables().runs.changes(shape, seen)
    }

    /// Changes whenever a run that may belong to the shape does.
    pub(crate) fn watch_runs(&self, shape: &Shape) -> watch::Receiver<u64> {
        self.tables().runs.watch(shape)
    }

    /// Runs that are wanted, newest first.
    pub(crate) fn newest_runs(&self, wanted: impl Fn(&Run) -> bool) -> Vec<Run> {
        self.tables().runs.newest(wanted)
    }

    /// The runs that this one has triggered, newest first.
    pub(crate) fn children(&self, run: &str) -> Vec<Run> {
        self.tables().runs.children(run)
    }

    /// Keeps a large packet under its path, in the place of what was there.
    pub(crate) fn put_object(&self, path: &str, object: Object) {
        let mut tables = self.tables();
        tables.changes.note(|| Entry::Object { path: path.to_owned(), object: object.clone() });
        tables.objects.insert(path.to_owned(), object);
    }

    pub(crate) fn object(&self, path: &str) -> Option<Object> {
        self.tables().objects.get(path).cloned()
    }

    pub(crate) fn append(&self, key: &StreamKey, append: &Append<'_>) -> Appended {
        self.tables().append(key, append)
    }

    /// Whether this is the repeat of an append.
    pub(crate) fn is_repeat(&self, key: &StreamKey, append: &Append<'_>) -> bool {
        self.tables().logs.get(key).is_some_and(|log| log.is_repeat(append))
    }

    /// Notes that an append is on its way to a place of a log that lies elsewhere, unless nothing would make its repeat a repeat.
    pub(crate) fn doubt(&self, key: &StreamKey, seq_num: u64, append: &Append<'_>) {
        let mut tables = self.tables();
        let Tables { logs, last_stream, changes, .. } = &mut *tables;
        let log = logs.entry(key.clone()).or_default();
        let (stream, is_new) = log.number(|| *last_stream + 1);
        if is_new {
            *last_stream = stream;
            changes.note(|| Entry::Stream { number: stream, key: key.clone() });
        }
        if let Some(doubt) = log.doubt(seq_num, append) {
            changes.note(|| Entry::Doubt { stream, doubt: doubt.clone() });
        }
    }

    /// The places to which appends are on their way, as far as anybody knows, in their order.
    pub(crate) fn doubts(&self, key: &StreamKey) -> Vec<u64> {
        self.tables().logs.get(key).map(Log::doubts).unwrap_or_default()
    }

    /// Notes that this part stands at a place of a log that lies elsewhere, or something that is no part.
    pub(crate) fn decide(&self, key: &StreamKey, seq_num: u64, part: Option<&str>) {
        let mut tables = self.tables();
        let Tables { logs, changes, .. } = &mut *tables;
        let Some(log) = logs.get_mut(key) else { return };
        for (doubt, is_there) in log.decide(seq_num, part) {
            let Some(stream) = log.its_number() else { return };
            changes.note(|| Entry::NoDoubt { stream, doubt, is_there });
        }
    }

    /// Whether the log holds a record that was appended once with this key.
    pub(crate) fn has(&self, key: &StreamKey, once: &str) -> bool {
        self.tables().logs.get(key).is_some_and(|log| log.has(once))
    }

    /// The records from a sequence number on, a bounded number of them, and where the log ends.
    pub(crate) fn read(&self, key: &StreamKey, from: u64) -> Slice {
        self.tables().logs.get(key).map_or_else(Slice::default, |log| log.read(from))
    }

    /// The streams of a run: those that are read or written, those that its task waits for and those that it declares.
    pub(crate) fn streams_of(&self, run: &str) -> BTreeSet<StreamKey> {
        let tables = self.tables();
        let declared = tables.runs.get(run).into_iter().flat_map(|run| &run.streams);
        let declared = declared.map(|stream| StreamKey::output(run, stream));
        let used = tables.logs.keys().chain(tables.waits.keys()).filter(|key| key.run() == run);
        used.cloned().chain(declared).collect()
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
    pub(crate) fn register_wait(&self, key: &StreamKey, wait: InputWait) {
        self.tables().register_wait(key, wait);
    }

    /// What waits for the next record of an input stream.
    pub(crate) fn awaited(&self, key: &StreamKey) -> Option<InputWait> {
        self.tables().open_wait(key)
    }

    /// The inputs that something waits for.
    pub(crate) fn awaited_inputs(&self) -> Vec<StreamKey> {
        let mut tables = self.tables();
        let keys: Vec<_> = tables.waits.keys().cloned().collect();
        keys.into_iter().filter(|key| tables.open_wait(key).is_some()).collect()
    }

    /// Whether something waits for the next record of an input stream.
    pub(crate) fn is_awaited(&self, key: &StreamKey) -> bool {
        self.awaited(key).is_some()
    }

    /// Removes the registration only if it is still this one: between completing a wait and removing it, the task may have
    /// registered its next.
    pub(crate) fn remove_wait(&self, key: &StreamKey, wait: &str) -> bool {
        let mut tables = self.tables();
        let is_same = tables.waits.get(key).is_some_and(|registered| registered.id == wait);
        if is_same {
            tables.waits.remove(key);
            tables.changes.note(|| Entry::NoWait { key: key.clone() });
        }
        is_same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_removed_only_by_its_own_id() {
        let store = Store::default();
        let key = StreamKey::input("run_1", "approval");
        store.register_wait(&key, InputWait { id: "first".to_owned(), from: 0 });
        store.register_wait(&key, InputWait { id: "second".to_owned(), from: 0 });
        assert!(!store.remove_wait(&key, "first"));
        assert!(store.remove_wait(&key, "second"));
        assert!(!store.remove_wait(&key, "second"));
    }

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

    #[test]
    fn what_makes_no_difference_is_no_change() {
        let store = Store::default();
        let mut run = Run::new("run_1".to_owned(), "t", 1);
        run.tags.push("a".to_owned());
        store.create_run(run, Vec::new(), None);
        let shape = Shape::Tagged { tags: vec!["a".to_owned()], created_from: 0 };
        let (seen, listener) = (store.snapshot(&shape, 10).sequence, store.watch_runs(&shape));
        assert_eq!(store.tag_run("run_1", &["a".to_owned()], 10), Some(Ok(0)));
        store.declare_stream("run_2", "x");
        assert!(!listener.has_changed().unwrap());
        assert!(store.changes(&shape, seen).items.is_empty());
        assert_eq!(store.run("run_1").unwrap().updated_at, 1);
        store.declare_stream("run_1", "x");
        assert!(listener.has_changed().unwrap());
        assert_eq!(store.changes(&shape, seen).items.len(), 1);
    }

    #[test]
    fn an_output_stream_cannot_alias_an_input_stream() {
        let store = Store::default();
        store.append(&StreamKey::input("run_1", "x"), &Append::new("1", "inp_1"));
        assert!(store.read(&StreamKey::output("run_1", "x"), 0).records.is_empty());
        assert!(store.read(&StreamKey::output("run_1", "$trigger.input:x"), 0).records.is_empty());
    }
}
