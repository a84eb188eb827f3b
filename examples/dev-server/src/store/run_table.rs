//! All runs, in an order that tells what changed, and who waits for a change.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;

use tokio::sync::watch;

use super::page::{Page, Place};
use super::runs::Run;
use super::shapes::{Change, Kept, Reading, Shape, Topic};

/// Watched topics that nobody listens to any more are looked for when there are so many.
const SWEEP_AT: usize = 256;

#[derive(Default)]
pub(super) struct RunTable {
    runs: BTreeMap<String, Kept>,
    /// In the order in which they were created.
    created: BTreeMap<u64, String>,
    /// The last change of each run, oldest first: what changed since is found without looking at all runs.
    latest: BTreeMap<u64, String>,
    /// The runs that a run has triggered.
    children: HashMap<String, HashSet<String>>,
    sequence: u64,
    drops: Drops,
    watched: HashMap<Topic, watch::Sender<u64>>,
}

/// Runs that are here no more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Drops {
    /// When the last went, in numbers of changes.
    pub(super) sequence: u64,
    /// When the newest of all was created, in milliseconds since the epoch.
    pub(super) created_at: u64,
}

impl RunTable {
    /// Takes back what was written down.
    pub(super) fn restore(&mut self, kept: Kept) {
        // A number of changes never names two changes, so the newest is how many there were.
        self.sequence = self.sequence.max(kept.changed);
        self.latest.insert(kept.changed, kept.run.id.clone());
        self.keep(kept);
    }

    fn keep(&mut self, kept: Kept) {
        let Run { id, parent, .. } = &kept.run;
        if let Some(parent) = parent {
            self.children.entry(parent.clone()).or_default().insert(id.clone());
        }
        self.created.insert(kept.created, id.clone());
        self.runs.insert(id.clone(), kept);
    }

