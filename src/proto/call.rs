//! One request with an answer. Every one is safe to repeat: it only reads, or the server drops repeats under the same key, or doing it
//! twice comes to the same. So what loses its answer is asked again.
//!
//! A 404 to the question about a run is asked again too, twice: the answer may come from a copy of the data that has not heard of a
//! new run yet. The server marks it so in a header, which a page may not read.

use alloc::borrow::ToOwned;
use alloc::rc::Rc;
use alloc::string::String;
use core::fmt;

use super::backoff::{Backoff, BackoffPolicy};
use super::error::{ErrorCode, Problem};
use super::http::{CALL_LIMIT, CallKind, RequestKind};
use super::random::Random;
use super::runs::Runs;
use super::time::Instant;

const AGAIN: BackoffPolicy = BackoffPolicy { first_ms: 1_000, cap_ms: 15_000, stable_ms: 0 };

/// How long an answer may take.
const PATIENCE_MS: u64 = 60_000;

/// How often it is asked.
const TRIES: u32 = 5;

/// How often where it will most likely not help: a run that is not there, and one that is to be cancelled by a page that gets no answer
/// though it is online, since the public API has none for pages.
const FEW_TRIES: u32 = 3;

/// What came of a call.
#[derive(Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// The answer.
    Answered {
        /// As the server wrote it.
        text: String,
        /// A token for what has been made, or nothing.
        token: String,
    },
    /// There is none.
    Failed {
        /// It may have taken effect.
        unknown: bool,
        /// Why.
        problem: Rc<Problem>,
    },
}

/// Tells how much was answered, and nothing of it.
impl fmt::Debug for CallOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { text, .. } => write!(f, "Answered({} bytes)", text.len()),
            Self::Failed { unknown, problem } => write!(f, "Failed({problem:?}, unknown: {unknown})"),
        }
    }
}

/// The machine of a call. It has one request at most; methods that answer `bool` say whether that is to be given up.
pub struct Call {
    _runs: Runs,
    kind: CallKind,
    body: Rc<String>,
    idempotency_key: Rc<String>,
    /// Until when it waits.
    not_before: Instant,
    /// How long the answer under way may take.
    asked: Option<Instant>,
    attempt: u32,
    /// An attempt may have taken effect.
    doubtful: bool,
    backoff: Backoff,
    outcome: Option<CallOutcome>,
}

/// Tells where it stands, and nothing of what is sent or came.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({:?}, attempt {}, {} bytes)", self.kind, self.attempt, self.body.len())
    }
}

impl Call {
    /// A call that has not been made. One that no server takes is refused at once.
    pub fn new(runs: Runs, kind: CallKind, body: &str, idempotency_key: String) -> Self {
        let mut call = Self {
            _runs: runs,
            kind,
            body: Rc::new(body.to_owned()),
            idempotency_key: Rc::new(idempotency_key),
            not_before: Instant::default(),
            asked: None,
            attempt: 0,
            doubtful: false,
            backoff: Backoff::new(AGAIN),
            outcome: None,
        };
        if body.len() > CALL_LIMIT {
            call.refuse(Rc::new(Problem::too_large(CALL_LIMIT, body.len())));
        }
        call
    }

    /// What is asked.
    pub const fn kind(&self) -> CallKind {
        self.kind
    }

    /// Whether a request should be made now.
    pub fn wants_request(&self, now: Instant) -> bool {
        self.asked.is_none() && self.outcome.is_none() && self.not_before <= now
    }

    /// Whether it has no effect for certain: it waits, and no attempt before was in doubt.
    pub const fn is_unsent(&self) -> bool {
        self.asked.is_none() && !self.doubtful
    }

    /// Makes the request.
    pub fn start(&mut self, now: Instant) -> RequestKind {
        self.asked = Some(now.after(PATIENCE_MS));
        self.attempt += 1;
        match self.kind {
            CallKind::Retrieve | CallKind::Packet => RequestKind::Run,
            CallKind::Trigger | CallKind::Complete | CallKind::Cancel => {
                RequestKind::Call { body: Rc::clone(&self.body), idempotency_key: Rc::clone(&self.idempotency_key) }
            }
        }
    }

    /// The answer is here.
    pub fn handle_answer(&mut self, text: &str, token: &str) {
        self.asked = None;
        self.outcome = Some(CallOutcome::Answered { text: text.to_owned(), token: token.to_owned() });
    }

    /// An attempt has no answer, or one that is none. `after_ms` is the server's wish; `renewed` says that it was refused for a token
    /// that has been renewed, which costs no time.
    pub fn handle_loss(
        &mut self,
        now: Instant,
        problem: Rc<Problem>,
        after_ms: u64,
        renewed: bool,
        random: &mut Random,
    ) {
        self.asked = None;
        let is_absent = self.kind == CallKind::Retrieve && problem.code == ErrorCode::NotFound;
        let is_lost = problem.code.retryable();
        let is_shut = self.kind == CallKind::Cancel && problem.code == ErrorCode::Blocked;
        self.doubtful |= is_lost && problem.code != ErrorCode::RateLimited;
        let again = renewed || is_lost || is_absent || problem.status == Some(409);
        if !again || self.attempt >= if is_absent || is_shut { FEW_TRIES } else { TRIES } {
            return self.refuse(problem);
        }
        self.not_before = if renewed { now } else { self.backoff.fail(now, after_ms, random) };
    }

    /// It will not be made, or made again. A token's refusal says nothing of what an earlier attempt came to, and that a one-time token
    /// has been used may be that attempt's doing.
    pub fn refuse(&mut self, problem: Rc<Problem>) {
        let tells_nothing = problem.code.concerns_token() || problem.code.retryable();
        let is_read = matches!(self.kind, CallKind::Retrieve | CallKind::Packet);
        self.outcome = Some(CallOutcome::Failed { unknown: self.doubtful && tells_nothing && !is_read, problem });
    }

    /// The network is back or the device woke up: try now.
    pub const fn hurry(&mut self, now: Instant) {
        if self.asked.is_none() {
            self.not_before = now;
        }
    }

    /// Gives up on an answer that is overdue. `true` when its request is to be given up.
    pub fn handle_timeout(&mut self, now: Instant, random: &mut Random) -> bool {
        let overdue = self.asked.is_some_and(|deadline| deadline <= now);
        if overdue {
            self.handle_loss(now, Problem::shared(ErrorCode::Timeout), 0, false, random);
        }
        overdue
    }

    /// When something is due here.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.outcome.is_some() { None } else { self.asked.or(Some(self.not_before)) }
    }

    /// What came of it, once.
    pub const fn poll_outcome(&mut self) -> Option<CallOutcome> {
        self.outcome.take()
    }
}
