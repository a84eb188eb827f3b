//! Runs and how they change.

use serde::Serialize;
use serde_json::Value;

/// A run's status, by its public name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Status {
    Queued,
    Executing,
    Completed,
    Failed,
    Canceled,
}

/// One run of a task. Times are milliseconds since the epoch.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) task: String,
    pub(crate) status: Status,
    pub(crate) created_at: u64,
    pub(crate) updated_at: u64,
    pub(crate) started_at: Option<u64>,
    pub(crate) finished_at: Option<u64>,
    pub(crate) tags: Vec<String>,
    pub(crate) ttl: Option<Value>,
    pub(crate) is_test: bool,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) payload: Value,
    pub(crate) output: Option<Value>,
    pub(crate) error: Option<String>,
    pub(crate) streams: Vec<String>,
    /// The batch that it was triggered with.
    pub(crate) batch: Option<String>,
}

/// How a run ends.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Completed(Value),
    Failed(String),
    Canceled,
}

impl Run {
    /// Whether it has ended, however it did: from then on it takes no input and no output.
    pub(crate) const fn is_over(&self) -> bool {
        self.finished_at.is_some()
    }

    pub(super) fn start(&mut self, now: u64) {
        if !self.is_over() {
            (self.status, self.started_at, self.updated_at) = (Status::Executing, Some(now), now);
        }
    }

    pub(super) fn finish(&mut self, outcome: Outcome, now: u64) -> bool {
        if self.is_over() {
            return false;
        }
        (self.finished_at, self.updated_at) = (Some(now), now);
        match outcome {
            Outcome::Completed(output) => (self.status, self.output) = (Status::Completed, Some(output)),
            Outcome::Failed(message) => (self.status, self.error) = (Status::Failed, Some(message)),
            Outcome::Canceled => self.status = Status::Canceled,
        }
        true
    }

    pub(super) fn declare(&mut self, stream: &str, now: u64) {
        if !self.streams.iter().any(|declared| declared == stream) {
            self.streams.push(stream.to_owned());
            self.updated_at = now;
        }
    }
}

/// What makes a repeated trigger a repeat.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Replay {
    /// The caller's own key, within one task: the answer says that the run is cached.
    Key { task: String, key: String },
    /// The caller's own key for a batch of these tasks, likewise.
    BatchKey { tasks: String, key: String },
    /// A retry of the same call: the answer is the first one again. `of` is the task, or the tasks of the batch. A one-time token
    /// has its own calls, so that one's answer is not another's.
    Request { of: String, key: String, token: Option<[u8; 32]> },
}

#[derive(Debug)]
pub(crate) enum Created {
    Now,
    Before { id: String, by: Replay },
    TokenUsed,
}
