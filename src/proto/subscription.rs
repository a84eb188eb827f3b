//! The life of one reader: connect, read, lose the connection, come back with the cursor.
//!
//! What it does with everything that can happen, which `tests/proto/transitions.rs` holds against the code. A column is a
//! [stage](Stage), `=` leaves it as it is, an empty cell cannot happen, and `aborts` gives up the request. Rows with a word in
//! brackets are of a reader that is held, or whose run has finished, where that makes a difference; that it is paused, or that its
//! answers are held back, makes none.
//!
//! | | Waiting | Connecting | Live | Ended | Failed | Failed, by token |
//! |---|---|---|---|---|---|---|
//! | start | Connecting | | | | | |
//! | start (held) | | | | | | |
//! | open | | Live | = | | | |
//! | chunk | | = | = | | | |
//! | chunk: the log's end | | = | = | | | |
//! | chunk: the log's end (finished) | | = | Ended, aborts | | | |
//! | chunk: an error | | = | Waiting, aborts | | | |
//! | end | | = | Waiting | | | |
//! | end (finished) | | = | Ended | | | |
//! | end: too soon | | = | Waiting | | | |
//! | loss | | Waiting | Waiting | | | |
//! | refusal | Failed | Failed | Failed | | | |
//! | refusal (held) | | Failed | Failed | | | |
//! | stale token | | Waiting | Waiting | | | |
//! | revive | = | = | = | = | = | Waiting |
//! | hurry | = | = | Waiting, aborts | = | = | = |
//! | hurry (held) | = | = | = | = | = | = |
//! | timeout | = | Waiting, aborts | Waiting, aborts | = | = | = |
//! | timeout (held) | = | Waiting, aborts | = | = | = | = |
//! | pause | = | | | | | |
//! | pause (held) | | | | | | |
//! | set reading | = | = | = | = | = | = |
//! | run finished | = | Waiting, aborts | Waiting, aborts | = | = | = |
//! | run finished (finished) | = | = | = | = | = | = |
//! | yield turn | | Waiting | Waiting | | | |

use alloc::rc::Rc;

use super::backoff::{Backoff, BackoffPolicy};
use super::error::{ErrorCode, Problem};
use super::http::{RequestKind, StreamVersion};
use super::intake::{Effect, Intake};
use super::random::Random;
use super::records::Signal;
use super::sse::{FrameTooLong, SseDecoder, Standing};
use super::status::StreamStatus;
use super::time::Instant;

const RECONNECT: BackoffPolicy = BackoffPolicy { first_ms: 500, cap_ms: 15_000, stable_ms: 10_000 };

/// Two connects are never closer than this.
const MIN_INTERVAL_MS: u64 = 250;

/// A window shorter than this counts as a failure, so that a server that hangs up at once is not asked in a loop.
const SHORT_WINDOW_MS: u64 = 900;

/// The longest `retry` that is heeded: a slip of the server's must not stop a reader for good.
const RETRY_CAP_MS: u64 = 60_000;

/// How long a response head may take.
const CONNECT_PATIENCE_MS: u64 = 30_000;

/// How long an answer may take before others are let in.
const ANSWER_MS: u64 = 8_000;

/// How long a stream may be idle before it is asked whether its run has finished. Doubles with every time that it has not.
const IDLE_MS: u64 = 3_000;
const IDLE_CAP_MS: u64 = 60_000;

/// Silence after which a connection counts as dead: three times the longest ping period seen (5 to 15 s).
const STALL_MS: u64 = 45_000;

/// How long a record that may be half of one is kept when nothing follows. Right behind it a window would have ended.
const DOUBT_MS: u64 = 1_000;

const NEVER: Instant = Instant::from_millis(u64::MAX);

/// Before a v1 window of at least this length ends, there is a ping: after 10 s of silence, looked at every 5 s.
const PINGED_S: u32 = 20;

/// Where a reader is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Without a connection, until it may make one.
    Waiting,
    /// It has asked for one.
    Connecting,
    /// It reads.
    Live,
    /// The run has finished, and everything has been read.
    Ended,
    /// Refused.
    Failed {
        /// Another token may mend it.
        by_token: bool,
    },
}

#[derive(Debug)]
enum State {
    Waiting {
        until: Instant,
    },
    Connecting {
        since: Instant,
    },
    Live(Connection),
    Ended,
    /// Refused. Whether another token may mend it.
    Failed {
        by_token: bool,
    },
}

#[derive(Debug)]
struct Connection {
    version: StreamVersion,
    decoder: SseDecoder,
    opened: Instant,
    heard: Instant,
    /// When it last brought something else than its last word.
    news: Instant,
    /// What comes now came behind a silence: it is the last word, unless it is news.
    behind_silence: bool,
    /// Nothing has come of it but the word that it closes.
    empty: bool,
}

