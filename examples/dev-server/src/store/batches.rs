//! Batches: runs that were triggered together.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::disk::Entry;
use super::{Created, Replay, Run, Store, Tables};
use crate::clock::now_ms;

/// Times are milliseconds since the epoch.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) id: String,
    pub(crate) created_at: u64,
    pub(crate) updated_at: u64,
    /// How many items there are to be.
    pub(crate) size: u64,
    pub(crate) idempotency_key: Option<String>,
    /// By their index.
    pub(crate) items: BTreeMap<u64, Item>,
    /// When the last item had come.
    pub(crate) sealed_at: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// It is being triggered.
    Started,
    Run(String),
    /// It could not be triggered.
    Failed(Failure),
}

#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) task: String,
    pub(crate) error: String,
    pub(crate) code: Option<Cow<'static, str>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Free,
    /// An item of this index has come before.
    Taken,
    /// There is no such index, or no such batch.
    Outside,
}

impl Batch {
    pub(crate) fn new(id: String, size: u64, idempotency_key: Option<String>) -> Self {
        let now = now_ms();
        Self { id, created_at: now, updated_at: now, size, idempotency_key, items: BTreeMap::new(), sealed_at: None }
    }

    /// Without its items.
    fn head(&self) -> Self {
        Self { items: BTreeMap::new(), id: self.id.clone(), idempotency_key: self.idempotency_key.clone(), ..*self }
    }

    /// The ids of its runs, in the order of the items.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &str> {
        self.items.values().filter_map(|item| match item {
            Item::Run(id) => Some(id.as_str()),
            Item::Started | Item::Failed(_) => None,
        })
    }

    pub(crate) fn failures(&self) -> impl Iterator<Item = (u64, &Failure)> {
        self.items.iter().filter_map(|(index, item)| match item {
            Item::Failed(failure) => Some((*index, failure)),
            Item::Started | Item::Run(_) => None,
        })
    }

    fn reserve(&mut self, index: u64, now: u64) -> Place {
        if index >= self.size {
            return Place::Outside;
        }
        if self.items.contains_key(&index) {
            return Place::Taken;
        }
        self.items.insert(index, Item::Started);
        self.updated_at = now;
        Place::Free
    }

    fn seal(&mut self, now: u64) {
        let is_whole = self.items.len() as u64 == self.size;
        if is_whole && self.sealed_at.is_none() && !self.items.values().any(|item| matches!(item, Item::Started)) {
            (self.sealed_at, self.updated_at) = (Some(now), now);
        }
    }
}

impl Store {
    /// Keeps a new batch, unless one of the `replays` (each with the time until which it counts, in ms) names an
    /// earlier one, or the one-time token was used before.
    pub(crate) fn create_batch(
        &self,
        batch: Batch,
        replays: Vec<(Replay, u64)>,
        one_time_token: Option<[u8; 32]>,
    ) -> Created {
        let mut tables = self.tables();
        let created = tables.claim(&batch.id, replays, one_time_token);
        if matches!(created, Created::Now) {
            tables.changes.note(|| Entry::Batch(batch.head().into()));
            tables.batches.insert(batch.id.clone(), batch);
        }
        created
    }

    pub(crate) fn batch(&self, id: &str) -> Option<Batch> {
        self.tables().batches.get(id).cloned()
    }

    /// Whether the run of each item has ended.
    pub(crate) fn is_over(&self, batch: &Batch) -> bool {
        let tables = self.tables();
        batch.runs().all(|id| tables.runs.get(id).is_none_or(Run::is_over))
    }

    /// Takes the place of an item, so that nobody else triggers it. Not for longer than this process lives: then nobody
    /// does.
    pub(crate) fn reserve_item(&self, batch: &str, index: u64) -> Place {
        self.tables().batches.get_mut(batch).map_or(Place::Outside, |batch| batch.reserve(index, now_ms()))
    }

    /// Notes what became of an item; the last one seals its batch.
    pub(crate) fn settle_item(&self, batch: &str, index: u64, item: Item) {
        self.tables().settle_item(batch, index, item);
    }
}

impl Tables {
    pub(super) fn settle_item(&mut self, batch: &str, index: u64, item: Item) {
        let Some(batch) = self.batches.get_mut(batch) else { return };
        self.changes.note(|| Entry::Item { batch: batch.id.clone(), index, item: item.clone() });
        batch.items.insert(index, item);
        batch.seal(now_ms());
        self.changes.note(|| Entry::Batch(batch.head().into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_sealed_by_its_last_item() {
        let store = Store::default();
        store.create_batch(Batch::new("b".into(), 2, None), Vec::new(), None);
        let reserve = |index| store.reserve_item("b", index);
        assert_eq!([0, 1, 0, 2].map(reserve), [Place::Free, Place::Free, Place::Taken, Place::Outside]);
        let sealed = || store.batch("b").unwrap().sealed_at.is_some();
        store.settle_item("b", 1, Item::Run("second".into()));
        assert!(!sealed(), "the first is under way");
        let failure = Failure { task: "t".into(), error: "no".into(), code: None };
        store.settle_item("b", 0, Item::Failed(failure));
        assert!(sealed());
        assert_eq!(store.batch("b").unwrap().runs().collect::<Vec<_>>(), ["second"]);
        assert_eq!(store.reserve_item("unknown", 0), Place::Outside);
    }
}
