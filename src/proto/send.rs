//! The sends to one input stream of one run: in order, one in flight, each with an honest outcome.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use super::backoff::{Backoff, BackoffPolicy};
use super::error::{ErrorCode, Problem};
use super::http::{RequestFailure, ResponseHead};
use super::id::{Generation, RequestId, SendId};
use super::random::Random;
use super::time::{Instant, Now};

const AGAIN: BackoffPolicy =
    BackoffPolicy { first: Duration::from_millis(500), cap: Duration::from_secs(15), stable: Duration::ZERO };

/// How long an answer may take. A megabyte over a slow line takes half of it.
const PATIENCE: Duration = Duration::from_secs(60);

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
    Rejected(Problem),
    /// It may or may not have arrived. Sending it again may deliver it twice.
    Unknown(Problem),
    /// Taken back before it left.
    Cancelled,
}

/// What a queued send waits for.
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
    Rejected(Problem),
    /// Nobody can tell.
    Unknown(Problem),
    /// Certainly not stored, or repeating does no harm: make it again. The delay is the server's wish.
    Again {
        /// Not before this has passed.
        after: Option<Duration>,
        /// What it comes to when there have been enough tries.
        otherwise: Outcome,
        /// The cause.
        problem: Problem,
    },
}

/// How a send ends that has been tried often enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// None of the tries can have been stored.
    Rejected,
    /// One of them may have been.
    Unknown,
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

impl Verdict {
    /// What an answer means. `problem` is what [`classify`](super::http::classify) made of it, where it is not a 2xx.
    pub fn of_answer(head: &ResponseHead, problem: Option<Problem>, repeats_are_dropped: bool) -> Self {
        let Some(problem) = problem else { return Self::Accepted };
        match problem.code {
            ErrorCode::RateLimited => Self::Again { after: head.retry_after, otherwise: Outcome::Rejected, problem },
            ErrorCode::Server | ErrorCode::Timeout => Self::ambiguous(problem, head.retry_after, repeats_are_dropped),
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
        let problem = Problem::new(ErrorCode::Blocked);
        match failure {
            RequestFailure::NotSent => Self::Rejected(problem),
            RequestFailure::Network => Self::ambiguous(problem, None, repeats_are_dropped),
        }
    }

    const fn ambiguous(problem: Problem, after: Option<Duration>, repeats_are_dropped: bool) -> Self {
        if repeats_are_dropped {
            Self::Again { after, otherwise: Outcome::Unknown, problem }
        } else {
            Self::Unknown(problem)
        }
    }
}

#[derive(Debug)]
struct Send {
    body: String,
    idempotency_key: String,
    state: SendState,
    /// How often it has left.
    attempt: u32,
    /// How often it had left when the application last asked for it.
    first_attempt: u32,
    /// An attempt may have been stored: from then on no refusal is certain.
    doubtful: bool,
}

#[derive(Debug)]
struct InFlight {
    send: SendId,
    request: RequestId,
    generation: Generation,
    deadline: Instant,
}

/// The send machine of one stream.
#[derive(Debug)]
pub struct SendQueue {
    sends: BTreeMap<SendId, Send>,
    /// Those that have not left, in order.
    waiting: VecDeque<SendId>,
    in_flight: Option<InFlight>,
    not_before: Instant,
    backoff: Backoff,
    changes: VecDeque<SendChanged>,
}

impl Default for SendQueue {
    fn default() -> Self {
        Self {
            sends: BTreeMap::new(),
            waiting: VecDeque::new(),
            in_flight: None,
            not_before: Instant::default(),
            backoff: Backoff::new(AGAIN),
            changes: VecDeque::new(),
        }
    }
}

impl SendQueue {
    /// Adds a send at the end.
    pub fn push(&mut self, id: SendId, body: String, idempotency_key: String) {
        let state = SendState::Queued(Hold::Turn);
        self.sends.insert(
            id,
            Send { body, idempotency_key, state: state.clone(), attempt: 0, first_attempt: 0, doubtful: false },
        );
        self.waiting.push_back(id);
        self.changes.push_back(SendChanged { send: id, state, attempt: 0 });
    }

    /// Adds a send that is refused before it could leave.
    pub fn push_rejected(&mut self, id: SendId, body: String, idempotency_key: String, problem: Problem) {
        self.push(id, body, idempotency_key);
        self.waiting.pop_back();
        self.set(id, SendState::Rejected(problem));
    }

    /// The send that may leave now, if any.
    pub fn poll_ready(&self, now: Instant) -> Option<SendId> {
        if self.in_flight.is_some() || self.not_before > now {
            return None;
        }
        self.waiting.front().copied()
    }

    /// Says what the first in line waits for.
    pub fn hold(&mut self, reason: Hold) {
        if let Some(&head) = self.waiting.front() {
            self.set(head, SendState::Queued(reason));
        }
    }

    /// Takes the first in line for a request. Gives body and idempotency key.
    pub fn start(&mut self, now: Instant, request: RequestId, generation: Generation) -> Option<(String, String)> {
        let id = self.waiting.pop_front()?;
        let send = self.sends.get_mut(&id)?;
        send.attempt += 1;
        let made = (send.body.clone(), send.idempotency_key.clone());
        self.in_flight = Some(InFlight { send: id, request, generation, deadline: now.after(PATIENCE) });
        self.set(id, SendState::Sending);
        Some(made)
    }

