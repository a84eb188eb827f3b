//! What is kept no longer: runs that ended long ago, and what belongs to them.

use std::collections::{BTreeSet, HashSet};

use super::Store;
use super::disk::Entry;
use super::packet::Packet;
use super::runs::Run;
use super::tables::Tables;
use crate::clock::now_ms;

/// How many runs one transaction looks at.
const LOOKS: usize = 500;

/// What one transaction has dropped.
#[derive(Debug)]
pub(crate) struct Dropped {
    pub(crate) runs: Vec<String>,
    /// Where to go on, if there is more.
    pub(crate) next: Option<String>,
}

impl Store {
    /// Drops runs behind this one that ended before a time (ms), with their streams, what they wait for and their large
    /// packets, some of them in one transaction. One whose parent is under way stays: the parent, begun anew, would
    /// trigger it again.
    pub(crate) fn drop_ended(&self, before: u64, after: Option<&str>) -> Dropped {
        let mut tables = self.tables();
        let is_under_way = |id: &String| tables.runs.get(id).is_some_and(|run| !run.is_over());
        let is_old = |run: &Run| {
            run.finished_at.is_some_and(|end| end < before) && !run.parent.as_ref().is_some_and(is_under_way)
        };
        let (runs, next) = tables.runs.some(after, LOOKS, is_old);
        if !runs.is_empty() {
            tables.drop_runs(&runs);
        }
        Dropped { runs, next }
    }

    /// Drops what no run that is kept has any more: batches and wait tokens from before a time (ms), and keys that
    /// count no longer.
    pub(crate) fn drop_remains(&self, before: u64) {
        let mut tables = self.tables();
        tables.drop_batches(before);
        tables.drop_waitpoints(before);
        tables.drop_keys();
        tables.drop_strays();
    }

    /// Drops keys that count no longer.
    pub(crate) fn drop_expired_keys(&self) {
        let mut tables = self.tables();
        let dropped = tables.replays.drop_unless(now_ms(), |_| true);
        for replay in dropped {
            tables.changes.note(|| Entry::NoReplay(replay));
        }
    }
}

impl Tables {
    fn drop_runs(&mut self, ids: &[String]) {
        let (dropped, drops) = self.runs.drop(ids);
        self.changes.note(|| Entry::Drops(drops));
        for run in &dropped {
            self.logs.drop(&run.id);
            self.forget_waits(&run.id);
            self.drop_objects_of(&run.id);
            self.changes.note(|| Entry::NoRun { run: run.id.clone() });
        }
        self.drop_uploads_of(&dropped);
        self.changes.note(|| Entry::Clear);
    }

    fn drop_objects_of(&mut self, owner: &str) {
        let prefix = format!("{owner}/");
        let paths = self.objects.range(prefix.clone()..).map(|(path, _)| path);
        let paths: Vec<String> = paths.take_while(|path| path.starts_with(&prefix)).cloned().collect();
        for path in paths {
            self.drop_object(path);
        }
    }

    /// A client chooses where to lay a large payload, and may have several runs read it.
    fn drop_uploads_of(&mut self, runs: &[Run]) {
        let mut paths: BTreeSet<String> = runs.iter().flat_map(paths_of).map(str::to_owned).collect();
        paths.retain(|path| self.objects.contains_key(path));
        if paths.is_empty() {
            return;
        }
        for path in self.runs.iter().flat_map(paths_of) {
            paths.remove(path);
        }
        for path in paths {
            self.drop_object(path);
        }
    }

    fn drop_object(&mut self, path: String) {
        self.objects.remove(&path);
        self.changes.note(|| Entry::NoObject { path });
    }

    /// A batch goes when the last of its runs is gone.
    fn drop_batches(&mut self, before: u64) {
        let Self { batches, runs, changes, .. } = self;
        let is_gone = |run: &str| runs.get(run).is_none();
        let dropped = batches.extract_if(|_, batch| batch.updated_at < before && batch.runs().all(is_gone));
        for (batch, _) in dropped {
            changes.note(|| Entry::NoBatch { batch });
        }
    }

