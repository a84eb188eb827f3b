//! Whether a run has finished, asked when a reader of its streams wants to know.

use super::backoff::{Backoff, BackoffPolicy};
use super::http::RequestKind;
use super::json::Scanner;
use super::random::Random;
use super::time::Instant;

const AGAIN: BackoffPolicy = BackoffPolicy { first_ms: 1_000, cap_ms: 60_000, stable_ms: 0 };

/// Two questions are never closer than this, however many readers ask. The route allows a public token 60 requests a minute.
const MIN_INTERVAL_MS: u64 = 5_000;

/// The questions of one principal, over all runs: so many at once, then one in so long. A quarter of the minute's are left for others.
const AT_ONCE_MS: u64 = 30_000;
const SPACING_MS: u64 = 2_000;

/// How long an answer may take.
const PATIENCE_MS: u64 = 30_000;

/// The watch over one run.
#[derive(Debug)]
pub struct RunWatch {
    wanted: bool,
    finished: bool,
    /// The question under way, and how long its answer may take.
    asked: Option<Instant>,
    /// It has its place in the line of questions.
    in_line: bool,
    not_before: Instant,
    backoff: Backoff,
}

impl Default for RunWatch {
    fn default() -> Self {
        let not_before = Instant::default();
        Self { wanted: false, finished: false, asked: None, in_line: false, not_before, backoff: Backoff::new(AGAIN) }
    }
}

impl RunWatch {
    /// A reader wants to know.
    pub const fn ask(&mut self) {
        self.wanted = true;
    }

    /// Whether the run is known to have finished. Once it has, it has for good.
    pub const fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether a request should be made now.
    pub fn wants_request(&self, now: Instant) -> bool {
        self.wanted && !self.finished && self.asked.is_none() && self.not_before <= now
    }

    /// Takes a place at the end of the line, once for each question. `true` when it is its turn.
    pub fn take_place(&mut self, now: Instant, end: &mut Instant) -> bool {
        if !core::mem::replace(&mut self.in_line, true) {
            let place = (*end).max(now);
            *end = place.after(SPACING_MS);
            self.not_before = now.after(place.since(now.after(AT_ONCE_MS)));
        }
        self.not_before <= now
    }

    /// Makes the request.
    pub const fn start(&mut self, now: Instant) -> RequestKind {
        self.in_line = false;
        self.asked = Some(now.after(PATIENCE_MS));
        self.not_before = now.after(MIN_INTERVAL_MS);
        RequestKind::Run
    }

    /// The run, as the server describes it.
    pub fn handle_run(&mut self, body: &str) {
        self.asked = None;
        self.wanted = false;
        self.finished = is_finished(body) == Some(true);
        self.backoff.reset();
    }

    /// No answer, or none that tells: it is asked again.
    pub fn handle_loss(&mut self, now: Instant, after_ms: u64, random: &mut Random) {
        self.asked = None;
        self.not_before = self.backoff.fail(now, after_ms.max(MIN_INTERVAL_MS), random);
    }

    /// It will not be told. Readers go on without an end.
    pub const fn handle_refusal(&mut self) {
        self.asked = None;
        self.wanted = false;
    }

    /// Gives up on an answer that is overdue. `true` when its request is to be given up.
    pub fn handle_timeout(&mut self, now: Instant, random: &mut Random) -> bool {
        let overdue = self.asked.is_some_and(|deadline| deadline <= now);
        if overdue {
            self.handle_loss(now, 0, random);
        }
        overdue
    }

    /// When something is due here.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.asked.or_else(|| self.wanted.then_some(self.not_before))
    }
}

/// `finishedAt` is there, and a text. The status says less: new ones are added.
fn is_finished(body: &str) -> Option<bool> {
    let mut scanner = Scanner::new(body);
    let mut finished = false;
    scanner.begin_object()?;
    while let Some(key) = scanner.next_key()? {
        if key == "finishedAt" {
            finished = scanner.peek() == Some(b'"');
        }
        scanner.value()?;
    }
    Some(finished)
}
