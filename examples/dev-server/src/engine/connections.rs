//! Workers come, ask for work, and go.

use std::collections::HashSet;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::alarms::{self, Alarm};
use super::losses::{Loss, lose};
use super::order::Order;
use super::worker::{TaskOffer, Worker};
use crate::id;
use crate::state::AppState;

/// A run that a worker says it holds, and what that one waits for.
#[derive(Deserialize)]
pub(crate) struct Claim {
    #[serde(rename = "id")]
    pub(crate) run: String,
    pub(crate) execution: u32,
    #[serde(default)]
    pub(crate) waits: Vec<String>,
}

pub(crate) struct Connected {
    pub(crate) session: String,
    /// The claims that hold.
    pub(crate) runs: HashSet<String>,
}

/// The session is not one that is known here.
#[derive(Debug)]
pub(crate) struct Unknown;

/// What a worker asks with.
pub(crate) struct Poll<'a> {
    pub(crate) worker: &'a str,
    pub(crate) session: &'a str,
    /// The orders up to this have come.
    pub(crate) seen: u64,
    /// It takes nothing new, and gives back what waits.
    pub(crate) is_leaving: bool,
}

pub(crate) fn connect(
    app: &AppState,
    worker: &str,
    offers: Vec<TaskOffer>,
    concurrency: usize,
    claims: &[Claim],
) -> Connected {
    let session = id::part();
    let runs = {
        let mut desk = app.engine.desk();
        let before = desk.workers.insert(worker.to_owned(), Worker::new(session.clone(), offers, concurrency));
        let mut kept = HashSet::new();
        for claim in claims {
            if desk.claim(&app.store, worker, claim) {
                kept.insert(claim.run.clone());
            }
        }
        // What it does not have, it has not begun.
        for run in before.iter().flat_map(|before| before.runs.difference(&kept)) {
            lose(app, &mut desk, run, Loss::GivenBack);
        }
        kept
    };
    let alarm = Alarm::Worker { id: worker.to_owned(), session: session.clone() };
    alarms::set(app, Instant::now() + app.config.worker_silence, alarm);
    Connected { session, runs }
}

/// Counts a poll that is held open, for only who asks is given work.
struct Asking<'a> {
    app: &'a AppState,
    worker: &'a str,
    session: &'a str,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut desk = self.app.engine.desk();
        if let Some(worker) = desk.workers.get_mut(self.worker).filter(|worker| worker.session == self.session) {
            worker.polls = worker.polls.saturating_sub(1);
        }
    }
}

/// The orders of a worker: at once if there are any, else as soon as there are, and none after `hold`.
pub(crate) async fn poll(app: &AppState, poll: Poll<'_>, hold: Duration) -> Result<Vec<Order>, Unknown> {
    let until = Instant::now() + hold;
    let Poll { worker: id, session, .. } = poll;
    let wake = {
        let mut desk = app.engine.desk();
        let worker = desk.workers.get_mut(id).filter(|worker| worker.session == session).ok_or(Unknown)?;
        worker.heard_at = Instant::now();
        worker.acknowledge(poll.seen);
        worker.polls += 1;
        worker.wake.clone()
    };
    let asking = Asking { app, worker: id, session };
    let has_news = poll.is_leaving && leave_waiting(app, id);
    loop {
        let woken = wake.notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        {
            let mut desk = app.engine.desk();
            desk.fill(&app.store, id);
            let worker = desk.workers.get_mut(id).filter(|worker| worker.session == session).ok_or(Unknown)?;
            if worker.has_orders() || has_news || Instant::now() >= until {
                let orders = worker.tell();
                drop(desk);
                drop(asking);
                return Ok(orders);
            }
        }
        // Whatever ends the wait, the orders are looked at anew.
        let _ = timeout_at(until, woken).await;
    }
}

/// From now on the worker takes nothing new, and its runs that wait do so without it. `false` when that was so before.
fn leave_waiting(app: &AppState, id: &str) -> bool {
    let mut desk = app.engine.desk();
    let Some(worker) = desk.workers.get_mut(id).filter(|worker| !worker.is_leaving) else { return false };
    worker.is_leaving = true;
    let waiting: Vec<String> = worker.runs.difference(&worker.executing).cloned().collect();
    for run in waiting {
        desk.shelve(&app.store, &run);
    }
    true
}

/// A worker ends, and gives back what it holds: no attempt is lost with it.
pub(crate) fn leave(app: &AppState, id: &str, session: &str) {
    let mut desk = app.engine.desk();
    if desk.workers.get(id).is_some_and(|worker| worker.session == session)
        && let Some(worker) = desk.workers.remove(id)
    {
        for run in &worker.runs {
            lose(app, &mut desk, run, Loss::GivenBack);
        }
    }
}
