//! The sends to one input stream of one run: in order, one in flight, each with an honest outcome.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::backoff::{Backoff, BackoffPolicy};
use super::error::{ErrorCode, Problem};
use super::http::RequestKind;
use super::id::SendId;
use super::inquiry::{Broken, Finding, Inquiry, Sent};
use super::random::Random;
use super::table::{Queue, Table};
use super::time::{Instant, Now};
use super::verdict::{Remedy, Verdict};

const AGAIN: BackoffPolicy = BackoffPolicy { first_ms: 500, cap_ms: 15_000, stable_ms: 0 };

/// How long an answer may take. A megabyte over a slow line takes half of it.
const PATIENCE_MS: u64 = 60_000;

/// How often one send is made by itself before the application is asked.
const TRIES: u32 = 6;

/// What a request that lost its answer may take to be stored. Then the stream is asked.
const SETTLING_MS: u64 = 2_000;

/// How long the stream may take to tell.
const ASKING_PATIENCE_MS: u64 = 15_000;

/// How often it is asked.
const QUESTIONS: u32 = 4;

/// How long an accepted send is remembered, so that its record is not taken for that of a later one with the same data: longer
/// than an answer of the stream takes.
const MEMORY_MS: u64 = 20_000;

/// Where a send stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendState {
    /// It has not left.
    Queued(Hold),
    /// It is on its way.
    Sending,
    /// The server has it. Nothing more is kept of it.
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

/// A send whose answer was lost, and the look for its record.
#[derive(Debug)]
struct Doubt {
    send: SendId,
    sent: Sent,
    problem: Rc<Problem>,
    questions: u32,
    /// Another queue has sent the same into the same stream: a record that is found may be its.
    contested: bool,
    /// The question under way, and when it was asked.
    inquiry: Option<(Inquiry, Now)>,
}

/// The send machine of one stream. It has one request at most; methods that answer `bool` say whether that is to be given up.
#[derive(Debug)]
pub struct SendQueue {
    sends: Table<SendId, Box<Send>>,
    /// Those that have not left, in order.
    waiting: Queue<SendId>,
    /// The one that has, and when.
    in_flight: Option<(SendId, Sent)>,
    doubt: Option<Doubt>,
    /// The sequence number behind what is known of the stream.
    next: u64,
    /// Accepted since then, not long ago.
    accepted: Vec<Sent>,
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
            doubt: None,
            next: 0,
            accepted: Vec::new(),
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

    /// Whether a request should be made now.
    pub fn wants_request(&self, now: Instant) -> bool {
        let wanted = match &self.doubt {
            Some(doubt) => doubt.inquiry.is_none(),
            None => self.in_flight.is_none() && !self.waiting.is_empty(),
        };
        wanted && self.not_before <= now
    }

    /// Whether the stream is to be asked, or is being asked, before anything else may leave.
    pub const fn is_in_doubt(&self) -> bool {
        self.doubt.is_some()
    }

    /// Whether a record like the one in doubt may be that queue's.
    pub fn is_contested_by(&self, other: &Self) -> bool {
        let Some(doubt) = &self.doubt else { return false };
        let is_alike = |sent: &Sent| sent.body == doubt.sent.body;
        other.in_flight.as_ref().is_some_and(|(_, sent)| is_alike(sent))
            || other.doubt.as_ref().is_some_and(|doubt| is_alike(&doubt.sent))
            || other.accepted.iter().any(is_alike)
    }

    /// A record that is found proves nothing from now on.
    pub const fn contest(&mut self) {
        if let Some(doubt) = &mut self.doubt {
            doubt.contested = true;
        }
    }

    /// Says what the first in line waits for. What is in doubt has left.
    pub fn hold(&mut self, reason: Hold) {
        if let Some(&head) = self.waiting.first()
            && !self.is_in_doubt()
        {
            self.set(head, SendState::Queued(reason));
        }
    }

