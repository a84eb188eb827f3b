//! What waits for the next record of an input.

use super::Store;
use super::append::Append;
use super::disk::Entry;
use super::log::{Appended, Log, Record};
use super::packet::Packet;
use super::stream_key::StreamKey;
use super::tables::Tables;
use super::waitpoints::Waitpoint;

/// What waits for the next record of an input stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InputWait {
    pub(crate) id: String,
    /// The first record that may end it.
    pub(crate) from: u64,
}

impl Tables {
    /// What waits for an input stream, unless that wait is over. What is no wait token is a demo task's, which takes it
    /// back itself.
    pub(super) fn open_wait(&mut self, key: &StreamKey) -> Option<InputWait> {
        let wait = self.waits.get(key)?.clone();
        self.wait_end(&wait.id).is_none().then_some(wait)
    }

    /// Registers what waits for an input stream, in the place of what did before.
    pub(super) fn register_wait(&mut self, key: &StreamKey, wait: InputWait) {
        self.changes.note(|| Entry::Wait { key: key.clone(), wait: wait.clone() });
        self.waits.insert(key.clone(), wait);
    }

    /// Ends a wait for an input stream with one of its records, and takes its registration away. `false` where that is
    /// another by now.
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
    /// Makes a wait token that the next record of an input stream completes, the first after `last` that there is or
    /// will be. A later wait takes the place of an earlier one. `true` where its key names one already.
    pub(crate) fn wait_for_input(&self, key: &StreamKey, waitpoint: Waitpoint, last: Option<u64>) -> (Waitpoint, bool) {
        let mut tables = self.tables();
        let (waitpoint, is_cached) = tables.create_waitpoint(waitpoint);
        if waitpoint.completion.is_some() {
            return (waitpoint, is_cached);
        }
        let wait = InputWait { id: waitpoint.id.clone(), from: last.map_or(0, |last| last.saturating_add(1)) };
        tables.register_wait(key, wait.clone());
        let record = tables.logs.get(key).and_then(|log| log.at(wait.from)).cloned();
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

    /// Removes the registration only if it is still this one: between completing a wait and removing it, the task may
    /// have registered its next.
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

/// The JSON text that a record carries.
fn data_of(body: &str) -> Option<String> {
    let envelope: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    envelope["data"].as_str().map(str::to_owned)
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
}
