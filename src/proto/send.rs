//! The sends to one input stream of one run: in order, one in flight, each with an honest outcome.

use alloc::rc::Rc;
use alloc::string::String;
use core::fmt;

use super::backoff::{Backoff, BackoffPolicy};
use super::error::{ErrorCode, Problem};
use super::http::{RequestFailure, RequestKind, ResponseHead};
use super::id::SendId;
use super::random::Random;
use super::table::{Queue, Table};
use super::time::Instant;

const AGAIN: BackoffPolicy = BackoffPolicy { first_ms: 500, cap_ms: 15_000, stable_ms: 0 };

/// How long an answer may take. A megabyte over a slow line takes half of it.
const PATIENCE_MS: u64 = 60_000;

/// How often one send is made by itself before the application is asked.
const TRIES: u32 = 6;

/// Where a send stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendState {
    /// It has not left.
    Queued(Hold),
    /// It is on its way.
    Sending,
    /// The server has it.
    Accepted,
    /// The server certainly does not have it.
    Rejected(Rc<Problem>),
    /// It may or may not have arrived. Sending it again may deliver it twice.
    Unknown(Rc<Problem>),
    /// Taken back before it left.
    Cancelled,
}

/// What something waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Earlier sends to the same stream.
    Turn,
    /// An access token.
    Token,
    /// The network.
    Online,
    /// The next try.
    Backoff,
}

/// A send has a new state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendChanged {
    /// Which.
    pub send: SendId,
    /// Its state now.
    pub state: SendState,
    /// How often it has left, this time included.
    pub attempt: u32,
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Stored.
    Accepted,
    /// It will not be taken as it is.
    Rejected(Rc<Problem>),
    /// Nobody can tell.
    Unknown(Rc<Problem>),
    /// Make it again: certainly not stored, or repeating does no harm.
    Again {
        /// Not before this has passed: the server's wish.
        after_ms: u64,
        /// This attempt may have been stored.
        doubtful: bool,
        /// The cause.
        problem: Rc<Problem>,
    },
}

impl Verdict {
    /// What an answer means that is not a 2xx. The problem is what [`classify`](super::http::classify) made of it.
    pub fn of_answer(head: &ResponseHead, problem: Rc<Problem>, repeats_are_dropped: bool) -> Self {
        match problem.code {
            ErrorCode::RateLimited => Self::Again { after_ms: head.retry_after_ms, doubtful: false, problem },
            ErrorCode::Server | ErrorCode::Timeout => {
                Self::ambiguous(problem, head.retry_after_ms, repeats_are_dropped)
            }
            ErrorCode::RunFinished
            | ErrorCode::NotFound
            | ErrorCode::Forbidden
            | ErrorCode::Unauthorized
            | ErrorCode::TokenMissing
            | ErrorCode::TokenMalformed
            | ErrorCode::TokenExpired
            | ErrorCode::InvalidData
            | ErrorCode::TooLarge
            | ErrorCode::Offline
            | ErrorCode::Blocked
            | ErrorCode::Protocol
            | ErrorCode::Aborted => Self::Rejected(problem),
        }
    }

    /// What a request without an answer means: the page cannot see whether the body arrived.
    pub fn of_failure(failure: RequestFailure, repeats_are_dropped: bool) -> Self {
        let problem = Rc::new(Problem::new(ErrorCode::Blocked));
        match failure {
            RequestFailure::NotSent => Self::Rejected(problem),
            RequestFailure::Network => Self::ambiguous(problem, 0, repeats_are_dropped),
        }
    }

    const fn ambiguous(problem: Rc<Problem>, after_ms: u64, repeats_are_dropped: bool) -> Self {
        if repeats_are_dropped { Self::Again { after_ms, doubtful: true, problem } } else { Self::Unknown(problem) }
    }
}