    /// A wait token goes when it has ended, and no run that was under way then is so still: that one may yet look for
    /// it. One that the input of a run was to complete goes too when nothing waits for it any more.
    fn drop_waitpoints(&mut self, before: u64) {
        let begun = self.runs.iter().filter(|run| !run.is_over()).filter_map(|run| run.started_at);
        let before = begun.min().map_or(before, |begun| begun.min(before));
        let mut awaited: HashSet<&str> = self.run_waits.all();
        awaited.extend(self.waits.values().map(|wait| wait.id.as_str()));
        let dropped = self.waitpoints.drop_unless(now_ms(), |waitpoint| {
            let is_old = match &waitpoint.completion {
                Some(completion) => completion.at < before,
                None => waitpoint.stream.is_some() && waitpoint.created_at < before,
            };
            !is_old || awaited.contains(waitpoint.id.as_str())
        });
        for (position, waitpoint) in &dropped {
            self.changes.note(|| Entry::NoWaitpoint { position: *position });
            self.drop_objects_of(&waitpoint.id);
        }
    }

    /// The keys of what is gone, too: they would name what nobody finds.
    fn drop_keys(&mut self) {
        let Self { replays, runs, batches, changes, .. } = self;
        let dropped = replays.drop_unless(now_ms(), |id| runs.get(id).is_some() || batches.contains_key(id));
        for replay in dropped {
            changes.note(|| Entry::NoReplay(replay));
        }
    }

    /// What a reader or a writer left that came while its run was dropped.
    fn drop_strays(&mut self) {
        let Self { logs, runs, changes, .. } = self;
        for run in logs.drop_unless(|run| runs.get(run).is_some()) {
            changes.note(|| Entry::NoRun { run });
        }
    }
}

/// Where the large packets of a run lie.
fn paths_of(run: &Run) -> impl Iterator<Item = &str> {
    let packets = [&run.payload, &run.output, &run.metadata].into_iter();
    packets.filter(|packet| packet.kind == Packet::STORE).filter_map(|packet| packet.data.as_deref())
}

#[cfg(test)]
mod tests {
    use super::super::waitpoints::{Completion, Waitpoint, tests::waitpoint};
    use super::super::{Append, Created, Object, Outcome, Replay, Shape, Status, StreamKey, WaitpointQuery};
    use super::*;

    const LATER: u64 = u64::MAX;

    fn store(runs: &[Run]) -> Store {
        let store = Store::default();
        for run in runs {
            store.create_run(run.clone(), Vec::new(), None);
        }
        store
    }

    fn run(id: &str) -> Run {
        Run::new(id.to_owned(), "t", 1)
    }

    fn ended(id: &str) -> Run {
        Run { finished_at: Some(5), ..run(id) }
    }

    #[test]
    fn what_ended_before_is_dropped_some_at_a_time() {
        let runs: Vec<Run> = (0..LOOKS + 3).map(|n| ended(&format!("run_{n:04}"))).collect();
        let store = store(&runs);
        store.create_run(run("run_9999"), Vec::new(), None);
        assert_eq!(store.drop_ended(5, None).runs, [""; 0], "it ended then, and not before");
        let first = store.drop_ended(6, None);
        assert_eq!((first.runs.len(), first.next.as_deref()), (LOOKS, Some("run_0499")));
        let second = store.drop_ended(6, first.next.as_deref());
        assert_eq!((second.runs.len(), second.next.as_deref()), (3, Some("run_9999")));
        assert_eq!(store.drop_ended(6, second.next.as_deref()).next, None);
        assert_eq!(store.list_runs(None, 10, |_| true).items.len(), 1);
    }

    #[test]
    fn a_run_stays_as_long_as_its_parent_is_under_way() {
        let child = |id: &str, parent: &str| Run { parent: Some(parent.to_owned()), ..ended(id) };
        let store = store(&[run("run_a"), child("run_b", "run_a"), child("run_c", "run_b"), child("run_d", "run_x")]);
        assert_eq!(store.drop_ended(LATER, None).runs, ["run_c", "run_d"]);
        store.finish_run("run_a", Outcome::Canceled);
        assert_eq!(store.drop_ended(LATER, None).runs, ["run_a", "run_b"]);
        assert!(store.children("run_a").is_empty());
    }

    #[test]
    fn a_key_of_a_run_that_is_dropped_names_nothing_at_once() {
        let store = Store::default();
        let key = || vec![(Replay::Key { task: "t".to_owned(), key: "k".to_owned() }, LATER)];
        store.create_run(ended("run_1"), key(), None);
        assert!(matches!(store.create_run(run("run_2"), key(), None), Created::Before { .. }));
        store.drop_ended(LATER, None);
        assert!(matches!(store.create_run(run("run_2"), key(), None), Created::Now));
        store.drop_remains(LATER);
        assert!(matches!(store.create_run(run("run_3"), key(), None), Created::Before { .. }));
    }

