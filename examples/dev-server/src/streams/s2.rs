//! Logs at S2.
//!
//! An append says at which place its first record is to stand, and S2 puts all of it there or nothing anywhere. So when
//! an answer is lost, a record is at its place or in no log: a look at the place tells, before this server ends or
//! after. What makes a repeat a repeat is kept in the store of this server, in two steps: before the append, that the
//! key may stand at the place (in doubt); after it, that it does. A crash or an outage between them leaves a doubt,
//! which the next append to the log, or the next question for the key, settles by a look.
//!
//! One append is on its way to a log at a time, so that what one writer gives stays in order whoever else writes there.
//! What comes meanwhile makes the next one.

use std::collections::HashMap;
use std::slice;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue};
use tokio::time::{Instant, sleep, sleep_until};

use super::api::{Api, Problem, Start};
use super::config::S2Config;
use super::credentials::Credentials;
use super::lane::{Answers, BATCH_RECORDS, Batch, Failed, Lane};
use super::{Failure, From, name};
use crate::store::{Append, Appended, Record, Store, StreamKey};

/// The pauses before a call is made once more, at least: S2 may ask for longer ones.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(250)];
/// Whoever is answered does not wait for a longer pause than this: that S2 asks for it is handed on.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
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
    lanes: Mutex<HashMap<StreamKey, Arc<Lane>>>,
}

/// What a log holds where somebody looked: at each place the part, of what has one.
type Parts = HashMap<u64, Option<String>>;

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

    /// Appends in this order, up to the first that fails. What comes of it does not depend on whether the caller waits.
    pub(super) async fn append(
        self: &Arc<Self>,
        key: &StreamKey,
        appends: Vec<Append<'static>>,
    ) -> Result<Appended, Failure> {
        self.name(key)?;
        let is_keyed = appends.iter().all(Append::is_keyed);
        let lane = self.lane(key);
        let (told, is_alone) = lane.put(appends);
        if is_alone {
            let (this, key) = (Arc::clone(self), key.clone());
            tokio::spawn(async move {
                let answers = this.serve(&key, &lane).await;
                // Who is answered may close the store.
                drop((this, lane));
                answers.tell();
            });
        }
        let ended = |_| {
            let reason = "This server broke off before it knew what came of it".to_owned();
            Err(Failure::Unavailable { reason, is_repeatable: is_keyed, after: Duration::ZERO })
        };
        told.await.unwrap_or_else(ended)
    }

    /// Appends what is in line until nobody is; gives the last answers.
    async fn serve(&self, key: &StreamKey, lane: &Lane) -> Answers {
        let _serving = lane.serving();
        loop {
            let mut batch = lane.take();
            let failed = self.append_batch(key, lane, &mut batch).await.err();
            let answers = lane.end(batch, failed.as_ref());
            if lane.is_over() {
                return answers;
            }
            answers.tell();
        }
    }

    async fn append_batch(&self, key: &StreamKey, lane: &Lane, batch: &mut Batch) -> Result<(), Failed> {
        let certain = |failure| Failed { failure, is_undone: true };
        let mut tail = lane.tail.lock().await;
        let is_repeat = |append: &Append<'_>| self.store.is_repeat(key, append);
        batch.sort_out(Appended::Before, is_repeat);
        let name = self.name(key).map_err(certain)?;
        if !batch.undone().is_empty() {
            self.settle_in(&mut tail, key, &name).await.map_err(certain)?;
        }
        let mut rounds = Rounds { pauses: PAUSES.iter(), races: 0, is_created: false, is_undone: true };
        loop {
            // What was in doubt is there: this is the first that anybody hears of it.
            batch.sort_out(Appended::Now, is_repeat);
            let undone = batch.undone();
            if undone.is_empty() {
                return Ok(());
            }
            let appended = self.try_append(&mut tail, key, &name, batch, &undone, &mut rounds).await;
            if appended.map_err(|failure| Failed { failure, is_undone: rounds.is_undone })? {
                batch.done(&undone);
            }
        }
    }

    /// Tries once; `false` where it may be tried again.
    async fn try_append(
        &self,
        tail: &mut Option<u64>,
        key: &StreamKey,
        name: &str,
        batch: &Batch,
        undone: &[usize],
        rounds: &mut Rounds,
    ) -> Result<bool, Failure> {
        let at = match *tail {
            Some(tail) => tail,
            None => self.tail(name).await?,
        };
        *tail = Some(at);
        let items = || (at..).zip(undone.iter().map(|index| &batch.items[*index]));
        for (at, item) in items() {
            self.store.doubt(key, at, &item.append);
        }
        self.store.written().await.map_err(Failure::Database)?;
        let stands = || items().for_each(|(at, item)| self.store.decide(key, at, Some(item.append.id())));
        let bodies: Vec<&str> = items().map(|(_, item)| item.body.as_str()).collect();
        match self.api.append(name, &bodies, at).await {
            Ok(end) => {
                *tail = Some(end);
                stands();
                Ok(true)
            }
            Err(Problem::NoStream) if !rounds.is_created => {
                self.create(name).await?;
                rounds.is_created = true;
                Ok(false)
            }
            Err(Problem::Elsewhere(end)) => {
                *tail = Some(end);
                let places: Vec<u64> = items().map(|(at, _)| at).collect();
                let there = self.look(key, name, &places).await?;
                // S2 takes all of them or none, so the first place tells.
                let first = items().next().map(|(_, item)| item.append.id());
                if there.get(&at).is_some_and(|part| part.as_deref() == first) {
                    stands();
                    return Ok(true);
                }
                rounds.is_undone = true;
                rounds.races += 1;
                if rounds.races == MOST_RACES {
                    let reason = "Others write to this stream so often that there was no room for this".to_owned();
                    return Err(Failure::Unavailable { reason, is_repeatable: true, after: Duration::ZERO });
                }
                Ok(false)
            }
            Err(Problem::Trouble { reason, is_undone, after }) => {
                rounds.is_undone &= is_undone;
                let Some(pause) = next_pause(&mut rounds.pauses, after) else {
                    return Err(failure(Problem::Trouble { reason, is_undone, after }, true));
                };
                sleep(pause).await;
                Ok(false)
            }
            // What is in doubt stays so: this place may have been on the way before.
            Err(problem) => Err(failure(problem, true)),
        }
    }

    /// Finds out what has become of the appends of which nobody knows.
    pub(super) async fn settle(&self, key: &StreamKey) -> Result<(), Failure> {
        let name = self.name(key)?;
        let lane = self.lane(key);
        let mut tail = lane.tail.lock().await;
        self.settle_in(&mut tail, key, &name).await
    }

    async fn settle_in(&self, tail: &mut Option<u64>, key: &StreamKey, name: &str) -> Result<(), Failure> {
        let doubts = self.store.doubts(key);
        if !doubts.is_empty() {
            self.look(key, name, &doubts).await?;
            // Others may have written since.
            *tail = None;
        }
        Ok(())
    }

    /// What stands at these places, which are in order; that settles what was in doubt there.
    async fn look(&self, key: &StreamKey, name: &str, places: &[u64]) -> Result<Parts, Failure> {
        let (mut parts, mut rest) = (Parts::new(), places);
        while let Some(&from) = rest.first() {
            let near = rest.partition_point(|place| place - from < BATCH_RECORDS as u64);
            let most = rest[near - 1] - from + 1;
            let found = patiently(|| self.api.parts(name, from, most)).await;
            let found = found.map_err(|problem| failure(problem, true))?;
            let Some(&(last, _)) = found.last() else { break };
            parts.extend(found);
            let seen = rest.partition_point(|place| *place <= last);
            for place in &rest[..seen] {
                // What has been trimmed is no part any more.
                self.store.decide(key, *place, parts.get(place).and_then(Option::as_deref));
            }
            rest = &rest[seen..];
        }
        Ok(parts)
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

    fn lane(&self, key: &StreamKey) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(key.clone()).or_default())
    }
}

