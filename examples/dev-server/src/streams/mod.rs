//! The logs of runs, wherever they lie: in the store of this server, or at S2.
//!
//! Sends, appends and ingests write here, readers and tasks read here. With S2 a record may also come from a writer
//! that was handed credentials and writes past this server ([`Streams::hand_out`]).

mod api;
mod config;
mod credentials;
mod failure;
mod lane;
mod name;
mod s2;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue};
use tokio::time::Instant;

use crate::sse::Feed;
use crate::store::{Append, Appended, Record, Store, StreamKey};
pub use config::{S2Config, StreamEngine};
pub(crate) use failure::Failure;
use s2::S2;

/// Where a reader begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum From {
    /// At this sequence number, or at the end of the log when that comes first.
    Number(u64),
    /// Behind what is there.
    End,
}

/// How long a reader is kept in a quiet log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Until the end, counted from the last record.
    pub(crate) idle: Duration,
    /// Until a sign of life. S2 gives its own.
    pub(crate) ping_after: Duration,
}

pub(crate) enum Streams {
    Own(Arc<Store>),
    S2(Arc<S2>),
}

impl Streams {
    pub(crate) fn new(engine: &StreamEngine, environment: &str, store: &Arc<Store>) -> Self {
        match engine {
            StreamEngine::Own => Self::Own(Arc::clone(store)),
            StreamEngine::S2(config) => Self::S2(Arc::new(S2::new(config.clone(), environment, Arc::clone(store)))),
        }
    }

    /// Sees to it that there is something to write to.
    pub(crate) async fn prepare(&self) -> Result<(), Failure> {
        match self {
            Self::Own(_) => Ok(()),
            Self::S2(s2) => s2.prepare().await,
        }
    }

    /// Whether they lie in the store of this server.
    pub(crate) const fn are_own(&self) -> bool {
        matches!(self, Self::Own(_))
    }

    /// Appends one record. Safe to give up half way: a repeat with the same key is still a repeat.
    pub(crate) async fn append(&self, key: &StreamKey, append: &Append<'_>) -> Result<Appended, Failure> {
        match self {
            Self::Own(store) => Ok(store.append(key, append)),
            Self::S2(s2) => s2.append(key, vec![append.to_owned()]).await,
        }
    }

    /// Appends records in this order, up to the first that is not taken; gives what came of that or of the last. As safe to give up.
    pub(crate) async fn append_all(&self, key: &StreamKey, appends: Vec<Append<'static>>) -> Result<Appended, Failure> {
        match self {
            Self::Own(store) => {
                let mut appended = Appended::Before;
                for append in &appends {
                    appended = store.append(key, append);
                    if matches!(appended, Appended::TooLarge(_)) {
                        break;
                    }
                }
                Ok(appended)
            }
            Self::S2(s2) => s2.append(key, appends).await,
        }
    }

    /// Whether the log holds a record that was appended once with this key.
    pub(crate) async fn has(&self, key: &StreamKey, once: &str) -> Result<bool, Failure> {
        if let Self::S2(s2) = self {
            s2.settle(key).await?;
        }
        Ok(self.store().has(key, once))
    }

    /// The index of the last line that this client ingested; `None` when there is none.
    pub(crate) async fn last_line(&self, key: &StreamKey, client: &str) -> Result<Option<u64>, Failure> {
        if let Self::S2(s2) = self {
            s2.settle(key).await?;
        }
        Ok(self.store().last_line(key, client))
    }

    /// The records from a sequence number on, a bounded number of them; none at the end of the log.
    pub(crate) async fn read(&self, key: &StreamKey, from: u64) -> Result<Vec<Record>, Failure> {
        match self {
            Self::Own(store) => Ok(store.read(key, from).records),
            Self::S2(s2) => s2.read(key, from).await,
        }
    }

    /// The first record from a sequence number on, as soon as S2 has one. `None` when it has none at that time, or a
    /// little before.
    pub(crate) async fn next(&self, key: &StreamKey, from: u64, until: Instant) -> Result<Option<Record>, Failure> {
        match self {
            Self::Own(store) => Ok(store.read(key, from).records.into_iter().next()),
            Self::S2(s2) => s2.next(key, from, until).await,
        }
    }

    /// How many records the log has.
    pub(crate) async fn length(&self, key: &StreamKey) -> Result<u64, Failure> {
        match self {
            Self::Own(store) => Ok(store.read(key, u64::MAX).tail.seq_num),
            Self::S2(s2) => s2.length(key).await,
        }
    }

    /// The log as server-sent events.
    pub(crate) async fn events(&self, key: StreamKey, from: From, patience: Patience) -> Result<Body, Failure> {
        match self {
            Self::Own(store) => Ok(Body::from_stream(Feed::open(store, key, from, patience).into_stream())),
            Self::S2(s2) => s2.events(&key, from, patience.idle).await,
        }
    }

    /// The headers that tell a writer where to write this output stream. Without any it writes through this server.
    pub(crate) async fn hand_out(&self, key: &StreamKey) -> Result<Vec<(HeaderName, HeaderValue)>, Failure> {
        match self {
            Self::Own(_) => Ok(Vec::new()),
            Self::S2(s2) => s2.hand_out(key).await,
        }
    }

    /// What is known of the logs of runs that are gone. What lies at S2 stays there, as long as its basin says.
    pub(crate) fn forget(&self, runs: &[String]) {
        if let Self::S2(s2) = self {
            s2.forget(runs);
        }
    }

    fn store(&self) -> &Arc<Store> {
        match self {
            Self::Own(store) => store,
            Self::S2(s2) => s2.store(),
        }
    }
}
