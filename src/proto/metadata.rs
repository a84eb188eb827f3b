//! The metadata of the run that a task is in: what is known of the document, what is on its way, and what is queued.
//!
//! What the task sees is what the server last told, with everything over it that is on its way or queued. One request is made at a
//! time. Operations leave in their order and stay until it is certain what became of them. A repeat has the key of the first, which
//! is all that it takes where the server drops repeats; elsewhere the document is read back, and what may neither be told from it nor
//! be done twice is given up, and said.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use super::backoff::{Backoff, BackoffPolicy};
use super::document::{Document, Json};
use super::error::{ErrorCode, Problem};
use super::http::{RequestFailure, error_message};
use super::json::Scanner;
use super::operation::{Applied, DOCUMENT_DEPTH, Key, Merged, Operation, VALUE_DEPTH};
use super::random::Random;
use super::text::concat;
use super::time::Instant;

/// The most that a document may measure as a text, in bytes.
pub const DOCUMENT_LIMIT: usize = 262_144;

/// How much goes into one request: well under what a server takes.
const BODY_LIMIT: usize = 1_000_000;

/// How often something is tried before whoever waits for it is told.
const PATIENCE: u32 = 5;

/// Until then, what has been lost on its way has arrived or never will.
const SETTLED_MS: u64 = 2_000;

/// How many operations are looked at for one that the next can be taken into.
const LOOK_BACK: usize = 64;

const RETRY: BackoffPolicy = BackoffPolicy { first_ms: 1_000, cap_ms: 30_000, stable_ms: 0 };

/// Whose document an operation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The run's own.
    Own = 0,
    /// That of the run that triggered it.
    Parent = 1,
    /// That of the first run of its line.
    Root = 2,
}

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

/// What the machine wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// `PUT` of operations, with this body under this key.
    Write {
        /// For `x-trigger-request-idempotency-key`.
        key: String,
        /// JSON.
        body: String,
    },
    /// `GET` of the document.
    Read,
    /// What was asked for under that number is done, or failed.
    Settled(u32, Option<Problem>),
    /// For the console: so many operations were given up.
    GivenUp {
        /// How many.
        operations: usize,
        /// Whether they may have been carried out.
        doubtful: bool,
        /// Why.
        problem: Problem,
    },
    /// Nothing, until then.
    Idle(Instant),
}

/// The head of an answer, and its body.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, or 0.
    pub retry_after_ms: u64,
    /// `x-tidegate-idempotent: 1`.
    pub idempotent: bool,
    /// The whole body.
    pub body: &'a str,
}

type Queues = [Vec<Operation>; 3];

#[derive(Debug)]
struct Flight {
    operations: Queues,
    key: String,
    /// All that had been accepted when it was made, if it took it all.
    covers: Option<u64>,
    /// Whether it has to be found out what became of it, since an attempt that failed like this.
    doubt: Option<Problem>,
}

