//! What is sent to inputs, and what waits for it.
//!
//! In the store of this server an append and the end of a wait are one step. At S2 they are two: when the record is
//! there, the log is looked at for whoever waits. A wait is registered before the log is looked at for it, so one of
//! the two looks finds the record. Where S2 does not answer, or nobody knows what has become of an append, the log is
//! followed until it is known: by one read that S2 holds until there is something, for the wait that there is, and
//! given up with it. So it is when the server starts, for the one before may have ended between the two steps.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};

use crate::clock::now_ms;
use crate::engine;
use crate::state::AppState;
use crate::store::{Append, Appended, InputWait, Record, Shape, StreamKey, Waitpoint};
use crate::streams::Failure;

/// Before S2 is asked again that could not answer, unless it asks for a longer pause.
const PAUSE: Duration = Duration::from_secs(1);
/// After which S2 appends nothing any more that it was asked to append.
const LATEST: Duration = Duration::from_secs(30);
/// How many logs are looked at at once when the server starts.
const LOOKS: usize = 64;
/// How many reads S2 holds at once. Who comes later looks when there is room, and in any case when it is known.
const HELD: usize = 256;

/// The inputs whose logs are followed, each until it is known what has become of appends.
pub(crate) struct Lookouts {
    inputs: Mutex<HashMap<StreamKey, Lookout>>,
    held: Semaphore,
    /// Until then an append of the server before this one may come, if there was one.
    settled_at: OnceLock<Instant>,
}

struct Lookout {
    until: Instant,
    /// Something else waits.
    changed: Arc<Notify>,
}

impl Default for Lookouts {
    fn default() -> Self {
        Self { inputs: Mutex::default(), held: Semaphore::new(HELD), settled_at: OnceLock::new() }
    }
}

impl Lookouts {
    fn inputs(&self) -> MutexGuard<'_, HashMap<StreamKey, Lookout>> {
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives what tells of another wait when this is the first that anybody wants of this input.
    fn prolong(&self, key: &StreamKey) -> Option<Arc<Notify>> {
        let until = Instant::now() + LATEST;
        match self.inputs().entry(key.clone()) {
            Entry::Occupied(mut known) => {
                known.get_mut().until = until;
                None
            }
            Entry::Vacant(free) => Some(Arc::clone(&free.insert(Lookout { until, changed: Arc::default() }).changed)),
        }
    }

    fn until(&self, key: &StreamKey) -> Instant {
        self.inputs().get(key).map_or_else(Instant::now, |lookout| lookout.until)
    }

    fn end_if_over(&self, key: &StreamKey) -> bool {
        let mut inputs = self.inputs();
        let is_over = inputs.get(key).is_none_or(|lookout| lookout.until <= Instant::now());
        if is_over {
            inputs.remove(key);
        }
        is_over
    }

    /// Something else waits for this input.
    fn tell(&self, key: &StreamKey) {
        if let Some(lookout) = self.inputs().get(key) {
            lookout.changed.notify_one();
        }
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

/// Makes a wait token that the next record of an input completes, the first after `last` that there is or will be.
/// `true` where its key names one already.
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
        Ok(()) if app.lookouts.settled_at.get().is_some_and(|at| Instant::now() < *at) => keep_looking(app, key),
        Ok(()) => {}
    }
    app.lookouts.tell(key);
    Ok((waitpoint, is_cached))
}

/// Looks for what may have been sent when the server before this one ended.
pub(crate) fn resume(app: &AppState) {
    if app.streams.are_own() || !app.store.is_on_file() {
        return;
    }
    let _ = app.lookouts.settled_at.set(Instant::now() + LATEST);
    let (app, inputs) = (app.clone(), app.store.awaited_inputs());
    tokio::spawn(async move {
        let look_and_stay = async |key: StreamKey| {
            // What it comes to, the read that follows finds out.
            let _ = look(&app, &key).await;
            keep_looking(&app, &key);
        };
        stream::iter(inputs).for_each_concurrent(LOOKS, look_and_stay).await;
    });
}

/// Ends what waits for an input if the record is there.
async fn look(app: &AppState, key: &StreamKey) -> Result<(), Failure> {
    let Some(wait) = app.store.awaited(key) else { return Ok(()) };
    let records = app.streams.read(key, wait.from).await?;
    end(app, key, &wait, records.first());
    Ok(())
}

fn end(app: &AppState, key: &StreamKey, wait: &InputWait, record: Option<&Record>) {
    if record.is_some_and(|record| app.store.end_input_wait(key, wait, record)) {
        wake(app, &wait.id);
    }
}

fn keep_looking(app: &AppState, key: &StreamKey) {
    let Some(changed) = app.lookouts.prolong(key) else { return };
    let (app, key) = (app.clone(), key.clone());
    tokio::spawn(async move {
        loop {
            if follow(&app, &key, &changed).await && app.lookouts.end_if_over(&key) {
                return;
            }
        }
    });
}

/// Follows the log for what waits for it now, until it comes, or waits no more, or it is known that nothing will.
/// `false` when S2 does not answer.
async fn follow(app: &AppState, key: &StreamKey, changed: &Notify) -> bool {
    let until = app.lookouts.until(key);
    let Some(wait) = app.store.awaited(key) else {
        // Somebody may yet wait for what is on its way.
        let _ = timeout_at(until, changed.notified()).await;
        return true;
    };
    let read = async {
        // It is never closed, so there is always room some day.
        let _room = app.lookouts.held.acquire().await;
        app.streams.next(key, wait.from, until).await
    };
    tokio::select! {
        read = read => {
            match &read {
                Ok(record) => end(app, key, &wait, record.as_ref()),
                Err(Failure::Unavailable { after, .. }) => sleep((*after).clamp(PAUSE, LATEST)).await,
                Err(_) => sleep(PAUSE).await,
            }
            !matches!(read, Err(Failure::Unavailable { .. }))
        }
        () = changed.notified() => true,
        () = is_over(app, key, &wait) => true,
    }
}

/// Returns when this wait has ended in another way.
async fn is_over(app: &AppState, key: &StreamKey, wait: &InputWait) {
    // Looked at after they are watched: what changes in between wakes this.
    let mut run = app.store.watch_runs(&Shape::Run(key.run().to_owned()));
    let mut completed = app.store.watch_waitpoint(&wait.id);
    let timeout_at = app.store.waitpoint(&wait.id).and_then(|waitpoint| waitpoint.timeout_at);
    let left = timeout_at.map(|at| Duration::from_millis(at.saturating_sub(now_ms())));
    let is_late = pin!(async move {
        match left {
            Some(left) => sleep(left).await,
            None => pending().await,
        }
    });
    let is_other = async {
        while app.store.awaited(key).as_ref() == Some(wait) {
            let is_completed = async {
                match &mut completed {
                    Some(completed) => completed.changed().await.is_ok(),
                    None => pending().await,
                }
            };
            // Whatever cannot change any more is not waited for.
            let is_watched = tokio::select! {
                changed = run.changed() => changed.is_ok(),
                changed = is_completed => changed,
            };
            if !is_watched {
                return;
            }
        }
    };
    tokio::select! {
        () = is_other => {}
        () = is_late => {}
    }
}

fn wake(app: &AppState, wait: &str) {
    app.waits.wake(wait);
    engine::wait_ended(app, wait);
}
