//! The life of one feed of runs: a log read by long polls, from its snapshot on.
//!
//! Rows are not made here: what the server wrote is checked, looked through for what steers the reading, and handed on as it is.
//!
//! What it does with everything that can happen, which `tests/proto/feed_transitions.rs` holds against the code. A column is a
//! [stage](Stage), `=` leaves it as it is, an empty cell cannot happen, and `aborts` gives up the request. Rows with a word in
//! brackets are of a feed that nobody sees, or whose run has finished, where that makes a difference.
//!
//! | | Waiting | Reading | Polling | Ended | Failed | Failed, by token |
//! |---|---|---|---|---|---|---|
//! | start | Polling | | | | | |
//! | open | | = | = | | | |
//! | answer | | Waiting | Waiting | | | |
//! | answer (finished) | | Waiting | Ended | | | |
//! | answer: of another log | | Waiting | Waiting | | | |
//! | answer: without a header | | Failed | Failed | | | |
//! | answer: cut | | Waiting | Waiting | | | |
//! | refetch | | Waiting | Waiting | | | |
//! | loss | | Waiting | Waiting | | | |
//! | absence | | Waiting | Failed | | | |
//! | refusal | Failed | Failed | Failed | | | |
//! | stale token | | Waiting | Waiting | | | |
//! | revive | = | = | = | = | = | Waiting |
//! | hurry | = | = | Waiting, aborts | = | = | = |
//! | timeout: unseen | = | = | = | = | = | = |
//! | timeout: unseen (unseen) | = | = | Waiting, aborts | = | = | = |
//! | set visible | = | = | = | = | = | = |
//! | timeout | = | Waiting, aborts | Waiting, aborts | = | = | = |
//! | timeout (finished) | Ended | Waiting, aborts | Ended, aborts | = | = | = |
//! | pause | = | | | | | |
//! | yield turn | | Waiting | Waiting | | | |

use alloc::borrow::ToOwned;
use alloc::rc::Rc;
use alloc::string::String;
use core::fmt;

use super::backoff::{Backoff, BackoffPolicy};
use super::error::{ErrorCode, Problem};
use super::http::{FeedKind, RequestKind, Told, feed_url, push_parameter};
use super::json::Scanner;
use super::random::Random;
use super::runs::Runs;
use super::status::StreamStatus;
use super::text::{decimal, parse_digits, split_once};
use super::time::Instant;

const AGAIN: BackoffPolicy = BackoffPolicy { first_ms: 500, cap_ms: 15_000, stable_ms: 0 };

/// A poll that is answered sooner, and with nothing, was not held.
const HELD_MS: u64 = 1_000;

/// In the long run requests are this far apart, and so many may leave at once that they take this long otherwise.
const SPACING_MS: u64 = 250;
const AT_ONCE_MS: u64 = 5_000;

/// How long an answer may take. A server holds a poll for 23 s at most.
const PATIENCE_MS: u64 = 45_000;

/// How long an answer that is no poll may take before others are let in.
const ANSWER_MS: u64 = 8_000;

/// How long the page may be unseen before polling stops.
const GRACE_MS: u64 = 5_000;

/// How long a run that has finished is followed at most: its last metadata may come behind its end.
const LATE_MS: u64 = 30_000;

/// How often a run or a batch is asked for that is not there: the answer may come from a copy of the data that has not heard of it yet. The
/// server marks that in a header, which a page may not read.
const ABSENT_TRIES: u32 = 4;

/// Messages of the log.
#[derive(Clone, PartialEq, Eq)]
pub struct Rows {
    /// A JSON array, as the server wrote it.
    pub text: String,
    /// What the columns are, with the first messages of a log.
    pub schema: Option<String>,
    /// A new snapshot begins with them.
    pub fresh: bool,
    /// They end with the word that this is all for now.
    pub complete: bool,
}

/// Tells how much was read, and nothing of it.
impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({} bytes, fresh: {}, complete: {})", self.text.len(), self.fresh, self.complete)
    }
}

