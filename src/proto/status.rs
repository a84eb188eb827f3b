//! How what is read stands, as the application is told of a stream and of a feed alike.

use alloc::rc::Rc;

use super::error::Problem;

/// What the application is told about what it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamStatus {
    /// The first connection is being made.
    Connecting,
    /// What is new arrives as it is written.
    Live,
    /// The connection was lost; it is made again after the delay.
    Reconnecting {
        /// Failures in a row.
        attempt: u32,
        /// Until the next try.
        retry_in_ms: u64,
        /// What happened.
        problem: Rc<Problem>,
    },
    /// The device is offline, or nobody sees the page: nothing is tried until that is over.
    Paused,
    /// The run has finished, and everything there is has been told.
    Ended,
    /// Refused for good.
    Failed(Rc<Problem>),
}
