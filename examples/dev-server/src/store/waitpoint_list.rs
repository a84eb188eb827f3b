//! Lists of wait tokens, in pages.

use super::Store;
use super::page::{self, Place};
use super::waitpoints::{State, Waitpoint, Waitpoints};
use crate::clock::now_ms;

/// Which wait tokens to list, and how many of them.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) size: usize,
    pub(crate) from: Option<Place>,
    /// None: in any state.
    pub(crate) states: Vec<State>,
    pub(crate) key: Option<String>,
    /// Any of these; none: with or without tags.
    pub(crate) tags: Vec<String>,
    /// Milliseconds since the epoch, both included.
    pub(crate) created_from: Option<u64>,
    pub(crate) created_to: Option<u64>,
}

impl Query {
    fn takes(&self, waitpoint: &Waitpoint) -> bool {
        (self.states.is_empty() || self.states.contains(&waitpoint.state()))
            && self.key.as_ref().is_none_or(|key| *key == waitpoint.key.text)
            && (self.tags.is_empty() || waitpoint.tags.iter().any(|tag| self.tags.contains(tag)))
            && self.created_from.is_none_or(|from| waitpoint.created_at >= from)
            && self.created_to.is_none_or(|to| waitpoint.created_at <= to)
    }
}

/// Newest first, with the ids from which to go on, where there is more.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) waitpoints: Vec<Waitpoint>,
    pub(crate) next: Option<String>,
    pub(crate) previous: Option<String>,
}

impl Waitpoints {
    fn list(&mut self, query: &Query, now: u64) -> Page {
        let Self { rows, by_id, .. } = self;
        let number_of = |id: &str| by_id.get(id).or_else(|| by_id.get(&format!("waitpoint_{id}"))).copied();
        let beside = rows.range_mut(Place::numbers(query.from.as_ref(), number_of)).map(|(_, row)| {
            row.waitpoint.settle(now);
            &row.waitpoint
        });
        let wanted = beside.filter(|waitpoint| query.takes(waitpoint));
        let page::Page { items, has_newer, has_older } = page::Page::of(wanted, query.from.as_ref(), query.size);
        let cursor = |waitpoint: Option<&&Waitpoint>| {
            waitpoint.map(|waitpoint| waitpoint.id.trim_start_matches("waitpoint_").to_owned())
        };
        Page {
            next: cursor(items.last()).filter(|_| has_older),
            previous: cursor(items.first()).filter(|_| has_newer),
            waitpoints: items.into_iter().cloned().collect(),
        }
    }
}

impl Store {
    pub(crate) fn list_waitpoints(&self, query: &Query) -> Page {
        self.tables().waitpoints.list(query, now_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::super::waitpoints::tests::waitpoint;
    use super::*;

    #[test]
    fn pages_go_there_and_back() {
        let mut table = Waitpoints::default();
        for id in ["1", "2", "3", "4", "5"] {
            table.add(waitpoint(id, id, 0), 0);
        }
        let mut page = |from: Option<Place>| {
            let page = table.list(&Query { size: 2, from, ..Query::default() }, 0);
            let ids: Vec<String> = page.waitpoints.iter().map(|waitpoint| waitpoint.id[10..].to_owned()).collect();
            (ids.concat(), page.previous.unwrap_or_default(), page.next.unwrap_or_default())
        };
        let row = |ids: &str, previous: &str, next: &str| (ids.to_owned(), previous.to_owned(), next.to_owned());
        assert_eq!(page(None), row("54", "", "4"));
        assert_eq!(page(Some(Place::After("4".into()))), row("32", "3", "2"));
        assert_eq!(page(Some(Place::After("2".into()))), row("1", "1", ""));
        assert_eq!(page(Some(Place::Before("1".into()))), row("32", "3", "2"));
        assert_eq!(page(Some(Place::Before("3".into()))), row("54", "", "4"));
        assert_eq!(page(Some(Place::After("unknown".into()))), row("", "", ""));
    }
}