#[derive(Debug)]
struct Ticket {
    number: u32,
    /// All that was accepted by then; none: that the document is read.
    until: Option<u64>,
    failures: u32,
    problem: Option<Problem>,
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
    confirmed: Option<Document>,
    view: Document,
    /// The view's text is no longer than this.
    size: usize,
    queues: Queues,
    flight: Option<Flight>,
    asked: Option<Asked>,
    tickets: Vec<Ticket>,
    last_ticket: u32,
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
        let confirmed = document.and_then(|text| Document::parse(text, DOCUMENT_DEPTH));
        let mut metadata = Self {
            confirmed,
            view: Document::new(),
            size: 0,
            queues: Queues::default(),
            flight: None,
            asked: None,
            tickets: Vec::new(),
            last_ticket: 0,
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
        };
        metadata.show();
        metadata
    }

    /// The document as the task sees it.
    pub const fn document(&self) -> &Document {
        &self.view
    }

    /// Carries an operation out here, and queues it. One that changes nothing of a document that is known is not queued.
    ///
    /// # Errors
    /// `too-large` where the document, or a value for another one, would be; `invalid-data` for a key or a value that no document takes.
    /// Nothing has changed then.
    pub fn apply(&mut self, now: Instant, target: Target, kind: &str, key: &str, value: &str) -> Result<(), Problem> {
        let operation = read(kind, key, value)?;
        let target = match (self.above, target) {
            (Above::Nothing, _) | (_, Target::Own) => Target::Own,
            // In one row, or their order would be lost.
            (Above::One, _) | (_, Target::Parent) => Target::Parent,
            (Above::Two, Target::Root) => Target::Root,
        };
        if target == Target::Own {
            if !self.apply_here(&operation, 2 * value.len() + 6 * key.len() + 32)? {
                return Ok(());
            }
        } else if value.len() > DOCUMENT_LIMIT {
            return Err(Problem::too_large(DOCUMENT_LIMIT, value.len()));
        }
        self.accepted += 1;
        push(&mut self.queues[target as usize], operation);
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
        if answer.status < 200 || answer.status >= 300 {
            return self.refused(now, asked, answer);
        }
        let document = document_in(answer.body);
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
                    self.settle(|ticket| ticket.until.is_none(), None);
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
        let (settled, is_idle) = (self.settled, self.flight.is_none() && self.queues.iter().all(Vec::is_empty));
        self.settle(|ticket| ticket.until.is_some_and(|until| until <= settled || is_idle), None);
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        if self.asked.is_some() {
            return Output::Idle(Instant::NEVER);
        }
        let is_reading = self.tickets.iter().any(|ticket| ticket.until.is_none());
        let is_flushing = self.tickets.iter().any(|ticket| ticket.until.is_some());
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
        Output::Write { key: flight.key.clone(), body: body(&flight.operations) }
    }

    /// Changes what the task sees. Whether there is anything to queue.
    fn apply_here(&mut self, operation: &Operation, grows: usize) -> Result<bool, Problem> {
        let largest = self.size + grows;
        // A path may write a value to many places.
        let is_certain = largest <= DOCUMENT_LIMIT && !operation.has_path();
        let before = (!is_certain).then(|| self.view.clone());
        let applied = operation.apply(&mut self.view);
        self.size = largest;
        if let Some(before) = before {
            self.size = self.view.text().len();
            let was = before.text().len();
            // What has grown beyond it by others' hands may still be cut down.
            if self.size > DOCUMENT_LIMIT && self.size > was {
                let problem = Problem::too_large(DOCUMENT_LIMIT, self.size);
                (self.view, self.size) = (before, was);
                return Err(problem);
            }
        }
        Ok(applied == Applied::Changed || self.confirmed.is_none())
    }

    fn ask(&mut self, now: Instant, until: Option<u64>) -> u32 {
        self.last_ticket += 1;
        self.tickets.push(Ticket { number: self.last_ticket, until, failures: 0, problem: None });
        self.rest = self.rest.min(now.max(self.floor));
        self.last_ticket
    }

    /// Puts what is queued, or as much of it as one request may hold, on its way.
    fn take(&mut self) {
        let mut operations = Queues::default();
        let mut room = self.narrow.unwrap_or(usize::MAX);
        let mut length = 0;
        for (queue, taken) in self.queues.iter_mut().zip(&mut operations) {
            let fits = queue.iter().take_while(|operation| {
                let mut text = String::new();
                operation.push(&mut text);
                let is_first = length == 0;
                length += text.len() + 1;
                let fits = room > 0 && (is_first || length <= BODY_LIMIT);
                room -= usize::from(fits);
                fits
            });
            let count = fits.count();
            *taken = queue.drain(..count).collect();
            if !queue.is_empty() {
                room = 0;
            }
        }
        let is_all = self.queues.iter().all(Vec::is_empty);
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
        let known = document.unwrap_or_else(|| {
            let mut document = self.confirmed.take().unwrap_or_default();
            apply(&flight.operations[0], &mut document);
            document
        });
        self.confirm(known);
    }

    /// The flight may have arrived. Where repeats are dropped, or do no harm, it is sent again; else it is looked for.
    fn doubt(&mut self, problem: &Problem) {
        let Some(flight) = &mut self.flight else { return };
        if !self.idempotent && !flight.operations.iter().all(|queue| can_repeat(queue)) {
            flight.doubt = Some(problem.clone());
        }
    }

    /// The document after a flight that may have arrived.
    fn found(&mut self, document: Document) {
        let Some(flight) = &mut self.flight else { return };
        // Where repeats are dropped, as is known by now, the write is simply made again.
        let Some(problem) = flight.doubt.take_if(|_| !self.idempotent) else { return };
        let [own, above @ ..] = &mut flight.operations;
        let (mut has_arrived, mut has_not) = (false, false);
        if let Some(before) = &self.confirmed {
            let mut after = before.clone();
            apply(own, &mut after);
            has_arrived = is_alike(own, &after, &document);
            has_not = is_alike(own, before, &document);
        }
        if has_arrived && !has_not {
            return self.written(Some(document));
        }
        let mut given_up = 0;
        // Without an answer the request came to nothing as a whole. With one, the runs above may have been seen to first.
        if !has_not || has_arrived {
            given_up += give_up(own);
        }
        if !has_not || has_arrived || problem.status.is_some() {
            given_up += above.iter_mut().map(give_up).sum::<usize>();
        }
        flight.key = self.random.uuid();
        let is_empty = flight.operations.iter().all(Vec::is_empty);
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
        let problem = problem_of(answer);
        if asked == Asked::Write && matches!(problem.code, ErrorCode::Server | ErrorCode::Timeout) {
            self.doubt(&problem);
        }
        let is_for_good = !problem.code.retryable() && !problem.code.concerns_token();
        match asked {
            Asked::Write if is_for_good => self.reject(problem),
            // It cannot be found out, and the next write says why.
            Asked::Outcome if is_for_good => {
                let Some(flight) = &mut self.flight else { return };
                let given_up = flight.operations.iter_mut().map(give_up).sum();
                flight.doubt = None;
                if flight.operations.iter().all(Vec::is_empty) {
                    self.settled = flight.covers.unwrap_or(self.settled);
                    self.flight = None;
                }
                self.give_up(given_up, true, problem);
                self.show();
            }
            Asked::Document if is_for_good => self.settle(|ticket| ticket.until.is_none(), Some(&problem)),
            Asked::Write | Asked::Outcome | Asked::Document => self.failed(now, answer.retry_after_ms, problem),
        }
    }

    /// The server will not take the flight. If that is the fault of one of its operations, the others go without it.
    fn reject(&mut self, problem: Problem) {
        let Some(flight) = self.flight.take() else { return };
        let count = flight.operations.iter().map(Vec::len).sum::<usize>();
        let has_above = flight.operations[1..].iter().any(|queue| !queue.is_empty());
        let is_untouched = problem.status == Some(400) || self.idempotent || !has_above;
        let is_anyones = matches!(problem.code, ErrorCode::InvalidData | ErrorCode::TooLarge) && count > 1;
        if is_anyones && is_untouched {
            for (queue, taken) in self.queues.iter_mut().zip(flight.operations) {
                queue.splice(..0, taken);
            }
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
        let patience = if problem.code.retryable() { PATIENCE } else { 1 };
        for ticket in &mut self.tickets {
            ticket.failures += 1;
        }
        self.settle(|ticket| ticket.failures >= patience, Some(&problem));
        if patience == 1 && self.told != Some(problem.code) {
            self.told = Some(problem.code);
            self.outputs.push_back(Output::GivenUp { operations: 0, doubtful: false, problem });
        }
    }

    /// Says that operations are gone, to whoever waits for them, and once by itself.
    fn give_up(&mut self, operations: usize, doubtful: bool, problem: Problem) {
        for ticket in self.tickets.iter_mut().filter(|ticket| ticket.until.is_some()) {
            ticket.problem.get_or_insert(problem.clone());
        }
        self.outputs.push_back(Output::GivenUp { operations, doubtful, problem });
    }

    fn settle(&mut self, is_over: impl Fn(&Ticket) -> bool, problem: Option<&Problem>) {
        let outputs = &mut self.outputs;
        self.tickets.retain_mut(|ticket| {
            let is_over = is_over(ticket);
            if is_over {
                let problem = ticket.problem.take().or_else(|| problem.cloned());
                outputs.push_back(Output::Settled(ticket.number, problem));
            }
            !is_over
        });
    }

    /// The server has told the document.
    fn confirm(&mut self, document: Document) {
        self.confirmed = Some(document);
        self.show();
    }

    /// What the task sees: what is known, and over it what is not there yet.
    fn show(&mut self) {
        let mut view = self.confirmed.clone().unwrap_or_default();
        if let Some(flight) = &self.flight {
            apply(&flight.operations[0], &mut view);
        }
        apply(&self.queues[0], &mut view);
        self.size = view.text().len();
        self.view = view;
    }
}

