//! How runs come to be, change and end, and who hears of it.

use tokio::sync::watch;

use super::Store;
use super::batches::Item as BatchItem;
use super::disk::Entry;
use super::page::{Page, Place};
use super::replays::{Created, Replay};
use super::runs::{Outcome, Report, Run};
use super::shapes::{Change, Reading, Shape};
use super::status::Status;
use super::tables::Tables;
use crate::clock::now_ms;

impl Tables {
    pub(super) fn insert_run(&mut self, run: Run) {
        let id = run.id.clone();
        self.runs.insert(run);
        self.note_run(&id);
    }

    /// Changes a run at the time that the change gets. `None` when there is no such run.
    pub(super) fn change_run<T>(&mut self, id: &str, change: impl FnOnce(&mut Run, u64) -> T) -> Option<T> {
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

    pub(super) fn note_run(&mut self, id: &str) {
        if let Some(kept) = self.runs.kept(id) {
            self.changes.note(|| Entry::Run(kept.clone().into()));
        }
    }
}

impl Store {
    pub(crate) fn run(&self, id: &str) -> Option<Run> {
        self.tables().runs.get(id).cloned()
    }

    /// Keeps a new run, unless one of the `replays` (each with the time until which it counts, in ms) names an earlier
    /// one, or the one-time token was used before.
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

    /// Keeps a new run as the item of its batch with this index, unless one of the `replays` names an earlier one,
    /// which then is the item.
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

    pub(super) fn change_run<T>(&self, id: &str, change: impl FnOnce(&mut Run, u64) -> T) -> Option<T> {
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

    /// Adds the tags that a run lacks, as long as it then has no more than `most`: gives how many it lacked, `Err` with
    /// how many it would have when they are too many, `None` when it is unknown.
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

    /// The newest runs of a shape, oldest first, and the place in the history of changes.
    pub(crate) fn snapshot(&self, shape: &Shape, most: usize) -> Reading<Run> {
        self.tables().runs.snapshot(shape, most)
    }

    /// What has become of a shape's runs since a place in the history of changes. `None` when runs were dropped since
    /// that its reader may have: it has to begin anew.
    pub(crate) fn changes(&self, shape: &Shape, seen: u64) -> Option<Reading<Change>> {
        let tables = self.tables();
        let oldest = match shape {
            // One that is there was not dropped.
            Shape::Run(id) => tables.runs.get(id).map_or(0, |_| u64::MAX),
            Shape::Tagged { created_from, .. } => *created_from,
            Shape::Batch(id) => tables.batches.get(id).map_or(0, |batch| batch.created_at),
        };
        tables.runs.changes(shape, seen, oldest)
    }

    /// Changes whenever a run that may belong to the shape does.
    pub(crate) fn watch_runs(&self, shape: &Shape) -> watch::Receiver<u64> {
        self.tables().runs.watch(shape)
    }

    /// A page of the runs that are wanted, newest first.
    pub(crate) fn list_runs(&self, place: Option<&Place>, size: usize, wanted: impl Fn(&Run) -> bool) -> Page<Run> {
        self.tables().runs.list(place, size, wanted)
    }

    /// The runs that this one has triggered, newest first.
    pub(crate) fn children(&self, run: &str) -> Vec<Run> {
        self.tables().runs.children(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(store.changes(&shape, seen).unwrap().items.is_empty());
        assert_eq!(store.run("run_1").unwrap().updated_at, 1);
        store.declare_stream("run_1", "x");
        assert!(listener.has_changed().unwrap());
        assert_eq!(store.changes(&shape, seen).unwrap().items.len(), 1);
    }
}
