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
    /// What to ask for until a place of its own is known; nothing for the beginning.
    given: String,
    /// The time of the entry before that of the place, where the line that the latter begins with may begin; 0 where none is known.
    before_ms: u64,
    /// How many records of the entry have been passed.
    passed: u64,
    /// How long the last of them is, if its line need not have ended: then it comes again, with the entry that ends the line. Else 0.
    open: u64,
    /// How many of them the connection has still to bring again.
    to_skip: u64,
    recent: HashSet,
    /// What was recent before: between them at least the last `WINDOW` are known.
    older: HashSet,
}

/// `<ms>-<n>` as numbers, which is how the store of v1 orders what it got at once. Several records may share such an id.
type Entry = (u64, u64);

#[derive(Clone, Debug, Default)]
enum Place {
    #[default]
    Given,
    Sequence(u64),
    Entry(Entry),
}

impl Cursor {
    /// Starts behind the record with this id or at this place, or at the beginning if it is empty.
    pub fn new(last_event_id: &str) -> Self {
        let mut cursor = Self { given: last_event_id.to_owned(), ..Self::default() };
        match parse_digits(last_event_id.as_bytes()) {
            Some(number) => cursor.place = Place::Sequence(number),
            None => _ = cursor.enter(last_event_id),
        }
        cursor
    }

    /// `<ms>-<n>+<passed>+<open>+<what to ask for>`: with the id alone, records that share it would be lost.
    fn enter(&mut self, text: &str) -> Option<()> {
        let (mut numbers, mut rest, mut mark) = ([0; 4], text, b'-');
        for number in &mut numbers {
            let (digits, more) = split_once(rest, mark)?;
            *number = parse_digits(digits.as_bytes())?;
            (rest, mark) = (more, b'+');
        }
        let [ms, n, passed, open] = numbers;
        (self.place, self.passed, self.open) = (Place::Entry((ms, n)), passed, open);
        self.given = rest.to_owned();
        Some(())
    }

    /// What to send as `Last-Event-ID` from a new connection, empty for the beginning. Not all records of the last entry need have
    /// come: the store is asked for them again.
    pub fn resume(&mut self) -> String {
        self.to_skip = self.passed;
        self.known()
    }

    /// The place behind the last record, empty for the beginning.
    pub fn last_event_id(&self) -> String {
        let mut place = String::new();
        if let Place::Entry((ms, n)) = self.place {
            let mut mark = '-';
            for number in [ms, n, self.passed, self.open] {
                place.push_str(&decimal(number));
                place.push(mark);
                mark = '+';
            }
        }
        place.push_str(&self.known());
        place
    }

    /// The id from which on nothing is missing.
    fn known(&self) -> String {
        if let Place::Sequence(number) = self.place {
            return decimal(number);
        }
        match self.before_ms {
            0 => self.given.clone(),
            ms => concat(&[&decimal(ms - 1), "-0"]),
        }
    }

    /// Learns where the log ends, having read to there. An id of no use here, such as a time, gives way to it.
    pub fn settle(&mut self, tail: u64) {
        if !self.given.is_empty() && !matches!(self.place, Place::Sequence(_)) {
            self.given.clear();
            self.place = tail.checked_sub(1).map_or(Place::Given, Place::Sequence);
        }
    }

    /// Whether the next record will be the one with this sequence number, or has been seen.
    pub const fn is_at(&self, next: u64) -> bool {
        match self.place {
            Place::Given => next == 0 && self.given.is_empty(),
            Place::Sequence(last) => next <= last.saturating_add(1),
            Place::Entry(_) => false,
        }
    }

    /// Moves over a record with a part that is so long. `false` when it has been passed before.
    pub fn pass(&mut self, position: Position<'_>, length: u64) -> bool {
        match position {
            Position::Unknown => {}
            Position::Sequence(number) => {
                if matches!(self.place, Place::Sequence(last) if number <= last) {
                    return false;
                }
                self.place = Place::Sequence(number);
            }
            Position::Id(id) => {
                let Some(entry) = parse_entry(id) else {
                    (self.place, self.given, self.before_ms) = (Place::Given, id.to_owned(), 0);
                    return true;
                };
                let (mut is_news, mut passed) = (true, 1);
                if let Place::Entry(last) = self.place {
                    if entry < last {
                        return false;
                    }
                    if entry == last {
                        // News once those that were passed have come again.
                        if self.to_skip > 0 {
                            self.to_skip -= 1;
                            return false;
                        }
                        passed = self.passed + 1;
                    } else if self.to_skip == 1 && self.open > 0 {
                        // The line that was open: it began where it did.
                        is_news = self.open != length;
                    } else {
                        self.before_ms = last.0;
                    }
                }
                self.place = Place::Entry(entry);
                (self.passed, self.open, self.to_skip) = (passed, 0, 0);
                return is_news;
            }
        }
        true
    }

    /// The line of the last record, with a part that is so long, need not have ended.
    pub const fn leave_open(&mut self, length: u64) {
        if self.to_skip == 0 {
            self.open = length;
        }
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

fn parse_entry(id: &str) -> Option<Entry> {
    let (ms, n) = split_once(id, b'-')?;
    Some((parse_digits(ms.as_bytes())?, parse_digits(n.as_bytes())?))
}

/// 64-bit FNV-1a: part ids are short and random, and only have to be told apart. Never zero.
fn fnv1a(text: &str) -> u64 {
    1 | text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}
