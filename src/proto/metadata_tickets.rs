//! Who waits for metadata to be written or read, and with what that ended.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::error::Problem;
use super::metadata_output::Output;

/// How often something is tried before whoever waits for it is told.
const PATIENCE: u32 = 5;

/// Those who wait.
#[derive(Debug, Default)]
pub struct Tickets {
    waiting: Vec<Ticket>,
    last: u32,
}

#[derive(Debug)]
struct Ticket {
    number: u32,
    /// All that was accepted by then; none: that the document is read.
    until: Option<u64>,
    failures: u32,
    problem: Option<Problem>,
}

impl Tickets {
    /// Somebody waits until all that was accepted by then is written; none: until the document is read.
    pub fn add(&mut self, until: Option<u64>) -> u32 {
        self.last += 1;
        self.waiting.push(Ticket { number: self.last, until, failures: 0, problem: None });
        self.last
    }

    /// Whether somebody waits for the document.
    pub fn has_reader(&self) -> bool {
        self.waiting.iter().any(|ticket| ticket.until.is_none())
    }

    /// Whether somebody waits for something to be written.
    pub fn has_writer(&self) -> bool {
        self.waiting.iter().any(|ticket| ticket.until.is_some())
    }

    /// Something is written; `is_all`: there is nothing left to write.
    pub fn written(&mut self, until: u64, is_all: bool, outputs: &mut VecDeque<Output>) {
        self.settle(outputs, |ticket| ticket.until.is_some_and(|wanted| wanted <= until || is_all), None);
    }

    /// The document was read, or cannot be.
    pub fn read(&mut self, problem: Option<&Problem>, outputs: &mut VecDeque<Output>) {
        self.settle(outputs, |ticket| ticket.until.is_none(), problem);
    }

    /// Something has failed, and will be tried again. Those who have waited for long enough are told.
    pub fn failed(&mut self, problem: &Problem, outputs: &mut VecDeque<Output>) {
        let patience = if problem.code.retryable() { PATIENCE } else { 1 };
        for ticket in &mut self.waiting {
            ticket.failures += 1;
        }
        self.settle(outputs, |ticket| ticket.failures >= patience, Some(problem));
    }

    /// What some wait for is not written, at least in part.
    pub fn spoil(&mut self, problem: &Problem) {
        for ticket in self.waiting.iter_mut().filter(|ticket| ticket.until.is_some()) {
            ticket.problem.get_or_insert(problem.clone());
        }
    }

    fn settle(&mut self, outputs: &mut VecDeque<Output>, is_over: impl Fn(&Ticket) -> bool, problem: Option<&Problem>) {
        self.waiting.retain_mut(|ticket| {
            let is_over = is_over(ticket);
            if is_over {
                let problem = ticket.problem.take().or_else(|| problem.cloned());
                outputs.push_back(Output::Settled(ticket.number, problem));
            }
            !is_over
        });
    }
}