/// The subscription machine. It has one request at most; methods that answer `bool` say whether that is to be given up.
#[derive(Debug)]
pub struct Subscription {
    timeout_seconds: u32,
    /// The window that was asked for last.
    asked_seconds: u32,
    intake: Intake,
    state: State,
    last_connect: Option<Instant>,
    backoff: Backoff,
    /// What the server asked for in a `retry` field.
    retry_floor_ms: u64,
    /// Until then it asked to be left alone.
    not_before: Instant,
    paused: bool,
    live: bool,
    /// When to ask whether the run has finished, while connected. Not set before the first window.
    ask_at: Instant,
    idle_ms: u64,
    /// The end of the log was seen once. A run that had finished before is found out then.
    has_caught_up: bool,
    /// The run has finished: what the next window does not bring will never come.
    run_finished: bool,
    /// Nobody wants more for now: what comes is left unread, so silence means nothing, and nothing is connected.
    held: bool,
}

impl Subscription {
    /// Starts reading behind `last_event_id`, or at the beginning if it is empty.
    pub fn new(last_event_id: &str, timeout_seconds: u32) -> Self {
        let mut intake = Intake::new(last_event_id);
        intake.effects.push(Effect::Status(StreamStatus::Connecting));
        Self {
            timeout_seconds,
            asked_seconds: timeout_seconds,
            intake,
            state: State::Waiting { until: Instant::default() },
            last_connect: None,
            backoff: Backoff::new(RECONNECT),
            retry_floor_ms: 0,
            not_before: Instant::default(),
            paused: false,
            live: false,
            ask_at: Instant::default(),
            idle_ms: IDLE_MS,
            has_caught_up: false,
            run_finished: false,
            held: false,
        }
    }

    /// The same, with another size from which on parts are handed over alone and unread. From 0 on every one is alone, and has a place.
    pub const fn with_large_from(mut self, bytes: usize) -> Self {
        self.intake.large_from = bytes;
        self
    }

    /// Whether a connection should be made now.
    pub fn wants_request(&self, now: Instant) -> bool {
        !self.held && matches!(self.state, State::Waiting { until } if until <= now)
    }

    /// Where it is in its life.
    pub const fn stage(&self) -> Stage {
        match self.state {
            State::Waiting { .. } => Stage::Waiting,
            State::Connecting { .. } => Stage::Connecting,
            State::Live(_) => Stage::Live,
            State::Ended => Stage::Ended,
            State::Failed { by_token } => Stage::Failed { by_token },
        }
    }

    /// Whether more parts are wanted.
    pub fn set_reading(&mut self, now: Instant, wanted: bool) {
        self.held = !wanted;
        if let State::Live(connection) = &mut self.state {
            (connection.heard, connection.news) = (now, now);
        }
    }

    /// When it last made a connection. At first, never.
    pub fn last_turn(&self) -> Instant {
        self.last_connect.unwrap_or_default()
    }

    /// From when on its turn counts. One that has had no answer yet keeps its connection for longer.
    pub fn turn_began(&self) -> Instant {
        match &self.state {
            State::Live(connection) => connection.opened,
            State::Connecting { since } => since.after(ANSWER_MS),
            State::Waiting { .. } | State::Ended | State::Failed { .. } => Instant::default(),
        }
    }

    /// Whether it holds a connection, or is making one.
    pub const fn is_connected(&self) -> bool {
        matches!(self.state, State::Connecting { .. } | State::Live(_))
    }

    /// Others want the connection, until then at least. Nothing has happened that a person should see.
    pub fn yield_turn(&mut self, until: Instant) {
        self.state = State::Waiting { until };
    }

    /// The device is offline: nothing will be tried until it is back.
    pub fn pause(&mut self) {
        self.live = false;
        if !core::mem::replace(&mut self.paused, true) {
            self.intake.effects.push(Effect::Status(StreamStatus::Paused));
        }
    }

    /// Makes a connection.
    pub fn start(&mut self, now: Instant) -> RequestKind {
        self.state = State::Connecting { since: now };
        self.last_connect = Some(now);
        if core::mem::take(&mut self.paused) {
            self.intake.effects.push(Effect::Status(StreamStatus::Connecting));
        }
        self.asked_seconds = if self.run_finished || self.intake.held_back { 1 } else { self.timeout_seconds };
        RequestKind::Stream { last_event_id: self.intake.cursor.resume(), timeout_seconds: self.asked_seconds }
    }

