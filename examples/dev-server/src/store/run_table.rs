//! All runs, in an order that tells what changed, and who waits for a change.

use std::collections::{BTreeMap, HashMap};

use tokio::sync::watch;

use super::runs::Run;
use super::shapes::{Change, Kept, Reading, Shape, Topic};

/// Watched topics that nobody listens to any more are looked for when there are so many.
const SWEEP_AT: usize = 256;

#[derive(Default)]
pub(super) struct RunTable {
    runs: BTreeMap<String, Kept>,
    /// The last change of each run, oldest first: what changed since is found without looking at all runs.
    latest: BTreeMap<u64, String>,
    sequence: u64,
    watched: HashMap<Topic, watch::Sender<u64>>,
}

impl RunTable {
    /// Takes back what was written down.
    pub(super) fn restore(&mut self, kept: Kept) {
        // A number of changes never names two changes, so the newest is how many there were.
        self.sequence = self.sequence.max(kept.changed);
        self.latest.insert(kept.changed, kept.run.id.clone());
        self.runs.insert(kept.run.id.clone(), kept);
    }

    pub(super) fn kept(&self, id: &str) -> Option<&Kept> {
        self.runs.get(id)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Run> {
        self.runs.get(id).map(|kept| &kept.run)
    }

    pub(super) fn insert(&mut self, run: Run) {
        self.sequence += 1;
        let id = run.id.clone();
        self.latest.insert(self.sequence, id.clone());
        let kept = Kept::new(run, self.sequence);
        tell(&mut self.watched, &kept, self.sequence);
        self.runs.insert(id, kept);
    }

    /// Changes a run, and tells it if that made a difference, which the second of the result says. `None` when there is no such run.
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
        let found: Vec<&Kept> = match shape {
            Shape::Run(id) => self.runs.get(id).into_iter().collect(),
            Shape::Tagged { .. } | Shape::Batch(_) => {
                let mut found: Vec<&Kept> = self.runs.values().filter(|kept| shape.holds(&kept.run)).collect();
                found.sort_unstable_by_key(|kept| kept.created);
                found
            }
        };
        let items = found[found.len().saturating_sub(most)..].iter().map(|kept| kept.run.clone()).collect();
        Reading { items, sequence: self.sequence }
    }

    /// What has become of a shape's runs since, in the order of the changes.
    pub(super) fn changes(&self, shape: &Shape, seen: u64) -> Reading<Change> {
        let items = if let Shape::Run(id) = shape {
            let changed = self.runs.get(id).filter(|kept| kept.changed > seen);
            changed.and_then(|kept| kept.since(seen, shape)).into_iter().collect()
        } else {
            let changed = self.latest.range(seen.saturating_add(1)..).filter_map(|(_, id)| self.runs.get(id));
            changed.filter_map(|kept| kept.since(seen, shape)).collect()
        };
        Reading { items, sequence: self.sequence }
    }

    /// Runs that are wanted, newest first.
    pub(super) fn newest(&self, wanted: impl Fn(&Run) -> bool) -> Vec<Run> {
        let mut found: Vec<&Kept> = self.runs.values().filter(|kept| wanted(&kept.run)).collect();
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