    /// Whose token the request in flight carries.
    pub fn generation(&self, request: RequestId) -> Option<Generation> {
        self.in_flight.as_ref().filter(|flight| flight.request == request).map(|flight| flight.generation)
    }

    /// Ends the attempt in flight.
    pub fn settle(&mut self, now: Instant, request: RequestId, verdict: Verdict, random: &mut Random) {
        let Some(flight) = self.in_flight.take_if(|flight| flight.request == request) else { return };
        let id = flight.send;
        let Some(send) = self.sends.get_mut(&id) else { return };
        match verdict {
            Verdict::Accepted => self.end(id, SendState::Accepted),
            Verdict::Rejected(problem) if send.doubtful => self.end(id, SendState::Unknown(problem)),
            Verdict::Rejected(problem) => self.end(id, SendState::Rejected(problem)),
            Verdict::Unknown(problem) => self.end(id, SendState::Unknown(problem)),
            Verdict::Again { after, otherwise, problem } => {
                send.doubtful |= otherwise == Outcome::Unknown;
                if send.attempt - send.first_attempt < TRIES {
                    self.not_before = self.next_try(now, after, &problem, random);
                    self.waiting.push_front(id);
                    self.set(id, SendState::Queued(Hold::Backoff));
                } else if send.doubtful {
                    self.end(id, SendState::Unknown(problem));
                } else {
                    self.end(id, SendState::Rejected(problem));
                }
            }
        }
    }

    /// An answer to the token, not to the load, is followed up at once.
    fn next_try(&mut self, now: Instant, after: Option<Duration>, problem: &Problem, random: &mut Random) -> Instant {
        match problem.status {
            Some(401) => now,
            _ => self.backoff.fail(now, after, random),
        }
    }

    /// Refuses the first in line.
    pub fn reject_head(&mut self, problem: Problem) {
        if let Some(id) = self.waiting.pop_front() {
            let doubtful = self.sends.get(&id).is_some_and(|send| send.doubtful);
            self.end(id, if doubtful { SendState::Unknown(problem) } else { SendState::Rejected(problem) });
        }
    }

    /// Takes a send back. One in flight may have arrived: its request is given up and named.
    pub fn cancel(&mut self, id: SendId) -> Option<RequestId> {
        if let Some(flight) = self.in_flight.take_if(|flight| flight.send == id) {
            self.end(id, SendState::Unknown(Problem::new(ErrorCode::Aborted)));
            return Some(flight.request);
        }
        if let Some(place) = self.waiting.iter().position(|&waiting| waiting == id) {
            self.waiting.remove(place);
            let doubtful = self.sends.get(&id).is_some_and(|send| send.doubtful);
            let aborted = SendState::Unknown(Problem::new(ErrorCode::Aborted));
            self.end(id, if doubtful { aborted } else { SendState::Cancelled });
        }
        None
    }

    /// Puts a settled send back at the end of the line, under the same idempotency key. Not one that was accepted.
    pub fn retry(&mut self, id: SendId) {
        let Some(send) = self.sends.get_mut(&id) else { return };
        if let SendState::Rejected(_) | SendState::Unknown(_) | SendState::Cancelled = send.state {
            send.first_attempt = send.attempt;
            send.doubtful |= matches!(send.state, SendState::Unknown(_));
            self.waiting.push_back(id);
            self.set(id, SendState::Queued(Hold::Turn));
        }
    }

    /// Drops a settled send.
    pub fn forget(&mut self, id: SendId) -> Forgotten {
        match self.sends.get(&id).map(|send| &send.state) {
            Some(SendState::Queued(_) | SendState::Sending) => Forgotten::NotSettled,
            _ => {
                self.sends.remove(&id);
                if self.sends.is_empty() { Forgotten::LastOne } else { Forgotten::Gone }
            }
        }
    }

    /// Tries the first in line now: the cause of its delay may be gone.
    pub fn hurry(&mut self) {
        self.not_before = Instant::default();
    }

    /// Gives up on an answer that is overdue, and names its request.
    pub fn handle_timeout(&mut self, now: Now, repeats_are_dropped: bool, random: &mut Random) -> Option<RequestId> {
        let flight = self.in_flight.as_ref().filter(|flight| flight.deadline <= now.monotonic)?;
        let request = flight.request;
        let verdict = Verdict::ambiguous(Problem::new(ErrorCode::Timeout), None, repeats_are_dropped);
        self.settle(now.monotonic, request, verdict, random);
        Some(request)
    }

    /// When something is due here.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.in_flight {
            Some(flight) => Some(flight.deadline),
            None => (!self.waiting.is_empty()).then_some(self.not_before),
        }
    }

    /// The next change to tell.
    pub fn poll_change(&mut self) -> Option<SendChanged> {
        self.changes.pop_front()
    }

    fn end(&mut self, id: SendId, state: SendState) {
        self.backoff.reset();
        self.not_before = Instant::default();
        self.set(id, state);
    }

    fn set(&mut self, id: SendId, state: SendState) {
        let Some(send) = self.sends.get_mut(&id) else { return };
        if send.state != state {
            send.state = state.clone();
            self.changes.push_back(SendChanged { send: id, state, attempt: send.attempt });
        }
    }
}
