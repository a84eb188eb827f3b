//! Wait tokens: what a task waits for until somebody completes them, or their time is out.

use std::collections::{BTreeMap, HashMap};

use tokio::sync::watch;

use super::Store;
use super::disk::Entry;
use super::packet::Packet;
use super::tables::Tables;
use crate::clock::{iso, now_ms};

/// Times are milliseconds since the epoch.
#[derive(Clone, Debug)]
pub(crate) struct Waitpoint {
    pub(crate) id: String,
    pub(crate) created_at: u64,
    pub(crate) timeout_at: Option<u64>,
    pub(crate) key: Key,
    pub(crate) tags: Vec<String>,
    /// The input stream whose next record completes it.
    pub(crate) stream: Option<String>,
    pub(crate) completion: Option<Completion>,
}

/// What makes a second wait token the same. There is always one, and a caller may have chosen it.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) is_chosen: bool,
    /// From then on it names a new wait token.
    pub(crate) expires_at: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Completion {
    pub(crate) at: u64,
    pub(crate) output: Packet,
    /// The record of the input stream that completed it.
    pub(crate) seq_num: Option<u64>,
    /// Its time was out.
    pub(crate) is_error: bool,
}

impl Waitpoint {
    pub(crate) fn state(&self) -> State {
        match &self.completion {
            None => State::Waiting,
            Some(completion) if completion.is_error => State::TimedOut,
            Some(_) => State::Completed,
        }
    }

    /// The sentence that a wait ends with when nobody completed it before this time.
    pub(crate) fn timed_out(timeout_at: u64) -> String {
        format!("Waitpoint timed out at {}", iso(timeout_at))
    }

    /// Ends the wait if its time is out, whether anybody looked at that moment or not.
    pub(super) fn settle(&mut self, now: u64) {
        let Some(at) = self.timeout_at.filter(|at| *at <= now && self.completion.is_none()) else { return };
        let message = serde_json::Value::from(Self::timed_out(at));
        let output = format!(r#"{{"code":"TRIGGER_WAITPOINT_TIMEOUT","message":{message}}}"#);
        let output = Packet::new(output, Packet::JSON);
        self.completion = Some(Completion { at, output, seq_num: None, is_error: true });
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    Completed,
    TimedOut,
}

impl State {
    pub(crate) const ALL: [Self; 3] = [Self::Waiting, Self::Completed, Self::TimedOut];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Completed => "COMPLETED",
            Self::TimedOut => "TIMED_OUT",
        }
    }
}

/// All of them, by their positions: oldest first.
#[derive(Default)]
pub(super) struct Waitpoints {
    pub(super) rows: BTreeMap<u64, Row>,
    pub(super) by_id: HashMap<String, u64>,
    by_key: HashMap<String, u64>,
    next: u64,
}

pub(super) struct Row {
    pub(super) waitpoint: Waitpoint,
    done: watch::Sender<()>,
}

impl Waitpoints {
    /// Takes back what was written down, in the order in which they came.
    pub(super) fn restore(&mut self, position: u64, waitpoint: Waitpoint) {
        self.next = position + 1;
        self.by_id.insert(waitpoint.id.clone(), position);
        self.by_key.insert(waitpoint.key.text.clone(), position);
        self.rows.insert(position, Row { waitpoint, done: watch::Sender::default() });
    }

    pub(super) fn add(&mut self, waitpoint: Waitpoint, now: u64) -> (Waitpoint, bool) {
        let earlier = self.by_key.get(&waitpoint.key.text).and_then(|position| self.rows.get_mut(position));
        if let Some(Row { waitpoint: earlier, .. }) = earlier
            && earlier.key.expires_at.is_none_or(|at| at > now)
        {
            earlier.settle(now);
            return (earlier.clone(), true);
        }
        self.restore(self.next, waitpoint.clone());
        (waitpoint, false)
    }

    /// The wait token as it stands at this time, and the place where it is written down.
    pub(super) fn find(&mut self, id: &str, now: u64) -> Option<(u64, &Waitpoint)> {
        let position = *self.by_id.get(id)?;
        self.row(id, now).map(|row| (position, &row.waitpoint))
    }

    fn row(&mut self, id: &str, now: u64) -> Option<&mut Row> {
        let row = self.rows.get_mut(self.by_id.get(id)?)?;
        row.waitpoint.settle(now);
        Some(row)
    }

    /// Takes those away that are not wanted at this time, and gives them with their positions.
    pub(super) fn drop_unless(&mut self, now: u64, wanted: impl Fn(&Waitpoint) -> bool) -> Vec<(u64, Waitpoint)> {
        for row in self.rows.values_mut() {
            row.waitpoint.settle(now);
        }
        let unwanted = self.rows.iter().filter(|(_, row)| !wanted(&row.waitpoint));
        let unwanted: Vec<u64> = unwanted.map(|(position, _)| *position).collect();
        let dropped =
            unwanted.into_iter().filter_map(|position| Some((position, self.rows.remove(&position)?.waitpoint)));
        let dropped: Vec<_> = dropped.collect();
        for (position, waitpoint) in &dropped {
            self.by_id.remove(&waitpoint.id);
            // A later one may have the key by now.
            if self.by_key.get(&waitpoint.key.text) == Some(position) {
                self.by_key.remove(&waitpoint.key.text);
            }
        }
        dropped
    }