/// How far an append has come.
struct Rounds {
    pauses: slice::Iter<'static, Duration>,
    races: usize,
    is_created: bool,
    /// It is certain that nothing of it stands anywhere.
    is_undone: bool,
}

/// Makes a call that may be made again without harm, until it is answered or it is enough.
async fn patiently<T, Call>(call: impl Fn() -> Call) -> Result<T, Problem>
where
    Call: Future<Output = Result<T, Problem>>,
{
    let mut pauses = PAUSES.iter();
    loop {
        let answered = call().await;
        let Err(Problem::Trouble { after, .. }) = &answered else { return answered };
        let Some(pause) = next_pause(&mut pauses, *after) else { return answered };
        sleep(pause).await;
    }
}

/// How long to wait before the next try, where S2 asks for so long a pause. None where it is enough.
fn next_pause(pauses: &mut slice::Iter<'_, Duration>, after: Duration) -> Option<Duration> {
    pauses.next().map(|pause| after.max(*pause)).filter(|pause| *pause <= LONGEST_PAUSE)
}

/// `is_harmless`: whether a client that asks again does no harm, whatever has come of this.
fn failure(problem: Problem, is_harmless: bool) -> Failure {
    match problem {
        Problem::BadName(reason) => Failure::NoName(reason),
        Problem::Denied(reason) | Problem::Refused(reason) => Failure::Refused(reason),
        Problem::Trouble { reason, is_undone, after } => {
            Failure::Unavailable { reason, is_repeatable: is_harmless || is_undone, after }
        }
        Problem::Elsewhere(_) | Problem::NoStream | Problem::Exists | Problem::NotImplemented => {
            Failure::Refused("S2 gives an answer that makes no sense here".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// What the last of several answers is, how often was asked, and how long that took.
    async fn asked(afters: &[u64]) -> (bool, usize, Duration) {
        let (began, count) = (Instant::now(), Cell::new(0));
        let answer = patiently(|| async {
            let after = afters.get(count.replace(count.get() + 1)).copied().map(Duration::from_secs);
            let trouble = |after| Problem::Trouble { reason: String::new(), is_undone: true, after };
            after.map_or(Ok(()), |after| Err(trouble(after)))
        });
        (answer.await.is_ok(), count.get(), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_as_long_as_s2_asks_for_unless_that_is_too_long() {
        assert_eq!(asked(&[2, 0]).await, (true, 3, Duration::from_millis(2250)));
        assert_eq!(asked(&[0, 0, 0]).await, (false, 3, Duration::from_millis(350)));
        assert_eq!(asked(&[5]).await, (true, 2, LONGEST_PAUSE));
        assert_eq!(asked(&[6]).await, (false, 1, Duration::ZERO));
    }
}
