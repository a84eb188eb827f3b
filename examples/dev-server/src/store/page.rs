//! Pages of lists whose newest come first, and which are kept by numbers that grow.

use std::ops::Range;

/// Beside which member of a list a page lies, by its id.
#[derive(Debug)]
pub(crate) enum Place {
    /// Older ones.
    After(String),
    /// Newer ones.
    Before(String),
}

impl Place {
    /// The numbers of what lies there: of everything without a place, and of nothing beside one that is not known.
    pub(super) fn numbers(place: Option<&Self>, number_of: impl Fn(&str) -> Option<u64>) -> Range<u64> {
        match place {
            Some(Self::After(id)) => 0..number_of(id).unwrap_or(0),
            Some(Self::Before(id)) => number_of(id).map_or(u64::MAX, |number| number + 1)..u64::MAX,
            None => 0..u64::MAX,
        }
    }
}

/// Newest first, with whether there is more on either side.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) has_newer: bool,
    pub(crate) has_older: bool,
}

impl<T> Page<T> {
    /// So many of what lies beside a place, which come oldest first. Looks at no more of them than it has to.
    pub(super) fn of(beside: impl DoubleEndedIterator<Item = T>, place: Option<&Place>, size: usize) -> Self {
        let is_before = matches!(place, Some(Place::Before(_)));
        // One more than asked for tells whether there is more.
        let mut items: Vec<T> =
            if is_before { beside.take(size + 1).collect() } else { beside.rev().take(size + 1).collect() };
        let has_more = items.len() > size;
        items.truncate(size);
        if is_before {
            items.reverse();
        }
        let (has_newer, has_older) = if is_before { (has_more, true) } else { (place.is_some(), has_more) };
        Self { items, has_newer, has_older }
    }
}