/// Where a feed is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Without a request, until it may make one.
    Waiting,
    /// It has asked for what there is.
    Reading,
    /// It has asked for what is new, which the server holds back until there is something.
    Polling,
    /// The run has finished, and what came late has been told.
    Ended,
    /// Refused.
    Failed {
        /// Another token may mend it.
        by_token: bool,
    },
}

/// The machine of a feed. It has one request at most; methods that answer `bool` say whether that is to be given up.
pub struct Shape {
    _runs: Runs,
    kind: FeedKind,
    endless: bool,
    stage: Stage,
    /// Waiting: until when. Reading and polling: since when.
    time: Instant,
    last_asked: Instant,
    /// Where the line of its requests ends.
    line: Instant,
    handle: String,
    /// Empty at the beginning of a log.
    offset: String,
    cursor: String,
    /// How often another log was asked for without a name for it.
    restarts: u64,
    /// Everything has been told up to the offset.
    up_to_date: bool,
    /// What has happened in a sleep is asked for first.
    resuming: bool,
    /// `live` has been told.
    live: bool,
    paused: bool,
    /// Nobody sees the page: it may poll until then.
    hides: Instant,
    finished: bool,
    /// Its rows say whether the run has finished: that column can be left out.
    says_end: bool,
    /// How often it was not there.
    absences: u32,
    /// Since its run has finished: when it ends at the latest.
    ends: Instant,
    /// Counts what has failed or brought nothing, until a poll has done what it is for.
    backoff: Backoff,
    rows: Option<Rows>,
    status: Option<StreamStatus>,
}

/// Tells where it stands, and nothing of what was read.
impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shape({:?}, {:?}, {:?} at {:?})", self.kind, self.stage, self.handle, self.offset)
    }
}

impl Shape {
    /// Starts at the beginning.
    pub const fn new(runs: Runs, kind: FeedKind, endless: bool) -> Self {
        Self {
            _runs: runs,
            kind,
            endless,
            stage: Stage::Waiting,
            time: Instant::from_millis(0),
            last_asked: Instant::from_millis(0),
            line: Instant::from_millis(0),
            handle: String::new(),
            offset: String::new(),
            cursor: String::new(),
            restarts: 0,
            up_to_date: false,
            resuming: false,
            live: false,
            paused: false,
            hides: Instant::NEVER,
            finished: false,
            says_end: false,
            absences: 0,
            ends: Instant::NEVER,
            backoff: Backoff::new(AGAIN),
            rows: None,
            status: Some(StreamStatus::Connecting),
        }
    }

    /// Of what runs it is.
    pub const fn kind(&self) -> FeedKind {
        self.kind
    }

    /// Where it is in its life.
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// Whether its run is known to have finished.
    pub const fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether it would learn of the end of its run, or has.
    pub const fn knows_of_end(&self) -> bool {
        self.finished
            || (self.says_end && self.up_to_date && !self.paused && !matches!(self.stage, Stage::Failed { .. }))
    }

    /// Whether a request is under way.
    pub const fn is_connected(&self) -> bool {
        matches!(self.stage, Stage::Reading | Stage::Polling)
    }

    /// When it last made a request. At first, never.
    pub const fn last_turn(&self) -> Instant {
        self.last_asked
    }

    /// From when on its turn counts. One that is not held by the server keeps its connection for longer.
    pub const fn turn_began(&self) -> Instant {
        match self.stage {
            Stage::Reading => self.time.after(ANSWER_MS),
            Stage::Waiting | Stage::Polling | Stage::Ended | Stage::Failed { .. } => self.time,
        }
    }

    /// Whether a request should be made now.
    pub fn wants_request(&self, now: Instant) -> bool {
        self.stage == Stage::Waiting && self.time.max(self.earliest(now)) <= now && !self.is_hidden(now)
    }

    /// Others want the connection, until then at least. Nothing is lost with a poll that is given up.
    pub const fn yield_turn(&mut self, until: Instant) {
        self.wait(until);
    }

