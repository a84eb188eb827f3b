//! The appends of this server to one log: those that come while others are on their way leave together as soon as these have arrived.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as Turn, oneshot};

use super::Failure;
use crate::store::{Append, Appended, RECORD_LIMIT, Record};

/// What S2 takes at once, at most.
pub(super) const BATCH_RECORDS: usize = 1000;
const BATCH_BYTES: usize = 1_048_576;

#[derive(Default)]
pub(super) struct Lane {
    /// One batch or one look at a time. Where the log ended when it was last heard of.
    pub(super) tail: Turn<Option<u64>>,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    jobs: VecDeque<Job>,
    is_served: bool,
}

/// Appends that came together, in their order. What stands behind one that fails is not made.
struct Job {
    rest: VecDeque<Waiting>,
    /// What it comes to when the rest has been appended.
    outcome: Appended,
    tell: oneshot::Sender<Answer>,
}

struct Waiting {
    append: Append<'static>,
    body: String,
}

type Answer = Result<Appended, Failure>;
pub(super) type Told = oneshot::Receiver<Answer>;

/// What is to be told to whom.
#[must_use]
#[derive(Default)]
pub(super) struct Answers(Vec<(oneshot::Sender<Answer>, Answer)>);

impl Answers {
    /// Who has gone away does not hear it.
    pub(super) fn tell(self) {
        for (tell, answer) in self.0 {
            let _ = tell.send(answer);
        }
    }
}

impl Lane {
    /// Puts appends in line. `true`: nobody serves the line, so the caller has to.
    pub(super) fn put(&self, appends: Vec<Append<'static>>) -> (Told, bool) {
        let (tell, told) = oneshot::channel();
        let mut job = Job { rest: VecDeque::with_capacity(appends.len()), outcome: Appended::Before, tell };
        for append in appends {
            let body = append.body();
            let size = Record::measure_of(&body);
            if size > RECORD_LIMIT {
                job.outcome = Appended::TooLarge(size);
                break;
            }
            job.rest.push_back(Waiting { append, body });
        }
        let mut line = self.line();
        line.jobs.push_back(job);
        (told, !std::mem::replace(&mut line.is_served, true))
    }

    /// Takes from the front of the line what S2 takes at once.
    pub(super) fn take(&self) -> Batch {
        let mut line = self.line();
        let (mut batch, mut size) = (Batch::default(), 0);
        while let Some(mut job) = line.jobs.pop_front() {
            let owner = batch.jobs.len();
            while let Some(next) = job.rest.front() {
                size += Record::measure_of(&next.body);
                if !batch.items.is_empty() && (size > BATCH_BYTES || batch.items.len() == BATCH_RECORDS) {
                    batch.jobs.push(job);
                    return batch;
                }
                let Some(Waiting { append, body }) = job.rest.pop_front() else { break };
                batch.items.push(Item { append, body, owner, fate: None });
            }
            batch.jobs.push(job);
        }
        batch
    }

    /// Ends a batch: what has no fate by now has failed. What came with something that was done goes on at the front of the line.
    pub(super) fn end(&self, batch: Batch, failed: Option<&Failed>) -> Answers {
        let Batch { items, jobs } = batch;
        let mut fates: Vec<Fates> = jobs.iter().map(|_| Fates::default()).collect();
        for item in &items {
            fates[item.owner].add(item);
        }
        let (mut answers, mut unfinished) = (Answers::default(), None);
        for (mut job, fates) in jobs.into_iter().zip(fates) {
            let failed = failed.filter(|_| fates.is_cut);
            if failed.is_none() && !matches!(job.outcome, Appended::TooLarge(_)) {
                job.outcome = fates.last.unwrap_or(job.outcome);
            }
            match failed {
                Some(Failed { failure, is_undone }) => {
                    let failure = failure.clone().repeatable_if(*is_undone || fates.is_harmless);
                    answers.0.push((job.tell, Err(failure)));
                }
                None if job.rest.is_empty() => answers.0.push((job.tell, Ok(job.outcome))),
                None => unfinished = Some(job),
            }
        }
        if let Some(job) = unfinished {
            self.line().jobs.push_front(job);
        }
        answers
    }

    /// Who serves the line and breaks down takes with it those in line, and leaves it to the next who comes.
    pub(super) const fn serving(&self) -> Serving<'_> {
        Serving(self)
    }

    /// Whether nobody is in line. Who serves it stops then.
    pub(super) fn is_over(&self) -> bool {
        let mut line = self.line();
        line.is_served = !line.jobs.is_empty();
        !line.is_served
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Serving<'a>(&'a Lane);

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *self.0.line() = Line::default();
        }
    }
}

/// Why a batch came to nothing. `is_undone`: it is certain that none of it stands anywhere.
pub(super) struct Failed {
    pub(super) failure: Failure,
    pub(super) is_undone: bool,
}

/// What leaves at once, and those who want it.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) items: Vec<Item>,
    jobs: Vec<Job>,
}

pub(super) struct Item {
    pub(super) append: Append<'static>,
    pub(super) body: String,
    owner: usize,
    /// What has become of it, once that is known.
    pub(super) fate: Option<Appended>,
}

