//! What may be said of a run.

use serde::{Deserialize, Serialize};

/// A run's status, by the database's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Status {
    Delayed,
    WaitingForDeploy,
    PendingVersion,
    Pending,
    Dequeued,
    Executing,
    RetryingAfterFailure,
    Paused,
    WaitingToResume,
    CompletedSuccessfully,
    CompletedWithErrors,
    Interrupted,
    Canceled,
    Crashed,
    SystemFailure,
    Expired,
    TimedOut,
}

impl Status {
    /// The name in the feeds of runs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Delayed => "DELAYED",
            Self::WaitingForDeploy => "WAITING_FOR_DEPLOY",
            Self::PendingVersion => "PENDING_VERSION",
            Self::Pending => "PENDING",
            Self::Dequeued => "DEQUEUED",
            Self::Executing => "EXECUTING",
            Self::RetryingAfterFailure => "RETRYING_AFTER_FAILURE",
            Self::Paused => "PAUSED",
            Self::WaitingToResume => "WAITING_TO_RESUME",
            Self::CompletedSuccessfully => "COMPLETED_SUCCESSFULLY",
            Self::CompletedWithErrors => "COMPLETED_WITH_ERRORS",
            Self::Interrupted => "INTERRUPTED",
            Self::Canceled => "CANCELED",
            Self::Crashed => "CRASHED",
            Self::SystemFailure => "SYSTEM_FAILURE",
            Self::Expired => "EXPIRED",
            Self::TimedOut => "TIMED_OUT",
        }
    }

    /// The name in the API.
    pub(crate) const fn public(self) -> &'static str {
        match self {
            Self::WaitingForDeploy | Self::PendingVersion => "PENDING_VERSION",
            Self::Pending => "QUEUED",
            Self::Executing | Self::RetryingAfterFailure => "EXECUTING",
            Self::Paused | Self::WaitingToResume => "WAITING",
            Self::CompletedSuccessfully => "COMPLETED",
            Self::CompletedWithErrors | Self::Interrupted => "FAILED",
            Self::Delayed
            | Self::Dequeued
            | Self::Canceled
            | Self::Crashed
            | Self::SystemFailure
            | Self::Expired
            | Self::TimedOut => self.name(),
        }
    }

    pub(super) const fn is_over(self) -> bool {
        match self {
            Self::Delayed
            | Self::WaitingForDeploy
            | Self::PendingVersion
            | Self::Pending
            | Self::Dequeued
            | Self::Executing
            | Self::RetryingAfterFailure
            | Self::Paused
            | Self::WaitingToResume => false,
            Self::CompletedSuccessfully
            | Self::CompletedWithErrors
            | Self::Interrupted
            | Self::Canceled
            | Self::Crashed
            | Self::SystemFailure
            | Self::Expired
            | Self::TimedOut => true,
        }
    }

    pub(super) const fn has_started(self) -> bool {
        matches!(self, Self::Dequeued | Self::Executing | Self::RetryingAfterFailure | Self::WaitingToResume)
            || (self.is_over() && !matches!(self, Self::Canceled | Self::Expired))
    }
}