    /// Makes the request: the first in line, or the question what became of the last.
    pub fn start(&mut self, now: Now) -> Option<RequestKind> {
        if let Some(doubt) = &mut self.doubt {
            let inquiry = Inquiry::new(self.next);
            let last_event_id = inquiry.last_event_id();
            doubt.inquiry = Some((inquiry, now));
            return Some(RequestKind::Stream { last_event_id, timeout_seconds: 1 });
        }
        let id = self.waiting.pop()?;
        let send = self.sends.get_mut(id)?;
        send.attempt += 1;
        let body = Rc::clone(&send.body);
        let kind = RequestKind::Send { body: Rc::clone(&body), idempotency_key: Rc::clone(&send.idempotency_key) };
        self.in_flight = Some((id, Sent { at: now, body, settled: now.monotonic }));
        self.set(id, SendState::Sending);
        Some(kind)
    }

    /// Ends the attempt in flight.
    pub fn settle(&mut self, now: Now, verdict: Verdict, random: &mut Random) {
        let Some((id, sent)) = self.in_flight.take() else { return };
        match verdict {
            Verdict::Accepted => {
                // Many at a time: each time all that are left have to move.
                let first = self.accepted.first();
                if first.is_some_and(|first| now.monotonic.since(first.settled) >= 2 * MEMORY_MS) {
                    self.accepted.retain(|sent| is_recent(sent, now.monotonic));
                }
                self.accepted.push(Sent { settled: now.monotonic, ..sent });
                self.end(id, SendState::Accepted);
            }
            Verdict::Rejected(problem) => self.reject(id, problem),
            Verdict::Unknown(problem) => self.end(id, SendState::Unknown(problem)),
            Verdict::Ask { after_ms, problem } => {
                self.not_before = now.monotonic.after(after_ms.max(SETTLING_MS));
                self.doubt = Some(Doubt { send: id, sent, problem, questions: 0, contested: false, inquiry: None });
            }
            Verdict::Again { after_ms, doubtful, problem } => {
                if let Some(send) = self.sends.get_mut(id) {
                    send.doubtful |= doubtful;
                }
                self.again(now.monotonic, id, after_ms, problem, random);
            }
        }
    }

    /// Bytes of the stream that was asked.
    pub fn handle_chunk(&mut self, now: Now, chunk: &[u8], random: &mut Random) -> bool {
        let Some(Doubt { sent, inquiry: Some((inquiry, asked)), .. }) = &mut self.doubt else { return false };
        // What was asked before the device slept may have been answered before it did: nobody knows how long ago.
        let is_stale = now.wall.as_millis().saturating_sub(asked.wall.as_millis()) > ASKING_PATIENCE_MS;
        let finding = match inquiry.handle_chunk(now, chunk, sent, &self.accepted) {
            Ok(finding) if !is_stale => finding,
            Ok(_) | Err(Broken) => {
                self.ask_again(now.monotonic, 0, random);
                return true;
            }
        };
        let Some(finding) = finding else { return false };
        // Of what is behind, nothing can be a later send's.
        self.next = inquiry.next();
        self.accepted.clear();
        self.conclude(now.monotonic, finding, random);
        true
    }

    /// Ends the doubt.
    pub fn conclude(&mut self, now: Instant, finding: Finding, random: &mut Random) {
        let Some(Doubt { send, problem, contested, .. }) = self.doubt.take() else { return };
        match finding {
            Finding::Arrived if !contested => self.end(send, SendState::Accepted),
            // What is not there after a minute may still be on its way.
            Finding::Absent if problem.code != ErrorCode::Timeout => self.again(now, send, 0, problem, random),
            Finding::Repeatable => {
                if let Some(send) = self.sends.get_mut(send) {
                    send.doubtful = true;
                }
                self.again(now, send, 0, problem, random);
            }
            Finding::Arrived | Finding::Absent | Finding::Unclear => self.end(send, SendState::Unknown(problem)),
        }
    }

    /// The stream did not tell: it is asked once more, or no longer.
    pub fn ask_again(&mut self, now: Instant, after_ms: u64, random: &mut Random) {
        let Some(doubt) = &mut self.doubt else { return };
        doubt.inquiry = None;
        doubt.questions += 1;
        if doubt.questions < QUESTIONS {
            self.not_before = self.backoff.fail(now, after_ms, random);
        } else {
            self.conclude(now, Finding::Unclear, random);
        }
    }

    /// Refuses what wanted a request.
    pub fn refuse(&mut self, problem: Rc<Problem>) {
        if let Some(doubt) = self.doubt.take() {
            self.end(doubt.send, SendState::Unknown(doubt.problem));
        } else if let Some(id) = self.waiting.pop() {
            self.reject(id, problem);
        }
    }