impl Batch {
    /// Gives a fate to what a log has by now.
    pub(super) fn sort_out(&mut self, fate: Appended, is_there: impl Fn(&Append<'_>) -> bool) {
        for item in self.items.iter_mut().filter(|item| item.fate.is_none() && is_there(&item.append)) {
            item.fate = Some(fate);
        }
    }

    /// The indexes of what has to be appended: what has no fate yet, and is no repeat of something before it.
    pub(super) fn undone(&self) -> Vec<usize> {
        let (mut keys, mut lines) = (HashSet::new(), HashMap::new());
        let mut is_first = |item: &Item| match (item.append.key(), item.append.client_line()) {
            (Some(key), _) => keys.insert(key),
            (_, Some((client, index))) => match lines.insert(client.clone(), index) {
                Some(before) if before >= index => {
                    lines.insert(client, before);
                    false
                }
                _ => true,
            },
            _ => true,
        };
        let undone = self.items.iter().enumerate().filter(|(_, item)| item.fate.is_none() && is_first(item));
        undone.map(|(index, _)| index).collect()
    }

    /// These are in the log now, and with them what repeats them.
    pub(super) fn done(&mut self, indexes: &[usize]) {
        for index in indexes {
            self.items[*index].fate = Some(Appended::Now);
        }
        self.sort_out(Appended::Before, |_| true);
    }
}

/// What has become of all that came together.
struct Fates {
    last: Option<Appended>,
    is_cut: bool,
    is_harmless: bool,
}

impl Default for Fates {
    fn default() -> Self {
        Self { last: None, is_cut: false, is_harmless: true }
    }
}

impl Fates {
    fn add(&mut self, item: &Item) {
        self.last = item.fate;
        self.is_cut |= item.fate.is_none();
        self.is_harmless &= item.fate.is_some() || item.append.is_keyed();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn line_of(lane: &Lane, jobs: Vec<Vec<Append<'static>>>) -> Vec<Told> {
        jobs.into_iter().map(|appends| lane.put(appends).0).collect()
    }

    fn keyed(key: &'static str) -> Append<'static> {
        Append::new("1", key).once(Some(key))
    }

    fn ids(batch: &Batch) -> Vec<&str> {
        batch.undone().into_iter().map(|index| batch.items[index].append.id()).collect()
    }

    #[test]
    fn one_of_those_who_come_serves_the_line() {
        let lane = Lane::default();
        assert!(lane.put(vec![keyed("a")]).1);
        assert!(!lane.put(vec![keyed("b")]).1);
        let batch = lane.take();
        assert_eq!(ids(&batch), ["a", "b"]);
        assert!(lane.is_over());
        assert!(lane.put(vec![keyed("c")]).1);
    }

    #[test]
    fn who_breaks_down_leaves_the_line_to_the_next() {
        let lane = Lane::default();
        let mut told = lane.put(vec![keyed("a")]).0;
        let served = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _serving = lane.serving();
            std::panic::resume_unwind(Box::new("a defect"));
        }));
        assert!(served.is_err() && told.try_recv().is_err());
        assert!(lane.put(vec![keyed("b")]).1);
        assert_eq!(ids(&lane.take()), ["b"]);
    }

    #[test]
    fn a_batch_is_what_s2_takes_at_once_and_the_rest_comes_next() {
        let lane = Lane::default();
        let many: Vec<_> = (0..2500).map(|index| Append::new("1", "x").line("c", index)).collect();
        let mut told = lane.put(many).0;
        let large = format!("\"{}\"", "x".repeat(600_000));
        let _large = line_of(&lane, vec![vec![Append::new(large.clone(), "l1")], vec![Append::new(large, "l2")]]);
        for expected in [1000, 1000, 501] {
            assert!(told.try_recv().is_err());
            let mut batch = lane.take();
            let undone = batch.undone();
            assert_eq!(undone.len(), expected);
            batch.done(&undone);
            lane.end(batch, None).tell();
        }
        assert_eq!(told.try_recv().unwrap().unwrap(), Appended::Now);
        assert_eq!(ids(&lane.take()), ["l2"]);
    }

    #[test]
    fn a_repeat_within_a_batch_is_one() {
        let lane = Lane::default();
        let line = |index| Append::new("1", "x").line("c", index);
        let mut told = line_of(&lane, vec![vec![keyed("a")], vec![keyed("a")], vec![line(3), line(2), line(4)]]);
        let mut batch = lane.take();
        assert_eq!(batch.undone(), [0, 2, 4]);
        batch.done(&[0, 2, 4]);
        lane.end(batch, None).tell();
        let told: Vec<_> = told.iter_mut().map(|told| told.try_recv().unwrap().unwrap()).collect();
        assert_eq!(told, [Appended::Now, Appended::Before, Appended::Now]);
    }

    #[test]
    fn what_stands_behind_a_failure_is_not_appended() {
        let lane = Lane::default();
        let large = Append::new(format!("\"{}\"", "x".repeat(RECORD_LIMIT)), "large");
        let lines: Vec<_> = (0..1500).map(|index| Append::new("1", "x").line("c", index)).collect();
        let jobs =
            vec![vec![keyed("a")], vec![keyed("b"), large, keyed("never")], vec![Append::new("1", "free")], lines];
        let mut told = line_of(&lane, jobs);
        let mut batch = lane.take();
        batch.sort_out(Appended::Before, |append| append.id() == "a" || append.id() == "b");
        let failure = Failure::Unavailable { reason: "gone".to_owned(), is_repeatable: true, after: Duration::ZERO };
        lane.end(batch, Some(&Failed { failure, is_undone: false })).tell();
        assert!(lane.is_over());
        let mut next = || told.remove(0).try_recv().unwrap();
        assert_eq!(next().unwrap(), Appended::Before);
        assert!(matches!(next().unwrap(), Appended::TooLarge(_)));
        // Nothing would make its repeat a repeat.
        assert!(matches!(next().unwrap_err(), Failure::Unavailable { is_repeatable: false, .. }));
        assert!(matches!(next().unwrap_err(), Failure::Unavailable { is_repeatable: true, .. }));
    }
}
