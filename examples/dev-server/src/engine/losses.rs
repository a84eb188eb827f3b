//! What becomes of the runs of a worker that is gone, or has them no more.

use serde_json::json;

use super::alarms::set_retry;
use super::desk::Desk;
use super::queue::Turn;
use crate::state::AppState;
use crate::store::{AttemptEnd, AttemptFailure, Status};

/// How a worker came to have a run no more.
pub(super) enum Loss {
    /// It says so, or has never begun it: that is no attempt.
    GivenBack,
    /// It is gone, and was told the orders up to this.
    Silent { told: u64 },
}

pub(super) fn lose(app: &AppState, desk: &mut Desk, run: &str, loss: Loss) {
    let Some(hold) = desk.release(run) else { return };
    match loss {
        _ if hold.is_suspended => desk.shelve(&app.store, run),
        Loss::Silent { told } if hold.order <= told => vanish(app, run, hold.execution),
        Loss::Silent { .. } | Loss::GivenBack => {
            if app.store.give_back(run, hold.execution)
                && let Some(run) = app.store.run(run)
            {
                desk.queue(&app.store, &run, Turn::GoesOn);
            }
        }
    }
}

/// An attempt whose worker is gone for good.
pub(super) fn vanish(app: &AppState, run: &str, execution: u32) {
    let error = json!({ "type": "INTERNAL_ERROR", "code": "TASK_RUN_STALLED_EXECUTING" });
    let failure = AttemptFailure { error, status: Status::SystemFailure, is_final: false };
    if let AttemptEnd::Again { at } = app.store.fail_attempt(run, execution, failure, 0) {
        set_retry(app, run, at);
    }
}
