//! What runs wait for, and have waited for, in order.

use std::collections::{BTreeMap, HashMap};

use super::disk::Entry;
use super::log::{Append, Appended, Log, Record};
use super::waitpoints::{Completion, Waitpoint};
use super::{Packet, Store, StreamKey, Tables};
use crate::clock::now_ms;

/// How a wait has ended.
#[derive(Clone, Debug)]
pub(crate) struct WaitEnd {
    pub(crate) waitpoint: String,
    /// The input stream that was waited for; none: a wait token.
    pub(crate) stream: Option<String>,
    pub(crate) seq_num: Option<u64>,
    pub(crate) output: Packet,
    /// Its time was out.
    pub(crate) is_error: bool,
}

impl WaitEnd {
    fn of(waitpoint: &Waitpoint) -> Option<Self> {
        let Completion { output, seq_num, is_error, .. } = waitpoint.completion.clone()?;
        Some(Self { waitpoint: waitpoint.id.clone(), stream: waitpoint.stream.clone(), seq_num, output, is_error })
    }
}

/// What waits for the next record of an input stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InputWait {
    pub(crate) id: String,
    /// The first record that may end it.
    pub(crate) from: u64,
}

#[derive(Debug)]
struct RunWait {
    waitpoint: String,
    /// Until the run has been told of its end.
    is_open: bool,
}

/// The waits of runs that have not ended.
#[derive(Default)]
pub(super) struct RunWaits {
    by_run: HashMap<String, BTreeMap<u32, RunWait>>,
    /// The runs that a wait is open of.
    waiting: HashMap<String, Vec<String>>,
}

impl RunWaits {
    /// Takes back what was written down.
    pub(super) fn restore(&mut self, run: String, position: u32, waitpoint: String, is_open: bool) {
        if is_open {
            self.waiting.entry(waitpoint.clone()).or_default().push(run.clone());
        }
        self.by_run.entry(run).or_default().insert(position, RunWait { waitpoint, is_open });
    }

    /// Forgets what a run waited for; whether there was anything.
    pub(super) fn forget(&mut self, run: &str) -> bool {
        let Some(waits) = self.by_run.remove(run) else { return false };
        for wait in waits.values().filter(|wait| wait.is_open) {
            self.close(run, &wait.waitpoint);
        }
        true
    }

    fn close(&mut self, run: &str, waitpoint: &str) {
        if let Some(runs) = self.waiting.get_mut(waitpoint) {
            runs.retain(|waiting| waiting != run);
            if runs.is_empty() {
                self.waiting.remove(waitpoint);
            }
        }
    }

    fn open(&self, run: &str) -> Vec<String> {
        let waits = self.by_run.get(run).into_iter().flat_map(BTreeMap::values);
        waits.filter(|wait| wait.is_open).map(|wait| wait.waitpoint.clone()).collect()
    }
}

impl Tables {
    /// The end of a wait, where it has ended by now.
    pub(super) fn wait_end(&mut self, waitpoint: &str) -> Option<WaitEnd> {
        self.waitpoints.find(waitpoint, now_ms()).and_then(|(_, waitpoint)| WaitEnd::of(waitpoint))
    }

    /// Writes down that the run waits for this, once.
    pub(super) fn add_run_wait(&mut self, run: &str, waitpoint: &str, is_open: bool) {
        let waits = self.run_waits.by_run.entry(run.to_owned()).or_default();
        if waits.values().any(|wait| wait.waitpoint == waitpoint) {
            return;
        }
        let position = waits.last_key_value().map_or(0, |(last, _)| last + 1);
        self.run_waits.restore(run.to_owned(), position, waitpoint.to_owned(), is_open);
        let (run, waitpoint) = (run.to_owned(), waitpoint.to_owned());
        self.changes.note(|| Entry::RunWait { run, position, waitpoint, is_open });
    }

    /// Notes that the run has been told of the end of a wait.
    pub(super) fn close_run_wait(&mut self, run: &str, waitpoint: &str) {
        self.run_waits.close(run, waitpoint);
        let waits = self.run_waits.by_run.get_mut(run).into_iter().flatten();
        for (position, wait) in waits.filter(|(_, wait)| wait.is_open && wait.waitpoint == waitpoint) {
            wait.is_open = false;
            let (run, position, waitpoint) = (run.to_owned(), *position, waitpoint.to_owned());
            self.changes.note(|| Entry::RunWait { run, position, waitpoint, is_open: false });
        }
    }

    /// What a run that begins from the top is told at once: the ends of all its waits, in order. Those without an end are waited for anew.
    pub(super) fn settle_run_waits(&mut self, run: &str) -> Vec<WaitEnd> {
        let waits = self.run_waits.by_run.get(run).into_iter().flatten();
        let waits: Vec<(u32, String)> = waits.map(|(position, wait)| (*position, wait.waitpoint.clone())).collect();
        let mut ends = Vec::new();
        for (position, waitpoint) in waits {
            if let Some(end) = self.wait_end(&waitpoint) {
                self.close_run_wait(run, &waitpoint);
                ends.push(end);
            } else {
                self.run_waits.close(run, &waitpoint);
                self.run_waits.by_run.entry(run.to_owned()).or_default().remove(&position);
                self.changes.note(|| Entry::NoRunWait { run: run.to_owned(), position });
            }
        }
        ends
    }