    /// Gives the wait token when this is what completed it.
    pub(super) fn complete(
        &mut self,
        id: &str,
        output: Packet,
        seq_num: Option<u64>,
        now: u64,
    ) -> Option<(u64, &Waitpoint)> {
        let position = *self.by_id.get(id)?;
        let row = self.row(id, now)?;
        if row.waitpoint.completion.is_some() {
            return None;
        }
        row.waitpoint.completion = Some(Completion { at: now, output, seq_num, is_error: false });
        row.done.send_replace(());
        Some((position, &row.waitpoint))
    }
}

impl Tables {
    pub(super) fn create_waitpoint(&mut self, waitpoint: Waitpoint) -> (Waitpoint, bool) {
        let position = self.waitpoints.next;
        let (waitpoint, is_cached) = self.waitpoints.add(waitpoint, now_ms());
        if !is_cached {
            self.changes.note(|| Entry::Waitpoint { position, waitpoint: waitpoint.clone().into() });
        }
        (waitpoint, is_cached)
    }

    pub(super) fn complete_waitpoint(&mut self, id: &str, output: Packet, seq_num: Option<u64>) {
        let Self { waitpoints, changes, .. } = self;
        if let Some((position, waitpoint)) = waitpoints.complete(id, output, seq_num, now_ms()) {
            changes.note(|| Entry::Waitpoint { position, waitpoint: waitpoint.clone().into() });
        }
    }
}

impl Store {
    /// Keeps a new wait token, unless its key names one already: then it is that one, and `true`.
    pub(crate) fn create_waitpoint(&self, waitpoint: Waitpoint) -> (Waitpoint, bool) {
        let mut tables = self.tables();
        tables.create_waitpoint(waitpoint)
    }

    pub(crate) fn waitpoint(&self, id: &str) -> Option<Waitpoint> {
        self.tables().waitpoints.row(id, now_ms()).map(|row| row.waitpoint.clone())
    }

    /// Completes a wait token that is still waiting; the first result stays.
    pub(crate) fn complete_waitpoint(&self, id: &str, output: Packet) {
        let mut tables = self.tables();
        tables.complete_waitpoint(id, output, None);
    }

    /// Changes when the wait token is completed, and not when its time is out.
    pub(crate) fn watch_waitpoint(&self, id: &str) -> Option<watch::Receiver<()>> {
        self.tables().waitpoints.row(id, now_ms()).map(|row| row.done.subscribe())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::store) fn waitpoint(id: &str, key: &str, now: u64) -> Waitpoint {
        Waitpoint {
            id: format!("waitpoint_{id}"),
            created_at: now,
            timeout_at: None,
            key: Key { text: key.to_owned(), is_chosen: true, expires_at: None },
            tags: Vec::new(),
            stream: None,
            completion: None,
        }
    }

    #[test]
    fn the_first_end_stays() {
        let mut table = Waitpoints::default();
        for (id, key) in [("a", "1"), ("b", "2")] {
            table.add(Waitpoint { timeout_at: Some(100), ..waitpoint(id, key, 0) }, 0);
        }
        assert!(table.complete("waitpoint_a", Packet::new("1", Packet::JSON), None, 99).is_some());
        assert!(table.complete("waitpoint_a", Packet::new("2", Packet::JSON), None, 99).is_none());
        assert!(
            table.complete("waitpoint_b", Packet::new("3", Packet::JSON), None, 100).is_none(),
            "late, and no error"
        );
        let mut end = |id: &str| table.row(id, 200).unwrap().waitpoint.completion.clone().unwrap();
        let (first, late) = (end("waitpoint_a"), end("waitpoint_b"));
        assert_eq!((first.at, first.output.data.as_deref(), first.is_error), (99, Some("1"), false));
        assert_eq!((late.at, late.is_error), (100, true));
        let text =
            r#"{"code":"TRIGGER_WAITPOINT_TIMEOUT","message":"Waitpoint timed out at 1970-01-01T00:00:00.100Z"}"#;
        assert_eq!(late.output.data.as_deref(), Some(text));
        assert!(table.complete("waitpoint_c", Packet::EMPTY, None, 1).is_none());
    }

    #[test]
    fn a_key_names_one_until_it_expires() {
        let mut table = Waitpoints::default();
        let mut first = waitpoint("a", "k", 0);
        first.key.expires_at = Some(10);
        table.add(first, 0);
        assert_eq!(table.add(waitpoint("b", "k", 9), 9).0.id, "waitpoint_a");
        assert_eq!(table.add(waitpoint("b", "k", 10), 10).0.id, "waitpoint_b");
        assert_eq!(table.add(waitpoint("c", "k", 11), 11).0.id, "waitpoint_b");
    }
}
