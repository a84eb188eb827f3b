//! One append-only log.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::append::{Append, Once};

/// The most a record may measure: eight bytes and its body.
pub(crate) const RECORD_LIMIT: usize = 1_048_576;
/// What a record measures besides its body.
const RECORD_OVERHEAD: usize = 8;
/// The bounds of one slice, which becomes one event on the wire.
const SLICE_RECORDS: usize = 1000;
const SLICE_BYTES: usize = 1_048_576;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appended {
    Now,
    /// The log holds it already.
    Before,
    /// It measures this many bytes, which is over [`RECORD_LIMIT`].
    TooLarge(usize),
}

/// A record as it stands in events. `timestamp` is in milliseconds and never falls.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) seq_num: u64,
    pub(crate) timestamp: u64,
    #[serde(default)]
    pub(crate) body: Arc<str>,
}

impl Record {
    pub(crate) fn measure(&self) -> usize {
        Self::measure_of(&self.body)
    }

    pub(crate) const fn measure_of(body: &str) -> usize {
        RECORD_OVERHEAD + body.len()
    }
}

/// An append to a log that lies elsewhere: the part is there, and if so at this place, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    pub(super) seq_num: u64,
    pub(super) part: String,
    pub(super) once: Option<String>,
    pub(super) line: Option<(String, u64)>,
}