    /// The connection stands.
    pub fn handle_open(&mut self, now: Instant, version: StreamVersion) {
        self.backoff.succeed(now);
        let decoder = SseDecoder::default();
        // Of a window that is held back the head comes late, too: its silence began before. v2 tells where the log ends.
        let heard = if self.intake.held_back && version == StreamVersion::V1 { self.last_turn() } else { now };
        self.state = State::Live(Connection {
            version,
            decoder,
            opened: now,
            heard,
            news: heard,
            behind_silence: false,
            empty: true,
        });
        // What was due before this window stays due: where windows are short, each would put it off.
        if self.ask_at == Instant::default() {
            self.ask_at = now.after(self.idle_ms);
        }
        // A window that follows another is no news.
        if !core::mem::replace(&mut self.live, true) {
            self.intake.effects.push(Effect::Status(StreamStatus::Live));
        }
    }

    /// Bytes arrived.
    pub fn handle_chunk(&mut self, now: Instant, chunk: &[u8], random: &mut Random) -> bool {
        let State::Live(connection) = &mut self.state else { return false };
        let heard_before = core::mem::replace(&mut connection.heard, now);
        let version = connection.version;
        if now.since(heard_before) >= SHORT_WINDOW_MS {
            connection.behind_silence = true;
            // Nothing holds back what came before.
            self.intake.held_back &= connection.empty;
        }
        let unpinged = (1..PINGED_S).contains(&self.asked_seconds);
        // What is half when the run has finished stays so.
        let wary = !self.run_finished;
        let (mut failed, mut caught_up, mut closing) = (false, false, false);
        let fed = connection.decoder.feed(chunk, |frame, standing| {
            // Behind a failure nothing is taken: the cursor would pass what could not be read, and it would never come again.
            if failed {
                return;
            }
            let may_be_half = version == StreamVersion::V1 && (unpinged || frame.standing != Standing::Next);
            match self.intake.read(version, &frame, may_be_half, wary, standing) {
                Signal::Failure => failed = true,
                Signal::Ping { tail: Some(tail), .. } => caught_up = self.intake.is_at(tail),
                Signal::WindowEnd => closing = true,
                Signal::Records | Signal::Ping { .. } => {}
            }
        });
        let heard = self.intake.finish();
        let is_word = match version {
            StreamVersion::V1 => connection.behind_silence && connection.decoder.standing() != Standing::AfterComment,
            StreamVersion::V2 => closing,
        };
        if heard || !is_word {
            (connection.news, connection.behind_silence) = (now, false);
        }
        // The word that a window closes is no sign of life: the silence before it counts.
        if closing && !heard {
            connection.heard = heard_before;
        } else {
            connection.empty = false;
        }
        self.retry_floor_ms = connection.decoder.retry_ms().min(RETRY_CAP_MS);
        if heard {
            self.idle_ms = IDLE_MS;
            self.ask_at = now.after(IDLE_MS);
        }
        if caught_up && self.run_finished {
            self.end();
            return true;
        }
        if caught_up && !core::mem::replace(&mut self.has_caught_up, true) {
            self.ask_at = now;
        }
        let problem = match fed {
            Ok(()) if !failed => return false,
            Ok(()) => Problem::new(ErrorCode::Server),
            Err(FrameTooLong) => Problem { subject: Some("event"), ..Problem::new(ErrorCode::Protocol) },
        };
        self.handle_loss(now, Rc::new(problem), 0, random);
        true
    }

    /// The body ended: the server's window is over, which says nothing about the stream.
    pub fn handle_end(&mut self, now: Instant, random: &mut Random) {
        let State::Live(Connection { opened, heard, news, empty, .. }) = self.state else { return };
        let began = if self.intake.held_back { self.last_turn() } else { opened };
        if now.since(began) < SHORT_WINDOW_MS {
            return self.handle_loss(now, Problem::shared(ErrorCode::Protocol), 0, random);
        }
        // A proxy may end a body in the middle. The server ends it when the log has been silent.
        if self.run_finished && now.since(news) >= SHORT_WINDOW_MS {
            return self.end();
        }
        self.intake.held_back &= empty || now.since(heard) < SHORT_WINDOW_MS;
        self.ask_at = now;
        self.state = State::Waiting { until: self.earliest(now) };
    }

    /// Whether it wants to know now if the run has finished. `true` once per question.
    pub fn poll_run_wanted(&mut self, now: Instant) -> bool {
        let wanted = self.ask_at <= now && !self.run_finished && self.live && !self.held;
        if wanted {
            self.ask_at = now.after(self.idle_ms);
            self.idle_ms = (self.idle_ms * 2).min(IDLE_CAP_MS);
        }
        wanted
    }

