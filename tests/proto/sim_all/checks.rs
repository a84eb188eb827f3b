//! What has to hold, all the time and in the end.

use tidegate::proto::http::{OutgoingRequest, RequestKind};
use tidegate::proto::output::Event;

use super::super::harness::{Entry, is_read};
use super::{CLOSED_MS, Feed, LIMIT, NEAR, Reader, Sent, Simulation};

impl Simulation {
    pub(super) fn describe(&self) -> String {
        let readers = self.readers.iter().map(|reader| (&reader.url, self.world.statuses(reader.id).pop()));
        let sends = self.sends.iter().map(|sent| (&sent.url, self.world.state(sent.id)));
        let due = self.world.due_in_ms();
        format!("{:?} {:?} {due:?} {:?}", readers.collect::<Vec<_>>(), sends.collect::<Vec<_>>(), self.under_way)
    }

    pub(super) fn is_at_rest(&self) -> bool {
        let settled = |sent: &Sent| !matches!(self.world.state(sent.id).split(':').next(), Some("queued" | "sending"));
        let ended = |reader: &Reader| {
            reader.closed || self.world.statuses(reader.id).last().is_some_and(|last| last == "ended")
        };
        let followed =
            |feed: &Feed| feed.closed || self.world.statuses(feed.id).last().is_some_and(|last| last == "ended");
        self.sends.iter().all(settled) && self.readers.iter().all(ended) && self.feeds.iter().all(followed)
    }

    /// Goes through what has been asked and given up since it last did, in order.
    pub(super) fn follow(&mut self) {
        self.show();
        let seed = self.seed;
        let is_near = |request: &OutgoingRequest| {
            let is_window = is_read(request) && !request.url.contains("/input/");
            (is_window || request.kind == RequestKind::Feed) && request.url.starts_with(NEAR)
        };
        for (at_ms, entry) in core::mem::take(&mut self.world.journal) {
            let request = match entry {
                Entry::GivenUp(id) => {
                    if self.under_way.remove(&id).is_some_and(|request| is_near(&request)) {
                        self.closing_ms.push(at_ms + CLOSED_MS);
                    }
                    self.windows.remove(&id);
                    continue;
                }
                Entry::Over(id) => {
                    self.under_way.remove(&id);
                    self.windows.remove(&id);
                    continue;
                }
                Entry::Made(request) => request,
            };
            let url = request.url.clone();
            // A run may be watched for two principals.
            let alike = self.under_way.values().filter(|other| other.url == url).count();
            assert!(alike < if request.kind == RequestKind::Run { 2 } else { 1 }, "seed {seed}: two requests to {url}");
            if is_read(&request) && !url.contains("/input/") {
                let last = self.last_connect.insert(url.clone(), at_ms);
                assert!(last.is_none_or(|last| at_ms - last >= 250), "seed {seed}: {url} at {last:?} and {at_ms}");
            }
            self.under_way.insert(request.id, request);
            self.closing_ms.retain(|&closed_ms| closed_ms > at_ms);
            let near = self.under_way.values().filter(|other| is_near(other)).count() + self.closing_ms.len();
            assert!(near <= LIMIT, "seed {seed}: {near} windows are open to the server");
        }
    }

    pub(super) fn check(&self) {
        let (seed, world) = (self.seed, &self.world);
        assert!(self.under_way.is_empty(), "seed {seed}: {:?}", self.under_way);
        for reader in &self.readers {
            let parts = world.parts(reader.id);
            let log: Vec<_> = (0..self.written[&reader.url].len()).map(|n| n.to_string()).collect();
            let of_run = self.finishes_ms[reader.run];
            if reader.closed {
                assert_eq!(parts, log[..parts.len()], "seed {seed}, {}", reader.url);
            } else {
                assert_eq!(parts, log, "seed {seed}, {}, whose run finished at {of_run}", reader.url);
            }
        }
        for feed in self.feeds.iter().filter(|feed| !feed.closed) {
            let row = feed.follower.shown.values().next().expect("the run is shown");
            let place = row["place"].as_u64().expect("a number");
            let ended = self.place(feed.owner, self.finishes_ms[feed.owner]);
            assert!(place >= ended, "seed {seed}: the feed of run {} is at {place} of {ended}", feed.owner);
            assert_eq!(row["completedAt"], "then", "seed {seed}");
        }
        for (call, owner) in &self.calls {
            let outcomes =
                world.events.iter().filter(|event| matches!(event, Event::Call(id, _) if id == call)).count();
            let closed = self.feeds[*owner].closed;
            assert!(outcomes == 1 || closed && outcomes == 0, "seed {seed}: {outcomes} outcomes of {call:?}");
        }
        for (url, log) in &self.stored {
            let ours: Vec<_> = log.iter().map(|(number, _)| *number).filter(|number| *number < 1_000).collect();
            assert!(ours.is_sorted(), "seed {seed}: {url} is out of order: {ours:?}");
        }
        for sent in &self.sends {
            let alike = self.sends.iter().filter(|other| other.url == sent.url && other.number == sent.number);
            let (mut accepted, mut unknown) = (0, 0);
            for other in alike {
                match world.state(other.id).split(':').next() {
                    Some("accepted") => accepted += 1,
                    Some("unknown") => unknown += 1,
                    _ => {}
                }
            }
            let log = self.stored.get(&sent.url).map_or(&[][..], Vec::as_slice);
            let copies = log.iter().filter(|(number, _)| *number == sent.number).count();
            let told = format!("{accepted} accepted and {unknown} unknown, {copies} stored");
            assert!(
                (accepted..=accepted + unknown).contains(&copies),
                "seed {seed}, {} {}: {told}",
                sent.url,
                sent.number
            );
        }
    }
}
