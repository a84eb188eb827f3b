//! Where a reader stands, and what it has seen: both outlive every connection.

use std::collections::{BTreeSet, VecDeque};

use super::records::Position;

/// How many part ids are remembered. The reference client remembers as many, but only while one connection lasts.
const WINDOW: usize = 5000;

/// The resume position of one reader.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    place: Place,
    seen: BTreeSet<u64>,
    order: VecDeque<u64>,
}

#[derive(Clone, Debug, Default)]
enum Place {
    #[default]
    Start,
    Sequence(u64),
    Id(String),
}

impl Cursor {
    /// Starts behind the record with this id, or at the beginning.
    pub fn new(last_event_id: Option<&str>) -> Self {
        let place = match last_event_id {
            None => Place::Start,
            Some(id) => id.parse().map_or_else(|_| Place::Id(id.to_owned()), Place::Sequence),
        };
        Self { place, ..Self::default() }
    }

    /// What to send as `Last-Event-ID`.
    pub fn last_event_id(&self) -> Option<String> {
        match &self.place {
            Place::Start => None,
            Place::Sequence(number) => Some(number.to_string()),
            Place::Id(id) => Some(id.clone()),
        }
    }

    /// Moves over a record. `false` when it has been passed before.
    pub fn pass(&mut self, position: Position<'_>) -> bool {
        match (position, &self.place) {
            (Position::Unknown, _) => return true,
            (Position::Sequence(number), Place::Sequence(last)) if number <= *last => return false,
            // Records may share an id, so an equal one is news; an earlier one is not.
            (Position::Id(id), Place::Id(last)) if order(id).is_some() && order(id) < order(last) => return false,
            (Position::Sequence(number), _) => self.place = Place::Sequence(number),
            (Position::Id(id), _) => self.place = Place::Id(id.to_owned()),
        }
        true
    }

    /// Notes the writer's id of a part. `false` when the same part has been seen: a writer repeats what it is unsure of.
    pub fn note_part(&mut self, part_id: &str) -> bool {
        let hash = fnv1a(part_id);
        if !self.seen.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > WINDOW
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }
}

/// `<ms>-<n>` as numbers, which is how the store orders them.
fn order(id: &str) -> Option<(u64, u64)> {
    let (ms, n) = id.split_once('-')?;
    Some((ms.parse().ok()?, n.parse().ok()?))
}

/// 64-bit FNV-1a: part ids are short and random, and only have to be told apart.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}
