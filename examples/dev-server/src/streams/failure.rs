//! Why a log at S2 could not be used, and what a client is told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;

use crate::respond::Refusal;

#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// There can be no such log at S2. A sentence.
    NoName(String),
    /// S2 does not want it, and would not want it again. A sentence.
    Refused(String),
    /// S2 does not answer, or not usefully. What is asked again may succeed; `is_repeatable` tells whether that is
    /// harmless, and `after` how long to wait first.
    Unavailable { reason: String, is_repeatable: bool, after: Duration },
    /// The database of this server cannot be written.
    Database(Arc<str>),
}

impl Failure {
    /// The same, where it also depends on this whether to ask again is harmless.
    pub(super) fn repeatable_if(mut self, is_harmless: bool) -> Self {
        if let Self::Unavailable { is_repeatable, .. } = &mut self {
            *is_repeatable &= is_harmless;
        }
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName(reason) | Self::Refused(reason) | Self::Unavailable { reason, .. } => out.write_str(reason),
            Self::Database(reason) => write!(out, "The database of this server cannot be written: {reason}"),
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let message = failure.to_string();
        match failure {
            Failure::NoName(_) => Self::NotOk(StatusCode::BAD_REQUEST, message),
            Failure::Refused(_) => {
                Self::LogService { status: StatusCode::BAD_GATEWAY, message, retry: false, after: Duration::ZERO }
            }
            Failure::Unavailable { is_repeatable, after, .. } => {
                Self::LogService { status: StatusCode::SERVICE_UNAVAILABLE, message, retry: is_repeatable, after }
            }
            Failure::Database(_) => Self::Error(StatusCode::INTERNAL_SERVER_ERROR, message),
        }
    }
}
