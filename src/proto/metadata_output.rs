//! What the metadata of a run asks of whoever drives it.

use alloc::string::String;

use super::error::Problem;
use super::time::Instant;

/// What the machine wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// `PUT` of operations, with this body under this key.
    Write {
        /// For `x-trigger-request-idempotency-key`.
        key: String,
        /// JSON.
        body: String,
    },
    /// `GET` of the document.
    Read,
    /// What was asked for under that number is done, or failed.
    Settled(u32, Option<Problem>),
    /// For the console: so many operations were given up.
    GivenUp {
        /// How many.
        operations: usize,
        /// Whether they may have been carried out.
        doubtful: bool,
        /// Why.
        problem: Problem,
    },
    /// Nothing, until then.
    Idle(Instant),
}