    #[test]
    fn wait_tokens_go_that_nobody_can_look_for_any_more() {
        let store = store(&[Run { started_at: Some(50), executions: 1, status: Status::Executing, ..run("run_1") }]);
        let completed = |id: &str, at| {
            let end = Completion { at, output: Packet::EMPTY, seq_num: None, is_error: false };
            Waitpoint { completion: Some(end), ..waitpoint(id, id, 1) }
        };
        for token in [
            completed("before", 40),
            completed("since", 60),
            completed("waited", 30),
            waitpoint("open", "open", 1),
            Waitpoint { stream: Some("s".to_owned()), ..waitpoint("forgotten", "forgotten", 1) },
            Waitpoint { timeout_at: Some(45), ..waitpoint("late", "late", 1) },
        ] {
            store.create_waitpoint(token);
        }
        store.suspend("run_1", Some(1), "waitpoint_waited");
        let key = StreamKey::input("run_1", "s");
        store.wait_for_input(&key, Waitpoint { stream: Some("s".to_owned()), ..waitpoint("input", "input", 1) }, None);
        store.drop_remains(100);
        let mut left: Vec<String> = store
            .list_waitpoints(&WaitpointQuery { size: 10, ..Default::default() })
            .waitpoints
            .into_iter()
            .map(|it| it.id)
            .collect();
        left.sort_unstable();
        assert_eq!(left, ["waitpoint_input", "waitpoint_open", "waitpoint_since", "waitpoint_waited"]);
        assert_eq!(store.create_waitpoint(waitpoint("again", "before", 1)).0.id, "waitpoint_again", "its key is free");
    }

    #[test]
    fn a_large_payload_stays_as_long_as_one_of_its_runs() {
        let object = || Object { bytes: "x".into(), kind: Packet::TEXT.to_owned() };
        let reads = |run: Run, path: &str| Run { payload: Packet::new(path, Packet::STORE), ..run };
        let store =
            store(&[reads(ended("run_1"), "shared"), reads(run("run_2"), "shared"), reads(ended("run_3"), "own")]);
        for path in ["shared", "own", "run_1/output.json", "run_10/output.json"] {
            store.put_object(path, object());
        }
        store.drop_ended(LATER, None);
        let is_there = |path| store.object(path).is_some();
        assert_eq!(
            ["shared", "own", "run_1/output.json", "run_10/output.json"].map(is_there),
            [true, false, false, true]
        );
    }

    #[test]
    fn readers_of_what_may_have_held_it_begin_anew() {
        let tagged = |id: &str, created_at| Run { created_at, tags: vec!["a".to_owned()], ..ended(id) };
        let store = store(&[tagged("run_1", 10), Run { finished_at: None, ..tagged("run_2", 20) }]);
        let shape = |created_from| Shape::Tagged { tags: vec!["a".to_owned()], created_from };
        let seen = store.snapshot(&shape(0), 10).sequence;
        let listener = store.watch_runs(&shape(0));
        store.drop_ended(LATER, None);
        assert!(listener.has_changed().unwrap());
        assert!(store.changes(&shape(0), seen).is_none());
        assert!(store.changes(&Shape::Run("run_1".to_owned()), seen).is_none());
        assert!(store.changes(&Shape::Run("run_2".to_owned()), seen).is_some());
        assert!(store.changes(&shape(11), seen).is_some(), "it was never in there");
        let fresh = store.snapshot(&shape(0), 10);
        assert_eq!(fresh.items.len(), 1);
        assert!(store.changes(&shape(0), fresh.sequence).is_some());
    }

    #[tokio::test]
    async fn who_reads_a_log_hears_that_it_is_gone() {
        let store = store(&[ended("run_1")]);
        let key = StreamKey::output("run_1", "out");
        store.append(&key, &Append::new("1", "a"));
        let mut grown = store.watch(&key);
        store.drop_ended(LATER, None);
        assert!(grown.changed().await.is_err());
        assert!(store.read(&key, 0).records.is_empty());
        // One that comes too late leaves nothing for long.
        store.append(&key, &Append::new("2", "b"));
        store.drop_remains(LATER);
        assert!(store.read(&key, 0).records.is_empty());
    }
}
