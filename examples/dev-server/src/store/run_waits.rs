//! What runs wait for, and have waited for, in order.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Store;
use super::disk::Entry;
use super::packet::Packet;
use super::stream_key::{StreamKey, of_run};
use super::tables::Tables;
use super::waitpoints::{Completion, Waitpoint};
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

/// The waits of runs that have not ended.
#[derive(Default)]
pub(super) struct RunWaits {
    by_run: HashMap<String, Waits>,
    /// The runs that a wait is open of, in the order in which they came to it.
    waiting: HashMap<String, BTreeMap<u64, String>>,
    /// How many have come.
    count: u64,
}

/// The waits of one run. One is open until the run has been told of its end.
#[derive(Default)]
struct Waits {
    in_order: BTreeMap<u32, String>,
    positions: HashMap<String, u32>,
    /// By position, with the run's place among those that wait for the same.
    open: BTreeMap<u32, u64>,
}

impl RunWaits {
    /// Takes back what was written down.
    pub(super) fn restore(&mut self, run: String, position: u32, waitpoint: String, is_open: bool) {
        let waits = self.by_run.entry(run.clone()).or_default();
        waits.in_order.insert(position, waitpoint.clone());
        waits.positions.insert(waitpoint.clone(), position);
        if is_open {
            self.count += 1;
            waits.open.insert(position, self.count);
            self.waiting.entry(waitpoint).or_default().insert(self.count, run);
        }
    }

    /// Adds a wait of a run behind its others, and gives its position. `None` where the run has waited for this before.
    fn add(&mut self, run: &str, waitpoint: &str, is_open: bool) -> Option<u32> {
        let waits = self.by_run.get(run);
        if waits.is_some_and(|waits| waits.positions.contains_key(waitpoint)) {
            return None;
        }
        let last = waits.and_then(|waits| waits.in_order.last_key_value());
        let position = last.map_or(0, |(last, _)| last + 1);
        self.restore(run.to_owned(), position, waitpoint.to_owned(), is_open);
        Some(position)
    }

    /// Closes a wait, and gives its position if it was open.
    fn close(&mut self, run: &str, waitpoint: &str) -> Option<u32> {
        let waits = self.by_run.get_mut(run)?;
        let position = *waits.positions.get(waitpoint)?;
        let place = waits.open.remove(&position)?;
        leave(&mut self.waiting, waitpoint, place);
        Some(position)
    }

    /// Forgets a wait of a run, and gives the position that it had.
    fn remove(&mut self, run: &str, waitpoint: &str) -> Option<u32> {
        self.close(run, waitpoint);
        let waits = self.by_run.get_mut(run)?;
        let position = waits.positions.remove(waitpoint)?;
        waits.in_order.remove(&position);
        Some(position)
    }

    /// Forgets what a run waited for; whether there was anything.
    fn forget(&mut self, run: &str) -> bool {
        let Some(waits) = self.by_run.remove(run) else { return false };
        for (position, place) in waits.open {
            leave(&mut self.waiting, &waits.in_order[&position], place);
        }
        true
    }

    /// Everything that runs which have not ended wait for, or have waited for.
    pub(super) fn all(&self) -> HashSet<&str> {
        self.by_run.values().flat_map(|waits| waits.positions.keys().map(String::as_str)).collect()
    }

    fn open(&self, run: &str) -> impl Iterator<Item = &String> {
        let waits = self.by_run.get(run).into_iter();
        waits.flat_map(|waits| waits.open.keys().filter_map(|position| waits.in_order.get(position)))
    }
}

/// Has one run wait no more.
fn leave(waiting: &mut HashMap<String, BTreeMap<u64, String>>, waitpoint: &str, place: u64) {
    if let Some(runs) = waiting.get_mut(waitpoint) {
        runs.remove(&place);
        if runs.is_empty() {
            waiting.remove(waitpoint);
        }
    }
}

impl Tables {
    /// The end of a wait, where it has ended by now.
    pub(super) fn wait_end(&mut self, waitpoint: &str) -> Option<WaitEnd> {
        self.waitpoints.find(waitpoint, now_ms()).and_then(|(_, waitpoint)| WaitEnd::of(waitpoint))
    }