    /// Takes a send back; it may have arrived.
    pub fn cancel(&mut self, id: SendId) -> bool {
        let flying = self.in_flight.take_if(|(flying, _)| *flying == id).is_some();
        let in_doubt = self.doubt.take_if(|doubt| doubt.send == id);
        let doubtful = self.sends.get(id).is_some_and(|send| send.doubtful);
        if flying || in_doubt.is_some() || (self.waiting.remove(&id) && doubtful) {
            self.end(id, SendState::Unknown(Problem::shared(ErrorCode::Aborted)));
        } else if let Some(SendState::Queued(_)) = self.sends.get(id).map(|send| &send.state) {
            self.end(id, SendState::Cancelled);
        }
        flying || in_doubt.is_some_and(|doubt| doubt.inquiry.is_some())
    }

    /// Puts a settled send back at the end of the line, under the same idempotency key. Not one whose data can never be sent.
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

    /// Whether that send is here.
    pub fn holds(&self, id: SendId) -> bool {
        self.sends.get(id).is_some()
    }

    /// Whether there is nothing in it and nothing to remember.
    pub fn is_idle(&self, now: Instant) -> bool {
        self.sends.is_empty() && !self.accepted.iter().any(|sent| is_recent(sent, now))
    }

    /// Drops a settled send. One that is still under way stays.
    pub fn forget(&mut self, id: SendId) {
        if let Some(SendState::Queued(_) | SendState::Sending) = self.sends.get(id).map(|send| &send.state) {
            return;
        }
        self.sends.remove(id);
    }

    /// Takes back all that are under way.
    pub fn cancel_all(&mut self) {
        for id in self.sends.keys_where(|_| true) {
            self.cancel(id);
        }
    }

    /// Tries the first in line now: the cause of its delay may be gone.
    pub const fn hurry(&mut self) {
        if self.doubt.is_none() {
            self.not_before = Instant::from_millis(0);
        }
    }

    /// Gives up on an answer that is overdue.
    pub fn handle_timeout(&mut self, now: Now, remedy: Remedy, random: &mut Random) -> bool {
        let overdue = self.deadline().is_some_and(|deadline| deadline <= now.monotonic);
        if overdue {
            if self.is_in_doubt() {
                self.ask_again(now.monotonic, 0, random);
            } else {
                self.settle(now, Verdict::of_silence(remedy), random);
            }
        }
        overdue
    }

    /// When something is due here.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline().or_else(|| (self.is_in_doubt() || !self.waiting.is_empty()).then_some(self.not_before))
    }

    /// The next change to tell.
    pub fn poll_change(&mut self) -> Option<SendChanged> {
        self.changes.pop()
    }

    fn add(&mut self, id: SendId, body: Rc<String>, idempotency_key: Rc<String>, state: SendState) {
        self.changes.push(SendChanged { send: id, state: state.clone(), attempt: 0 });
        let send = Send { body, idempotency_key, state, attempt: 0, first_attempt: 0, doubtful: false };
        self.sends.insert(id, Box::new(send));
    }

    /// When the answer to the request under way is overdue.
    fn deadline(&self) -> Option<Instant> {
        match &self.doubt {
            Some(doubt) => doubt.inquiry.as_ref().map(|(_, asked)| asked.monotonic.after(ASKING_PATIENCE_MS)),
            None => self.in_flight.as_ref().map(|(_, sent)| sent.at.monotonic.after(PATIENCE_MS)),
        }
    }

    /// Puts it back in front, to be made again.
    fn again(&mut self, now: Instant, id: SendId, after_ms: u64, problem: Rc<Problem>, random: &mut Random) {
        let Some(send) = self.sends.get(id) else { return };
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

    fn reject(&mut self, id: SendId, problem: Rc<Problem>) {
        let doubtful = self.sends.get(id).is_some_and(|send| send.doubtful);
        self.end(id, if doubtful { SendState::Unknown(problem) } else { SendState::Rejected(problem) });
    }

    fn end(&mut self, id: SendId, state: SendState) {
        self.backoff.reset();
        self.not_before = Instant::default();
        let is_over = state == SendState::Accepted;
        self.set(id, state);
        if is_over {
            self.sends.remove(id);
        }
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

fn is_recent(accepted: &Sent, now: Instant) -> bool {
    now.since(accepted.settled) < MEMORY_MS
}
