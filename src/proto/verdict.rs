//! What an attempt at a send came to.

use alloc::rc::Rc;

use super::error::{ErrorCode, Problem};
use super::http::{RequestFailure, ResponseHead};

/// What may be done about an answer that was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Send again: the receiver drops repeats.
    Repeat,
    /// Look into the stream: the token may read it.
    Ask,
    /// Nothing.
    None,
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Stored.
    Accepted,
    /// It will not be taken as it is.
    Rejected(Rc<Problem>),
    /// Nobody can tell.
    Unknown(Rc<Problem>),
    /// The stream can tell.
    Ask {
        /// Not before this has passed: the server's wish.
        after_ms: u64,
        /// The cause.
        problem: Rc<Problem>,
    },
    /// Make it again: certainly not stored, or repeating does no harm.
    Again {
        /// Not before this has passed: the server's wish.
        after_ms: u64,
        /// This attempt may have been stored.
        doubtful: bool,
        /// The cause.
        problem: Rc<Problem>,
    },
}

impl Verdict {
    /// What an answer means that is not a 2xx. The problem is what [`classify`](super::http::classify) made of it.
    pub fn of_answer(head: &ResponseHead, problem: Rc<Problem>, remedy: Remedy) -> Self {
        match problem.code {
            ErrorCode::RateLimited => Self::Again { after_ms: head.retry_after_ms, doubtful: false, problem },
            ErrorCode::Server | ErrorCode::Timeout => Self::ambiguous(problem, head.retry_after_ms, remedy),
            ErrorCode::RunFinished
            | ErrorCode::NotFound
            | ErrorCode::Forbidden
            | ErrorCode::Unauthorized
            | ErrorCode::TokenMissing
            | ErrorCode::TokenMalformed
            | ErrorCode::TokenExpired
            | ErrorCode::InvalidData
            | ErrorCode::TooLarge
            | ErrorCode::Offline
            | ErrorCode::Blocked
            | ErrorCode::Protocol
            | ErrorCode::Aborted => Self::Rejected(problem),
        }
    }

    /// What a request without an answer means: the page cannot see whether the body arrived.
    pub fn of_failure(failure: RequestFailure, remedy: Remedy) -> Self {
        let problem = Problem::shared(ErrorCode::Blocked);
        match failure {
            RequestFailure::NotSent => Self::Rejected(problem),
            RequestFailure::Network => Self::ambiguous(problem, 0, remedy),
        }
    }

    /// What an answer means that did not come in time.
    pub fn of_silence(remedy: Remedy) -> Self {
        Self::ambiguous(Problem::shared(ErrorCode::Timeout), 0, remedy)
    }

    const fn ambiguous(problem: Rc<Problem>, after_ms: u64, remedy: Remedy) -> Self {
        match remedy {
            Remedy::Repeat => Self::Again { after_ms, doubtful: true, problem },
            Remedy::Ask => Self::Ask { after_ms, problem },
            Remedy::None => Self::Unknown(problem),
        }
    }
}
