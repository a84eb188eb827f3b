//! The life of one reader: connect, read, lose the connection, come back with the cursor.

use core::time::Duration;
use std::collections::VecDeque;

use super::backoff::{Backoff, BackoffPolicy};
use super::cursor::Cursor;
use super::error::{ErrorCode, Problem};
use super::http::{RequestKind, ResponseHead, StreamVersion};
use super::id::{Generation, RequestId};
use super::random::Random;
use super::records::{self, Body, Position, Signal};
use super::sse::{FrameTooLong, SseDecoder};
use super::time::Instant;

const RECONNECT: BackoffPolicy =
    BackoffPolicy { first: Duration::from_millis(500), cap: Duration::from_secs(15), stable: Duration::from_secs(10) };

/// Two connects are never closer than this.
const MIN_INTERVAL: Duration = Duration::from_millis(250);

/// A window shorter than this counts as a failure, so that a server that hangs up at once is not asked in a loop.
const SHORT_WINDOW: Duration = Duration::from_millis(900);

/// How long a response head may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(30);

/// Silence after which a connection counts as dead: three times the longest ping period seen (5 to 15 s).
const STALL: Duration = Duration::from_secs(45);

/// What the application is told about a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamStatus {
    /// The first connection is being made.
    Connecting,
    /// Parts arrive as they are written.
    Live,
    /// The connection was lost; it is made again after the delay.
    Reconnecting {
        /// Failures in a row.
        attempt: u32,
        /// Until the next try.
        retry_in: Duration,
        /// What happened.
        problem: Problem,
    },
    /// The device is offline: nothing is tried until it is back.
    Paused,
    /// Refused for good.
    Failed(Problem),
}

/// What a subscription wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It has a new status.
    Status(StreamStatus),
    /// Parts, in order.
    Parts {
        /// A JSON array, one element a part.
        json: String,
        /// The cursor behind the last of them.
        last_event_id: Option<String>,
    },
    /// A record that is not what the protocol says.
    Unreadable {
        /// Its position.
        id: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Give this request up.
    Abort(RequestId),
}

#[derive(Debug)]
enum State {
    Waiting { until: Instant },
    Connecting { request: RequestId, generation: Generation, since: Instant },
    Live(Connection),
    Failed(Problem),
}

#[derive(Debug)]
struct Connection {
    request: RequestId,
    version: StreamVersion,
    decoder: SseDecoder,
    opened: Instant,
    heard: Instant,
}

/// The subscription machine.
#[derive(Debug)]
pub struct Subscription {
    timeout_seconds: Option<u32>,
    cursor: Cursor,
    state: State,
    last_connect: Option<Instant>,
    backoff: Backoff,
    /// What the server asked for in a `retry` field.
    retry_floor: Option<Duration>,
    status: StreamStatus,
    effects: VecDeque<Effect>,
}

impl Subscription {
    /// Starts reading behind `last_event_id`, or at the beginning.
    pub fn new(last_event_id: Option<&str>, timeout_seconds: Option<u32>) -> Self {
        Self {
            timeout_seconds,
            cursor: Cursor::new(last_event_id),
            state: State::Waiting { until: Instant::default() },
            last_connect: None,
            backoff: Backoff::new(RECONNECT),
            retry_floor: None,
            status: StreamStatus::Connecting,
            effects: VecDeque::from([Effect::Status(StreamStatus::Connecting)]),
        }
    }

    /// Whether a connection should be made now.
    pub fn wants_connection(&self, now: Instant) -> bool {
        matches!(self.state, State::Waiting { until } if until <= now)
    }

    /// Takes a request for a connection.
    pub fn connect(&mut self, now: Instant, request: RequestId, generation: Generation) -> RequestKind {
        self.state = State::Connecting { request, generation, since: now };
        self.last_connect = Some(now);
        if self.status == StreamStatus::Paused {
            self.set_status(StreamStatus::Connecting);
        }
        RequestKind::Stream { last_event_id: self.cursor.last_event_id(), timeout_seconds: self.timeout_seconds }
    }

    /// The device is offline: says so, unless a connection is still there.
    pub fn pause(&mut self) {
        if let State::Waiting { .. } = self.state {
            self.set_status(StreamStatus::Paused);
        }
    }

    /// The request under way.
    pub fn request(&self) -> Option<RequestId> {
        match &self.state {
            State::Connecting { request, .. } => Some(*request),
            State::Live(connection) => Some(connection.request),
            State::Waiting { .. } | State::Failed(_) => None,
        }
    }

    /// Whose token the connection that is being made carries.
    pub fn generation(&self) -> Option<Generation> {
        match self.state {
            State::Connecting { generation, .. } => Some(generation),
            State::Waiting { .. } | State::Live(_) | State::Failed(_) => None,
        }
    }

    /// The connection stands.
    pub fn handle_open(&mut self, now: Instant, head: &ResponseHead) {
        let Some(request) = self.request() else { return };
        self.backoff.succeed(now);
        self.state = State::Live(Connection {
            request,
            version: head.version,
            decoder: SseDecoder::default(),
            opened: now,
            heard: now,
        });
        self.set_status(StreamStatus::Live);
    }

