//! What is sent to inputs, and what waits for it.
//!
//! In the store of this server an append and the end of a wait are one step. At S2 they are two: when the record is there, the log is
//! looked at for whoever waits. A wait is registered before the log is looked at for it, so one of the two looks finds the record. Where
//! S2 does not answer, or nobody knows what has become of an append, the looks go on until it is known; and they begin with the server,
//! for the one before may have ended between the two steps.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::engine;
use crate::state::AppState;
use crate::store::{Append, Appended, StreamKey, Waitpoint};
use crate::streams::Failure;

/// Between looks at a log.
const PAUSE: Duration = Duration::from_secs(1);
/// After which S2 appends nothing any more that it was asked to append.
const LATEST: Duration = Duration::from_secs(30);

/// The inputs whose logs are looked at again and again, each until this time at least.
#[derive(Default)]
pub(crate) struct Lookouts {
    until: Mutex<HashMap<StreamKey, Instant>>,
}

impl Lookouts {
    /// Whether this is the first that anybody wants of this input.
    fn prolong(&self, key: &StreamKey) -> bool {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.insert(key.clone(), Instant::now() + LATEST).is_none()
    }

    fn end_if_over(&self, key: &StreamKey) -> bool {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = until.get(key).is_none_or(|until| *until <= Instant::now());
        if is_over {
            until.remove(key);
        }
        is_over
    }
}

/// Appends to an input, and ends what waits for that.
pub(crate) async fn send(app: &AppState, key: &StreamKey, append: &Append<'_>) -> Result<Appended, Failure> {
    if app.streams.are_own() {
        let (appended, ended) = app.store.send(key, append);
        if let Some(wait) = ended {
            wake(app, &wait);
        }
        return Ok(appended);
    }
    let appended = app.streams.append(key, append).await;
    match &appended {
        Ok(Appended::Now) if look(app, key).await.is_err() => keep_looking(app, key),
        Err(Failure::Unavailable { .. }) => keep_looking(app, key),
        Ok(_) | Err(_) => {}
    }
    appended
}

/// Makes a wait token that the next record of an input completes, the first after `last` that there is or will be. `true` where its key
/// names one already.
pub(crate) async fn wait(
    app: &AppState,
    key: &StreamKey,
    waitpoint: Waitpoint,
    last: Option<u64>,
) -> Result<(Waitpoint, bool), Failure> {
    let (waitpoint, is_cached) = app.store.wait_for_input(key, waitpoint, last);
    if app.streams.are_own() || waitpoint.completion.is_some() {
        // One with a key may have been waited for before.
        engine::wait_ended(app, &waitpoint.id);
        return Ok((waitpoint, is_cached));
    }
    match look(app, key).await {
        Err(failure @ (Failure::NoName(_) | Failure::Refused(_))) => return Err(failure),
        Err(_) => keep_looking(app, key),
        Ok(()) => {}
    }
    Ok((waitpoint, is_cached))
}

/// Looks for what may have been sent when the server before this one ended.
pub(crate) fn resume(app: &AppState) {
    if !app.streams.are_own() {
        for key in app.store.awaited_inputs() {
            keep_looking(app, &key);
        }
    }
}

/// Ends what waits for an input if the record is there.
async fn look(app: &AppState, key: &StreamKey) -> Result<(), Failure> {
    let Some(wait) = app.store.awaited(key) else { return Ok(()) };
    let records = app.streams.read(key, wait.from).await?;
    if let Some(record) = records.first()
        && app.store.end_input_wait(key, &wait, record)
    {
        wake(app, &wait.id);
    }
    Ok(())
}

fn keep_looking(app: &AppState, key: &StreamKey) {
    if !app.lookouts.prolong(key) {
        return;
    }
    let (app, key) = (app.clone(), key.clone());
    tokio::spawn(async move {
        loop {
            let is_answered = !matches!(look(&app, &key).await, Err(Failure::Unavailable { .. }));
            if is_answered && app.lookouts.end_if_over(&key) {
                return;
            }
            sleep(PAUSE).await;
        }
    });
}

fn wake(app: &AppState, wait: &str) {
    app.waits.wake(wait);
    engine::wait_ended(app, wait);
}
