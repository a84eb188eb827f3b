//! The demo tasks and what runs them.

mod approval;
mod chat;
mod context;
mod gate;
mod story;
mod token;

use serde_json::Value;

use crate::state::AppState;
use crate::store::{Outcome, Run};
use context::TaskContext;

/// What a task ends with: its output, or a sentence that says why it failed.
type TaskResult = Result<Value, String>;

/// Starts the task of a run. A run of a task that is not known stays queued, as it does on the original until a worker has it.
pub(crate) fn start(app: &AppState, run: &Run) {
    let context = TaskContext::new(app, &run.id);
    let payload = run.payload.clone();
    let task = match run.task.as_str() {
        "approval" => tokio::spawn(approval::run(context, payload)),
        "story" => tokio::spawn(story::run(context)),
        "chat" => tokio::spawn(chat::run(context)),
        "gate" => tokio::spawn(gate::run(context, payload)),
        _ => return,
    };
    app.store.start_run(&run.id);
    app.running.add(&run.id, task.abort_handle());
    let (app, run) = (app.clone(), run.id.clone());
    tokio::spawn(async move {
        let outcome = match task.await {
            Ok(Ok(output)) => Outcome::Completed(output),
            Ok(Err(reason)) => Outcome::Failed(reason),
            Err(ended) if ended.is_panic() => Outcome::Failed("The task panicked".to_owned()),
            Err(_) => Outcome::Canceled,
        };
        app.store.finish_run(&run, outcome);
        app.running.remove(&run);
    });
}

/// Ends a run as canceled and stops its task, unless it has ended already.
pub(crate) fn cancel(app: &AppState, run: &str) {
    app.store.finish_run(run, Outcome::Canceled);
    if let Some(task) = app.running.remove(run) {
        task.abort();
    }
}
