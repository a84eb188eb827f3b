//! The tables in memory, and transactions on them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::{Deref, DerefMut};
use std::sync::MutexGuard;

use super::batches::Batch;
use super::disk::{Entries, Journal};
use super::input_waits::InputWait;
use super::logs::Logs;
use super::packet::Object;
use super::replays::Replays;
use super::run_table::RunTable;
use super::run_waits::RunWaits;
use super::stream_key::StreamKey;
use super::waitpoints::Waitpoints;

#[derive(Default)]
pub(super) struct Tables {
    pub(super) runs: RunTable,
    /// By their paths.
    pub(super) objects: BTreeMap<String, Object>,
    pub(super) logs: Logs,
    pub(super) waits: BTreeMap<StreamKey, InputWait>,
    pub(super) run_waits: RunWaits,
    pub(super) replays: Replays,
    pub(super) used_tokens: HashSet<[u8; 32]>,
    pub(super) waitpoints: Waitpoints,
    pub(super) batches: HashMap<String, Batch>,
    pub(super) changes: Entries,
}

/// The tables for one transaction. What has changed is handed over at its end, before anyone else has them.
pub(super) struct Transaction<'a> {
    pub(super) tables: MutexGuard<'a, Tables>,
    pub(super) journal: Option<&'a Journal>,
}

impl Deref for Transaction<'_> {
    type Target = Tables;

    fn deref(&self) -> &Tables {
        &self.tables
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut Tables {
        &mut self.tables
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        let changes = self.tables.changes.take();
        if let Some(journal) = self.journal.filter(|_| !changes.is_empty()) {
            journal.hand_over(changes);
        }
    }
}