    /// The device is offline, or nobody sees the page: nothing is tried until that is over.
    pub fn pause(&mut self) {
        self.live = false;
        if !core::mem::replace(&mut self.paused, true) {
            self.status = Some(StreamStatus::Paused);
        }
    }

    /// Makes a request.
    pub fn start(&mut self, now: Instant) -> RequestKind {
        // A poll may be held for long, in which nobody would know that it reaches the server again.
        let resumes = core::mem::take(&mut self.resuming) || !self.live;
        let polls = self.up_to_date && !resumes;
        self.stage = if polls { Stage::Polling } else { Stage::Reading };
        self.time = now;
        self.last_asked = now;
        self.line = self.line.max(now).after(SPACING_MS);
        if core::mem::take(&mut self.paused) {
            self.status = Some(StreamStatus::Connecting);
        }
        RequestKind::Feed
    }

    /// Where the request under way goes: its own parameters are in the order of their names, which caches go by.
    pub fn url(&self, base_url: &str, name: &str, query: &str) -> String {
        let mut url = feed_url(base_url, self.kind, name);
        let is_fresh = self.offset.is_empty();
        let polls = self.stage == Stage::Polling;
        if polls {
            push_parameter(&mut url, "?cursor=", &self.cursor);
        }
        let is_named = !self.handle.is_empty() || self.restarts > 0;
        if is_named {
            push_parameter(&mut url, if polls { "&handle=" } else { "?handle=" }, &self.handle);
            if is_fresh && self.restarts > 0 {
                push_parameter(&mut url, "-next", &decimal(self.restarts));
            }
        }
        let log = if polls {
            "&live=true&log=full&offset="
        } else if is_named {
            "&log=full&offset="
        } else {
            "?log=full&offset="
        };
        push_parameter(&mut url, log, if is_fresh { "-1" } else { &self.offset });
        if !query.is_empty() {
            url.push('&');
            url.push_str(query);
        }
        if self.kind == FeedKind::Tags && !name.is_empty() {
            push_parameter(&mut url, "&tags=", name);
        }
        url
    }

    /// An answer begins.
    pub const fn handle_open(&mut self, now: Instant) {
        if let Stage::Reading = self.stage {
            self.time = now;
        }
    }

    /// Messages have come.
    pub fn handle_answer(&mut self, now: Instant, body: &str, told: &Told<'_>, random: &mut Random) {
        let fresh = self.offset.is_empty();
        let missing = if told.handle.is_empty() {
            "electric-handle"
        } else if told.offset.is_empty() {
            "electric-offset"
        } else if fresh && told.schema.is_empty() {
            "electric-schema"
        } else {
            ""
        };
        if !missing.is_empty() {
            let problem = Problem { status: Some(200), subject: Some(missing), ..Problem::new(ErrorCode::Protocol) };
            return self.handle_refusal(Rc::new(problem));
        }
        let Some(seen) = scan(body, self.kind == FeedKind::Run) else {
            return self.handle_loss(now, Problem::shared(ErrorCode::Protocol), 0, random);
        };
        let goes_on = fresh || (told.handle == self.handle && !is_behind(told.offset, &self.offset));
        if seen.refetch || !goes_on {
            return self.handle_refetch(now, told.handle, random);
        }
        let polled = self.stage == Stage::Polling;
        let held = now.since(self.time) >= HELD_MS;
        if polled && (held || seen.changes) {
            self.backoff.reset();
        }
        let is_idle = !held && !seen.changes && (polled || !seen.complete);
        let until = if is_idle { self.backoff.fail(now, 0, random) } else { now };
        set(&mut self.handle, told.handle);
        set(&mut self.offset, told.offset);
        set(&mut self.cursor, told.cursor);
        let was_up_to_date = core::mem::replace(&mut self.up_to_date, seen.complete);
        self.finished = seen.finished.unwrap_or(self.finished && !fresh);
        self.says_end |= seen.finished.is_some();
        // The last part of a snapshot may hold nothing but the word that it is whole.
        if seen.changes || fresh || (seen.complete && !was_up_to_date) {
            let schema = fresh.then(|| told.schema.to_owned());
            self.rows = Some(Rows { text: body.to_owned(), schema, fresh, complete: seen.complete });
        }
        self.wait(until);
        if seen.complete && !core::mem::replace(&mut self.live, true) {
            self.status = Some(StreamStatus::Live);
        }
        if !self.finished || self.endless {
            self.ends = Instant::NEVER;
        } else if self.ends == Instant::NEVER {
            self.ends = now.after(LATE_MS);
        } else if polled && held && !seen.changes {
            self.end();
        }
        self.hide(now);
    }

