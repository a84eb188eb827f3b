//! One clock for everything that is to happen at some time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::losses::{Loss, lose, vanish};
use super::queue::Turn;
use super::waits::wait_ended;
use crate::clock::now_ms;
use crate::state::AppState;
use crate::store::Status;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Alarm {
    /// The time of a wait may be out.
    Wait(String),
    /// A run may begin its next attempt.
    Retry(String),
    /// A worker may have fallen silent since it connected with this session.
    Worker { id: String, session: String },
    /// Workers of the server before this one have had the time to tell what they hold.
    Orphans,
}

#[derive(Default)]
pub(super) struct Alarms {
    list: Mutex<List>,
    changed: Notify,
}

#[derive(Default)]
struct List {
    alarms: BTreeMap<(Instant, u64), Alarm>,
    count: u64,
    is_running: bool,
}

impl Alarms {
    fn list(&self) -> std::sync::MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the first alarm if its time has come, and else says when that is.
    fn due(&self) -> Result<Alarm, Option<Instant>> {
        let mut list = self.list();
        let Some(first) = list.alarms.first_entry() else {
            list.is_running = false;
            return Err(None);
        };
        let (at, _) = *first.key();
        if at <= Instant::now() { Ok(first.remove()) } else { Err(Some(at)) }
    }
}

/// Rings at this time. Nothing runs while there is nothing to ring for.
pub(super) fn set(app: &AppState, at: Instant, alarm: Alarm) {
    let alarms = &app.engine.alarms;
    let mut list = alarms.list();
    list.count += 1;
    let count = list.count;
    list.alarms.insert((at, count), alarm);
    if std::mem::replace(&mut list.is_running, true) {
        return alarms.changed.notify_one();
    }
    let app = app.clone();
    tokio::spawn(async move {
        loop {
            match app.engine.alarms.due() {
                Ok(alarm) => ring(&app, alarm),
                Err(None) => return,
                Err(Some(at)) => tokio::select! {
                    () = sleep_until(at) => {}
                    () = app.engine.alarms.changed.notified() => {}
                },
            }
        }
    });
}

pub(super) fn set_retry(app: &AppState, run: &str, at: u64) {
    set(app, from_now(at), Alarm::Retry(run.to_owned()));
}

pub(super) fn set_timeout(app: &AppState, waitpoint: &str, at: Option<u64>) {
    if let Some(at) = at {
        set(app, from_now(at), Alarm::Wait(waitpoint.to_owned()));
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
        Alarm::Worker { id, session } => {
            let mut desk = app.engine.desk();
            let Some(worker) = desk.workers.get(&id).filter(|worker| worker.session == session) else { return };
            let silent_at = worker.heard_at + app.config.worker_silence;
            if Instant::now() < silent_at {
                return set(app, silent_at, Alarm::Worker { id, session });
            }
            if let Some(worker) = desk.workers.remove(&id) {
                for run in &worker.runs {
                    lose(app, &mut desk, run, Loss::Silent { told: worker.told });
                }
            }
        }
        Alarm::Orphans => {
            let mut desk = app.engine.desk();
            for id in std::mem::take(&mut desk.orphans) {
                match app.store.run(&id) {
                    Some(run) if run.status == Status::Executing => {
                        vanish(app, &id, run.executions);
                    }
                    Some(_) => desk.shelve(&app.store, &id),
                    None => {}
                }
            }
        }
    }
}