    /// Bytes arrived.
    pub fn handle_chunk(&mut self, now: Instant, chunk: &[u8], random: &mut Random) {
        let State::Live(connection) = &mut self.state else { return };
        connection.heard = now;
        let version = connection.version;
        let mut intake = Intake { cursor: &mut self.cursor, effects: &mut self.effects, json: String::new() };
        let mut failed = false;
        let fed = connection.decoder.feed(chunk, |frame| {
            let signal = records::read(version, &frame, |position, body| intake.take(position, &body));
            failed |= signal == Signal::Failure;
        });
        intake.flush();
        self.retry_floor = connection.decoder.retry();
        if failed || fed == Err(FrameTooLong) {
            let request = connection.request;
            self.effects.push_back(Effect::Abort(request));
            let code = if failed { ErrorCode::Server } else { ErrorCode::Protocol };
            self.handle_loss(now, Problem::new(code), None, random);
        }
    }

    /// The body ended: the server's window is over, which says nothing about the stream.
    pub fn handle_end(&mut self, now: Instant, random: &mut Random) {
        let State::Live(connection) = &self.state else { return };
        if now.since(connection.opened) < SHORT_WINDOW {
            return self.handle_loss(now, Problem::new(ErrorCode::Protocol), None, random);
        }
        let until = self.last_connect.map_or(now, |last| last.after(MIN_INTERVAL)).max(now);
        self.state = State::Waiting { until };
    }

    /// The connection could not be made, or broke. `floor` is the server's wish.
    pub fn handle_loss(&mut self, now: Instant, problem: Problem, floor: Option<Duration>, random: &mut Random) {
        let until = self.backoff.fail(now, floor.max(self.retry_floor), random);
        self.state = State::Waiting { until };
        let (attempt, retry_in) = (self.backoff.failures(), until.since(now));
        self.set_status(StreamStatus::Reconnecting { attempt, retry_in, problem });
    }

    /// The server will not have it.
    pub fn handle_refusal(&mut self, problem: Problem) {
        self.state = State::Failed(problem.clone());
        self.set_status(StreamStatus::Failed(problem));
    }

    /// The server would not have that token; another is coming.
    pub fn handle_stale_token(&mut self, now: Instant) {
        self.state = State::Waiting { until: now };
    }

    /// A new token is here: a refusal of the old one is no longer the last word.
    pub fn revive(&mut self, now: Instant) {
        if let State::Failed(problem) = &self.state
            && problem.code.concerns_token()
        {
            self.state = State::Waiting { until: now };
            self.set_status(StreamStatus::Connecting);
        }
    }

    /// The network is back or the device woke up: try now, and do not trust a connection that has been silent for a while.
    pub fn hurry(&mut self, now: Instant) {
        let floor = self.last_connect.map_or(now, |last| last.after(MIN_INTERVAL)).max(now);
        match &self.state {
            State::Waiting { until } if *until > floor => self.state = State::Waiting { until: floor },
            State::Live(connection) if now.since(connection.heard) > STALL / 3 => {
                self.effects.push_back(Effect::Abort(connection.request));
                self.state = State::Waiting { until: floor };
            }
            State::Waiting { .. } | State::Connecting { .. } | State::Live(_) | State::Failed(_) => {}
        }
    }

    /// Gives up on a connection that has been silent for too long.
    pub fn handle_timeout(&mut self, now: Instant, random: &mut Random) {
        if self.deadline().is_some_and(|deadline| deadline <= now)
            && let Some(request) = self.request()
        {
            self.effects.push_back(Effect::Abort(request));
            self.handle_loss(now, Problem::new(ErrorCode::Timeout), None, random);
        }
    }

    /// When something is due here.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { until } => Some(until),
            State::Connecting { .. } | State::Live(_) | State::Failed(_) => self.deadline(),
        }
    }

    /// The next thing to do or to tell.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Connecting { since, .. } => Some(since.after(CONNECT_PATIENCE)),
            State::Live(connection) => Some(connection.heard.after(STALL)),
            State::Waiting { .. } | State::Failed(_) => None,
        }
    }

    fn set_status(&mut self, status: StreamStatus) {
        if self.status != status {
            self.status = status.clone();
            self.effects.push_back(Effect::Status(status));
        }
    }
}

/// Gathers the parts of one chunk into one batch.
struct Intake<'a> {
    cursor: &'a mut Cursor,
    effects: &'a mut VecDeque<Effect>,
    json: String,
}

impl Intake<'_> {
    fn take(&mut self, position: Position<'_>, body: &Body<'_>) {
        if !self.cursor.pass(position) {
            return;
        }
        match body {
            Body::Part { part_id: Some(id), .. } if !self.cursor.note_part(id) => {}
            Body::Part { json, .. } => {
                self.json.push(if self.json.is_empty() { '[' } else { ',' });
                self.json.push_str(json);
            }
            Body::Skipped => {}
            Body::Unreadable(reason) => {
                self.flush();
                let id = self.cursor.last_event_id().unwrap_or_default();
                self.effects.push_back(Effect::Unreadable { id, reason });
            }
        }
    }

    fn flush(&mut self) {
        if !self.json.is_empty() {
            let mut json = core::mem::take(&mut self.json);
            json.push(']');
            let last_event_id = self.cursor.last_event_id();
            self.effects.push_back(Effect::Parts { json, last_event_id });
        }
    }
}