    /// What waits for an input stream, unless that wait is over. What is no wait token is a demo task's, which takes it back itself.
    pub(super) fn open_wait(&mut self, key: &StreamKey) -> Option<InputWait> {
        let wait = self.waits.get(key)?.clone();
        self.wait_end(&wait.id).is_none().then_some(wait)
    }

    /// A run that has ended waits for nothing.
    pub(super) fn forget_waits(&mut self, run: &str) {
        if self.run_waits.forget(run) {
            self.changes.note(|| Entry::NoRunWaits { run: run.to_owned() });
        }
        let from = StreamKey::input(run, "");
        let keys: Vec<_> =
            self.waits.range(from..).map(|(key, _)| key).take_while(|key| key.run() == run).cloned().collect();
        for key in keys {
            self.waits.remove(&key);
            self.changes.note(|| Entry::NoWait { key });
        }
    }

    /// Registers what waits for an input stream, in the place of what did before.
    pub(super) fn register_wait(&mut self, key: &StreamKey, wait: InputWait) {
        self.changes.note(|| Entry::Wait { key: key.clone(), wait: wait.clone() });
        self.waits.insert(key.clone(), wait);
    }

    /// Ends a wait for an input stream with one of its records, and takes its registration away. `false` where that is another by now.
    fn end_input_wait(&mut self, key: &StreamKey, wait: &InputWait, record: &Record) -> bool {
        let is_its = self.waits.get(key) == Some(wait) && record.seq_num >= wait.from;
        if is_its {
            let output = data_of(&record.body).map_or(Packet::EMPTY, |data| Packet::new(data, Packet::JSON));
            self.complete_waitpoint(&wait.id, output, Some(record.seq_num));
            self.waits.remove(key);
            self.changes.note(|| Entry::NoWait { key: key.clone() });
        }
        is_its
    }
}

impl Store {
    /// Makes a wait token that the next record of an input stream completes, the first after `last` that there is or will be. A later wait
    /// takes the place of an earlier one. `true` where its key names one already.
    pub(crate) fn wait_for_input(&self, key: &StreamKey, waitpoint: Waitpoint, last: Option<u64>) -> (Waitpoint, bool) {
        let mut tables = self.tables();
        let (waitpoint, is_cached) = tables.create_waitpoint(waitpoint);
        if waitpoint.completion.is_some() {
            return (waitpoint, is_cached);
        }
        let wait = InputWait { id: waitpoint.id.clone(), from: last.map_or(0, |last| last.saturating_add(1)) };
        tables.register_wait(key, wait.clone());
        let record = tables.logs.get(key).and_then(|log| log.read(wait.from).records.into_iter().next());
        if let Some(record) = record {
            tables.end_input_wait(key, &wait, &record);
        }
        (waitpoint, is_cached)
    }

    /// Appends to an input stream, and ends what waits for that: gives what waited, if anything did.
    pub(crate) fn send(&self, key: &StreamKey, append: &Append<'_>) -> (Appended, Option<String>) {
        let mut tables = self.tables();
        let appended = tables.append(key, append);
        let record = tables.logs.get(key).and_then(Log::last).filter(|_| appended == Appended::Now).cloned();
        let waiting = tables.waits.get(key).cloned().zip(record);
        let ended = waiting.filter(|(wait, record)| tables.end_input_wait(key, wait, record));
        (appended, ended.map(|(wait, _)| wait.id))
    }

    /// Ends a wait with a record of a log that lies elsewhere. `false` where something else waits by now, or nothing.
    pub(crate) fn end_input_wait(&self, key: &StreamKey, wait: &InputWait, record: &Record) -> bool {
        self.tables().end_input_wait(key, wait, record)
    }

    /// How the wait has ended, if it has.
    pub(crate) fn wait_end(&self, waitpoint: &str) -> Option<WaitEnd> {
        self.tables().wait_end(waitpoint)
    }

    /// The runs that wait for this and have not been told of its end.
    pub(crate) fn waiting_for(&self, waitpoint: &str) -> Vec<String> {
        self.tables().run_waits.waiting.get(waitpoint).cloned().unwrap_or_default()
    }

    /// What a run waits for whose end it has not been told.
    pub(crate) fn open_waits(&self, run: &str) -> Vec<String> {
        self.tables().run_waits.open(run)
    }

    /// Whether a run waits for something that has ended.
    pub(crate) fn may_go_on(&self, run: &str) -> bool {
        let mut tables = self.tables();
        tables.run_waits.open(run).iter().any(|waitpoint| tables.wait_end(waitpoint).is_some())
    }
}

/// The JSON text that a record carries.
fn data_of(body: &str) -> Option<String> {
    let envelope: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    envelope["data"].as_str().map(str::to_owned)
}
