//! What is said of runs that nobody executes: most often the name of the task is wrong, or its worker has not been
//! started.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::desk::Desk;
use crate::tasks::SAMPLES;

#[derive(Default)]
pub(super) struct Notices {
    /// Runs from before are no news: their workers are about to connect again.
    is_open: AtomicBool,
    said: Mutex<HashSet<String>>,
}

impl Notices {
    pub(super) fn open(&self) {
        self.is_open.store(true, Ordering::Relaxed);
    }

    /// What to say of a run that waits for a worker: nothing where one serves its task, and once for each task.
    pub(super) fn on(&self, run: &str, task: &str, desk: &Desk) -> Option<String> {
        if !self.is_open.load(Ordering::Relaxed) || desk.serves(task) || !self.is_first_of(task) {
            return None;
        }
        let samples = SAMPLES.iter().map(|sample| sample.id);
        let served: BTreeSet<&str> = desk.served().into_iter().chain(samples).collect();
        let served: Vec<String> = served.iter().map(|task| task.escape_debug().to_string()).collect();
        let served = served.join(", ");
        Some(format!("{run} waits for a worker that serves {task:?}; served are: {served}"))
    }

    fn is_first_of(&self, task: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        !said.contains(task) && said.insert(task.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::worker::{TaskOffer, Worker};
    use super::*;
    use crate::store::RetryPolicy;

    #[test]
    fn a_task_that_nobody_serves_is_told_once_and_in_one_line() {
        let notices = Notices::default();
        let offer = |id: &str| TaskOffer { id: id.to_owned(), retry: RetryPolicy::default() };
        let mut desk = Desk::default();
        desk.workers.insert("w".to_owned(), Worker::new(String::new(), vec![offer("report"), offer("odd\none")], 1));
        let on = |run, task| notices.on(run, task, &desk);
        assert_eq!(on("run_0", "reprot"), None, "from before");
        notices.open();
        let line = "run_1 waits for a worker that serves \"reprot\"; \
                    served are: approval, chat, gate, odd\\none, progress, report, story";
        assert_eq!(on("run_1", "reprot").as_deref(), Some(line));
        assert_eq!(on("run_2", "reprot"), None);
        assert_eq!(on("run_3", "report"), None);
        assert!(on("run_4", "a\nb").is_some_and(|line| line.contains(r#""a\nb""#)));
    }
}
