//! Lists of wait tokens, in pages.

use super::Store;
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

/// Beside which wait token a page lies. Newer ones come before.
#[derive(Debug)]
pub(crate) enum Place {
    After(String),
    Before(String),
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
        for row in self.rows.values_mut() {
            row.waitpoint.settle(now);
        }
        let row_of = |id: &str| self.by_id.get(id).or_else(|| self.by_id.get(&format!("waitpoint_{id}"))).copied();
        let places = match &query.from {
            Some(Place::After(id)) => 0..row_of(id).unwrap_or(0),
            Some(Place::Before(id)) => row_of(id).map_or(u64::MAX, |row| row + 1)..u64::MAX,
            None => 0..u64::MAX,
        };
        let matching =
            self.rows.range(places).map(|(_, row)| &row.waitpoint).filter(|waitpoint| query.takes(waitpoint));
        // One more than asked for tells whether there is more.
        let mut found: Vec<&Waitpoint> = match query.from {
            Some(Place::Before(_)) => matching.take(query.size + 1).collect(),
            Some(Place::After(_)) | None => matching.rev().take(query.size + 1).collect(),
        };
        let has_more = found.len() > query.size;
        found.truncate(query.size);
        let (is_after, is_before) =
            (matches!(query.from, Some(Place::After(_))), matches!(query.from, Some(Place::Before(_))));
        if is_before {
            found.reverse();
        }
        let cursor = |waitpoint: Option<&&Waitpoint>| {
            waitpoint.map(|waitpoint| waitpoint.id.trim_start_matches("waitpoint_").to_owned())
        };
        Page {
            next: cursor(found.last()).filter(|_| if is_before { true } else { has_more }),
            previous: cursor(found.first()).filter(|_| if is_before { has_more } else { is_after }),
            waitpoints: found.into_iter().cloned().collect(),
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
