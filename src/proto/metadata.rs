//! The metadata of the run that a task is in: what is known of the document, what is on its way, and what is queued.
//!
//! What the task sees is what the server last told, with everything over it that is on its way or queued. One request is made at a
//! time. Operations leave in their order and stay until it is certain what became of them. A repeat has the key of the first, which
//! is all that it takes where the server drops repeats; elsewhere the document is read back, and what may neither be told from it nor
//! be done twice is given up, and said.

use alloc::collections::VecDeque;
use alloc::string::String;

use super::backoff::{Backoff, BackoffPolicy};
use super::document::Document;
use super::error::{ErrorCode, Problem};
use super::http::RequestFailure;
use super::metadata_tickets::Tickets;
use super::metadata_view::View;
use super::operation::Operation;
use super::operation_queue::Queues;
use super::random::Random;
use super::time::Instant;

pub use super::metadata_answer::Answer;
pub use super::metadata_output::Output;
pub use super::metadata_view::DOCUMENT_LIMIT;
pub use super::operation_queue::Target;

/// Until then, what has been lost on its way has arrived or never will.
const SETTLED_MS: u64 = 2_000;

const RETRY: BackoffPolicy = BackoffPolicy { first_ms: 1_000, cap_ms: 30_000, stable_ms: 0 };

/// What is above a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Above {
    /// Nothing: it stands for its parent and its root.
    Nothing,
    /// One run, which is both.
    One,
    /// Two runs.
    Two,
}

#[derive(Debug)]
struct Flight {
    operations: Queues,
    key: String,
    /// All that had been accepted when it was made, if it took it all.
    covers: Option<u64>,
    /// Whether it has to be found out what became of it, since an attempt that failed like this.
    doubt: Option<Problem>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Write,
    /// What became of a write.
    Outcome,
    Document,
}

/// The machine. One for each run.
#[derive(Debug)]
pub struct Metadata {
    view: View,
    queues: Queues,
    flight: Option<Flight>,
    asked: Option<Asked>,
    tickets: Tickets,
    accepted: u64,
    settled: u64,
    /// How many operations go into one request, after a refusal of more.
    narrow: Option<usize>,
    due: Option<Instant>,
    /// Nothing is asked before this.
    rest: Instant,
    /// What the server asked for, which nobody cuts short.
    floor: Instant,
    backoff: Backoff,
    idempotent: bool,
    told: Option<ErrorCode>,
    outputs: VecDeque<Output>,
    interval_ms: u64,
    above: Above,
    random: Random,
}

impl Metadata {
    /// `document` is the text of the one that the run begins with, where that is known. Operations wait for `interval_ms` for others.
    pub fn new(document: Option<&str>, above: Above, interval_ms: u64, seed: u64) -> Self {
        Self {
            view: View::new(document),
            queues: Queues::default(),
            flight: None,
            asked: None,
            tickets: Tickets::default(),
            accepted: 0,
            settled: 0,
            narrow: None,
            due: None,
            rest: Instant::default(),
            floor: Instant::default(),
            backoff: Backoff::new(RETRY),
            idempotent: false,
            told: None,
            outputs: VecDeque::new(),
            interval_ms,
            above,
            random: Random::new(seed),
        }
    }

    /// The document as the task sees it.
    pub const fn document(&self) -> &Document {
        self.view.document()
    }

    /// Carries an operation out here, and queues it. One that changes nothing of a document that is known is not queued.
    ///
    /// # Errors
    /// `too-large` where the document, or a value for another one, would be; `invalid-data` for a key or a value that no document takes.
    /// Nothing has changed then.
    pub fn apply(&mut self, now: Instant, target: Target, kind: &str, key: &str, value: &str) -> Result<(), Problem> {
        let operation = Operation::read(kind, key, value)?;
        let target = match (self.above, target) {
            (Above::Nothing, _) | (_, Target::Own) => Target::Own,
            // In one row, or their order would be lost.
            (Above::One, _) | (_, Target::Parent) => Target::Parent,
            (Above::Two, Target::Root) => Target::Root,
        };
        if target == Target::Own {
            if !self.view.apply(&operation, 2 * value.len() + 6 * key.len() + 32)? {
                return Ok(());
            }
        } else if value.len() > DOCUMENT_LIMIT {
            return Err(Problem::too_large(DOCUMENT_LIMIT, value.len()));
        }
        self.accepted += 1;
        self.queues.of(target).push(operation);
        self.due.get_or_insert(now.after(self.interval_ms));
        Ok(())
    }