/// What became of a send that was to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// It is still under way: it stays.
    NotSettled,
    /// It is gone.
    Gone,
    /// It is gone, and nothing is left in the queue.
    LastOne,
}

struct Send {
    body: Rc<String>,
    idempotency_key: Rc<String>,
    state: SendState,
    /// How often it has left.
    attempt: u32,
    /// How often it had left when the application last asked for it.
    first_attempt: u32,
    /// An attempt may have been stored: from then on no refusal is certain.
    doubtful: bool,
}

/// Tells where it stands, and nothing of what is sent.
impl fmt::Debug for Send {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Send({:?}, attempt {}, {} bytes)", self.state, self.attempt, self.body.len())
    }
}

/// The send machine of one stream.
#[derive(Debug)]
pub struct SendQueue {
    sends: Table<SendId, Send>,
    /// Those that have not left, in order.
    waiting: Queue<SendId>,
    /// The one that has, and how long its answer may take.
    in_flight: Option<(SendId, Instant)>,
    not_before: Instant,
    backoff: Backoff,
    changes: Queue<SendChanged>,
}

impl Default for SendQueue {
    fn default() -> Self {
        Self {
            sends: Table::default(),
            waiting: Queue::default(),
            in_flight: None,
            not_before: Instant::default(),
            backoff: Backoff::new(AGAIN),
            changes: Queue::default(),
        }
    }
}

impl SendQueue {
    /// Adds a send at the end.
    pub fn push(&mut self, id: SendId, body: Rc<String>, idempotency_key: Rc<String>) {
        self.add(id, body, idempotency_key, SendState::Queued(Hold::Turn));
        self.waiting.push(id);
    }

    /// Adds a send that is refused before it could leave.
    pub fn push_rejected(&mut self, id: SendId, problem: Problem) {
        self.add(id, Rc::default(), Rc::default(), SendState::Rejected(Rc::new(problem)));
    }

    /// Whether a send may leave now.
    pub fn wants_request(&self, now: Instant) -> bool {
        self.in_flight.is_none() && self.not_before <= now && !self.waiting.is_empty()
    }

    /// Says what the first in line waits for.
    pub fn hold(&mut self, reason: Hold) {
        if let Some(&head) = self.waiting.first() {
            self.set(head, SendState::Queued(reason));
        }
    }

    /// Takes the first in line for a request.
    pub fn start(&mut self, now: Instant) -> Option<RequestKind> {
        let id = self.waiting.pop()?;
        let send = self.sends.get_mut(id)?;
        send.attempt += 1;
        let kind = RequestKind::Send { body: Rc::clone(&send.body), idempotency_key: Rc::clone(&send.idempotency_key) };
        self.in_flight = Some((id, now.after(PATIENCE_MS)));
        self.set(id, SendState::Sending);
        Some(kind)
    }

    /// Ends the attempt in flight.
    pub fn settle(&mut self, now: Instant, verdict: Verdict, random: &mut Random) {
        let Some((id, _)) = self.in_flight.take() else { return };
        match verdict {
            Verdict::Accepted => self.end(id, SendState::Accepted),
            Verdict::Rejected(problem) => self.reject(id, problem),
            Verdict::Unknown(problem) => self.end(id, SendState::Unknown(problem)),
            Verdict::Again { after_ms, doubtful, problem } => {
                let Some(send) = self.sends.get_mut(id) else { return };
                send.doubtful |= doubtful;
                if send.attempt - send.first_attempt >= TRIES {
                    return self.reject(id, problem);
                }
                // An answer to the token, not to the load, is followed up at once.
                self.not_before = match problem.status {
                    Some(401) => now,
                    _ => self.backoff.fail(now, after_ms, random),
                };
                self.waiting.push_front(id);
                self.set(id, SendState::Queued(Hold::Backoff));
            }
        }
    }

    /// Refuses the first in line.
    pub fn refuse(&mut self, problem: Rc<Problem>) {
        if let Some(id) = self.waiting.pop() {
            self.reject(id, problem);
        }
    }