/// Where a log ends: the next sequence number, and the time of the last record (0 when there is none).
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Tail {
    pub(crate) seq_num: u64,
    pub(crate) timestamp: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Slice {
    pub(crate) records: Vec<Record>,
    pub(crate) tail: Tail,
}

#[derive(Default)]
pub(super) struct Log {
    /// Its name in the file, from its first record on.
    number: Option<u64>,
    records: Vec<Record>,
    seen: HashSet<String>,
    lines: HashMap<String, u64>,
    doubts: Vec<Doubt>,
    grown: watch::Sender<u64>,
}

impl Log {
    pub(super) fn numbered(number: u64) -> Self {
        Self { number: Some(number), ..Self::default() }
    }

    /// Its number, and whether it has only now got this one.
    pub(super) fn number(&mut self, next: impl FnOnce() -> u64) -> (u64, bool) {
        let is_new = self.number.is_none();
        (*self.number.get_or_insert_with(next), is_new)
    }

    pub(super) const fn its_number(&self) -> Option<u64> {
        self.number
    }

    /// Takes back what was written down, in the order of the numbers.
    pub(super) fn restore(&mut self, record: Record, once: Option<String>, line: Option<(String, u64)>) {
        self.records.push(record);
        self.seen.extend(once);
        self.lines.extend(line);
    }

    pub(super) fn last(&self) -> Option<&Record> {
        self.records.last()
    }

    /// Whether there is a record with this key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.seen.contains(key)
    }

    pub(super) fn is_repeat(&self, append: &Append<'_>) -> bool {
        match &append.once {
            Once::Always => false,
            Once::Key(key) => self.has(key),
            Once::Line { client, index } => self.last_line(client).is_some_and(|last| *index <= last),
        }
    }

    /// Takes back what was written down of a log that lies elsewhere.
    pub(super) fn restore_doubt(&mut self, doubt: Doubt, is_settled: bool) {
        if is_settled { self.accept(&doubt) } else { self.doubts.push(doubt) }
    }

    /// Notes that an append is on its way to a place; gives it when that is new.
    pub(super) fn doubt(&mut self, seq_num: u64, append: &Append<'_>) -> Option<&Doubt> {
        let doubt = Doubt { seq_num, part: append.id().to_owned(), once: append.key(), line: append.client_line() };
        if !append.is_keyed() || self.doubts.contains(&doubt) {
            return None;
        }
        self.doubts.push(doubt);
        self.doubts.last()
    }

    pub(super) fn doubts(&self) -> Vec<u64> {
        let mut places: Vec<u64> = self.doubts.iter().map(|doubt| doubt.seq_num).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// Settles what was on its way to a place where now this part stands; gives each with whether it is that one.
    pub(super) fn decide(&mut self, seq_num: u64, part: Option<&str>) -> Vec<(Doubt, bool)> {
        let decided: Vec<Doubt> = self.doubts.extract_if(.., |doubt| doubt.seq_num == seq_num).collect();
        let decided = decided.into_iter().map(|doubt| {
            let is_there = part == Some(doubt.part.as_str());
            (doubt, is_there)
        });
        let decided: Vec<_> = decided.collect();
        for (doubt, _) in decided.iter().filter(|(_, is_there)| *is_there) {
            self.accept(doubt);
        }
        decided
    }

    fn accept(&mut self, doubt: &Doubt) {
        self.seen.extend(doubt.once.clone());
        if let Some((client, index)) = &doubt.line {
            let last = self.lines.entry(client.clone()).or_default();
            *last = (*last).max(*index);
        }
    }

    pub(super) fn append(&mut self, append: &Append<'_>, now: u64) -> Appended {
        if self.is_repeat(append) {
            return Appended::Before;
        }
        let tail = self.tail();
        let record = Record { seq_num: tail.seq_num, timestamp: now.max(tail.timestamp), body: append.body().into() };
        if record.measure() > RECORD_LIMIT {
            return Appended::TooLarge(record.measure());
        }
        self.seen.extend(append.key());
        self.lines.extend(append.client_line());
        self.records.push(record);
        self.grown.send_replace(self.tail().seq_num);
        Appended::Now
    }

    pub(super) fn at(&self, seq_num: u64) -> Option<&Record> {
        self.records.get(usize::try_from(seq_num).ok()?)
    }

    pub(super) fn read(&self, from: u64) -> Slice {
        let start = usize::try_from(from).unwrap_or(usize::MAX).min(self.records.len());
        let mut bytes = 0;
        let within = |record: &&Record| {
            bytes += record.measure();
            bytes <= SLICE_BYTES || bytes == record.measure()
        };
        let records = self.records[start..].iter().take(SLICE_RECORDS).take_while(within).cloned().collect();
        Slice { records, tail: self.tail() }
    }

    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }

    pub(super) fn last_line(&self, client: &str) -> Option<u64> {
        self.lines.get(client).copied()
    }

    fn tail(&self) -> Tail {
        Tail { seq_num: self.records.len() as u64, timestamp: self.records.last().map_or(0, |record| record.timestamp) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_bounded_but_never_empty_before_the_tail() {
        let mut log = Log::default();
        let large = format!("\"{}\"", "x".repeat(700_000));
        for id in ["a", "b"] {
            assert_eq!(log.append(&Append::new(&large, id), 1), Appended::Now);
        }
        for _ in 0..1500 {
            log.append(&Append::new("1", "c"), 1);
        }
        assert_eq!(log.read(0).records.len(), 1);
        assert_eq!(log.read(2).records.len(), SLICE_RECORDS);
        assert_eq!(log.read(1002).records.len(), 500);
        assert!(log.read(1502).records.is_empty());
        assert!(log.read(u64::MAX).records.is_empty());
    }

    #[test]
    fn time_never_falls() {
        let mut log = Log::default();
        log.append(&Append::new("1", "a"), 20);
        log.append(&Append::new("2", "b"), 10);
        let times: Vec<u64> = log.read(0).records.iter().map(|record| record.timestamp).collect();
        assert_eq!(times, [20, 20]);
    }

    #[test]
    fn a_line_of_a_client_is_kept_once() {
        let mut log = Log::default();
        for (client, index, expected) in
            [("a", 0, Appended::Now), ("a", 1, Appended::Now), ("a", 0, Appended::Before), ("b", 0, Appended::Now)]
        {
            assert_eq!(log.append(&Append::new("1", "x").line(client, index), 1), expected, "{client} {index}");
        }
    }
}
