//! The demo tasks and what runs them.

mod approval;
mod chat;
mod context;
mod gate;
mod progress;
mod samples;
mod story;
mod token;

use std::pin::Pin;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::clock::now_ms;
use crate::state::AppState;
use crate::store::{Outcome, Run, Shape, Status};
use crate::{engine, packet, span};
use context::TaskContext;
pub(crate) use samples::SAMPLES;

/// What a task ends with: its output, or a sentence that says why it failed.
type TaskResult = Result<Value, String>;

/// Starts the task of a run, at once or when its delay is over. A run of a task that is not known here stays queued
/// until a worker has it, and expires when it has a time to live.
pub(crate) fn start(app: &AppState, run: &Run) {
    if run.status != Status::Delayed {
        return start_now(app, run);
    }
    let (app, id) = (app.clone(), run.id.clone());
    tokio::spawn(async move {
        if let Some(run) = delayed(&app, &id).await {
            start_now(&app, &run);
        }
    });
}

/// Goes on with the runs that had not ended when the server before this one did. A task that was under way begins again
/// from the top; what it has written is still there, and is not written again.
pub(crate) fn resume(app: &AppState) {
    for run in app.store.take_unfinished() {
        if let Some(run) = app.store.run(&run.id).filter(|run| !run.is_over()) {
            start(app, &run);
        }
    }
    engine::open(app);
}

fn start_now(app: &AppState, run: &Run) {
    let context = TaskContext::new(app, &run.id);
    let payload = packet::decode(&run.payload, &app.store).unwrap_or_default();
    let task: Pin<Box<dyn Future<Output = TaskResult> + Send>> = match run.task.as_str() {
        "approval" => Box::pin(approval::run(context, payload)),
        "story" => Box::pin(story::run(context)),
        "chat" => Box::pin(chat::run(context)),
        "gate" => Box::pin(gate::run(context, payload)),
        "progress" => Box::pin(progress::run(context, payload)),
        _ => return leave_to_workers(app, run),
    };
    app.store.start_run(&run.id);
    let task = tokio::spawn(task);
    app.running.add(&run.id, task.abort_handle());
    let (app, run) = (app.clone(), run.id.clone());
    tokio::spawn(async move {
        let outcome = match task.await {
            Ok(Ok(output)) => Outcome::Completed(packet::shelve(packet::encode(&output), &run, "output", &app.store)),
            Ok(Err(reason)) => Outcome::Failed(reason),
            Err(ended) if ended.is_panic() => Outcome::Failed("The task panicked".to_owned()),
            Err(_) => Outcome::Canceled,
        };
        app.store.finish_run(&run, outcome);
        app.running.remove(&run);
    });
}

/// The run once its delay is over, which may be changed meanwhile. `None` when it was cancelled first.
async fn delayed(app: &AppState, id: &str) -> Option<Run> {
    let mut changed = app.store.watch_runs(&Shape::Run(id.to_owned()));
    loop {
        let run = app.store.run(id).filter(|run| run.status == Status::Delayed)?;
        let left = run.delay_until.unwrap_or(0).saturating_sub(now_ms());
        if left == 0 {
            return app.store.queue_run(id).then(|| app.store.run(id)).flatten();
        }
        // Whatever ends the wait, the run is looked at anew.
        let _ = timeout(Duration::from_millis(left), changed.changed()).await;
    }
}

/// A run that no task here executes waits for a worker that serves its task, and expires when it has a time to live.
fn leave_to_workers(app: &AppState, run: &Run) {
    if run.executions > 0 && run.status != Status::Pending {
        return engine::adopt(app, run);
    }
    if run.status == Status::Pending {
        engine::enqueue(app, run);
    }
    expire_later(app, run);
}

fn expire_later(app: &AppState, run: &Run) {
    let Some(seconds) = run.ttl.as_deref().and_then(span::joined_seconds) else { return };
    // From when it was queued: a server that has been started again gives it no more time.
    let end = run.queued_at.unwrap_or(run.created_at).saturating_add(seconds.saturating_mul(1000));
    let (app, id) = (app.clone(), run.id.clone());
    tokio::spawn(async move {
        sleep(Duration::from_millis(end.saturating_sub(now_ms()))).await;
        app.store.expire_run(&id);
    });
}

/// Ends a run as canceled and stops its task, unless it has ended already.
pub(crate) fn cancel(app: &AppState, run: &str) {
    app.store.finish_run(run, Outcome::Canceled);
    engine::ended(app, run);
    if let Some(task) = app.running.remove(run) {
        task.abort();
    }
}
