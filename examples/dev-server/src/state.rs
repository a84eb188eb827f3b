//! What every handler shares.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::console::Console;
use crate::engine::Engine;
use crate::faults::Faults;
use crate::feed::FeedDialect;
use crate::id;
use crate::inputs::Lookouts;
use crate::rate_limit::{RateLimiter, RateLimits};
use crate::retention::{self, Keep};
use crate::store::{DatabaseError, Store};
use crate::streams::{StreamEngine, Streams};

/// What an owner of the server may choose.
#[derive(Clone)]
pub struct Config {
    /// Signs and checks every token, and is the backend's credential. Default `tr_dev_tidegate`, which everyone knows:
    /// fit for an address that only this machine reaches.
    pub secret_key: String,
    /// The `sub` of every token. Default `cmtidegatedevelopment0000`.
    pub environment_id: String,
    /// How long a stream stays quiet before a ping. Default 5 s.
    pub ping_after: Duration,
    /// How long a stream stays open after its last record when the reader names no `Timeout-Seconds`. Default 60 s.
    pub idle_after: Duration,
    /// How long a demo task takes for a token, in milliseconds, picked anew for each. Default 25 to 40.
    pub token_pace_ms: RangeInclusive<u64>,
    /// Whether a repeated send is dropped, and clients are told so. Default: yes. The original does neither.
    pub idempotent_sends: bool,
    /// What becomes of the limits on how often `/api` may be asked. Default: counted and announced, and nothing is
    /// refused.
    pub rate_limits: RateLimits,
    /// How long a feed of runs holds a live request when nothing changes, give or take 15 %. Default 20 s.
    pub hold: Duration,
    /// Whose feeds of runs to send. Default: the original's own.
    pub feeds: FeedDialect,
    /// After how much silence a worker is taken for gone, and its runs are tried again. Default 10 s.
    pub worker_silence: Duration,
    /// How long a run is kept after its end. Default: for ever.
    pub keep: Keep,
    /// Who keeps input and output streams. Default: this server.
    pub streams: StreamEngine,
    /// Whether there are fault switches, a log of requests and a way to play the worker of a run under `/dev/`.
    /// Default: no.
    pub faults: bool,
    /// The page at `/console`. Default: as [`Console`] has it. None: there is no such page.
    pub console: Option<Console>,
    /// Hears, in lines without payload and key, what whoever started this server should know. Default: nobody does.
    pub say: fn(&str),
}

/// The key of a server that was given none.
pub const DEFAULT_SECRET_KEY: &str = "tr_dev_tidegate";

impl Default for Config {
    fn default() -> Self {
        Self {
            secret_key: DEFAULT_SECRET_KEY.to_owned(),
            environment_id: "cmtidegatedevelopment0000".to_owned(),
            ping_after: Duration::from_secs(5),
            idle_after: Duration::from_secs(60),
            token_pace_ms: 25..=40,
            idempotent_sends: true,
            rate_limits: RateLimits::default(),
            hold: Duration::from_secs(20),
            feeds: FeedDialect::Native,
            worker_silence: Duration::from_secs(10),
            keep: Keep::default(),
            streams: StreamEngine::default(),
            faults: false,
            console: Some(Console::default()),
            say: |_| {},
        }
    }
}

/// One server: its configuration, what it keeps and what it runs. Cheap to clone; clones are the same server.
#[derive(Clone)]
pub struct AppState {
    pub(crate) config: Arc<Config>,
    pub(crate) store: Arc<Store>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) waits: Arc<Waits>,
    pub(crate) lookouts: Arc<Lookouts>,
    pub(crate) running: Arc<Running>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) limiter: Arc<RateLimiter>,
    /// How this server is reached, once it listens: `http://host:port`.
    pub(crate) origin: Arc<OnceLock<String>>,
    /// Whether it listens at an address that other machines can reach.
    pub(crate) is_reached_from_afar: Arc<AtomicBool>,
    pub(crate) handles: Arc<Handles>,
    said: Arc<Mutex<HashSet<String>>>,
}