    /// Writes what is queued without waiting for more. The number comes back with [`Output::Settled`].
    pub fn flush(&mut self, now: Instant) -> u32 {
        self.ask(now, Some(self.accepted))
    }

    /// Reads the document, once nothing is on its way.
    pub fn refresh(&mut self, now: Instant) -> u32 {
        self.ask(now, None)
    }

    /// The answer to the request under way.
    pub fn handle_answer(&mut self, now: Instant, answer: &Answer<'_>) {
        let Some(asked) = self.asked.take() else { return };
        self.idempotent |= answer.idempotent;
        if !answer.is_success() {
            return self.refused(now, asked, answer);
        }
        let document = answer.document();
        match asked {
            Asked::Write => self.written(document),
            Asked::Outcome | Asked::Document => {
                let Some(document) = document else {
                    let problem = Problem { status: Some(answer.status), ..Problem::new(ErrorCode::Protocol) };
                    return self.failed(now, 0, problem);
                };
                if asked == Asked::Outcome {
                    self.found(document);
                } else {
                    self.confirm(document);
                    self.tickets.read(None, &mut self.outputs);
                }
            }
        }
        self.backoff.reset();
        self.told = None;
    }

    /// There is no answer to the request under way.
    pub fn handle_failure(&mut self, now: Instant, failure: RequestFailure) {
        let Some(asked) = self.asked.take() else { return };
        let problem = Problem::new(ErrorCode::Blocked);
        if asked == Asked::Write && failure == RequestFailure::Network {
            self.doubt(&problem);
        }
        self.failed(now, 0, problem);
    }

    /// What is wanted next. Ask until it is [`Output::Idle`].
    pub fn poll_output(&mut self, now: Instant) -> Output {
        let (settled, is_idle) = (self.settled, self.flight.is_none() && self.queues.is_empty());
        self.tickets.written(settled, is_idle, &mut self.outputs);
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        if self.asked.is_some() {
            return Output::Idle(Instant::NEVER);
        }
        let is_reading = self.tickets.has_reader();
        let is_flushing = self.tickets.has_writer();
        let wanted = match self.due {
            _ if self.flight.is_some() || is_reading || is_flushing => Instant::default(),
            Some(due) => due,
            None => return Output::Idle(Instant::NEVER),
        };
        let at = wanted.max(self.rest);
        if now < at {
            return Output::Idle(at);
        }
        if let Some(flight) = &mut self.flight {
            if flight.doubt.is_some() && !self.idempotent {
                self.asked = Some(Asked::Outcome);
                return Output::Read;
            }
            flight.doubt = None;
        } else if is_reading {
            self.asked = Some(Asked::Document);
            return Output::Read;
        } else {
            self.take();
        }
        self.asked = Some(Asked::Write);
        let Some(flight) = &self.flight else { return Output::Idle(Instant::NEVER) };
        Output::Write { key: flight.key.clone(), body: flight.operations.body() }
    }

    fn ask(&mut self, now: Instant, until: Option<u64>) -> u32 {
        self.rest = self.rest.min(now.max(self.floor));
        self.tickets.add(until)
    }

    /// Puts what is queued, or as much of it as one request may hold, on its way.
    fn take(&mut self) {
        let operations = self.queues.take(self.narrow.unwrap_or(usize::MAX));
        let is_all = self.queues.is_empty();
        if is_all {
            self.due = None;
        }
        let key = self.random.uuid();
        self.flight = Some(Flight { operations, key, covers: is_all.then_some(self.accepted), doubt: None });
    }

    /// The flight has arrived.
    fn written(&mut self, document: Option<Document>) {
        let Some(flight) = self.flight.take() else { return };
        self.narrow = self.narrow.map(|narrow| narrow * 2).filter(|narrow| *narrow < 10_000);
        self.settled = flight.covers.unwrap_or(self.settled);
        let known = document.unwrap_or_else(|| self.view.after(&[flight.operations.own()]));
        self.confirm(known);
    }

    /// The flight may have arrived. Where repeats are dropped, or do no harm, it is sent again; else it is looked for.
    fn doubt(&mut self, problem: &Problem) {
        let Some(flight) = &mut self.flight else { return };
        if !self.idempotent && !flight.operations.can_repeat() {
            flight.doubt = Some(problem.clone());
        }
    }

