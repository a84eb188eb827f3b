//! The metadata of a run, for the task in it. Requests and timers are the caller's; times are milliseconds of a clock that never goes back.

use alloc::string::String;

use wasm_bindgen::prelude::*;

use crate::proto::error::Problem;
use crate::proto::http::RequestFailure;
use crate::proto::json::push_string;
use crate::proto::metadata::{Above, Answer, Metadata as Machine, Output, Target};
use crate::proto::text::decimal;
use crate::proto::time::Instant;

/// One run's. After every call, ask [`poll`](Self::poll) until it is 0.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Metadata {
    machine: Machine,
    due: Instant,
    number: u32,
    first: String,
    second: String,
}

#[wasm_bindgen]
impl Metadata {
    /// `document` is empty where it is not known; `above` is how many runs there are above this one, 2 for two and more.
    #[wasm_bindgen(constructor)]
    pub fn new(document: &str, above: u32, interval_ms: f64, seed: u32) -> Self {
        let document = Some(document).filter(|document| !document.is_empty());
        let above = match above {
            0 => Above::Nothing,
            1 => Above::One,
            _ => Above::Two,
        };
        Self {
            machine: Machine::new(document, above, interval_ms as u64, u64::from(seed)),
            due: Instant::NEVER,
            number: 0,
            first: String::new(),
            second: String::new(),
        }
    }

    /// An operation. `target` is 0 for this run, 1 for its parent, 2 for its root; `value` is JSON. Gives a problem as JSON, or nothing.
    pub fn apply(&mut self, now: f64, target: u32, kind: &str, key: &str, value: &str) -> String {
        let target = match target {
            0 => Target::Own,
            1 => Target::Parent,
            _ => Target::Root,
        };
        let applied = self.machine.apply(at(now), target, kind, key, value);
        applied.err().map(|problem| json(&problem)).unwrap_or_default()
    }

    /// The document as JSON.
    pub fn document(&self) -> String {
        self.machine.document().text()
    }

    /// A member as JSON; empty where there is none.
    pub fn member(&self, key: &str) -> String {
        self.machine.document().get(key).map(|value| value.text()).unwrap_or_default()
    }

    /// Gives the number that comes back when it is done.
    pub fn flush(&mut self, now: f64) -> u32 {
        self.machine.flush(at(now))
    }

    /// Gives the number that comes back when it is done.
    pub fn refresh(&mut self, now: f64) -> u32 {
        self.machine.refresh(at(now))
    }

    /// The answer to the request.
    pub fn answered(&mut self, now: f64, status: u16, retry_after_ms: f64, idempotent: bool, body: &str) {
        let answer = Answer { status, retry_after_ms: retry_after_ms as u64, idempotent, body };
        self.machine.handle_answer(at(now), &answer);
    }

    /// There is no answer to the request, which may have left.
    pub fn lost(&mut self, now: f64) {
        self.machine.handle_failure(at(now), RequestFailure::Network);
    }

    /// What is wanted: 0 nothing until [`due`](Self::due); 1 a `PUT` of the body [`second`](Self::second) under the key [`first`](Self::first);
    /// 2 a `GET`; 3 that [`number`](Self::number) has ended, with the problem `first` or none; 4 and 5 that `number` operations were
    /// given up because of `first`, with 5 after they may have been carried out.
    pub fn poll(&mut self, now: f64) -> u32 {
        match self.machine.poll_output(at(now)) {
            Output::Idle(due) => {
                self.due = due;
                0
            }
            Output::Write { key, body } => {
                (self.first, self.second) = (key, body);
                1
            }
            Output::Read => 2,
            Output::Settled(number, problem) => {
                self.number = number;
                self.first = problem.as_ref().map(json).unwrap_or_default();
                3
            }
            Output::GivenUp { operations, doubtful, problem } => {
                self.number = operations as u32;
                self.first = json(&problem);
                4 + u32::from(doubtful)
            }
        }
    }

    /// See [`poll`](Self::poll).
    pub fn number(&self) -> u32 {
        self.number
    }

    /// See [`poll`](Self::poll).
    pub fn first(&self) -> String {
        self.first.clone()
    }

    /// See [`poll`](Self::poll).
    pub fn second(&mut self) -> String {
        core::mem::take(&mut self.second)
    }

    /// When to ask again, on the caller's clock; −1 for not before something has happened.
    pub fn due(&self) -> f64 {
        if self.due == Instant::NEVER { -1.0 } else { self.due.as_millis() as f64 }
    }
}

fn at(now: f64) -> Instant {
    Instant::from_millis(now as u64)
}

fn json(problem: &Problem) -> String {
    let mut out = String::from("{\"code\":");
    push_string(&mut out, problem.code.as_str());
    out.push_str(",\"retryable\":");
    out.push_str(if problem.code.retryable() { "true" } else { "false" });
    let mut number = |name: &str, number: Option<u64>| {
        if let Some(number) = number {
            out.push_str(name);
            out.push_str(&decimal(number));
        }
    };
    number(",\"status\":", problem.status.map(u64::from));
    number(",\"limitBytes\":", problem.size.map(|size| size.limit as u64));
    number(",\"actualBytes\":", problem.size.map(|size| size.actual as u64));
    if let Some(words) = &problem.server_message {
        out.push_str(",\"serverMessage\":");
        push_string(&mut out, words);
    }
    out.push('}');
    out
}
