//! Everything that can happen to the core.

use core::fmt;

use super::http::{CallKind, FeedKind, RequestFailure, ResponseHead, Told};
use super::id::{ChannelId, PrincipalId, RequestId, SendId};

/// One thing that happened. Bytes and texts are borrowed: the core keeps what it needs.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The application wants something.
    Command(Command<'a>),
    /// Something came of a request.
    News(RequestId, News<'a>),
    /// The network came or went, as far as the device knows.
    Online(bool),
    /// The page is seen, or nobody sees it.
    Visible(bool),
    /// The device woke up, or the page is seen again.
    Wake,
    /// The time asked for has come.
    Timeout,
}

/// What comes of a request: a head, then one body, or chunks and an end. Or a failure at any point.
#[derive(Clone, Copy)]
pub enum News<'a> {
    /// The head of the answer.
    Head(ResponseHead),
    /// The whole answer, or the words with which a stream was refused, and what the head said besides.
    Body(&'a str, Told<'a>),
    /// Bytes of a stream.
    Chunk(&'a [u8]),
    /// The stream's body ended.
    End,
    /// There is no (further) answer.
    Failed(RequestFailure),
}

impl News<'_> {
    /// Whether nothing follows.
    pub const fn is_last(&self) -> bool {
        match self {
            Self::Head(_) | Self::Chunk(_) => false,
            Self::Body(..) | Self::End | Self::Failed(_) => true,
        }
    }
}

/// Tells how much came, and nothing of it.
impl fmt::Debug for News<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(head) => write!(f, "{head:?}"),
            Self::Body(body, _) => write!(f, "Body({} bytes)", body.len()),
            Self::Chunk(bytes) => write!(f, "Chunk({} bytes)", bytes.len()),
            Self::End => f.write_str("End"),
            Self::Failed(failure) => write!(f, "Failed({failure:?})"),
        }
    }
}

/// What an application asks for. Every id is made by [`Client`](super::client::Client) beforehand.
#[derive(Clone, Copy)]
pub enum Command<'a> {
    /// Registers an identity at an endpoint.
    OpenPrincipal {
        /// Its id.
        principal: PrincipalId,
        /// Without a trailing slash.
        base_url: &'a str,
        /// The preview branch.
        branch: Option<&'a str>,
        /// A provider can be asked for tokens.
        renewable: bool,
        /// Connections to the endpoint are few, so that its readers have to take turns.
        scarce: bool,
    },
    /// Ends its streams and takes back its queued sends.
    ClosePrincipal(PrincipalId),
    /// Says whether a provider can be asked for tokens from now on.
    SetRenewable(PrincipalId, bool),
    /// Gives it a token.
    SetToken(PrincipalId, &'a str),
    /// Says that the provider failed, in its words.
    FailToken(PrincipalId, &'a str),
    /// Sends a value.
    Send {
        /// Its id.
        send: SendId,
        /// Who sends.
        principal: PrincipalId,
        /// Into which run.
        run: &'a str,
        /// Into which of its input streams.
        stream: &'a str,
        /// The value, as JSON text.
        json: &'a str,
    },
    /// Takes a send back.
    CancelSend(SendId),
    /// Makes a settled send again, under the same idempotency key.
    RetrySend(SendId),
    /// Frees a settled send. One that was accepted is freed by itself.
    ForgetSend(SendId),
    /// Reads a stream.
    Subscribe {
        /// Its id.
        subscription: ChannelId,
        /// Who reads.
        principal: PrincipalId,
        /// Of which run.
        run: &'a str,
        /// Which output stream, or `input/<id>` for an input stream.
        key: &'a str,
        /// Begins behind this record or place, or at the beginning if it is empty.
        last_event_id: &'a str,
        /// For `Timeout-Seconds`: 0 leaves it to the server.
        timeout_seconds: u32,
    },
    /// Follows a feed of runs.
    Follow {
        /// Its id.
        feed: ChannelId,
        /// Who follows.
        principal: PrincipalId,
        /// Of what runs it is.
        kind: FeedKind,
        /// The run, the tags or the batch.
        name: &'a str,
        /// Further parameters, encoded.
        query: &'a str,
        /// It goes on after its run has finished.
        endless: bool,
    },
    /// Makes a request with an answer.
    Call {
        /// Its id.
        call: ChannelId,
        /// Who calls.
        principal: PrincipalId,
        /// What is asked.
        kind: CallKind,
        /// Of which task, wait token, run or packet.
        name: &'a str,
        /// JSON text, or empty for what only reads.
        body: &'a str,
    },
    /// Stops reading, following or waiting for an answer.
    Unsubscribe(ChannelId),
    /// Says whether more parts are wanted: while they are not, the connection is left unread.
    SetReading(ChannelId, bool),
}

/// Tells which command, and nothing of what it carries: tokens and payloads stay out of logs.
impl fmt::Debug for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenPrincipal { principal, .. } => write!(f, "OpenPrincipal({principal:?})"),
            Self::ClosePrincipal(principal) => write!(f, "ClosePrincipal({principal:?})"),
            Self::SetRenewable(principal, _) => write!(f, "SetRenewable({principal:?})"),
            Self::SetToken(principal, _) => write!(f, "SetToken({principal:?})"),
            Self::FailToken(principal, _) => write!(f, "FailToken({principal:?})"),
            Self::Send { send, .. } => write!(f, "Send({send:?})"),
            Self::CancelSend(send) => write!(f, "CancelSend({send:?})"),
            Self::RetrySend(send) => write!(f, "RetrySend({send:?})"),
            Self::ForgetSend(send) => write!(f, "ForgetSend({send:?})"),
            Self::Subscribe { subscription, .. } => write!(f, "Subscribe({subscription:?})"),
            Self::Follow { feed, .. } => write!(f, "Follow({feed:?})"),
            Self::Call { call, .. } => write!(f, "Call({call:?})"),
            Self::Unsubscribe(subscription) => write!(f, "Unsubscribe({subscription:?})"),
            Self::SetReading(subscription, wanted) => write!(f, "SetReading({subscription:?}, {wanted})"),
        }
    }
}