    /// The document after a flight that may have arrived.
    fn found(&mut self, document: Document) {
        let Some(flight) = &mut self.flight else { return };
        // Where repeats are dropped, as is known by now, the write is simply made again.
        let Some(problem) = flight.doubt.take_if(|_| !self.idempotent) else { return };
        let own = flight.operations.of(Target::Own);
        let (mut has_arrived, mut has_not) = (false, false);
        if let Some(before) = self.view.confirmed() {
            has_arrived = own.is_alike(&self.view.after(&[own]), &document);
            has_not = own.is_alike(before, &document);
        }
        if has_arrived && !has_not {
            return self.written(Some(document));
        }
        let mut given_up = 0;
        // Without an answer the request came to nothing as a whole. With one, the runs above may have been seen to first.
        if !has_not || has_arrived {
            given_up += own.give_up();
        }
        if !has_not || has_arrived || problem.status.is_some() {
            given_up += flight.operations.give_up_above();
        }
        flight.key = self.random.uuid();
        let is_empty = flight.operations.is_empty();
        if given_up > 0 {
            self.give_up(given_up, true, problem);
        }
        if is_empty {
            return self.written(Some(document));
        }
        self.confirm(document);
    }

    /// An answer that is no 2xx.
    fn refused(&mut self, now: Instant, asked: Asked, answer: &Answer<'_>) {
        let problem = answer.problem();
        if asked == Asked::Write && matches!(problem.code, ErrorCode::Server | ErrorCode::Timeout) {
            self.doubt(&problem);
        }
        let is_for_good = !problem.code.retryable() && !problem.code.concerns_token();
        match asked {
            Asked::Write if is_for_good => self.reject(problem),
            // It cannot be found out, and the next write says why.
            Asked::Outcome if is_for_good => {
                let Some(flight) = &mut self.flight else { return };
                let given_up = flight.operations.give_up();
                flight.doubt = None;
                if flight.operations.is_empty() {
                    self.settled = flight.covers.unwrap_or(self.settled);
                    self.flight = None;
                }
                self.give_up(given_up, true, problem);
                self.show();
            }
            Asked::Document if is_for_good => self.tickets.read(Some(&problem), &mut self.outputs),
            Asked::Write | Asked::Outcome | Asked::Document => self.failed(now, answer.retry_after_ms, problem),
        }
    }

    /// The server will not take the flight. If that is the fault of one of its operations, the others go without it.
    fn reject(&mut self, problem: Problem) {
        let Some(flight) = self.flight.take() else { return };
        let count = flight.operations.len();
        let is_untouched = problem.status == Some(400) || self.idempotent || !flight.operations.has_above();
        let is_anyones = matches!(problem.code, ErrorCode::InvalidData | ErrorCode::TooLarge) && count > 1;
        if is_anyones && is_untouched {
            self.queues.put_back(flight.operations);
            self.narrow = Some((count / 2).max(1));
            self.due = Some(Instant::default());
            return;
        }
        self.give_up(count, false, problem);
        self.settled = flight.covers.unwrap_or(self.settled);
        self.show();
    }

    /// Something was to be done and will be tried again. What is queued stays.
    fn failed(&mut self, now: Instant, floor_ms: u64, problem: Problem) {
        let is_doubtful = self.flight.as_ref().is_some_and(|flight| flight.doubt.is_some());
        let floor_ms = floor_ms.max(if is_doubtful { SETTLED_MS } else { 0 });
        self.rest = self.backoff.fail(now, floor_ms, &mut self.random);
        self.floor = now.after(floor_ms);
        self.tickets.failed(&problem, &mut self.outputs);
        if !problem.code.retryable() && self.told != Some(problem.code) {
            self.told = Some(problem.code);
            self.outputs.push_back(Output::GivenUp { operations: 0, doubtful: false, problem });
        }
    }

    /// Says that operations are gone, to whoever waits for them, and once by itself.
    fn give_up(&mut self, operations: usize, doubtful: bool, problem: Problem) {
        self.tickets.spoil(&problem);
        self.outputs.push_back(Output::GivenUp { operations, doubtful, problem });
    }

    /// The server has told the document.
    fn confirm(&mut self, document: Document) {
        self.view.confirm(document);
        self.show();
    }

    /// What is not there yet, over what is known.
    fn show(&mut self) {
        let queued = self.queues.own();
        match &self.flight {
            Some(flight) => self.view.show(&[flight.operations.own(), queued]),
            None => self.view.show(&[queued]),
        }
    }
}
