//! Logs at S2.
//!
//! An append says at which place its record is to stand, and S2 puts it there or nowhere. So when an answer is lost,
//! the record is at that place or in no log: a look at the place tells, before this server ends or after. What makes a
//! repeat a repeat is kept in the store of this server, in two steps: before the append, that the key may stand at the
//! place (in doubt); after it, that it does. A crash or an outage between them leaves a doubt, which the next append to
//! the log, or the next question for the key, settles by a look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue};
use tokio::sync::Mutex as Turn;
use tokio::time::{Instant, sleep, sleep_until};

use super::api::{Api, Place, Problem, Start};
use super::config::S2Config;
use super::credentials::Credentials;
use super::{Failure, From, name};
use crate::store::{Append, Appended, RECORD_LIMIT, Record, Store, StreamKey};

/// The pauses before a call is made once more.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(250)];
/// Between looks for a stream that is not there.
const NO_STREAM: Duration = Duration::from_secs(1);
/// How often others may write to the place that an append was to have.
const MOST_RACES: usize = 100;

pub(crate) struct S2 {
    api: Arc<Api>,
    config: S2Config,
    /// Before the name of every stream of this environment.
    prefix: String,
    store: Arc<Store>,
    credentials: Credentials,
    lanes: Mutex<HashMap<StreamKey, Arc<Turn<Lane>>>>,
}

/// The appends of this server to one log, one at a time.
#[derive(Default)]
struct Lane {
    /// Where the log ended when it was last heard of.
    tail: Option<u64>,
}

impl S2 {
    pub(super) fn new(config: S2Config, environment: &str, store: Arc<Store>) -> Self {
        Self {
            api: Arc::new(Api::new(&config)),
            config,
            prefix: format!("env/dev/{environment}"),
            store,
            credentials: Credentials::default(),
            lanes: Mutex::default(),
        }
    }

    pub(super) const fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Makes the basin if it is missing.
    pub(super) async fn prepare(&self) -> Result<(), Failure> {
        match patiently(|| self.api.create_basin(&self.config.basin)).await {
            Ok(()) | Err(Problem::Exists) => Ok(()),
            // A token for one basin cannot make basins. Whether it can write there, the first write shows.
            Err(Problem::Denied(_)) => Ok(()),
            Err(problem) => Err(failure(problem, true)),
        }
    }

    pub(super) async fn append(&self, key: &StreamKey, append: &Append<'_>) -> Result<Appended, Failure> {
        let name = self.name(key)?;
        let body = append.body();
        let size = Record::measure_of(&body);
        if size > RECORD_LIMIT {
            return Ok(Appended::TooLarge(size));
        }
        let lane = self.lane(key);
        let mut lane = lane.lock().await;
        if self.store.is_repeat(key, append) {
            return Ok(Appended::Before);
        }
        self.settle_in(&mut lane, key, &name).await?;
        // It was in doubt: this is the first that anybody hears of it.
        if self.store.is_repeat(key, append) {
            return Ok(Appended::Now);
        }
        self.append_in(&mut lane, key, &name, append, &body).await
    }

    async fn append_in(
        &self,
        lane: &mut Lane,
        key: &StreamKey,
        name: &str,
        append: &Append<'_>,
        body: &str,
    ) -> Result<Appended, Failure> {
        let mut pauses = PAUSES.iter();
        let (mut races, mut is_created) = (0, false);
        // Whether the record may stand somewhere though nobody said so.
        let mut is_undone = true;
        loop {
            let at = match lane.tail {
                Some(tail) => tail,
                None => self.tail(name).await?,
            };
            lane.tail = Some(at);
            self.store.doubt(key, at, append);
            self.store.written().await.map_err(Failure::Database)?;
            match self.api.append(name, body, at).await {
                Ok(tail) => {
                    lane.tail = Some(tail);
                    self.store.decide(key, at, Some(append.id()));
                    return Ok(Appended::Now);
                }
                Err(Problem::NoStream) if !is_created => {
                    self.create(name).await?;
                    is_created = true;
                }
                Err(Problem::Elsewhere(tail)) => {
                    lane.tail = Some(tail);
                    let is_harmless = append.is_keyed() || is_undone;
                    let looked = self.place(key, name, at).await;
                    let there = looked.map_err(|failure| failure.repeatable_if(is_harmless))?;
                    if there.as_deref() == Some(append.id()) || self.store.is_repeat(key, append) {
                        return Ok(Appended::Now);
                    }
                    is_undone = true;
                    races += 1;
                    if races == MOST_RACES {
                        let reason = "Others write to this stream so often that there was no room for this".to_owned();
                        return Err(Failure::Unavailable { reason, is_repeatable: true });
                    }
                }
                Err(Problem::Trouble { reason, is_undone: nothing_done }) => {
                    is_undone &= nothing_done;
                    let Some(pause) = pauses.next() else {
                        return Err(failure(Problem::Trouble { reason, is_undone }, append.is_keyed()));
                    };
                    sleep(*pause).await;
                }
                // What is in doubt stays so: this place may have been on the way before.
                Err(problem) => return Err(failure(problem, append.is_keyed())),
            }
        }
    }

