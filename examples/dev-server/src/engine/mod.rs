//! Runs that are executed elsewhere: who has which, and what becomes of them when nobody has.
//!
//! A worker connects, says which tasks it serves, and polls. The answer to a poll are its orders, each told until a
//! later poll says that it has come. A worker that is not heard of for
//! [`Config::worker_silence`](crate::Config::worker_silence) loses its runs: those that executed get their next
//! attempt, those that wait go on waiting and are begun from the top, by whoever has room, when their wait has ended.
//!
//! Everything here is done under one lock, over the store's.

mod alarms;
mod connections;
mod desk;
mod losses;
mod notice;
mod order;
mod outcomes;
mod queue;
mod ready;
mod waits;
mod worker;

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

pub(crate) use connections::{Claim, Poll, Unknown, connect, leave, poll};
pub(crate) use order::End;
pub(crate) use outcomes::{complete, ended, fail};
pub(crate) use waits::{suspend, wait_ended};
pub(crate) use worker::TaskOffer;

use crate::state::AppState;
use crate::store::{Run, Status};
use alarms::{Alarm, Alarms};
use desk::Desk;
use notice::Notices;
use queue::Turn;

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

/// Has a run that no task of this server executes wait for a worker.
pub(crate) fn enqueue(app: &AppState, run: &Run) {
    let turn = if run.executions > 0 { Turn::GoesOn } else { Turn::New };
    let line = {
        let mut desk = app.engine.desk();
        desk.queue(&app.store, run, turn);
        app.engine.notices.on(&run.id, &run.task, &desk)
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
        return alarms::set_retry(app, &run.id, run.retry_at.unwrap_or(0));
    }
    for waitpoint in app.store.open_waits(&run.id) {
        let timeout_at = app.store.waitpoint(&waitpoint).and_then(|waitpoint| waitpoint.timeout_at);
        alarms::set_timeout(app, &waitpoint, timeout_at);
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
