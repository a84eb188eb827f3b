//! What workers do with runs. Each execution of a run has a number, and what is said of one counts only while no later
//! one has begun.

use serde_json::Value;

use super::retry::RetryPolicy;
use super::run_waits::WaitEnd;
use super::runs::{Outcome, Run};
use super::status::Status;
use super::{Packet, Store};

/// A run that a worker takes up.
pub(crate) struct Begun {
    pub(crate) run: Run,
    /// How its waits have ended, in order.
    pub(crate) waits: Vec<WaitEnd>,
}

/// Why an attempt came to nothing.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// As on the wire: an object with a `type`.
    pub(crate) error: Value,
    /// What the run ends as, when this was its last attempt.
    pub(crate) status: Status,
    /// Another attempt would not help.
    pub(crate) is_final: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptEnd {
    /// It was not this execution's to end.
    Stale,
    Ended,
    /// There is another attempt at this time, in milliseconds since the epoch.
    Again {
        at: u64,
    },
}

#[derive(Debug)]
pub(crate) enum Suspended {
    UnknownRun,
    UnknownWait,
    Stale,
    /// There is nothing to wait for.
    Ended(Box<WaitEnd>),
    /// Until when, if it has a time-out.
    Waiting(Option<u64>),
}

impl Run {
    /// Whether this execution is the one there is. The first is 1: a run that this server executes itself has none.
    pub(crate) fn is_held_by(&self, execution: u32) -> bool {
        let is_under_way = matches!(self.status, Status::Executing | Status::WaitingToResume);
        is_under_way && !self.is_over() && execution > 0 && self.executions == execution
    }

    /// The next execution. It is another attempt unless the one before waited, or was given back.
    fn take_up(&mut self, retry: &RetryPolicy, now: u64) -> bool {
        let is_retry = self.status == Status::RetryingAfterFailure;
        if self.is_over() || !(is_retry || matches!(self.status, Status::Pending | Status::WaitingToResume)) {
            return false;
        }
        if is_retry || self.attempts == 0 {
            self.attempts += 1;
        }
        self.executions += 1;
        (self.status, self.retry_at) = (Status::Executing, None);
        self.started_at.get_or_insert(now);
        self.max_attempts.get_or_insert(retry.max_attempts);
        self.retry = Some(retry.clone());
        true
    }

    /// By the policy with which it was taken up.
    fn fail_attempt(&mut self, failure: Failure, now: u64) -> AttemptEnd {
        let policy = self.retry.clone().unwrap_or_default();
        if failure.is_final || self.attempts >= self.max_attempts.unwrap_or(policy.max_attempts) {
            self.finish(Outcome::Broken(failure.status, failure.error), now);
            return AttemptEnd::Ended;
        }
        let at = now.saturating_add(policy.pause_after(self.attempts, fastrand::f64()));
        (self.status, self.error, self.retry_at) = (Status::RetryingAfterFailure, Some(failure.error), Some(at));
        AttemptEnd::Again { at }
    }
}

impl Store {
    /// Begins an execution of a run that nobody holds, to be retried like this. `None` when it is not to be executed.
    pub(crate) fn begin(&self, id: &str, retry: &RetryPolicy) -> Option<Begun> {
        let mut tables = self.tables();
        tables.change_run(id, |run, now| run.take_up(retry, now)).filter(|is_begun| *is_begun)?;
        let waits = tables.settle_run_waits(id);
        Some(Begun { run: tables.runs.get(id)?.clone(), waits })
    }

    /// Has a run wait, unless what it waits for has ended. An execution that is not told of is taken for the one there
    /// is.
    pub(crate) fn suspend(&self, id: &str, execution: Option<u32>, waitpoint: &str) -> Suspended {
        let mut tables = self.tables();
        let Some(run) = tables.runs.get(id) else { return Suspended::UnknownRun };
        if !run.is_held_by(execution.unwrap_or(run.executions)) {
            return Suspended::Stale;
        }
        let Some(timeout_at) = tables.waitpoints.find(waitpoint, crate::clock::now_ms()).map(|(_, it)| it.timeout_at)
        else {
            return Suspended::UnknownWait;
        };
        let end = tables.wait_end(waitpoint);
        tables.add_run_wait(id, waitpoint, end.is_none());
        if let Some(end) = end {
            tables.close_run_wait(id, waitpoint);
            return Suspended::Ended(end.into());
        }
        tables.change_run(id, |run, _| run.status = Status::WaitingToResume);
        Suspended::Waiting(timeout_at)
    }

    /// Lets a run go on that has waited for this. `None` when it is not this execution's any more.
    pub(crate) fn go_on(&self, id: &str, execution: u32, waitpoint: &str) -> Option<WaitEnd> {
        let mut tables = self.tables();
        tables.runs.get(id).filter(|run| run.is_held_by(execution))?;
        let end = tables.wait_end(waitpoint)?;
        tables.close_run_wait(id, waitpoint);
        tables.change_run(id, |run, _| run.status = Status::Executing);
        Some(end)
    }

    /// Ends a run with its output. The usage is of this execution, in milliseconds.
    pub(crate) fn complete_attempt(&self, id: &str, execution: u32, output: Packet, usage_ms: u64) -> AttemptEnd {
        self.end_attempt(id, execution, usage_ms, |run, now| {
            run.finish(Outcome::Completed(output), now);
            AttemptEnd::Ended
        })
    }

    /// Ends an attempt without a result, and the run with it if there shall be no other.
    pub(crate) fn fail_attempt(&self, id: &str, execution: u32, failure: Failure, usage_ms: u64) -> AttemptEnd {
        self.end_attempt(id, execution, usage_ms, |run, now| run.fail_attempt(failure, now))
    }

    /// Puts a run back that was taken up, to be executed from the top without another attempt being counted.
    pub(crate) fn give_back(&self, id: &str, execution: u32) -> bool {
        let give_back = |run: &mut Run, _| {
            let is_held = run.is_held_by(execution);
            if is_held {
                run.status = Status::Pending;
            }
            is_held
        };
        self.change_run(id, give_back).unwrap_or(false)
    }

    fn end_attempt(
        &self,
        id: &str,
        execution: u32,
        usage_ms: u64,
        end: impl FnOnce(&mut Run, u64) -> AttemptEnd,
    ) -> AttemptEnd {
        let end = |run: &mut Run, now| {
            if !run.is_held_by(execution) {
                return AttemptEnd::Stale;
            }
            let usage_ms = run.usage_ms.saturating_add(usage_ms);
            let end = end(run, now);
            run.usage_ms = usage_ms;
            end
        };
        self.change_run(id, end).unwrap_or(AttemptEnd::Stale)
    }
}
