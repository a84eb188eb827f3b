//! The runs of a worker whose wait has ended, until there is a slot.

use std::collections::{BTreeMap, HashMap};

/// In the order in which the first wait of each has ended.
#[derive(Default)]
pub(super) struct Ready {
    line: BTreeMap<u64, Woken>,
    places: HashMap<String, u64>,
    count: u64,
}

/// A run, and the waits of it that have ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Woken {
    pub(super) run: String,
    pub(super) waitpoints: Vec<String>,
}

impl Ready {
    pub(super) fn push(&mut self, run: &str, waitpoint: &str) {
        let place = *self.places.entry(run.to_owned()).or_insert_with(|| {
            self.count += 1;
            self.count
        });
        let woken = self.line.entry(place).or_insert_with(|| Woken { run: run.to_owned(), waitpoints: Vec::new() });
        // A deadline may tell of the same end again.
        if !woken.waitpoints.iter().any(|known| known == waitpoint) {
            woken.waitpoints.push(waitpoint.to_owned());
        }
    }

    pub(super) fn pop(&mut self) -> Option<Woken> {
        let (_, woken) = self.line.pop_first()?;
        self.places.remove(&woken.run);
        Some(woken)
    }

    pub(super) fn remove(&mut self, run: &str) {
        if let Some(place) = self.places.remove(run) {
            self.line.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_comes_once_with_all_that_has_ended_for_it() {
        let mut ready = Ready::default();
        for (run, waitpoint) in [("a", "1"), ("b", "2"), ("c", "3"), ("a", "4"), ("a", "1")] {
            ready.push(run, waitpoint);
        }
        ready.remove("b");
        ready.remove("unknown");
        let woken = |run: &str, waitpoints: &[&str]| {
            let waitpoints = waitpoints.iter().map(|&waitpoint| waitpoint.to_owned()).collect();
            Some(Woken { run: run.to_owned(), waitpoints })
        };
        assert_eq!(ready.pop(), woken("a", &["1", "4"]));
        ready.push("a", "5");
        assert_eq!(ready.pop(), woken("c", &["3"]));
        assert_eq!(ready.pop(), woken("a", &["5"]));
        assert_eq!(ready.pop(), None);
        assert!(ready.places.is_empty());
    }
}
