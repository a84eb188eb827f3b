//! Requests as data, and what the head and body of an answer mean.

use alloc::borrow::ToOwned;
use alloc::rc::Rc;
use alloc::string::String;
use core::fmt;

use super::error::{ErrorCode, Problem};
use super::id::RequestId;
use super::json::{Scanner, push_string};
use super::text::{concat, hex_digit, shorten, split_once};
use super::time::UnixTime;
use super::token::AccessToken;

/// The largest request body the input route takes: 1 MiB, by `Content-Length`.
pub const BODY_LIMIT: usize = 1 << 20;

/// The largest record an input stream stores, which is 8 bytes more than its JSON envelope.
pub const RECORD_LIMIT: usize = (1 << 20) - 8;

/// The largest request body a call takes, by `Content-Length`.
pub const CALL_LIMIT: usize = 3 << 20;

/// How many bytes of the server's own words are kept.
const MESSAGE_LIMIT: usize = 300;

/// A request for the shell to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingRequest {
    /// Names it from now on.
    pub id: RequestId,
    /// Where to.
    pub url: String,
    /// Goes into `Authorization: Bearer …`.
    pub token: AccessToken,
    /// The preview branch, for `x-trigger-branch`.
    pub branch: Option<Rc<String>>,
    /// What is asked.
    pub kind: RequestKind,
}

/// The requests there are.
#[derive(Clone, PartialEq, Eq)]
pub enum RequestKind {
    /// `POST` of a JSON body. The key is the same for every attempt at one send.
    Send {
        /// The whole body.
        body: Rc<String>,
        /// For `x-trigger-request-idempotency-key`.
        idempotency_key: Rc<String>,
    },
    /// `GET` of an event stream.
    Stream {
        /// For `Last-Event-ID`, empty for the beginning.
        last_event_id: String,
        /// For `Timeout-Seconds`: how long the server waits for the next record before it ends the window. 0 is left out.
        timeout_seconds: u32,
    },
    /// `GET` of a run, as JSON, or of what else is asked once.
    Run,
    /// `GET` of messages of a feed.
    Feed,
    /// `POST` of a JSON body, whose answer is wanted. The key is the same for every attempt at one call.
    Call {
        /// The whole body.
        body: Rc<String>,
        /// For `x-trigger-request-idempotency-key`.
        idempotency_key: Rc<String>,
    },
}

/// Tells how much is sent, and nothing of it: payloads stay out of logs.
impl fmt::Debug for RequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { body, .. } => write!(f, "Send({} bytes)", body.len()),
            Self::Stream { last_event_id, .. } => write!(f, "Stream({last_event_id:?})"),
            Self::Run => f.write_str("Run"),
            Self::Feed => f.write_str("Feed"),
            Self::Call { body, .. } => write!(f, "Call({} bytes)", body.len()),
        }
    }
}

/// Of what runs a feed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedKind {
    /// One run.
    Run,
    /// Those that have all tags of a comma list; of an empty one, all.
    Tags,
    /// Those of a batch.
    Batch,
}

/// What can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// Starts a run of a task.
    Trigger,
    /// Completes a wait token.
    Complete,
    /// Reads a run.
    Retrieve,
    /// Cancels a run.
    Cancel,
    /// Asks where a stored packet lies.
    Packet,
}

/// Status and the few headers that matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseHead {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, where it can be read; else 0.
    pub retry_after_ms: u64,
    /// Which record format the stream has.
    pub version: StreamVersion,
    /// `x-tidegate-idempotent: 1`: a send repeated under the same key is stored once.
    pub idempotent: bool,
}

impl ResponseHead {
    /// Whether the status is a 2xx.
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }
}

/// What the head of an answer says besides, for feeds and calls. What is not there is empty.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Told<'a> {
    /// `electric-handle`.
    pub handle: &'a str,
    /// `electric-offset`.
    pub offset: &'a str,
    /// `electric-cursor`.
    pub cursor: &'a str,
    /// `electric-schema`.
    pub schema: &'a str,
    /// `x-trigger-jwt`.
    pub token: &'a str,
}

impl<'a> Told<'a> {
    /// Reads them, a line each.
    pub fn read(lines: &'a str) -> Self {
        let (mut told, mut rest) = ([""; 5], lines);
        for line in &mut told {
            (*line, rest) = split_once(rest, b'\n').unwrap_or((rest, ""));
        }
        let [handle, offset, cursor, schema, token] = told;
        Self { handle, offset, cursor, schema, token }
    }
}

/// Tells where a feed stands, and nothing of a token.
impl fmt::Debug for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Told({} at {})", self.handle, self.offset)
    }
}

/// The two stream backends, told apart by `x-stream-version`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamVersion {
    /// One frame a part, ids of the form `<ms>-<n>`. The header is absent.
    #[default]
    V1,
    /// Frames are batches of records with sequence numbers.
    V2,
}

/// Why there is no (further) answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFailure {
    /// The request never left: the browser refused to make it.
    NotSent,
    /// It may have left; no answer can be seen.
    Network,
}

/// `<base>/realtime/v1/streams/<run>/<key>`. A key `input/<id>` names the input stream `<id>`; every part is percent-encoded.
pub fn stream_url(base_url: &str, run: &str, key: &str) -> String {
    let mut url = concat(&[base_url, "/realtime/v1/streams/"]);
    push_encoded(&mut url, run);
    url.push('/');
    match key.strip_prefix("input/") {
        Some(id) => {
            url.push_str("input/");
            push_encoded(&mut url, id);
        }
        None => push_encoded(&mut url, key),
    }
    url
}