    /// The run has finished. One more window, opened from now on, brings all that is left.
    pub fn handle_run_finished(&mut self, now: Instant) -> bool {
        if core::mem::replace(&mut self.run_finished, true) {
            return false;
        }
        // What is on its way to a window that was asked for may be older than the end.
        let connected = self.is_connected();
        if connected {
            self.state = State::Waiting { until: self.earliest(now) };
        }
        connected
    }

    /// The connection could not be made, or broke. `floor_ms` is the server's wish.
    pub fn handle_loss(&mut self, now: Instant, problem: Rc<Problem>, floor_ms: u64, random: &mut Random) {
        let until = self.backoff.fail(now, floor_ms.max(self.retry_floor_ms), random);
        self.not_before = now.after(floor_ms);
        self.state = State::Waiting { until };
        self.live = false;
        let status =
            StreamStatus::Reconnecting { attempt: self.backoff.failures(), retry_in_ms: until.since(now), problem };
        self.intake.effects.push(Effect::Status(status));
    }

    /// The server will not have it.
    pub fn handle_refusal(&mut self, problem: Rc<Problem>) {
        self.state = State::Failed { by_token: problem.code.concerns_token() };
        self.live = false;
        self.paused = false;
        self.intake.effects.push(Effect::Status(StreamStatus::Failed(problem)));
    }

    /// The server would not have that token; another is coming.
    pub fn handle_stale_token(&mut self, now: Instant) {
        self.state = State::Waiting { until: self.earliest(now) };
    }

    /// A new token is here: a refusal of the old one is no longer the last word.
    pub fn revive(&mut self, now: Instant) {
        if let State::Failed { by_token: true } = self.state {
            self.state = State::Waiting { until: self.earliest(now) };
            self.intake.effects.push(Effect::Status(StreamStatus::Connecting));
        }
    }

    /// The network is back or the device woke up: try now, and do not trust a connection that has been silent for a while, or any.
    pub fn hurry(&mut self, now: Instant, trusting: bool) -> bool {
        let earliest = self.earliest(now).max(self.not_before);
        match &mut self.state {
            State::Waiting { until } => {
                *until = earliest.min(*until);
                false
            }
            State::Live(connection) if !self.held && (!trusting || now.since(connection.heard) > STALL_MS / 3) => {
                self.state = State::Waiting { until: earliest };
                true
            }
            State::Connecting { .. } | State::Live(_) | State::Ended | State::Failed { .. } => false,
        }
    }

    /// Gives up on a connection that has been silent for too long.
    pub fn handle_timeout(&mut self, now: Instant, random: &mut Random) -> bool {
        if !self.held && self.doubt_ends() <= now {
            return self.handle_chunk(now, &[], random);
        }
        let overdue = self.deadline().is_some_and(|deadline| deadline <= now);
        if overdue {
            let mut problem = Problem::new(ErrorCode::Timeout);
            match self.state {
                State::Live(Connection { empty: true, .. }) => {
                    problem.subject = Some("stream");
                    self.intake.held_back = true;
                }
                State::Connecting { .. } => self.intake.held_back = true,
                State::Waiting { .. } | State::Live(_) | State::Ended | State::Failed { .. } => {}
            }
            self.handle_loss(now, Rc::new(problem), 0, random);
        }
        overdue
    }

    /// When something is due here.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { until } => Some(until),
            State::Live(_) if !self.run_finished => self.deadline().min(Some(self.ask_at.min(self.doubt_ends()))),
            State::Connecting { .. } | State::Live(_) | State::Ended | State::Failed { .. } => self.deadline(),
        }
    }

    /// The next thing to tell.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.intake.effects.pop()
    }

    /// Until when a record is kept that may be half of one. It has not been passed: if the connection is over before, it comes again, or
    /// whole.
    fn doubt_ends(&self) -> Instant {
        if let State::Live(connection) = &self.state
            && connection.decoder.standing() == Standing::Again
        {
            return connection.heard.after(DOUBT_MS);
        }
        NEVER
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Connecting { since } => Some(since.after(CONNECT_PATIENCE_MS)),
            State::Live(connection) if !self.held => Some(connection.heard.after(STALL_MS)),
            State::Waiting { .. } | State::Live(_) | State::Ended | State::Failed { .. } => None,
        }
    }

    fn end(&mut self) {
        self.state = State::Ended;
        self.live = false;
        self.intake.effects.push(Effect::Status(StreamStatus::Ended));
    }

    fn earliest(&self, now: Instant) -> Instant {
        self.last_connect.map_or(now, |last| last.after(MIN_INTERVAL_MS)).max(now)
    }
}
