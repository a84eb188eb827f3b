//! Runs and how they change.

use serde::Deserialize;
use serde_json::{Value, json};

use super::packet::Packet;
use super::retry::RetryPolicy;
use super::status::Status;

/// One run of a task. Times are milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) task: String,
    pub(crate) status: Status,
    /// How often its task was started.
    pub(crate) attempts: u32,
    pub(crate) created_at: u64,
    pub(crate) updated_at: u64,
    pub(crate) delay_until: Option<u64>,
    pub(crate) queued_at: Option<u64>,
    pub(crate) started_at: Option<u64>,
    pub(crate) expired_at: Option<u64>,
    pub(crate) finished_at: Option<u64>,
    pub(crate) tags: Vec<String>,
    /// A span, as in `10m`.
    pub(crate) ttl: Option<String>,
    pub(crate) is_test: bool,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) payload: Packet,
    pub(crate) output: Packet,
    pub(crate) metadata: Packet,
    /// Counts the documents that `metadata` has been.
    pub(crate) metadata_version: u64,
    /// As on the wire: an object with a `type`.
    pub(crate) error: Option<Value>,
    pub(crate) streams: Vec<String>,
    pub(crate) usage_ms: u64,
    /// The batch that it was triggered with.
    pub(crate) batch: Option<String>,
    /// The run that triggered it, and the first of that chain.
    pub(crate) parent: Option<String>,
    pub(crate) root: Option<String>,
    pub(crate) depth: u32,
    /// How often a worker took it up, from the top each time: what one of them says counts only as long as none took it
    /// up since.
    pub(crate) executions: u32,
    /// How many attempts it may have. None: its trigger did not say, and no worker has had it yet.
    pub(crate) max_attempts: Option<u32>,
    /// How long an attempt may execute, in seconds, where its trigger says so.
    pub(crate) max_duration: Option<u32>,
    /// How it is retried, as the worker said that took it up last.
    pub(crate) retry: Option<RetryPolicy>,
    /// When the next attempt may begin.
    pub(crate) retry_at: Option<u64>,
}

/// How a run ends.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Completed(Packet),
    /// In a sentence.
    Failed(String),
    /// With an error as on the wire.
    Broken(Status, Value),
    Canceled,
    Expired,
}

/// What a worker elsewhere would report. What is missing stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) status: Option<Status>,
    pub(crate) output: Option<String>,
    pub(crate) output_type: Option<String>,
    pub(crate) metadata: Option<String>,
    pub(crate) metadata_type: Option<String>,
    pub(crate) error: Option<Value>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) streams: Option<Vec<String>>,
    pub(crate) usage_duration_ms: Option<u64>,
}

impl Run {
    /// A run that waits for a worker.
    pub(crate) fn new(id: String, task: &str, now: u64) -> Self {
        Self {
            id,
            task: task.to_owned(),
            status: Status::Pending,
            attempts: 0,
            created_at: now,
            updated_at: now,
            delay_until: None,
            queued_at: Some(now),
            started_at: None,
            expired_at: None,
            finished_at: None,
            tags: Vec::new(),
            ttl: None,
            is_test: false,
            idempotency_key: None,
            payload: Packet::EMPTY,
            output: Packet::EMPTY,
            metadata: Packet::EMPTY,
            metadata_version: 0,
            error: None,
            streams: Vec::new(),
            usage_ms: 0,
            batch: None,
            parent: None,
            root: None,
            depth: 0,
            executions: 0,
            max_attempts: None,
            max_duration: None,
            retry: None,
            retry_at: None,
        }
    }

    /// Puts the start off.
    pub(crate) const fn delay(&mut self, until: u64) {
        (self.status, self.delay_until, self.queued_at) = (Status::Delayed, Some(until), None);
    }

    /// The id without `run_`.
    pub(crate) fn internal_id(&self) -> &str {
        self.id.strip_prefix("run_").unwrap_or(&self.id)
    }

    /// Whether it has ended, however it did: from then on it takes no input and no output.
    pub(crate) const fn is_over(&self) -> bool {
        self.finished_at.is_some()
    }

    pub(super) fn queue(&mut self, now: u64) -> bool {
        let was_delayed = self.status == Status::Delayed;
        if was_delayed {
            (self.status, self.queued_at) = (Status::Pending, Some(now));
        }
        was_delayed
    }

    pub(super) fn start(&mut self, now: u64) {
        if !self.is_over() {
            self.status = Status::Executing;
            self.started_at.get_or_insert(now);
            self.attempts += 1;
        }
    }

    pub(super) fn finish(&mut self, outcome: Outcome, now: u64) -> bool {
        if self.is_over() {
            return false;
        }
        self.finished_at = Some(now);
        self.retry_at = None;
        match outcome {
            Outcome::Completed(output) => {
                (self.status, self.output, self.error) = (Status::CompletedSuccessfully, output, None);
                self.usage_ms = self.started_at.map_or(0, |start| now.saturating_sub(start));
            }
            Outcome::Failed(message) => {
                let stack = format!("Error: {message}");
                self.status = Status::CompletedWithErrors;
                self.error =
                    Some(json!({ "type": "BUILT_IN_ERROR", "name": "Error", "message": message, "stackTrace": stack }));
                self.usage_ms = self.started_at.map_or(0, |start| now.saturating_sub(start));
            }
            Outcome::Broken(status, error) => (self.status, self.error) = (status, Some(error)),
            Outcome::Canceled => {
                self.status = Status::Canceled;
                self.error = Some(json!({ "type": "STRING_ERROR", "raw": "Canceled by user" }));
            }
            Outcome::Expired => {
                (self.status, self.expired_at) = (Status::Expired, Some(now));
                let ttl = self.ttl.as_deref().unwrap_or_default();
                let raw = format!("Run expired because the TTL ({ttl}) was reached");
                self.error = Some(json!({ "type": "STRING_ERROR", "raw": raw }));
            }
        }
        true
    }

    pub(super) fn declare(&mut self, stream: &str) {
        if !self.streams.iter().any(|declared| declared == stream) {
            self.streams.push(stream.to_owned());
        }
    }

    /// Takes what a worker says. The times follow from the status.
    pub(super) fn report(&mut self, report: Report, now: u64) {
        if let Some(status) = report.status {
            self.status = status;
            if status != Status::Delayed {
                self.queued_at.get_or_insert(now);
            }
            if status.has_started() {
                self.started_at.get_or_insert(now);
                self.attempts = self.attempts.max(1);
            }
            if status == Status::Expired {
                self.expired_at.get_or_insert(now);
            }
            self.finished_at = status.is_over().then(|| self.finished_at.unwrap_or(now));
        }
        if let Some(output) = report.output {
            self.output = Packet::new(output, report.output_type.unwrap_or_else(|| Packet::SUPER_JSON.to_owned()));
        }
        if let Some(metadata) = report.metadata {
            self.metadata = Packet::new(metadata, report.metadata_type.unwrap_or_else(|| Packet::JSON.to_owned()));
            self.metadata_version += 1;
        }
        if report.error.is_some() {
            self.error = report.error;
        }
        self.tags = report.tags.unwrap_or_else(|| std::mem::take(&mut self.tags));
        self.streams = report.streams.unwrap_or_else(|| std::mem::take(&mut self.streams));
        self.usage_ms = report.usage_duration_ms.unwrap_or(self.usage_ms);
    }
}
