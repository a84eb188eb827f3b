//! Where a reader stands, and what it has seen: both outlive every connection.

use super::records::Position;
use super::text::{concat, decimal, parse_digits, split_once};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// How many part ids are remembered. The reference client remembers as many, but only while one connection lasts.
const WINDOW: usize = 5000;

/// The resume position of one reader.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    place: Place,
    /// How many records with the id of the place have been passed.
    shared: u32,
    /// How many of them the connection has brought.
    brought: u32,
    recent: HashSet,
    /// What was recent before: between them at least the last `WINDOW` are known.
    older: HashSet,
}

#[derive(Clone, Debug, Default)]
enum Place {
    #[default]
    Start,
    Sequence(u64),
    /// With its numbers, if that is what it is made of.
    Id(String, Option<(u64, u64)>),
}

impl Cursor {
    /// Starts behind the record with this id, or at the beginning.
    pub fn new(last_event_id: Option<&str>) -> Self {
        let place = match last_event_id {
            None => Place::Start,
            Some(id) => {
                parse_digits(id.as_bytes()).map_or_else(|| Place::Id(id.to_owned(), order(id)), Place::Sequence)
            }
        };
        Self { place, ..Self::default() }
    }

    /// What to send as `Last-Event-ID` from a new connection. Where records share an id, not all of those with the last one need have
    /// come: the store is asked for them again, by the latest id before it.
    pub fn resume(&mut self) -> Option<String> {
        self.brought = 0;
        let before = match self.place {
            Place::Id(_, Some((ms, n))) if self.shared > 0 => match n.checked_sub(1) {
                Some(n) => Some((ms, n)),
                None => ms.checked_sub(1).map(|ms| (ms, u64::MAX)),
            },
            Place::Start | Place::Sequence(_) | Place::Id(..) => None,
        };
        if let Some((ms, n)) = before {
            return Some(concat(&[&decimal(ms), "-", &decimal(n)]));
        }
        self.shared = 0;
        self.last_event_id()
    }

    /// The place behind the last record.
    pub fn last_event_id(&self) -> Option<String> {
        match &self.place {
            Place::Start => None,
            Place::Sequence(number) => Some(decimal(*number)),
            Place::Id(id, _) => Some(id.clone()),
        }
    }

    /// Learns where the log ends, having read to there. An id of no use here, such as a time, gives way to it.
    pub fn settle(&mut self, tail: u64) {
        if let Place::Id(..) = self.place {
            self.place = tail.checked_sub(1).map_or(Place::Start, Place::Sequence);
        }
    }

    /// Whether the next record will be the one with this sequence number, or has been seen.
    pub const fn is_at(&self, next: u64) -> bool {
        match self.place {
            Place::Start => next == 0,
            Place::Sequence(last) => next <= last.saturating_add(1),
            Place::Id(..) => false,
        }
    }

    /// Moves over a record. `false` when it has been passed before.
    pub fn pass(&mut self, position: Position<'_>) -> bool {
        match position {
            Position::Unknown => {}
            Position::Sequence(number) => {
                if matches!(self.place, Place::Sequence(last) if number <= last) {
                    return false;
                }
                self.place = Place::Sequence(number);
            }
            Position::Id(id) => {
                let order = order(id);
                if let Place::Id(last, last_order) = &mut self.place {
                    if order.is_some() && order < *last_order {
                        return false;
                    }
                    // Records may share an id: an equal one is news once those that were passed have come again.
                    if last == id {
                        self.brought += 1;
                        let is_news = self.brought > self.shared;
                        self.shared = self.shared.max(self.brought);
                        return is_news;
                    }
                    last.clear();
                    last.push_str(id);
                    *last_order = order;
                } else {
                    self.place = Place::Id(id.to_owned(), order);
                }
                (self.shared, self.brought) = (1, 1);
            }
        }
        true
    }

    /// Notes the writer's id of a part. `false` when the same part has been seen: a writer repeats what it is unsure of.
    pub fn note_part(&mut self, part_id: &str) -> bool {
        let hash = fnv1a(part_id);
        if self.recent.contains(hash) || self.older.contains(hash) {
            return false;
        }
        if self.recent.count == WINDOW {
            self.older = core::mem::take(&mut self.recent);
        }
        self.recent.insert(hash);
        true
    }
}

/// Hashes, found by probing from where they belong. Zero marks a free slot.
#[derive(Clone, Debug, Default)]
struct HashSet {
    slots: Vec<u64>,
    count: usize,
}

impl HashSet {
    fn contains(&self, hash: u64) -> bool {
        !self.slots.is_empty() && self.slots[self.slot(hash)] == hash
    }

    fn insert(&mut self, hash: u64) {
        if self.count * 4 >= self.slots.len() * 3 {
            let larger = vec![0; (self.slots.len() * 2).max(64)];
            for hash in core::mem::replace(&mut self.slots, larger) {
                if hash != 0 {
                    let slot = self.slot(hash);
                    self.slots[slot] = hash;
                }
            }
        }
        let slot = self.slot(hash);
        self.slots[slot] = hash;
        self.count += 1;
    }

    /// Where the hash is, or would go. There is always a free slot.
    fn slot(&self, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        // The lowest bit is always set.
        let mut slot = (hash >> 1) as usize & mask;
        while self.slots[slot] != 0 && self.slots[slot] != hash {
            slot = (slot + 1) & mask;
        }
        slot
    }
}

/// `<ms>-<n>` as numbers, which is how the store orders them.
fn order(id: &str) -> Option<(u64, u64)> {
    let (ms, n) = split_once(id, b'-')?;
    Some((parse_digits(ms.as_bytes())?, parse_digits(n.as_bytes())?))
}

/// 64-bit FNV-1a: part ids are short and random, and only have to be told apart. Never zero.
fn fnv1a(text: &str) -> u64 {
    1 | text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}
