//! Runs that are executed elsewhere: who has which, and what becomes of them when nobody has.
//!
//! A worker connects, says which tasks it serves, and polls. The answer to a poll are its orders, each told until a later poll says
//! that it has come. A worker that is not heard of for [`Config::worker_silence`](crate::Config::worker_silence) loses its runs: those
//! that executed get their next attempt, those that wait go on waiting and are begun from the top, by whoever has room, when
//! their wait has ended.
//!
//! Everything here is done under one lock, over the store's.

mod alarms;
mod desk;
mod notice;
mod order;
mod policy;
mod queue;
mod worker;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

pub(crate) use order::{End, Order};
pub(crate) use worker::TaskOffer;

use crate::clock::now_ms;
use crate::id;
use crate::state::AppState;
use crate::store::{AttemptEnd, AttemptFailure, Packet, Run, Status, Suspended};
use alarms::{Alarm, Alarms};
use desk::Desk;
use notice::Notices;
use order::What;
use queue::Turn;
use worker::Worker;

#[derive(Default)]
pub(crate) struct Engine {
    desk: Mutex<Desk>,
    alarms: Alarms,
    notices: Notices,
}

impl Engine {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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

/// Has a run that no task of this server executes wait for a worker.
pub(crate) fn enqueue(app: &AppState, run: &Run) {
    let turn = if run.executions > 0 { Turn::GoesOn } else { Turn::New };
    let line = {
        let mut desk = app.engine.desk();
        desk.queue(&app.store, run, turn);
        app.engine.notices.on(&run.id, &run.task, desk.served())
    };
    // Not under the lock: whoever reads may be slow.
    if let Some(line) = line {
        (app.config.say)(&line);
    }
}

/// What the server before this one left has been taken up: what comes from now on is new.
pub(crate) fn open(app: &AppState) {
    app.engine.notices.open();
}

/// Goes on with a run that a worker had when the server before this one ended.
pub(crate) fn adopt(app: &AppState, run: &Run) {
    if run.status == Status::RetryingAfterFailure {
        return set_retry(app, &run.id, run.retry_at.unwrap_or(0));
    }
    for waitpoint in app.store.open_waits(&run.id) {
        let timeout_at = app.store.waitpoint(&waitpoint).and_then(|waitpoint| waitpoint.timeout_at);
        set_timeout(app, &waitpoint, timeout_at);
    }
    let is_first = {
        let mut desk = app.engine.desk();
        desk.orphans.insert(run.id.clone());
        desk.orphans.len() == 1
    };
    if is_first {
        alarms::set(app, Instant::now() + app.config.worker_silence, Alarm::Orphans);
    }
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
    alarms::set(app, Instant::now() + app.config.worker_silence, Alarm::Worker(worker.to_owned()));
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

/// How a worker came to have a run no more.
enum Loss<'a> {
    /// It says so, or has never begun it: that is no attempt.
    GivenBack,
    /// It is gone.
    Silent(&'a Worker),
}

fn lose(app: &AppState, desk: &mut Desk, run: &str, loss: Loss<'_>) {
    let Some(hold) = desk.release(run) else { return };
    let Some(known) = app.store.run(run) else { return };
    match loss {
        _ if hold.is_suspended => desk.shelve(&app.store, run),
        Loss::Silent(worker) if hold.order <= worker.told => {
            let policy = worker.tasks.get(&known.task).map(|offer| offer.retry.clone()).unwrap_or_default();
            vanish(app, &known, hold.execution, &policy);
        }
        Loss::Silent(_) | Loss::GivenBack => {
            if app.store.give_back(run, hold.execution) {
                desk.queue(&app.store, &known, Turn::GoesOn);
            }
        }
    }
}

/// An attempt whose worker is gone for good.
fn vanish(app: &AppState, run: &Run, execution: u32, policy: &policy::RetryPolicy) {
    let error = json!({ "type": "INTERNAL_ERROR", "code": "TASK_RUN_STALLED_EXECUTING" });
    let retry_in = policy.pause_after(run.attempts, fastrand::f64());
    let failure = AttemptFailure { error, status: Status::SystemFailure, is_final: false, retry_in };
    let end = app.store.fail_attempt(&run.id, execution, failure, policy.max_attempts, 0);
    if let AttemptEnd::Again { at } = end {
        set_retry(app, &run.id, at);
    }
}

/// Has a run wait for an input or a wait token.
pub(crate) fn suspend(app: &AppState, run: &str, execution: Option<u32>, waitpoint: &str) -> Suspended {
    let mut desk = app.engine.desk();
    let suspended = app.store.suspend(run, execution, waitpoint);
    if let Suspended::Waiting(timeout_at) = suspended {
        set_timeout(app, waitpoint, timeout_at);
        if let Some(hold) = desk.holds.get_mut(run) {
            hold.is_suspended = true;
            let holder = hold.worker.clone();
            if let Some(worker) = desk.workers.get_mut(&holder) {
                worker.executing.remove(run);
                if worker.is_leaving {
                    desk.shelve(&app.store, run);
                }
            }
        }
        desk.hand_out(&app.store);
    }
    suspended
}

/// A wait token, or a wait for an input, has ended: whoever waits for it goes on.
pub(crate) fn wait_ended(app: &AppState, waitpoint: &str) {
    if app.store.wait_end(waitpoint).is_none() {
        return;
    }
    for run in app.store.waiting_for(waitpoint) {
        app.engine.desk().wait_ended(&app.store, &run, waitpoint);
    }
}

/// A run has ended, and not by its worker's word, which has to be told.
pub(crate) fn ended(app: &AppState, run: &str) {
    let mut desk = app.engine.desk();
    desk.orphans.remove(run);
    let Some(hold) = desk.release(run) else { return };
    if let Some(worker) = desk.workers.get_mut(&hold.worker) {
        worker.order(What::Cancel { run: run.to_owned(), execution: hold.execution });
    }
    desk.hand_out(&app.store);
}

/// Takes what a run came to.
pub(crate) fn complete(app: &AppState, run: &str, execution: u32, output: Packet, usage_ms: u64) -> AttemptEnd {
    let mut desk = app.engine.desk();
    let end = app.store.complete_attempt(run, execution, output, usage_ms);
    settle(app, &mut desk, run, execution);
    end
}

/// Takes what went wrong with an attempt.
pub(crate) fn fail(
    app: &AppState,
    run: &str,
    execution: u32,
    error: Value,
    is_final: bool,
    usage_ms: u64,
) -> AttemptEnd {
    let mut desk = app.engine.desk();
    let Some(known) = app.store.run(run) else { return AttemptEnd::Stale };
    let policy = desk.policy(&known);
    let is_timeout = error["code"] == "MAX_DURATION_EXCEEDED";
    let status = if is_timeout { Status::TimedOut } else { Status::CompletedWithErrors };
    let retry_in = policy.pause_after(known.attempts, fastrand::f64());
    let failure = AttemptFailure { error, status, is_final: is_final || is_timeout, retry_in };
    let end = app.store.fail_attempt(run, execution, failure, policy.max_attempts, usage_ms);
    if let AttemptEnd::Again { at } = end {
        set_retry(app, run, at);
    }
    settle(app, &mut desk, run, execution);
    end
}

/// After a worker has ended an execution, it has room for another.
fn settle(app: &AppState, desk: &mut Desk, run: &str, execution: u32) {
    if app.store.run(run).is_some_and(|run| !run.is_held_by(execution)) {
        desk.orphans.remove(run);
        if desk.holds.get(run).is_some_and(|hold| hold.execution == execution) {
            desk.release(run);
        }
    }
    desk.hand_out(&app.store);
}

fn set_retry(app: &AppState, run: &str, at: u64) {
    alarms::set(app, from_now(at), Alarm::Retry(run.to_owned()));
}

fn set_timeout(app: &AppState, waitpoint: &str, at: Option<u64>) {
    if let Some(at) = at {
        alarms::set(app, from_now(at), Alarm::Wait(waitpoint.to_owned()));
    }
}

/// The clock of this process at a time of the wall's, in milliseconds since the epoch.
fn from_now(at: u64) -> Instant {
    const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
    // Whatever rings early looks and waits on.
    Instant::now() + Duration::from_millis(at.saturating_sub(now_ms())).min(LONGEST)
}

fn ring(app: &AppState, alarm: Alarm) {
    match alarm {
        Alarm::Wait(waitpoint) => {
            let Some(known) = app.store.waitpoint(&waitpoint) else { return };
            if known.completion.is_some() {
                wait_ended(app, &waitpoint);
            } else if !app.store.waiting_for(&waitpoint).is_empty() {
                set_timeout(app, &waitpoint, known.timeout_at);
            }
        }
        Alarm::Retry(id) => {
            let Some(run) = app.store.run(&id).filter(|run| run.status == Status::RetryingAfterFailure) else { return };
            match run.retry_at.filter(|at| *at > now_ms()) {
                Some(at) => set_retry(app, &id, at),
                None => app.engine.desk().queue(&app.store, &run, Turn::GoesOn),
            }
        }
        Alarm::Worker(id) => {
            let mut desk = app.engine.desk();
            let Some(worker) = desk.workers.get(&id) else { return };
            let silent_at = worker.heard_at + app.config.worker_silence;
            if Instant::now() < silent_at {
                return alarms::set(app, silent_at, Alarm::Worker(id));
            }
            if let Some(worker) = desk.workers.remove(&id) {
                for run in &worker.runs {
                    lose(app, &mut desk, run, Loss::Silent(&worker));
                }
            }
        }
        Alarm::Orphans => {
            let mut desk = app.engine.desk();
            for id in std::mem::take(&mut desk.orphans) {
                match app.store.run(&id) {
                    Some(run) if run.status == Status::Executing => {
                        vanish(app, &run, run.executions, &desk.policy(&run));
                    }
                    Some(_) => desk.shelve(&app.store, &id),
                    None => {}
                }
            }
        }
    }
}