fn read(kind: &str, key: &str, value: &str) -> Result<Operation, Problem> {
    let invalid = |words: String| Problem { server_message: Some(words), ..Problem::new(ErrorCode::InvalidData) };
    let place = || Key::read(key).map_err(|words| invalid(concat(&[&words, ": ", key])));
    let json = || {
        let words = "A value must be JSON, and nested no deeper than 64 levels";
        Json::parse(value, VALUE_DEPTH).ok_or_else(|| invalid(words.into()))
    };
    Ok(match kind {
        "set" => Operation::Set(place()?, json()?),
        "delete" => {
            place()?;
            Operation::Delete(key.into())
        }
        "append" => Operation::Append(place()?, json()?),
        "remove" => Operation::Remove(place()?, json()?),
        "increment" => {
            let Json::Number(by) = json()? else { return Err(invalid("An increment must be a number".into())) };
            if !by.is_finite() {
                return Err(invalid("An increment must be finite".into()));
            }
            Operation::Increment(place()?, by)
        }
        _ => {
            let Json::Object(document) = json()? else { return Err(invalid("Metadata must be an object".into())) };
            Operation::Update(document)
        }
    })
}

/// Behind the last, or taken into one before it: operations on different members do not know of each other.
fn push(queue: &mut Vec<Operation>, next: Operation) {
    if matches!(next, Operation::Update(_)) {
        queue.clear();
    }
    for (back, earlier) in queue.iter_mut().rev().take(LOOK_BACK).enumerate() {
        let (one, other) = (earlier.member(), next.member());
        let is_apart = one.is_some() && other.is_some() && one != other;
        if is_apart {
            continue;
        }
        // Across others only where the order of members stays: `*` asks about it.
        let may_merge = back == 0 || earlier.makes_member();
        if may_merge && earlier.merge(&next) == Merged::One {
            return;
        }
        break;
    }
    queue.push(next);
}

