//! How executions end.

use serde_json::Value;

use super::alarms::set_retry;
use super::desk::Desk;
use super::order::What;
use crate::state::AppState;
use crate::store::{AttemptEnd, AttemptFailure, Packet, Status};

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
    let is_timeout = error["code"] == "MAX_DURATION_EXCEEDED";
    let status = if is_timeout { Status::TimedOut } else { Status::CompletedWithErrors };
    let failure = AttemptFailure { error, status, is_final: is_final || is_timeout };
    let end = app.store.fail_attempt(run, execution, failure, usage_ms);
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