impl AppState {
    /// A server that has seen nothing yet, and whose end is the end of all it keeps.
    pub fn new(config: Config) -> Self {
        Self::over(Store::default(), config)
    }

    /// A server that keeps everything in this file, an SQLite database, and goes on with what is there. The file is
    /// made if it is missing, and so is its folder; no other server may use it meanwhile. What was answered is in the
    /// file, however the process ends.
    ///
    /// # Errors
    /// When the file is in use, was made by another program or by a newer version of this one, or cannot be read or
    /// written.
    pub fn open(config: Config, file: &Path) -> Result<Self, DatabaseError> {
        let state = Self::over(Store::open(file)?, config);
        retention::drop_old(&state);
        Ok(state)
    }

    /// Sees to it that streams can be kept where [`Config::streams`] says: at S2, that its basin is there.
    ///
    /// # Errors
    /// A sentence that says what S2 answers, or that it does not.
    pub async fn prepare(&self) -> Result<(), String> {
        self.streams.prepare().await.map_err(|failure| failure.to_string())
    }

    /// Says a line, unless it was said before.
    pub(crate) fn say_once(&self, line: &str) {
        /// From then on there is enough to read.
        const MOST: usize = 1000;
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = said.len() < MOST && said.insert(line.to_owned());
        drop(said);
        if is_new {
            (self.config.say)(line);
        }
    }

    fn over(store: Store, config: Config) -> Self {
        let store = Arc::new(store);
        Self {
            streams: Arc::new(Streams::new(&config.streams, &config.environment_id, &store)),
            config: Arc::new(config),
            store,
            waits: Arc::default(),
            lookouts: Arc::default(),
            running: Arc::default(),
            engine: Arc::default(),
            faults: Arc::default(),
            limiter: Arc::default(),
            origin: Arc::default(),
            is_reached_from_afar: Arc::default(),
            handles: Arc::default(),
            said: Arc::default(),
        }
    }
}

/// The waits of tasks in this process, by waitpoint id.
#[derive(Default)]
pub(crate) struct Waits {
    sleepers: Mutex<HashMap<String, oneshot::Sender<()>>>,
}

impl Waits {
    pub(crate) fn open(&self, wait: &str) -> oneshot::Receiver<()> {
        let (wake, woken) = oneshot::channel();
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner).insert(wait.to_owned(), wake);
        woken
    }

    pub(crate) fn wake(&self, wait: &str) {
        if let Some(sleeper) = self.close(wait) {
            // A sleeper that is gone needs no waking.
            let _ = sleeper.send(());
        }
    }

    pub(crate) fn close(&self, wait: &str) -> Option<oneshot::Sender<()>> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner).remove(wait)
    }
}

/// The tasks that execute in this process, by run id.
#[derive(Default)]
pub(crate) struct Running {
    tasks: Mutex<HashMap<String, AbortHandle>>,
}

impl Running {
    pub(crate) fn add(&self, run: &str, task: AbortHandle) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).insert(run.to_owned(), task);
    }

    pub(crate) fn remove(&self, run: &str) -> Option<AbortHandle> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).remove(run)
    }
}

/// The handles of feeds in Electric's dialect, by what the feeds show, and the cursors of both dialects.
#[derive(Default)]
pub(crate) struct Handles {
    current: Mutex<HashMap<String, String>>,
    cursor: AtomicU64,
}

impl Handles {
    /// Another at each call, so that no cache takes the next live request for the one before.
    pub(crate) fn cursor(&self) -> u64 {
        self.cursor.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn of(&self, definition: &str) -> String {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.entry(definition.to_owned()).or_insert_with(Self::fresh).clone()
    }

    /// Another handle: the one before is no good from now on.
    pub(crate) fn renew(&self, definition: &str) -> String {
        let handle = Self::fresh();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.insert(definition.to_owned(), handle.clone());
        handle
    }

    fn fresh() -> String {
        id::handle().replace('_', "-")
    }
}
