//! The document of a run: what the server has last told, and what the task sees, which is that with all over it that is not there yet.

use super::document::{DOCUMENT_DEPTH, Document};
use super::error::Problem;
use super::operation::{Applied, Operation};
use super::operation_queue::OperationQueue;

/// The most that a document may measure as a text, in bytes.
pub const DOCUMENT_LIMIT: usize = 262_144;

/// Both of them.
#[derive(Debug, Default)]
pub struct View {
    confirmed: Option<Document>,
    seen: Document,
    /// The text of what is seen is no longer than this.
    size: usize,
}

impl View {
    /// Of the text that the run begins with, where that is known.
    pub fn new(document: Option<&str>) -> Self {
        let confirmed = document.and_then(|text| Document::parse(text, DOCUMENT_DEPTH));
        let mut view = Self { confirmed, ..Self::default() };
        view.show(&[]);
        view
    }

    /// What the task sees.
    pub const fn document(&self) -> &Document {
        &self.seen
    }

    /// What the server has last told, if it has.
    pub const fn confirmed(&self) -> Option<&Document> {
        self.confirmed.as_ref()
    }

    /// The server has told it. What is seen is made anew by [`View::show`].
    pub fn confirm(&mut self, document: Document) {
        self.confirmed = Some(document);
    }

    /// What it is with these done to it.
    pub fn after(&self, queues: &[&OperationQueue]) -> Document {
        let mut document = self.confirmed.clone().unwrap_or_default();
        for queue in queues {
            queue.apply(&mut document);
        }
        document
    }

    /// Changes what is seen, by a value and a key of so many bytes. Whether there is anything to tell the server.
    ///
    /// # Errors
    /// `too-large`, and nothing has changed.
    pub fn apply(&mut self, operation: &Operation, grows: usize) -> Result<bool, Problem> {
        let largest = self.size + grows;
        // A path may write a value to many places.
        let is_certain = largest <= DOCUMENT_LIMIT && !operation.has_path();
        let before = (!is_certain).then(|| self.seen.clone());
        let applied = operation.apply(&mut self.seen);
        self.size = largest;
        if let Some(before) = before {
            self.size = self.seen.text().len();
            let was = before.text().len();
            // What has grown beyond it by others' hands may still be cut down.
            if self.size > DOCUMENT_LIMIT && self.size > was {
                let problem = Problem::too_large(DOCUMENT_LIMIT, self.size);
                (self.seen, self.size) = (before, was);
                return Err(problem);
            }
        }
        Ok(applied == Applied::Changed || self.confirmed.is_none())
    }

    /// What is known, with what is on its way and what is queued over it.
    pub fn show(&mut self, over: &[&OperationQueue]) {
        let seen = self.after(over);
        self.size = seen.text().len();
        self.seen = seen;
    }
}
