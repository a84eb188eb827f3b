//! A log as server-sent events, in the form of v2 streams.
//!
//! First what is there, in events without a `tail`; then a ping; then what comes, each event with a `tail`; a ping
//! after every quiet spell; and when nothing has come for the idle time, `[DONE]` and the end. Nothing else ends a
//! feed: neither the run's end nor the writer's.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::clock::now_ms;
use crate::store::{Record, Slice, Store, StreamKey, Tail};
use crate::streams::{From, Patience};

pub(crate) struct Feed {
    store: Arc<Store>,
    key: StreamKey,
    grown: watch::Receiver<u64>,
    next: u64,
    sent_records: u64,
    sent_bytes: u64,
    idle: Duration,
    ping_after: Duration,
    phase: Phase,
    last_record: Instant,
    last_event: Instant,
}

enum Phase {
    CatchingUp,
    Live,
    Closed,
}

impl Feed {
    /// Starts where it is told to, or at the end of the log when that comes first.
    pub(crate) fn open(store: &Arc<Store>, key: StreamKey, from: From, patience: Patience) -> Self {
        let grown = store.watch(&key);
        let from = if let From::Number(number) = from { number } else { u64::MAX };
        let next = from.min(store.read(&key, from).tail.seq_num);
        let now = Instant::now();
        Self {
            store: Arc::clone(store),
            key,
            grown,
            next,
            sent_records: 0,
            sent_bytes: 0,
            idle: patience.idle,
            ping_after: patience.ping_after,
            phase: Phase::CatchingUp,
            last_record: now,
            last_event: now,
        }
    }

    pub(crate) fn into_stream(self) -> impl Stream<Item = Result<String, Infallible>> + Send {
        stream::unfold(self, |mut feed| async move { Some((Ok(feed.event().await?), feed)) })
    }

    /// The next event; `None` after the last. It tells of nothing that a crash could take back: a reader goes on behind
    /// what it has seen.
    async fn event(&mut self) -> Option<String> {
        let event = match self.phase {
            Phase::CatchingUp => self.catch_up(),
            Phase::Live => self.follow().await,
            Phase::Closed => return None,
        };
        self.store.written().await.ok()?;
        self.last_event = Instant::now();
        Some(event)
    }

    fn catch_up(&mut self) -> String {
        let slice = self.read();
        if slice.records.is_empty() {
            self.phase = Phase::Live;
            return ping(slice.tail);
        }
        self.batch(slice.records, None)
    }

    async fn follow(&mut self) -> String {
        loop {
            let slice = self.read();
            if !slice.records.is_empty() {
                return self.batch(slice.records, Some(slice.tail));
            }
            let close_at = self.last_record + self.idle;
            let ping_at = self.last_event + self.ping_after;
            tokio::select! {
                biased;
                changed = self.grown.changed() => {
                    if changed.is_err() {
                        // The run is kept no longer.
                        self.phase = Phase::Closed;
                        return "data: [DONE]\n\n".to_owned();
                    }
                }
                () = sleep_until(close_at.min(ping_at)) => {
                    if close_at <= ping_at {
                        self.phase = Phase::Closed;
                        return "data: [DONE]\n\n".to_owned();
                    }
                    return ping(slice.tail);
                }
            }
        }
    }

    /// Marks the log as seen before reading it, so that a record which comes in between wakes the next wait.
    fn read(&mut self) -> Slice {
        self.grown.mark_unchanged();
        self.store.read(&self.key, self.next)
    }

    fn batch(&mut self, records: Vec<Record>, tail: Option<Tail>) -> String {
        #[derive(Serialize)]
        struct Batch {
            records: Vec<Record>,
            #[serde(skip_serializing_if = "Option::is_none")]
            tail: Option<Tail>,
        }
        self.next += records.len() as u64;
        self.sent_records += records.len() as u64;
        self.sent_bytes += records.iter().map(|record| record.measure() as u64).sum::<u64>();
        self.last_record = Instant::now();
        let id = format!("{},{},{}", self.next - 1, self.sent_records, self.sent_bytes);
        format!("event: batch\nid: {id}\ndata: {}\n\n", json(&Batch { records, tail }))
    }
}

fn ping(tail: Tail) -> String {
    #[derive(Serialize)]
    struct Ping {
        timestamp: u64,
        tail: Tail,
    }
    format!("event: ping\ndata: {}\n\n", json(&Ping { timestamp: now_ms(), tail }))
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
