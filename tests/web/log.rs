//! What happened, in order, to be awaited.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, Waker};

use gloo_timers::future::TimeoutFuture;

/// Far more than anything here takes on a busy machine, and less than the whole run may take.
const PATIENCE_MS: u32 = 10_000;

/// Waits for something, and says what was waited for when it does not come.
pub(crate) async fn before_deadline<T>(what: &str, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut deadline = pin!(TimeoutFuture::new(PATIENCE_MS));
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(value),
        Poll::Pending => {
            assert!(deadline.as_mut().poll(context).is_pending(), "waited {PATIENCE_MS} ms in vain for {what}");
            Poll::Pending
        }
    })
    .await
}

/// One writer, one reader who waits.
pub(crate) struct Log<T> {
    entries: RefCell<VecDeque<T>>,
    reader: Cell<Option<Waker>>,
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self { entries: RefCell::default(), reader: Cell::default() }
    }
}

impl<T> Log<T> {
    pub(crate) fn push(&self, entry: T) {
        self.entries.borrow_mut().push_back(entry);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Takes the oldest entry; when there is none, waits for one.
    pub(crate) async fn next(&self, what: &str) -> T {
        let entry = poll_fn(|context| {
            let entry = self.entries.borrow_mut().pop_front();
            if entry.is_none() {
                self.reader.set(Some(context.waker().clone()));
            }
            entry.map_or(Poll::Pending, Poll::Ready)
        });
        before_deadline(what, entry).await
    }

    /// Takes what is there.
    pub(crate) fn take(&self) -> Vec<T> {
        self.entries.borrow_mut().drain(..).collect()
    }
}
