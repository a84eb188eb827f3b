//! The thread that writes changes down, and how far it is.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::watch;

use super::clear::Clearing;
use super::{Entry, save};

/// How many transactions on the tables become one on the file at most.
const LARGEST_GROUP: usize = 4096;

pub(in crate::store) struct Journal {
    queue: Sender<Vec<Entry>>,
    handed_over: AtomicU64,
    progress: watch::Receiver<Progress>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Clone, Default)]
struct Progress {
    /// So many transactions are on the file.
    written: u64,
    /// Why no others will be.
    failure: Option<Arc<str>>,
}

impl Journal {
    /// `lock` is held as long as the file is written to.
    pub(super) fn start(connection: Connection, lock: Connection, has_strays: bool) -> Self {
        let (queue, transactions) = channel();
        let (tell, progress) = watch::channel(Progress::default());
        let work = move || {
            write(connection, &transactions, &tell, has_strays.then_some(Clearing::START));
            drop(lock);
        };
        // Without a thread nothing is written, and whoever waits is told that.
        let writer = thread::Builder::new().name("journal".to_owned()).spawn(work).ok();
        Self { queue, handed_over: AtomicU64::new(0), progress, writer }
    }

    /// Hands over what one transaction changed. The caller holds the tables, so that the order is theirs.
    pub(in crate::store) fn hand_over(&self, changes: Vec<Entry>) {
        // A writer that has ended has said why: whoever waits for this hears it.
        let _ = self.queue.send(changes);
        self.handed_over.fetch_add(1, Ordering::Release);
    }

    /// Waits until everything that was handed over by now is on the file.
    ///
    /// # Errors
    /// What the file failed with; from then on nothing is written.
    pub(in crate::store) async fn written(&self) -> Result<(), Arc<str>> {
        let wanted = self.handed_over.load(Ordering::Acquire);
        let is_reached = |progress: &Progress| progress.written >= wanted || progress.failure.is_some();
        let now = self.progress.borrow().clone();
        let progress = if is_reached(&now) { now } else { self.wait_for(is_reached).await };
        // Also when this much was written: memory is ahead of the file since.
        progress.failure.map_or(Ok(()), Err)
    }

    /// Waits for the file to fail, and gives what it failed with.
    pub(in crate::store) async fn failure(&self) -> Arc<str> {
        self.wait_for(|progress| progress.failure.is_some()).await.failure.unwrap_or_default()
    }

    async fn wait_for(&self, is_reached: impl FnMut(&Progress) -> bool) -> Progress {
        let mut progress = self.progress.clone();
        match progress.wait_for(is_reached).await {
            Ok(progress) => progress.clone(),
            Err(_) => Progress { written: 0, failure: Some("the thread that writes it has ended".into()) },
        }
    }
}

impl Drop for Journal {
    /// Writes the rest and closes the file.
    fn drop(&mut self) {
        drop(mem::replace(&mut self.queue, channel().0));
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing more to write.
            let _ = writer.join();
        }
    }
}

/// Writes groups of transactions, and between them clears away what was dropped.
fn write(
    mut connection: Connection,
    transactions: &Receiver<Vec<Entry>>,
    tell: &watch::Sender<Progress>,
    mut clearing: Option<Clearing>,
) {
    loop {
        let first = match clearing {
            None => transactions.recv().map_err(|_| TryRecvError::Disconnected),
            Some(_) => transactions.try_recv(),
        };
        let first = match first {
            Ok(first) => first,
            Err(TryRecvError::Empty) => {
                // When the file is locked by others, it waits for the next time.
                clearing = clearing.and_then(|clearing| clearing.step(&connection).ok().flatten());
                continue;
            }
            Err(TryRecvError::Disconnected) => return,
        };
        let mut group = vec![first];
        while group.len() < LARGEST_GROUP
            && let Ok(next) = transactions.try_recv()
        {
            group.push(next);
        }
        match save::save(&mut connection, &group) {
            Ok(()) => {
                tell.send_modify(|progress| progress.written += group.len() as u64);
                if group.iter().flatten().any(|entry| matches!(entry, Entry::Clear)) {
                    clearing = Some(Clearing::START);
                }
            }
            Err(error) => {
                return tell.send_modify(|progress| progress.failure = Some(error.to_string().into()));
            }
        }
    }
}
