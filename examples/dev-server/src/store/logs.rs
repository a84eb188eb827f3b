//! The logs of runs: their records, or, where these lie elsewhere, what is known of them.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;

use super::Store;
use super::append::Append;
use super::disk::{Entries, Entry};
use super::log::{Appended, Log, Slice};
use super::stream_key::{StreamKey, of_run};
use super::tables::Tables;
use crate::clock::now_ms;

#[derive(Default)]
pub(super) struct Logs {
    by_key: BTreeMap<StreamKey, Log>,
    /// The number of the newest that is in the file, or has been.
    last: u64,
}

impl Logs {
    /// Takes back what was written down. `last`: the highest number that there is.
    pub(super) fn restore(logs: impl Iterator<Item = (StreamKey, Log)>, last: u64) -> Self {
        Self { by_key: logs.collect(), last }
    }

    pub(super) fn get(&self, key: &StreamKey) -> Option<&Log> {
        self.by_key.get(key)
    }

    /// Takes away what there is of runs that are not there. Gives the runs that this was of.
    pub(super) fn drop_unless(&mut self, is_there: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let runs: BTreeSet<String> =
            self.by_key.keys().map(StreamKey::run).filter(|run| !is_there(run)).map(str::to_owned).collect();
        for run in &runs {
            self.drop(run);
        }
        runs
    }

    /// Takes away what there is of a run.
    pub(super) fn drop(&mut self, run: &str) {
        let keys: Vec<StreamKey> = of_run(&self.by_key, run).map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.by_key.remove(&key);
        }
    }

    fn open(&mut self, key: &StreamKey) -> &mut Log {
        self.by_key.entry(key.clone()).or_default()
    }

    /// The number of a log that is there, which it gets with the first that is written of it.
    fn number(&mut self, key: &StreamKey, changes: &mut Entries) -> u64 {
        let next = self.last + 1;
        let (number, is_new) = self.open(key).number(|| next);
        if is_new {
            self.last = next;
            changes.note(|| Entry::Stream { number, key: key.clone() });
        }
        number
    }
}

impl Tables {
    pub(super) fn append(&mut self, key: &StreamKey, append: &Append<'_>) -> Appended {
        let Self { logs, changes, .. } = self;
        let appended = logs.open(key).append(append, now_ms());
        if appended != Appended::Now {
            return appended;
        }
        let stream = logs.number(key, changes);
        if let Some(record) = logs.get(key).and_then(Log::last) {
            let (once, line) = (append.key(), append.client_line());
            changes.note(|| Entry::Record { stream, record: record.clone(), once, line });
        }
        appended
    }
}

impl Store {
    pub(crate) fn append(&self, key: &StreamKey, append: &Append<'_>) -> Appended {
        self.tables().append(key, append)
    }

    /// Whether this is the repeat of an append.
    pub(crate) fn is_repeat(&self, key: &StreamKey, append: &Append<'_>) -> bool {
        self.tables().logs.get(key).is_some_and(|log| log.is_repeat(append))
    }

    /// Notes that an append is on its way to a place of a log that lies elsewhere, unless nothing would make its repeat
    /// a repeat.
    pub(crate) fn doubt(&self, key: &StreamKey, seq_num: u64, append: &Append<'_>) {
        let mut tables = self.tables();
        let Tables { logs, changes, .. } = &mut *tables;
        let stream = logs.number(key, changes);
        if let Some(doubt) = logs.open(key).doubt(seq_num, append) {
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
        let Some(log) = logs.by_key.get_mut(key) else { return };
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
        let written = of_run(&tables.logs.by_key, run).map(|(key, _)| key);
        let awaited = of_run(&tables.waits, run).map(|(key, _)| key);
        written.chain(awaited).cloned().chain(declared).collect()
    }

    /// Changes whenever the log grows.
    pub(crate) fn watch(&self, key: &StreamKey) -> watch::Receiver<u64> {
        self.tables().logs.open(key).watch()
    }

    /// The index of the last line that this client ingested; `None` when there is none.
    pub(crate) fn last_line(&self, key: &StreamKey, client: &str) -> Option<u64> {
        self.tables().logs.get(key)?.last_line(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_stream_cannot_alias_an_input_stream() {
        let store = Store::default();
        store.append(&StreamKey::input("run_1", "x"), &Append::new("1", "inp_1"));
        assert!(store.read(&StreamKey::output("run_1", "x"), 0).records.is_empty());
        assert!(store.read(&StreamKey::output("run_1", "$trigger.input:x"), 0).records.is_empty());
    }
}