/// Where a call goes. Every slash of a packet's path is encoded.
pub fn call_url(base_url: &str, kind: CallKind, name: &str) -> String {
    let (before, behind) = match kind {
        CallKind::Trigger => ("/api/v1/tasks/", "/trigger"),
        CallKind::Complete => ("/api/v1/waitpoints/tokens/", "/complete"),
        CallKind::Retrieve => ("/api/v3/runs/", ""),
        CallKind::Cancel => ("/api/v2/runs/", "/cancel"),
        CallKind::Packet => ("/api/v1/packets/", ""),
    };
    url_of(base_url, before, name, behind)
}

/// Where a feed is read, without a query.
pub fn feed_url(base_url: &str, kind: FeedKind, name: &str) -> String {
    match kind {
        FeedKind::Run => url_of(base_url, "/realtime/v1/runs/", name, ""),
        FeedKind::Tags => url_of(base_url, "/realtime/v1/runs", "", ""),
        FeedKind::Batch => url_of(base_url, "/realtime/v1/batches/", name, ""),
    }
}

fn url_of(base_url: &str, before: &str, name: &str, behind: &str) -> String {
    let mut url = concat(&[base_url, before]);
    push_encoded(&mut url, name);
    url.push_str(behind);
    url
}

/// Adds something to a URL, and a value behind it, encoded.
pub fn push_parameter(url: &mut String, before: &str, value: &str) {
    url.push_str(before);
    push_encoded(url, value);
}

/// Whether a URL can name that run and stream. Every URL parser takes a part that is `.` or `..` for a step, encoded or not, and
/// the request would go elsewhere.
pub fn can_be_named(run: &str, key: &str) -> bool {
    let id = key.strip_prefix("input/").unwrap_or(key);
    let is_step = |part: &str| matches!(part, "" | "." | "..");
    !is_step(run) && !is_step(id)
}

/// What a server would refuse for certain, of a value and the size of the whole body. The record stores the value as a string, so its quotes count twice.
pub fn refuse_data(json: &str, body: usize) -> Option<Problem> {
    let mut scanner = Scanner::new(json);
    if scanner.value().and_then(|_| scanner.end()).is_none() {
        return Some(Problem::new(ErrorCode::InvalidData));
    }
    if body > BODY_LIMIT {
        return Some(Problem::too_large(BODY_LIMIT, body));
    }
    if body * 2 <= RECORD_LIMIT {
        return None;
    }
    let mut record = String::from("{\"data\":");
    push_string(&mut record, json);
    record.push_str(",\"id\":\"inp_000000000000\"}");
    (record.len() > RECORD_LIMIT).then(|| Problem::too_large(RECORD_LIMIT, record.len()))
}

/// What an answer other than 2xx means, to a send and to a read alike.
pub fn classify(status: u16, body: &str, token: &AccessToken, wall: UnixTime) -> Problem {
    let server_message = error_message(body);
    let code = match status {
        400 if server_message.as_deref().is_some_and(|words| words.ends_with("completed run")) => {
            ErrorCode::RunFinished
        }
        422 if server_message
            .as_deref()
            .is_some_and(|words| words.ends_with("use token as it has already been used.")) =>
        {
            // A token for one use, which is another's or has been ours. Of the data it says nothing.
            ErrorCode::Unauthorized
        }
        400 | 422 => ErrorCode::InvalidData,
        401 => refused_token(token, wall),
        403 => ErrorCode::Forbidden,
        404 | 410 => ErrorCode::NotFound,
        413 => ErrorCode::TooLarge,
        408 | 504 => ErrorCode::Timeout,
        429 => ErrorCode::RateLimited,
        500.. => ErrorCode::Server,
        _ => ErrorCode::Protocol,
    };
    let expired_at = (code == ErrorCode::TokenExpired).then(|| token.claims()?.expires_at).flatten();
    Problem { status: Some(status), server_message, expired_at, ..Problem::new(code) }
}

/// The server answers every bad token alike; the token's own claims tell more.
fn refused_token(token: &AccessToken, wall: UnixTime) -> ErrorCode {
    if !token.is_well_formed() {
        return ErrorCode::TokenMalformed;
    }
    match token.claims().and_then(|claims| claims.expires_at) {
        Some(expires_at) if expires_at <= wall => ErrorCode::TokenExpired,
        _ => ErrorCode::Unauthorized,
    }
}

/// `{"error":"…"}`, or plain text. HTML is a page for people, not a message.
pub(super) fn error_message(body: &str) -> Option<String> {
    let text = match scan_error(body) {
        Some(found) => found?,
        None => {
            let text = body.trim_ascii();
            if text.is_empty() || text.starts_with('<') {
                return None;
            }
            text.to_owned()
        }
    };
    Some(shorten(&text, MESSAGE_LIMIT).to_owned())
}

fn scan_error(body: &str) -> Option<Option<String>> {
    let mut scanner = Scanner::new(body);
    scanner.begin_object()?;
    let mut message = None;
    while let Some(key) = scanner.next_key()? {
        if key == "error" && scanner.peek() == Some(b'"') {
            message = Some(scanner.string()?.into_owned());
        } else {
            scanner.value()?;
        }
    }
    Some(message)
}

/// As JavaScript's `encodeURIComponent` does.
fn push_encoded(url: &mut String, part: &str) {
    for byte in part.bytes() {
        if matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
        {
            url.push(char::from(byte));
        } else {
            url.push('%');
            url.push(hex_digit(u32::from(byte >> 4)).to_ascii_uppercase());
            url.push(hex_digit(u32::from(byte)).to_ascii_uppercase());
        }
    }
}
