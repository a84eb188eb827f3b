//! Runs go to sleep, and go on.

use super::alarms::set_timeout;
use crate::state::AppState;
use crate::store::Suspended;

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