    /// Writes down that the run waits for this, once.
    pub(super) fn add_run_wait(&mut self, run: &str, waitpoint: &str, is_open: bool) {
        if let Some(position) = self.run_waits.add(run, waitpoint, is_open) {
            let (run, waitpoint) = (run.to_owned(), waitpoint.to_owned());
            self.changes.note(|| Entry::RunWait { run, position, waitpoint, is_open });
        }
    }

    /// Notes that the run has been told of the end of a wait.
    pub(super) fn close_run_wait(&mut self, run: &str, waitpoint: &str) {
        if let Some(position) = self.run_waits.close(run, waitpoint) {
            let (run, waitpoint) = (run.to_owned(), waitpoint.to_owned());
            self.changes.note(|| Entry::RunWait { run, position, waitpoint, is_open: false });
        }
    }

    /// What a run that begins from the top is told at once: the ends of all its waits, in order. Those without an end
    /// are waited for anew.
    pub(super) fn settle_run_waits(&mut self, run: &str) -> Vec<WaitEnd> {
        let waits = self.run_waits.by_run.get(run).into_iter();
        let waits: Vec<String> = waits.flat_map(|waits| waits.in_order.values().cloned()).collect();
        let mut ends = Vec::new();
        for waitpoint in waits {
            if let Some(end) = self.wait_end(&waitpoint) {
                self.close_run_wait(run, &waitpoint);
                ends.push(end);
            } else if let Some(position) = self.run_waits.remove(run, &waitpoint) {
                self.changes.note(|| Entry::NoRunWait { run: run.to_owned(), position });
            }
        }
        ends
    }

    /// A run that has ended waits for nothing.
    pub(super) fn forget_waits(&mut self, run: &str) {
        if self.run_waits.forget(run) {
            self.changes.note(|| Entry::NoRunWaits { run: run.to_owned() });
        }
        let keys: Vec<StreamKey> = of_run(&self.waits, run).map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.waits.remove(&key);
            self.changes.note(|| Entry::NoWait { key });
        }
    }
}

impl Store {
    /// How the wait has ended, if it has.
    pub(crate) fn wait_end(&self, waitpoint: &str) -> Option<WaitEnd> {
        self.tables().wait_end(waitpoint)
    }

    /// The runs that wait for this and have not been told of its end.
    pub(crate) fn waiting_for(&self, waitpoint: &str) -> Vec<String> {
        let tables = self.tables();
        tables.run_waits.waiting.get(waitpoint).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }

    /// What a run waits for whose end it has not been told.
    pub(crate) fn open_waits(&self, run: &str) -> Vec<String> {
        self.tables().run_waits.open(run).cloned().collect()
    }

    /// Whether a run waits for something that has ended.
    pub(crate) fn may_go_on(&self, run: &str) -> bool {
        let mut tables = self.tables();
        let open: Vec<String> = tables.run_waits.open(run).cloned().collect();
        open.iter().any(|waitpoint| tables.wait_end(waitpoint).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(waits: &RunWaits, waitpoint: &str) -> Vec<String> {
        waits.waiting.get(waitpoint).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }

    #[test]
    fn a_run_waits_for_a_thing_once_and_those_that_wait_for_the_same_keep_their_order() {
        let mut waits = RunWaits::default();
        for run in ["run_b", "run_a", "run_c"] {
            assert_eq!(waits.add(run, "first", true), Some(0));
            assert_eq!(waits.add(run, "second", true), Some(1));
            assert_eq!(waits.add(run, "first", true), None);
        }
        assert_eq!(waiting(&waits, "first"), ["run_b", "run_a", "run_c"]);
        assert_eq!(waits.close("run_a", "first"), Some(0));
        assert_eq!((waits.close("run_a", "first"), waits.close("run_d", "first")), (None, None));
        assert_eq!(waiting(&waits, "first"), ["run_b", "run_c"]);
        assert_eq!(waits.open("run_a").collect::<Vec<_>>(), ["second"]);
        assert_eq!(waits.add("run_a", "first", true), None, "it has waited for that");
        assert_eq!(waits.remove("run_a", "second"), Some(1));
        assert_eq!(waits.add("run_a", "second", false), Some(1));
        assert_eq!(waits.open("run_a").count(), 0);
        assert!(waits.forget("run_b") && !waits.forget("run_b"));
        assert_eq!((waiting(&waits, "first"), waiting(&waits, "second")), (vec!["run_c".into()], vec!["run_c".into()]));
        assert!(waits.forget("run_c") && waits.forget("run_a") && waits.waiting.is_empty());
    }
}
