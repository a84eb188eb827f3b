//! What the runtime of a task asks, and not the task itself. Secret key only, not for browsers.

mod attempts;
mod waits;
mod workers;

use std::num::NonZeroU32;

use axum::http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

pub(crate) use attempts::{complete, fail};
pub(crate) use waits::{wait, wait_for_input};
pub(crate) use workers::{connect, leave, poll};

use crate::respond::Refusal;
use crate::state::AppState;

/// Tells which execution of the run it is that asks: one that is not the newest any more is refused. The original knows
/// no such header.
const EXECUTION: &str = "x-tidegate-execution";
/// The run of that execution, where it is not the one that the request is about.
const ASKING: &str = "x-tidegate-run";

pub(super) fn execution(headers: &HeaderMap) -> Result<Option<u32>, Refusal> {
    let Some(value) = headers.get(EXECUTION) else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.parse::<NonZeroU32>().ok());
    number.map(|number| Some(number.get())).ok_or_else(|| {
        let message = format!(
            "The header {EXECUTION} tells which execution of the run asks: \
             give the number in the order to start it, a whole one from 1 on, or leave the header out"
        );
        Refusal::Error(StatusCode::BAD_REQUEST, message)
    })
}

/// Refuses what an execution says that does not count any more. Whoever names none is a backend, and no execution.
pub(super) fn check_counts(app: &AppState, run: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(execution) = execution(headers)? else { return Ok(()) };
    let asking = headers.get(ASKING).and_then(|id| id.to_str().ok()).unwrap_or(run);
    let counts = app.store.run(asking).is_some_and(|run| run.is_held_by(execution));
    counts.then_some(()).ok_or_else(stale)
}

pub(super) fn stale() -> Refusal {
    let message = "This execution of the run is not the one that counts: the run has ended, or is executed anew";
    Refusal::Error(StatusCode::GONE, message.to_owned())
}

fn read<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Refusal> {
    serde_json::from_slice(bytes)
        .map_err(|error| Refusal::Error(StatusCode::BAD_REQUEST, format!("This is no {what}: {error}")))
}
