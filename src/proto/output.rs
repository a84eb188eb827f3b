//! Everything the core can want, and everything it tells.

use alloc::string::String;
use core::fmt;

use super::call::CallOutcome;
use super::http::OutgoingRequest;
use super::id::{ChannelId, PrincipalId, RequestId};
use super::intake::Parts;
use super::send::SendChanged;
use super::shape::Rows;
use super::status::StreamStatus;
use super::time::Instant;

/// One output. Take them until [`Idle`](Self::Idle) comes, before the next input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Make this request.
    Request(OutgoingRequest),
    /// Give that request up; nothing more of it is wanted.
    Abort(RequestId),
    /// Leave the body of that request unread, or read on.
    SetReading(RequestId, bool),
    /// Tell the application.
    Event(Event),
    /// Nothing more for now: come back with [`Input::Timeout`](super::input::Input::Timeout) then.
    Idle(Option<Instant>),
}

/// What the application is told.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// A token is wanted: answer with `SetToken` or `FailToken`.
    TokenNeeded(PrincipalId),
    /// A send has a new state.
    Send(SendChanged),
    /// A reader has a new status.
    Stream(ChannelId, StreamStatus),
    /// Parts of a stream: one batch a chunk, but for large ones, which come alone.
    Parts(ChannelId, Parts),
    /// A feed has a new status.
    Feed(ChannelId, StreamStatus),
    /// Messages of a feed.
    Rows(ChannelId, Rows),
    /// A call is over.
    Call(ChannelId, CallOutcome),
    /// A record that is not what the protocol says.
    Unreadable {
        /// Of which reader.
        subscription: ChannelId,
        /// Its position.
        id: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Tells how much was read, and nothing of it.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenNeeded(principal) => write!(f, "TokenNeeded({principal:?})"),
            Self::Send(change) => write!(f, "{change:?}"),
            Self::Stream(reader, status) => write!(f, "Stream({reader:?}, {status:?})"),
            Self::Feed(feed, status) => write!(f, "Feed({feed:?}, {status:?})"),
            Self::Rows(feed, rows) => write!(f, "{rows:?} of {feed:?}"),
            Self::Call(call, outcome) => write!(f, "{outcome:?} of {call:?}"),
            Self::Parts(subscription, parts) => write!(f, "{parts:?} of {subscription:?}"),
            Self::Unreadable { subscription, id, reason } => {
                write!(f, "Unreadable({subscription:?}, {id:?}, {reason:?})")
            }
        }
    }
}