    /// Finds out what has become of the appends of which nobody knows.
    pub(super) async fn settle(&self, key: &StreamKey) -> Result<(), Failure> {
        let name = self.name(key)?;
        let lane = self.lane(key);
        let mut lane = lane.lock().await;
        self.settle_in(&mut lane, key, &name).await
    }

    async fn settle_in(&self, lane: &mut Lane, key: &StreamKey, name: &str) -> Result<(), Failure> {
        for at in self.store.doubts(key) {
            self.place(key, name, at).await?;
            // Others may have written since.
            lane.tail = None;
        }
        Ok(())
    }

    /// The part at a place, which settles what was in doubt there.
    async fn place(&self, key: &StreamKey, name: &str, at: u64) -> Result<Option<String>, Failure> {
        match patiently(|| self.api.place(name, at)).await.map_err(|problem| failure(problem, true))? {
            Place::Free => Ok(None),
            Place::Taken(part) => {
                self.store.decide(key, at, part.as_deref());
                Ok(part)
            }
        }
    }

    async fn tail(&self, name: &str) -> Result<u64, Failure> {
        match patiently(|| self.api.tail(name)).await {
            Err(Problem::NoStream) => Ok(0),
            tail => tail.map_err(|problem| failure(problem, true)),
        }
    }

    pub(super) async fn read(&self, key: &StreamKey, from: u64) -> Result<Vec<Record>, Failure> {
        let name = self.name(key)?;
        match patiently(|| self.api.read(&name, from)).await {
            Err(Problem::NoStream) => Ok(Vec::new()),
            records => records.map_err(|problem| failure(problem, true)),
        }
    }

    /// The first record from a sequence number on, as soon as there is one. `None` when there is none at that time.
    pub(super) async fn next(&self, key: &StreamKey, from: u64, until: Instant) -> Result<Option<Record>, Failure> {
        let name = self.name(key)?;
        match self.api.next(&name, from, until).await {
            // Whoever writes makes it, and not whoever looks.
            Err(Problem::NoStream) => {
                sleep_until(until.min(Instant::now() + NO_STREAM)).await;
                Ok(None)
            }
            record => record.map_err(|problem| failure(problem, true)),
        }
    }

    pub(super) async fn length(&self, key: &StreamKey) -> Result<u64, Failure> {
        match self.name(key) {
            Ok(name) => self.tail(&name).await,
            // What cannot be a stream is none.
            Err(_) => Ok(0),
        }
    }

    pub(super) async fn events(&self, key: &StreamKey, from: From, idle: Duration) -> Result<Body, Failure> {
        let name = self.name(key)?;
        let start = match from {
            From::Number(number) => Start::Number(number),
            From::End => Start::End,
        };
        let open = || self.api.events(&name, &start, idle);
        match patiently(open).await {
            Err(Problem::NoStream) => {
                self.create(&name).await?;
                patiently(open).await.map_err(|problem| failure(problem, true))
            }
            events => events.map_err(|problem| failure(problem, true)),
        }
    }

    /// The stream is there afterwards: not every basin makes one for whoever writes to it.
    pub(super) async fn hand_out(&self, key: &StreamKey) -> Result<Vec<(HeaderName, HeaderValue)>, Failure> {
        let relative = self.relative(key)?;
        self.create(&format!("{}{relative}", self.prefix)).await?;
        let handed = self.credentials.of(&self.api, &self.config, &self.prefix, &relative).await;
        handed.map_err(|problem| failure(problem, true))
    }

    async fn create(&self, name: &str) -> Result<(), Failure> {
        match patiently(|| self.api.create_stream(name)).await {
            Err(Problem::Exists) => Ok(()),
            made => made.map_err(|problem| failure(problem, true)),
        }
    }

    fn name(&self, key: &StreamKey) -> Result<String, Failure> {
        Ok(format!("{}{}", self.prefix, self.relative(key)?))
    }

    fn relative(&self, key: &StreamKey) -> Result<String, Failure> {
        let reserved =
            || Failure::NoName("A stream of this name is an input stream, and has an address of its own".to_owned());
        name::relative(key).ok_or_else(reserved)
    }

    pub(super) fn forget(&self, runs: &[String]) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|key, _| !runs.iter().any(|run| run == key.run()));
    }

    fn lane(&self, key: &StreamKey) -> Arc<Turn<Lane>> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(key.clone()).or_default())
    }
}

/// Makes a call that may be made again without harm, until it is answered or it is enough.
async fn patiently<T, Call>(call: impl Fn() -> Call) -> Result<T, Problem>
where
    Call: Future<Output = Result<T, Problem>>,
{
    for pause in PAUSES {
        match call().await {
            Err(Problem::Trouble { .. }) => sleep(pause).await,
            answered => return answered,
        }
    }
    call().await
}

/// `is_harmless`: whether a client that asks again does no harm, whatever has come of this.
fn failure(problem: Problem, is_harmless: bool) -> Failure {
    match problem {
        Problem::BadName(reason) => Failure::NoName(reason),
        Problem::Denied(reason) | Problem::Refused(reason) => Failure::Refused(reason),
        Problem::Trouble { reason, is_undone } => {
            Failure::Unavailable { reason, is_repeatable: is_harmless || is_undone }
        }
        Problem::Elsewhere(_) | Problem::NoStream | Problem::Exists | Problem::NotImplemented => {
            Failure::Refused("S2 gives an answer that makes no sense here".to_owned())
        }
    }
}