    pub(super) fn kept(&self, id: &str) -> Option<&Kept> {
        self.runs.get(id)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Run> {
        self.runs.get(id).map(|kept| &kept.run)
    }

    pub(super) fn insert(&mut self, run: Run) {
        self.sequence += 1;
        self.latest.insert(self.sequence, run.id.clone());
        let kept = Kept::new(run, self.sequence);
        tell(&mut self.watched, &kept, self.sequence);
        self.keep(kept);
    }

    /// Changes a run, and tells it if that made a difference, which the second of the result says. `None` when there is
    /// no such run.
    pub(super) fn change<T>(&mut self, id: &str, now: u64, change: impl FnOnce(&mut Run) -> T) -> Option<(T, bool)> {
        let kept = self.runs.get_mut(id)?;
        let mut run = kept.run.clone();
        let result = change(&mut run);
        let is_other = run != kept.run;
        if is_other {
            self.sequence += 1;
            run.updated_at = now.max(run.updated_at);
            self.latest.remove(&kept.changed);
            self.latest.insert(self.sequence, id.to_owned());
            kept.replace(run, self.sequence);
            tell(&mut self.watched, kept, self.sequence);
        }
        Some((result, is_other))
    }

    /// The newest runs of a shape, oldest first.
    pub(super) fn snapshot(&self, shape: &Shape, most: usize) -> Reading<Run> {
        let found: Vec<&Run> = match shape {
            Shape::Run(id) => self.get(id).into_iter().collect(),
            Shape::Tagged { .. } | Shape::Batch(_) => {
                let held = self.oldest_first().rev().filter(|run| shape.holds(run));
                held.take(most).collect()
            }
        };
        let items = found.into_iter().rev().cloned().collect();
        Reading { items, sequence: self.sequence }
    }

    /// What has become of a shape's runs since, in the order of the changes. `None` when one that its reader may have
    /// seen was dropped: `oldest` is when the first of them may have been created.
    pub(super) fn changes(&self, shape: &Shape, seen: u64, oldest: u64) -> Option<Reading<Change>> {
        if seen < self.drops.sequence && oldest <= self.drops.created_at {
            return None;
        }
        let items = if let Shape::Run(id) = shape {
            let changed = self.runs.get(id).filter(|kept| kept.changed > seen);
            changed.and_then(|kept| kept.since(seen, shape)).into_iter().collect()
        } else {
            let changed = self.latest.range(seen.saturating_add(1)..).filter_map(|(_, id)| self.runs.get(id));
            changed.filter_map(|kept| kept.since(seen, shape)).collect()
        };
        Some(Reading { items, sequence: self.sequence })
    }

    /// The ids of some runs behind this one that are wanted, and the last of those that were looked at: none when there
    /// are no others.
    pub(super) fn some(
        &self,
        after: Option<&str>,
        looks: usize,
        wanted: impl Fn(&Run) -> bool,
    ) -> (Vec<String>, Option<String>) {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut last = None;
        let mut ids = Vec::new();
        for (id, kept) in self.runs.range::<str, _>((from, Bound::Unbounded)).take(looks) {
            last = Some(id.clone());
            if wanted(&kept.run) {
                ids.push(id.clone());
            }
        }
        (ids, last)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Run> {
        self.runs.values().map(|kept| &kept.run)
    }

    /// Takes runs out, and gives them with what is to be remembered of that.
    pub(super) fn drop(&mut self, ids: &[String]) -> (Vec<Run>, Drops) {
        let dropped: Vec<Kept> = ids.iter().filter_map(|id| self.runs.remove(id)).collect();
        self.sequence += 1;
        self.drops.sequence = self.sequence;
        for kept in &dropped {
            self.drops.created_at = self.drops.created_at.max(kept.run.created_at);
            self.latest.remove(&kept.changed);
            self.created.remove(&kept.created);
            if let Some(parent) = &kept.run.parent
                && let Some(children) = self.children.get_mut(parent)
            {
                children.remove(&kept.run.id);
                if children.is_empty() {
                    self.children.remove(parent);
                }
            }
            tell(&mut self.watched, kept, self.sequence);
        }
        (dropped.into_iter().map(|kept| kept.run).collect(), self.drops)
    }

    /// Takes back what was written down of runs that were dropped.
    pub(super) fn restore_drops(&mut self, drops: Drops) {
        self.sequence = self.sequence.max(drops.sequence);
        self.drops = drops;
    }

    pub(super) fn oldest_first(&self) -> impl DoubleEndedIterator<Item = &Run> {
        self.created.values().filter_map(|id| self.get(id))
    }

    /// A page of the runs that are wanted, newest first. A place is named with or without `run_`.
    pub(super) fn list(&self, place: Option<&Place>, size: usize, wanted: impl Fn(&Run) -> bool) -> Page<Run> {
        let number_of = |id: &str| {
            let kept = self.runs.get(&format!("run_{id}")).or_else(|| self.runs.get(id))?;
            Some(kept.created)
        };
        let beside = self.created.range(Place::numbers(place, number_of));
        let wanted = beside.filter_map(|(_, id)| self.get(id)).filter(|run| wanted(run));
        let Page { items, has_newer, has_older } = Page::of(wanted, place, size);
        Page { items: items.into_iter().cloned().collect(), has_newer, has_older }
    }

    /// The runs that this one has triggered, newest first.
    pub(super) fn children(&self, parent: &str) -> Vec<Run> {
        let ids = self.children.get(parent).into_iter().flatten();
        let mut found: Vec<&Kept> = ids.filter_map(|id| self.runs.get(id)).collect();
        found.sort_unstable_by_key(|kept| std::cmp::Reverse(kept.created));
        found.into_iter().map(|kept| kept.run.clone()).collect()
    }

    pub(super) fn watch(&mut self, shape: &Shape) -> watch::Receiver<u64> {
        if self.watched.len() >= SWEEP_AT && self.watched.len().is_power_of_two() {
            self.watched.retain(|_, listeners| listeners.receiver_count() > 0);
        }
        self.watched.entry(shape.topic()).or_default().subscribe()
    }
}

fn tell(watched: &mut HashMap<Topic, watch::Sender<u64>>, kept: &Kept, sequence: u64) {
    for topic in kept.topics() {
        if let Some(listeners) = watched.get(&topic) {
            listeners.send_replace(sequence);
            if listeners.receiver_count() == 0 {
                watched.remove(&topic);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::hint::black_box;
    use std::time::{Duration, Instant};

    use super::*;

    fn family(others: usize) -> RunTable {
        let mut table = RunTable::default();
        for n in 0..others {
            table.insert(Run::new(format!("run_other_{n}"), "t", 1));
        }
        for (n, parent) in [(1, "run_a"), (2, "run_a"), (3, "run_b"), (4, "run_a")] {
            table.insert(Run { parent: Some(parent.to_owned()), ..Run::new(format!("run_{n}"), "t", n) });
        }
        table
    }

    #[test]
    fn children_are_found_newest_first() {
        let table = family(3);
        let ids = |table: &RunTable, parent| table.children(parent).into_iter().map(|run| run.id).collect::<Vec<_>>();
        assert_eq!(ids(&table, "run_a"), ["run_4", "run_2", "run_1"]);
        assert_eq!(ids(&table, "run_other_0"), [""; 0]);
        let mut reopened = RunTable::default();
        for id in ["run_4", "run_1", "run_3", "run_2"] {
            reopened.restore(table.kept(id).unwrap().clone());
        }
        assert_eq!(ids(&reopened, "run_a"), ["run_4", "run_2", "run_1"]);
    }

    #[test]
    fn a_page_looks_at_no_more_than_it_shows() {
        let table = family(1000);
        let looks = Cell::new(0);
        let page = |place: Option<Place>| {
            looks.set(0);
            let page = table.list(place.as_ref(), 2, |_| {
                looks.set(looks.get() + 1);
                true
            });
            assert!(looks.get() <= 3, "{}", looks.get());
            let ids: Vec<String> = page.items.into_iter().map(|run| run.id).collect();
            (ids, page.has_newer, page.has_older)
        };
        let row = |ids: &[&str], has_newer, has_older| {
            (ids.iter().map(|id| format!("run_{id}")).collect::<Vec<_>>(), has_newer, has_older)
        };
        let (after, before) =
            (|id: &str| Some(Place::After(id.to_owned())), |id: &str| Some(Place::Before(id.to_owned())));
        assert_eq!(page(None), row(&["4", "3"], false, true));
        assert_eq!(page(after("3")), row(&["2", "1"], true, true));
        assert_eq!(page(after("run_3")), row(&["2", "1"], true, true));
        assert_eq!(page(after("other_1")), row(&["other_0"], true, false));
        assert_eq!(page(before("1")), row(&["3", "2"], true, true));
        assert_eq!(page(before("3")), row(&["4"], false, true));
        assert_eq!(page(after("unknown")).0, [""; 0]);
        assert_eq!(page(before("unknown")).0, [""; 0]);
    }

    #[test]
    fn children_are_found_as_fast_among_many_runs() {
        let (few, many) = (family(100), family(50_000));
        let fastest = |table: &RunTable| {
            let time = |_| {
                let began = Instant::now();
                black_box(table.children("run_a"));
                began.elapsed()
            };
            (0..50).map(time).min().unwrap()
        };
        assert!(fastest(&many) < fastest(&few) * 20 + Duration::from_micros(20));
    }
}
