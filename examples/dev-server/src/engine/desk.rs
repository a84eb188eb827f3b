//! Who holds which run. It ends with the process: what workers hold they say themselves when they connect again.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Claim;
use super::order::{End, Start, What};
use super::queue::{Queue, Turn};
use super::ready::Woken;
use super::worker::Worker;
use crate::store::{Run, Status, Store};

#[derive(Default)]
pub(super) struct Desk {
    pub(super) workers: HashMap<String, Worker>,
    pub(super) holds: HashMap<String, Hold>,
    pub(super) queue: Queue,
    /// Runs of the server before this one that no worker has claimed yet.
    pub(super) orphans: HashSet<String>,
}

/// A run in the hands of a worker.
pub(super) struct Hold {
    pub(super) worker: String,
    pub(super) execution: u32,
    /// It waits, and takes no slot.
    pub(super) is_suspended: bool,
    /// The order that began it.
    pub(super) order: u64,
}

impl Desk {
    /// Queues a run for the workers that there are, and those that will come.
    pub(super) fn queue(&mut self, store: &Store, run: &Run, turn: Turn) {
        self.queue.push(&run.task, turn, &run.id);
        self.hand_out(store);
    }

    fn taking(&self) -> impl Iterator<Item = &Worker> {
        self.workers.values().filter(|worker| !worker.is_leaving)
    }

    /// Whether there is a worker that takes new runs of this task.
    pub(super) fn serves(&self, task: &str) -> bool {
        self.taking().any(|worker| worker.tasks.contains_key(task))
    }

    /// The tasks of all workers that take new runs.
    pub(super) fn served(&self) -> BTreeSet<&str> {
        self.taking().flat_map(|worker| worker.tasks.keys().map(String::as_str)).collect()
    }

    /// Gives work to everyone who asks for some: to whom has most room first.
    pub(super) fn hand_out(&mut self, store: &Store) {
        let mut asking: Vec<(usize, String)> = self
            .workers
            .iter()
            .filter(|(_, worker)| worker.polls > 0 && worker.has_slot())
            .map(|(id, worker)| (worker.executing.len(), id.clone()))
            .collect();
        asking.sort_unstable();
        for (_, worker) in asking {
            self.fill(store, &worker);
        }
    }

    /// Gives work to a worker: first to those of its runs whose wait has ended, then what is queued.
    pub(super) fn fill(&mut self, store: &Store, id: &str) {
        let Self { workers, holds, queue, .. } = self;
        let Some(worker) = workers.get_mut(id) else { return };
        while worker.has_slot() {
            // All that has ended for it goes with its one slot.
            let Some(Woken { run, waitpoints }) = worker.ready.pop() else { break };
            for waitpoint in waitpoints {
                resume(store, worker, holds, &run, &waitpoint);
            }
        }
        while worker.has_slot() && !worker.is_leaving {
            let Some(run) = queue.pop(worker.tasks.keys()) else { break };
            let Some(known) = store.run(&run).filter(|_| !holds.contains_key(&run)) else { continue };
            // It may have been taken up since it was queued, and wait for something else by now.
            if known.status == Status::WaitingToResume && !store.may_go_on(&run) {
                continue;
            }
            let Some(offer) = worker.tasks.get(&known.task) else { continue };
            let Some(begun) = store.begin(&run, &offer.retry) else { continue };
            let execution = begun.run.executions;
            let order = worker.order(What::Start(Start::of(begun, store).into()));
            worker.runs.insert(run.clone());
            worker.executing.insert(run.clone());
            holds.insert(run, Hold { worker: id.to_owned(), execution, is_suspended: false, order });
        }
    }

    /// A wait of a run has ended.
    pub(super) fn wait_ended(&mut self, store: &Store, run: &str, waitpoint: &str) {
        let Some(hold) = self.holds.get(run) else {
            // One that may still be claimed is left to whoever does.
            if !self.orphans.contains(run)
                && let Some(run) = store.run(run).filter(|run| run.executions > 0)
            {
                self.queue(store, &run, Turn::GoesOn);
            }
            return;
        };
        let (holder, is_suspended) = (hold.worker.clone(), hold.is_suspended);
        let Some(worker) = self.workers.get_mut(&holder) else { return };
        if !is_suspended {
            return resume(store, worker, &mut self.holds, run, waitpoint);
        }
        worker.ready.push(run, waitpoint);
        if worker.polls > 0 {
            self.fill(store, &holder);
        }
    }

    /// Takes a run out of its worker's hands.
    pub(super) fn release(&mut self, run: &str) -> Option<Hold> {
        let hold = self.holds.remove(run)?;
        if let Some(worker) = self.workers.get_mut(&hold.worker) {
            worker.runs.remove(run);
            worker.executing.remove(run);
            worker.ready.remove(run);
        }
        Some(hold)
    }

    /// Lets a run wait without a worker: whoever has room when its wait ends begins it from the top.
    pub(super) fn shelve(&mut self, store: &Store, run: &str) {
        self.release(run);
        if store.may_go_on(run)
            && let Some(run) = store.run(run)
        {
            self.queue(store, &run, Turn::GoesOn);
        }
    }

    /// Lets a worker have a run that it says it holds. Whether it does.
    pub(super) fn claim(&mut self, store: &Store, worker: &str, claim: &Claim) -> bool {
        let Claim { run, execution, waits } = claim;
        let is_free = self.holds.get(run).is_none_or(|hold| hold.worker == worker);
        let Some(known) = store.run(run).filter(|run| is_free && run.is_held_by(*execution)) else { return false };
        self.orphans.remove(run);
        let is_suspended = known.status == Status::WaitingToResume;
        let Some(holder) = self.workers.get_mut(worker) else { return false };
        holder.runs.insert(run.clone());
        if !is_suspended {
            holder.executing.insert(run.clone());
        }
        let hold = Hold { worker: worker.to_owned(), execution: *execution, is_suspended, order: 0 };
        self.holds.insert(run.clone(), hold);
        // Whether an order to go on came or not: it is told of everything that has ended and that one of both sides
        // takes for open.
        let open: BTreeSet<String> = store.open_waits(run).into_iter().chain(waits.iter().cloned()).collect();
        for waitpoint in &open {
            if store.wait_end(waitpoint).is_some() {
                self.wait_ended(store, run, waitpoint);
            }
        }
        true
    }
}

/// Tells a worker that a wait has ended. The run takes a slot if it gave its own away.
fn resume(store: &Store, worker: &mut Worker, holds: &mut HashMap<String, Hold>, run: &str, waitpoint: &str) {
    let Some(hold) = holds.get_mut(run) else { return };
    let Some(end) = store.go_on(run, hold.execution, waitpoint) else { return };
    hold.is_suspended = false;
    worker.executing.insert(run.to_owned());
    let wait = End::of(end, store);
    worker.order(What::Resume { run: run.to_owned(), execution: hold.execution, wait });
}