fn apply(operations: &[Operation], document: &mut Document) {
    for operation in operations {
        operation.apply(document);
    }
}

/// A list that is shortened and then written to by place is another one when that is done twice.
fn can_repeat(operations: &[Operation]) -> bool {
    let removes = operations.iter().any(|operation| matches!(operation, Operation::Remove(..)));
    let by_place = operations.iter().any(|operation| matches!(operation, Operation::Set(Key::Path(..), _)));
    operations.iter().all(Operation::is_repeatable) && !(removes && by_place)
}

/// Takes out what must not be done twice; tells how much that was.
fn give_up(operations: &mut Vec<Operation>) -> usize {
    let before = operations.len();
    operations.retain(Operation::is_repeatable);
    if !can_repeat(operations) {
        operations.retain(|operation| !matches!(operation, Operation::Remove(..)));
    }
    before - operations.len()
}

/// Whether two documents are the same where the operations reach.
fn is_alike(operations: &[Operation], one: &Document, other: &Document) -> bool {
    let members: Option<Vec<&str>> = operations.iter().map(Operation::member).collect();
    match members {
        Some(members) if !members.is_empty() => members.iter().all(|member| one.get(member) == other.get(member)),
        Some(_) => true,
        None => one == other,
    }
}

fn body(queues: &Queues) -> String {
    let mut out = String::from("{");
    for (name, queue) in ["\"operations\":[", ",\"parentOperations\":[", ",\"rootOperations\":["].iter().zip(queues) {
        out.push_str(name);
        for (index, operation) in queue.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            operation.push(&mut out);
        }
        out.push(']');
    }
    out.push('}');
    out
}

/// The document of an answer: as it is behind a `PUT`, as a text or `null` behind a `GET`.
fn document_in(body: &str) -> Option<Document> {
    let mut scanner = Scanner::new(body);
    scanner.begin_object()?;
    let mut document = None;
    let mut is_super = false;
    while let Some(key) = scanner.next_key()? {
        match (key, scanner.peek()?) {
            ("metadata", b'"') => document = Some(scanner.string()?.into_owned()),
            ("metadata", b'{') => document = Some(scanner.value()?.into()),
            ("metadata", b'n') => {
                scanner.value()?;
                document = Some("{}".into());
            }
            ("metadataType", b'"') => is_super = scanner.string()? == "application/super+json",
            _ => {
                scanner.value()?;
            }
        }
    }
    let mut document = Document::parse(&document?, DOCUMENT_DEPTH)?;
    if !is_super {
        return Some(document);
    }
    let Json::Object(plain) = core::mem::replace(document.get_mut("json")?, Json::Null) else { return None };
    Some(plain)
}

fn problem_of(answer: &Answer<'_>) -> Problem {
    let server_message = error_message(answer.body);
    let is_over = server_message.as_deref().is_some_and(|words| words.ends_with("completed run"));
    let code = match answer.status {
        422 if is_over => ErrorCode::RunFinished,
        400 | 422 => ErrorCode::InvalidData,
        401 => ErrorCode::Unauthorized,
        403 => ErrorCode::Forbidden,
        404 | 410 => ErrorCode::NotFound,
        408 | 504 => ErrorCode::Timeout,
        413 => ErrorCode::TooLarge,
        429 => ErrorCode::RateLimited,
        500.. => ErrorCode::Server,
        _ => ErrorCode::Protocol,
    };
    Problem { status: Some(answer.status), server_message, ..Problem::new(code) }
}