    /// Takes a send back. `true` when it is in flight, so that its request is to be given up; it may have arrived.
    pub fn cancel(&mut self, id: SendId) -> bool {
        let flying = self.in_flight.take_if(|(flying, _)| *flying == id).is_some();
        let doubtful = self.sends.get(id).is_some_and(|send| send.doubtful);
        if flying || (self.waiting.remove(&id) && doubtful) {
            self.end(id, SendState::Unknown(Rc::new(Problem::new(ErrorCode::Aborted))));
        } else if let Some(SendState::Queued(_)) = self.sends.get(id).map(|send| &send.state) {
            self.end(id, SendState::Cancelled);
        }
        flying
    }

    /// Puts a settled send back at the end of the line, under the same idempotency key. Not one that was accepted, nor one
    /// whose data can never be sent.
    pub fn retry(&mut self, id: SendId) {
        let Some(send) = self.sends.get_mut(id) else { return };
        if send.body.is_empty() {
            return;
        }
        if let SendState::Rejected(_) | SendState::Unknown(_) | SendState::Cancelled = send.state {
            send.first_attempt = send.attempt;
            send.doubtful |= matches!(send.state, SendState::Unknown(_));
            self.waiting.push(id);
            self.set(id, SendState::Queued(Hold::Turn));
        }
    }

    /// Drops a settled send.
    pub fn forget(&mut self, id: SendId) -> Forgotten {
        if let Some(SendState::Queued(_) | SendState::Sending) = self.sends.get(id).map(|send| &send.state) {
            return Forgotten::NotSettled;
        }
        self.sends.remove(id);
        if self.sends.is_empty() { Forgotten::LastOne } else { Forgotten::Gone }
    }

    /// Tries the first in line now: the cause of its delay may be gone.
    pub fn hurry(&mut self) {
        self.not_before = Instant::default();
    }

    /// Gives up on an answer that is overdue. `true` when its request is to be given up.
    pub fn handle_timeout(&mut self, now: Instant, repeats_are_dropped: bool, random: &mut Random) -> bool {
        let overdue = self.in_flight.is_some_and(|(_, deadline)| deadline <= now);
        if overdue {
            let problem = Rc::new(Problem::new(ErrorCode::Timeout));
            self.settle(now, Verdict::ambiguous(problem, 0, repeats_are_dropped), random);
        }
        overdue
    }

    /// When something is due here.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.in_flight {
            Some((_, deadline)) => Some(deadline),
            None => (!self.waiting.is_empty()).then_some(self.not_before),
        }
    }

    /// The next change to tell.
    pub fn poll_change(&mut self) -> Option<SendChanged> {
        self.changes.pop()
    }

    fn add(&mut self, id: SendId, body: Rc<String>, idempotency_key: Rc<String>, state: SendState) {
        self.changes.push(SendChanged { send: id, state: state.clone(), attempt: 0 });
        let send = Send { body, idempotency_key, state, attempt: 0, first_attempt: 0, doubtful: false };
        self.sends.insert(id, send);
    }

    fn reject(&mut self, id: SendId, problem: Rc<Problem>) {
        let doubtful = self.sends.get(id).is_some_and(|send| send.doubtful);
        self.end(id, if doubtful { SendState::Unknown(problem) } else { SendState::Rejected(problem) });
    }

    fn end(&mut self, id: SendId, state: SendState) {
        self.backoff.reset();
        self.not_before = Instant::default();
        self.set(id, state);
    }

    fn set(&mut self, id: SendId, state: SendState) {
        let Some(send) = self.sends.get_mut(id) else { return };
        if let (SendState::Queued(old), SendState::Queued(new)) = (&send.state, &state)
            && old == new
        {
            return;
        }
        send.state = state.clone();
        self.changes.push(SendChanged { send: id, state, attempt: send.attempt });
    }
}
