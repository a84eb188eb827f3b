//! One clock for everything that is to happen at some time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::state::AppState;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Alarm {
    /// The time of a wait may be out.
    Wait(String),
    /// A run may begin its next attempt.
    Retry(String),
    /// A worker may have fallen silent.
    Worker(String),
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
                Ok(alarm) => super::ring(&app, alarm),
                Err(None) => return,
                Err(Some(at)) => tokio::select! {
                    () = sleep_until(at) => {}
                    () = app.engine.alarms.changed.notified() => {}
                },
            }
        }
    });
}
