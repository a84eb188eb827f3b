//! What can go wrong, as facts. The sentences a person reads are made from these where they are shown.

use super::time::UnixTime;
use alloc::rc::Rc;
use alloc::string::String;

/// A closed list of causes, the same on both sides of the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorCode {
    /// The run is in a final state: it takes no more input.
    RunFinished,
    /// No such run, in the environment the token belongs to.
    NotFound,
    /// The token is good, but a scope is missing.
    Forbidden,
    /// The server refuses the token, and not because it expired.
    Unauthorized,
    /// There is no token.
    TokenMissing,
    /// The text given as a token cannot be one.
    TokenMalformed,
    /// The server refuses the token, whose own `exp` has passed.
    TokenExpired,
    /// The data cannot be sent: the server does not read it as it stands.
    InvalidData,
    /// The body, or the record made from it, is over the server's limit.
    TooLarge,
    /// The device is offline.
    Offline,
    /// The request failed without an answer that a page may see: network, CORS, or a cut.
    Blocked,
    /// Too many requests.
    RateLimited,
    /// The server failed.
    Server,
    /// The answer is not what the protocol says.
    Protocol,
    /// No answer in time.
    Timeout,
    /// Cancelled by the application.
    Aborted,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 16] = [
        Self::RunFinished,
        Self::NotFound,
        Self::Forbidden,
        Self::Unauthorized,
        Self::TokenMissing,
        Self::TokenMalformed,
        Self::TokenExpired,
        Self::InvalidData,
        Self::TooLarge,
        Self::Offline,
        Self::Blocked,
        Self::RateLimited,
        Self::Server,
        Self::Protocol,
        Self::Timeout,
        Self::Aborted,
    ];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RunFinished => "run-finished",
            Self::NotFound => "not-found",
            Self::Forbidden => "forbidden",
            Self::Unauthorized => "unauthorized",
            Self::TokenMissing => "token-missing",
            Self::TokenMalformed => "token-malformed",
            Self::TokenExpired => "token-expired",
            Self::InvalidData => "invalid-data",
            Self::TooLarge => "too-large",
            Self::Offline => "offline",
            Self::Blocked => "blocked",
            Self::RateLimited => "rate-limited",
            Self::Server => "server",
            Self::Protocol => "protocol",
            Self::Timeout => "timeout",
            Self::Aborted => "aborted",
        }
    }

    /// Whether the same thing, tried again later and unchanged, may succeed.
    pub const fn retryable(self) -> bool {
        match self {
            Self::Offline | Self::Blocked | Self::RateLimited | Self::Server | Self::Timeout | Self::Aborted => true,
            Self::RunFinished
            | Self::NotFound
            | Self::Forbidden
            | Self::Unauthorized
            | Self::TokenMissing
            | Self::TokenMalformed
            | Self::TokenExpired
            | Self::InvalidData
            | Self::TooLarge
            | Self::Protocol => false,
        }
    }

    /// Whether another token may mend it.
    pub const fn concerns_token(self) -> bool {
        match self {
            Self::Forbidden | Self::Unauthorized | Self::TokenMissing | Self::TokenMalformed | Self::TokenExpired => {
                true
            }
            Self::RunFinished
            | Self::NotFound
            | Self::InvalidData
            | Self::TooLarge
            | Self::Offline
            | Self::Blocked
            | Self::RateLimited
            | Self::Server
            | Self::Protocol
            | Self::Timeout
            | Self::Aborted => false,
        }
    }
}

/// One failure, with what is known about it. Holds no token and no payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The cause.
    pub code: ErrorCode,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The server's own words, shortened; without a status, those of the token provider.
    pub server_message: Option<String>,
    /// What it is about, where that is not a run: a task, a wait token and so on, in words; the header that an answer lacks; a
    /// stream, where nothing came of an answer that has begun; or an event, where it is larger than any that is read.
    pub subject: Option<&'static str>,
    /// The scope the token lacks.
    pub missing_scope: Option<String>,
    /// The limit that was passed, and by what, in bytes.
    pub size: Option<Size>,
    /// When the token expired, by its own claim.
    pub expired_at: Option<UnixTime>,
}

/// A size over its limit, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The most that is taken.
    pub limit: usize,
    /// What it was.
    pub actual: usize,
}

impl Problem {
    /// A failure of which only the cause is known.
    pub const fn new(code: ErrorCode) -> Self {
        Self {
            code,
            status: None,
            server_message: None,
            subject: None,
            missing_scope: None,
            size: None,
            expired_at: None,
        }
    }

    /// The same, for those who pass it on.
    #[inline(never)]
    pub fn shared(code: ErrorCode) -> Rc<Self> {
        Rc::new(Self::new(code))
    }

    /// Something larger than is taken.
    pub fn too_large(limit: usize, actual: usize) -> Self {
        Self { size: Some(Size { limit, actual }), ..Self::new(ErrorCode::TooLarge) }
    }
}
