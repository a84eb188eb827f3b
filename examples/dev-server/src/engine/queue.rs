//! The runs that wait for a worker.

use std::collections::{BTreeMap, HashMap};

/// What comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    /// It was under way before.
    GoesOn,
    New,
}

/// By task; of the same turn the oldest first.
#[derive(Default)]
pub(super) struct Queue {
    tasks: HashMap<String, BTreeMap<(Turn, u64), String>>,
    count: u64,
}

impl Queue {
    pub(super) fn push(&mut self, task: &str, turn: Turn, run: &str) {
        self.count += 1;
        self.tasks.entry(task.to_owned()).or_default().insert((turn, self.count), run.to_owned());
    }

    /// Takes the first run of any of these tasks.
    pub(super) fn pop<'a>(&mut self, tasks: impl Iterator<Item = &'a String>) -> Option<String> {
        let first = |task: &'a String| Some((*self.tasks.get(task)?.first_key_value()?.0, task));
        let (_, task) = tasks.filter_map(first).min()?;
        let runs = self.tasks.get_mut(task)?;
        let (_, run) = runs.pop_first()?;
        if runs.is_empty() {
            self.tasks.remove(task);
        }
        Some(run)
    }
}

#[cfg(test)]
mod tests {
    use super::{Queue, Turn};

    #[test]
    fn what_was_under_way_comes_first_and_then_the_oldest() {
        let mut queue = Queue::default();
        for (task, turn, run) in [
            ("a", Turn::New, "1"),
            ("b", Turn::New, "2"),
            ("a", Turn::New, "3"),
            ("b", Turn::GoesOn, "4"),
            ("c", Turn::GoesOn, "5"),
        ] {
            queue.push(task, turn, run);
        }
        let (mine, other) = (["a".to_owned(), "b".to_owned()], ["c".to_owned()]);
        let taken: Vec<String> = std::iter::from_fn(|| queue.pop(mine.iter())).collect();
        assert_eq!(taken, ["4", "1", "2", "3"]);
        assert_eq!(queue.pop(other.iter()).as_deref(), Some("5"));
        assert!(queue.tasks.is_empty());
    }
}