    /// The log is over. Another one begins, of that name if it has one.
    pub fn handle_refetch(&mut self, now: Instant, handle: &str, random: &mut Random) {
        if handle.is_empty() || handle == self.handle {
            // Whoever keeps answers has none to this.
            self.restarts += 1;
        } else {
            set(&mut self.handle, handle);
            self.restarts = 0;
        }
        self.offset.clear();
        self.cursor.clear();
        self.up_to_date = false;
        let until = self.backoff.fail(now, 0, random);
        self.wait(until);
    }

    /// There is no answer, or none that can be read. `floor_ms` is the server's wish.
    pub fn handle_loss(&mut self, now: Instant, problem: Rc<Problem>, floor_ms: u64, random: &mut Random) {
        let until = self.backoff.fail(now, floor_ms, random);
        self.wait(until);
        self.live = false;
        let (attempt, retry_in_ms) = (self.backoff.failures(), until.since(now));
        self.status = Some(StreamStatus::Reconnecting { attempt, retry_in_ms, problem });
        self.hide(now);
    }

    /// It is not there: not yet, unless it has been.
    pub fn handle_absence(&mut self, now: Instant, problem: Rc<Problem>, random: &mut Random) {
        self.absences += 1;
        if self.offset.is_empty() && self.absences < ABSENT_TRIES {
            self.handle_loss(now, problem, 0, random);
        } else {
            self.handle_refusal(problem);
        }
    }

    /// The server will not have it.
    pub fn handle_refusal(&mut self, problem: Rc<Problem>) {
        self.stage = Stage::Failed { by_token: problem.code.concerns_token() };
        self.live = false;
        self.paused = false;
        self.status = Some(StreamStatus::Failed(problem));
    }

    /// The server would not have that token; another is coming.
    pub fn handle_stale_token(&mut self, now: Instant) {
        self.wait(now);
    }

    /// A new token is here: a refusal of the old one is no longer the last word.
    pub fn revive(&mut self, now: Instant) {
        if let Stage::Failed { by_token: true } = self.stage {
            self.wait(now);
            self.ends = self.ends.max(now.after(LATE_MS));
            self.status = Some(StreamStatus::Connecting);
        }
    }

    /// The network is back or the device woke up: try now, and do not trust a poll that began before.
    pub fn hurry(&mut self, now: Instant) -> bool {
        let gives_up = self.stage == Stage::Polling && now.since(self.time) >= HELD_MS;
        if gives_up {
            self.resuming = true;
            self.wait(now);
        } else if self.stage == Stage::Waiting {
            self.time = now.min(self.time);
        }
        gives_up
    }

    /// The page is seen, or not.
    pub fn set_visible(&mut self, now: Instant, visible: bool) {
        self.hides = if visible { Instant::NEVER } else { self.hides.min(now.after(GRACE_MS)) };
    }

    /// Gives up what is overdue.
    pub fn handle_timeout(&mut self, now: Instant, random: &mut Random) -> bool {
        let was_connected = self.is_connected();
        let is_over = matches!(self.stage, Stage::Ended | Stage::Failed { .. });
        if !is_over && self.ends <= now {
            self.end();
        } else if was_connected && self.time.after(PATIENCE_MS) <= now {
            self.handle_loss(now, Problem::shared(ErrorCode::Timeout), 0, random);
        } else {
            self.hide(now);
        }
        was_connected && !self.is_connected()
    }

