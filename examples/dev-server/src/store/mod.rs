//! Everything that is kept: runs, batches, wait tokens, logs, waits, and what makes a repeat harmless.
//!
//! Every method is one transaction on tables in memory, and takes and gives owned values. A store that was opened on a
//! file writes each transaction there as well, in their order: see [`disk`]. Whoever tells what he has seen waits for
//! [`Store::written`] first. What is not data are [`Store::watch`], [`Store::watch_runs`] and
//! [`Store::watch_waitpoint`]: they wake tasks and readers of this process.

mod append;
mod batches;
mod columns;
mod disk;
mod drops;
mod executions;
mod input_waits;
mod lifecycle;
mod log;
mod logs;
mod metadata;
mod packet;
mod page;
mod replays;
mod retry;
mod run_table;
mod run_waits;
mod runs;
mod shapes;
mod status;
mod stream_key;
mod tables;
mod waitpoint_list;
mod waitpoints;

use std::mem;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use append::Append;
pub(crate) use batches::{Batch, Failure, Item as BatchItem, Place as BatchPlace};
pub(crate) use columns::{COLUMNS, Cell, cells};
pub use disk::DatabaseError;
pub(crate) use executions::{AttemptEnd, Begun, Failure as AttemptFailure, Suspended};
pub(crate) use input_waits::InputWait;
pub(crate) use log::{Appended, RECORD_LIMIT, Record, Slice, Tail};
pub(crate) use metadata::MetadataWrite;
pub(crate) use packet::{Object, Packet};
pub(crate) use page::Place;
pub(crate) use replays::{Created, Replay};
pub(crate) use retry::RetryPolicy;
pub(crate) use run_waits::WaitEnd;
pub(crate) use runs::{Outcome, Report, Run};
pub(crate) use shapes::{Change, Move, Shape};
pub(crate) use status::Status;
pub(crate) use stream_key::StreamKey;
pub(crate) use waitpoint_list::Query as WaitpointQuery;
pub(crate) use waitpoints::{Key as WaitpointKey, State as WaitpointState, Waitpoint};

use disk::Journal;
use tables::{Tables, Transaction};

#[derive(Default)]
pub(crate) struct Store {
    tables: Mutex<Tables>,
    /// None: what it keeps ends with the process.
    journal: Option<Journal>,
    /// The runs that had not ended when the process before this one did.
    unfinished: Mutex<Vec<Run>>,
}

impl Store {
    /// A store that lives on in a file, with everything that the file holds.
    pub(crate) fn open(path: &Path) -> Result<Self, DatabaseError> {
        let (mut tables, journal) = disk::open(path)?;
        tables.changes.are_kept = true;
        let unfinished = tables.runs.oldest_first().filter(|run| !run.is_over()).cloned().collect();
        Ok(Self { tables: Mutex::new(tables), journal: Some(journal), unfinished: Mutex::new(unfinished) })
    }

    pub(crate) const fn is_on_file(&self) -> bool {
        self.journal.is_some()
    }

    fn tables(&self) -> Transaction<'_> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        Transaction { tables, journal: self.journal.as_ref() }
    }

    /// Waits until everything that can be seen by now will be seen after a crash as well. At once in memory.
    ///
    /// # Errors
    /// Why the file cannot be written any more.
    pub(crate) async fn written(&self) -> Result<(), Arc<str>> {
        match &self.journal {
            Some(journal) => journal.written().await,
            None => Ok(()),
        }
    }

    /// Why the file cannot be written any more, once that is so. Never in memory.
    pub(crate) async fn failure(&self) -> Arc<str> {
        match &self.journal {
            Some(journal) => journal.failure().await,
            None => std::future::pending().await,
        }
    }

    /// The runs that had not ended when the file was opened, oldest first. Whoever takes them goes on with them.
    pub(crate) fn take_unfinished(&self) -> Vec<Run> {
        mem::take(&mut *self.unfinished.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