    /// When something is due here.
    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let own = match self.stage {
            Stage::Waiting => self.time.max(self.earliest(now)),
            Stage::Reading | Stage::Polling => self.time.after(PATIENCE_MS),
            Stage::Ended | Stage::Failed { .. } => return None,
        };
        // What has passed is waited for no more.
        let due = |at: Instant| if at > now { at } else { Instant::NEVER };
        Some(due(own).min(due(self.ends)).min(due(self.hides))).filter(|&first| first < Instant::NEVER)
    }

    /// Messages to hand on.
    pub const fn poll_rows(&mut self) -> Option<Rows> {
        self.rows.take()
    }

    /// A status to tell, once those messages are handed on.
    pub const fn poll_status(&mut self) -> Option<StreamStatus> {
        self.status.take()
    }

    const fn wait(&mut self, until: Instant) {
        self.stage = Stage::Waiting;
        self.time = until;
    }

    /// Nobody sees the page, for long enough. What is not up to date is read to its end first.
    fn is_hidden(&self, now: Instant) -> bool {
        self.up_to_date && self.hides <= now
    }

    fn hide(&mut self, now: Instant) {
        if self.is_hidden(now) && matches!(self.stage, Stage::Waiting | Stage::Polling) {
            self.wait(now);
            self.pause();
        }
    }

    fn end(&mut self) {
        self.stage = Stage::Ended;
        self.live = false;
        self.status = Some(StreamStatus::Ended);
    }

    fn earliest(&self, now: Instant) -> Instant {
        now.after(self.line.since(now.after(AT_ONCE_MS)))
    }
}

/// What messages say that steers the reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// There are others than those that steer.
    pub changes: bool,
    /// The last says that this is all for now.
    pub complete: bool,
    /// The log is over.
    pub refetch: bool,
    /// Whether the run has finished, where it is asked and said.
    pub finished: Option<bool>,
}

/// Looks through an answer: nothing, unless it is a whole JSON array. `of_run` says that the end of the run is wanted.
pub fn scan(body: &str, of_run: bool) -> Option<Seen> {
    let mut seen = Seen::default();
    let mut scanner = Scanner::new(body);
    scanner.begin_array()?;
    while scanner.next_element()? {
        let mut control = None;
        if !enter(&mut scanner, true)? {
            continue;
        }
        while let Some(part) = scanner.next_key()? {
            let wanted = part == "headers" || (of_run && part == "value");
            if !enter(&mut scanner, wanted)? {
                continue;
            }
            while let Some(key) = scanner.next_key()? {
                let value = scanner.value()?;
                if part == "headers" && key == "control" {
                    control = Some(value);
                } else if part == "value" && key == "completedAt" {
                    seen.finished = Some(value != "null");
                }
            }
        }
        seen.changes |= control.is_none();
        seen.complete = control == Some("\"up-to-date\"") || (seen.complete && control.is_some());
        seen.refetch |= control == Some("\"must-refetch\"");
    }
    scanner.end()?;
    Some(seen)
}

/// In place, since what is there has the size already. What is not told stays as it is.
fn set(place: &mut String, text: &str) {
    if !text.is_empty() {
        place.clear();
        place.push_str(text);
    }
}

/// Enters an object, if it is wanted. Any other value is stepped over.
fn enter(scanner: &mut Scanner<'_>, wanted: bool) -> Option<bool> {
    let enters = wanted && scanner.peek() == Some(b'{');
    if enters {
        scanner.begin_object()?;
    } else {
        scanner.value()?;
    }
    Some(enters)
}

/// Whether an offset comes before another, by the first of its two numbers. The second may be counted by each process of a server for
/// itself. Of what is no number nobody knows.
fn is_behind(offset: &str, other: &str) -> bool {
    place(offset).zip(place(other)).is_some_and(|(offset, other)| offset < other)
}

fn place(offset: &str) -> Option<u64> {
    parse_digits(split_once(offset, b'_')?.0.as_bytes())
}
