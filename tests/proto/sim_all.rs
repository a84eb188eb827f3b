//! Everything at once, under random schedules: principals, runs, queues that ask, readers that take turns, are held and see their
//! runs end, feeds of those runs, and calls, against one server whose store has a clock of its own and whose answers take their time.

mod checks;
mod server;

use std::collections::BTreeMap;

use tidegate::proto::http::{CallKind, FeedKind, OutgoingRequest};
use tidegate::proto::id::{ChannelId, PrincipalId, RequestId, SendId};
use tidegate::proto::input::{Command, Input};
use tidegate::proto::output::Event;
use tidegate::proto::random::Random;
use tidegate::proto::turns::CLOSE_MS;

use super::harness::{World, public_token, secret_key, seeds};
use super::sim_feed::Follower;
use server::{Reply, Window};

const NEAR: &str = "http://near";
const FAR: &str = "https://far";
const RUNS: usize = 3;
const LIMIT: usize = 4;
/// How late the server sees that a connection was given up.
const CLOSED_MS: u64 = CLOSE_MS - 1;
const SENDS: usize = 24;

#[test]
fn all_of_it_holds_together() {
    let mut claimed = 0;
    for seed in seeds().take(if std::env::var_os("TIDEGATE_SEEDS").is_some() { usize::MAX } else { 8 }) {
        let mut simulation = Simulation::new(seed);
        simulation.run();
        simulation.check();
        claimed += simulation.questions;
    }
    assert!(claimed > 0, "nothing was ever asked");
}

struct Reader {
    id: ChannelId,
    url: String,
    run: usize,
    held: bool,
    closed: bool,
}

struct Feed {
    id: ChannelId,
    owner: usize,
    follower: Follower,
    closed: bool,
}

struct Sent {
    id: SendId,
    url: String,
    number: usize,
}

struct Simulation {
    seed: u64,
    world: World,
    dice: Random,
    principals: Vec<PrincipalId>,
    readers: Vec<Reader>,
    sends: Vec<Sent>,
    /// One of each principal, of the run with its number.
    feeds: Vec<Feed>,
    /// Who made each.
    calls: Vec<(ChannelId, usize)>,
    events: usize,
    /// When each run finishes.
    finishes_ms: [u64; RUNS],
    /// When each part of an output stream is written.
    written: BTreeMap<String, Vec<u64>>,
    /// Number and time of each record of an input stream. The numbers from 1,000 on are somebody else's.
    stored: BTreeMap<String, Vec<(usize, u64)>>,
    store_ahead_ms: u64,
    later: Vec<(u64, RequestId, Reply)>,
    windows: BTreeMap<RequestId, Window>,
    under_way: BTreeMap<RequestId, OutgoingRequest>,
    /// When the server sees of each reader and feed near by that it was given up.
    closing_ms: Vec<u64>,
    /// When a reader last asked for a connection.
    last_connect: BTreeMap<String, u64>,
    tokens_given: usize,
    online: bool,
    questions: usize,
    closed: Option<PrincipalId>,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let (mut world, mut dice) = (World::new(seed), Random::new(seed ^ 0xA11));
        let mut principals = Vec::new();
        for (base_url, scarce) in [(NEAR, true), (NEAR, true), (FAR, false)] {
            let principal = world.client.next_principal();
            world.command(Command::OpenPrincipal { principal, base_url, branch: None, renewable: true, scarce });
            principals.push(principal);
        }
        let finishes_ms = [(); RUNS].map(|()| 1_000 + dice.below(200_000));
        let mut simulation = Self {
            seed,
            world,
            principals,
            readers: Vec::new(),
            sends: Vec::new(),
            feeds: Vec::new(),
            calls: Vec::new(),
            events: 0,
            finishes_ms,
            written: BTreeMap::new(),
            stored: BTreeMap::new(),
            store_ahead_ms: dice.below(1 << 40),
            dice,
            later: Vec::new(),
            windows: BTreeMap::new(),
            under_way: BTreeMap::new(),
            closing_ms: Vec::new(),
            last_connect: BTreeMap::new(),
            tokens_given: 0,
            online: true,
            questions: 0,
            closed: None,
        };
        for owner in 0..3 {
            for run in 0..RUNS {
                simulation.subscribe(owner, run);
            }
            let (feed, principal) = (simulation.world.client.next_subscription(), simulation.principals[owner]);
            let (kind, name, query, endless) = (FeedKind::Run, &*format!("run_{owner}"), "", false);
            simulation.world.command(Command::Follow { feed, principal, kind, name, query, endless });
            simulation.feeds.push(Feed { id: feed, owner, follower: Follower::default(), closed: false });
        }
        simulation
    }

    fn subscribe(&mut self, owner: usize, run: usize) {
        let id = self.world.client.next_subscription();
        let (key, name) = (format!("out-{owner}"), format!("run_{run}"));
        let url = format!("{}/realtime/v1/streams/{name}/{key}", if owner == 2 { FAR } else { NEAR });
        let mut times: Vec<_> = (0..self.dice.below(30)).map(|_| self.dice.below(self.finishes_ms[run])).collect();
        times.sort_unstable();
        self.written.insert(url.clone(), times);
        self.world.command(Command::Subscribe {
            subscription: id,
            principal: self.principals[owner],
            run: &name,
            key: &key,
            last_event_id: "",
            timeout_seconds: 0,
        });
        self.readers.push(Reader { id, url, run, held: false, closed: false });
    }

    fn run(&mut self) {
        while self.sends.len() < SENDS {
            match self.dice.below(20) {
                0..4 => self.send(),
                4 => self.cancel_one(),
                5 => self.set_online(!self.online),
                6 => {
                    let ms = self.dice.below(2) * self.dice.below(100_000);
                    self.world.sleep(ms);
                    self.world.input(Input::Wake);
                }
                7 | 8 => {
                    let at = self.dice.below(self.readers.len() as u64) as usize;
                    let held = self.dice.below(2) == 0;
                    self.hold(at, held);
                }
                9 if self.dice.below(8) == 0 => {
                    let at = self.dice.below(self.readers.len() as u64) as usize;
                    self.readers[at].closed = true;
                    self.world.command(Command::Unsubscribe(self.readers[at].id));
                }
                11 | 12 => self.call(),
                13 if self.dice.below(4) == 0 => {
                    let visible = self.dice.below(2) == 0;
                    self.world.input(Input::Visible(visible));
                }
                10 if self.closed.is_none() && self.dice.below(20) == 0 => self.close_one(),
                _ => {}
            }
            self.step();
        }
        self.set_online(true);
        self.world.input(Input::Visible(true));
        (0..self.readers.len()).for_each(|at| self.hold(at, false));
        for round in 0.. {
            assert!(round < 20_000, "seed {}: it never comes to rest: {}", self.seed, self.describe());
            self.step();
            if self.world.due_in_ms().is_none() {
                self.revive();
                if self.is_at_rest() {
                    return;
                }
            }
        }
    }

    fn send(&mut self) {
        let owner = self.dice.below(3) as usize;
        if self.closed == Some(self.principals[owner]) {
            return;
        }
        let run = format!("run_{}", self.dice.below(2));
        // Two in a row may be equal.
        let number = self.sends.len().saturating_sub(self.dice.below(2) as usize);
        let (id, stream) = (self.world.client.next_send(), format!("in-{owner}"));
        let json = number.to_string();
        let principal = self.principals[owner];
        self.world.command(Command::Send { send: id, principal, run: &run, stream: &stream, json: &json });
        let url = format!("{}/realtime/v1/streams/{run}/input/{stream}", if owner == 2 { FAR } else { NEAR });
        self.sends.push(Sent { id, url, number });
    }

    fn call(&mut self) {
        let owner = self.dice.below(3) as usize;
        if self.closed == Some(self.principals[owner]) {
            return;
        }
        let (call, principal) = (self.world.client.next_subscription(), self.principals[owner]);
        let kind = [CallKind::Trigger, CallKind::Complete][self.dice.below(2) as usize];
        let (name, body) = (&*format!("any-{}", self.calls.len()), "{\"data\":1}");
        self.world.command(Command::Call { call, principal, kind, name, body });
        self.calls.push((call, owner));
    }

    /// Shows what the feeds are told.
    fn show(&mut self) {
        for at in self.events..self.world.events.len() {
            if let Event::Rows(id, rows) = &self.world.events[at] {
                let feed = self.feeds.iter_mut().find(|feed| feed.id == *id).expect("it is a feed of ours");
                feed.follower.take(rows);
            }
        }
        self.events = self.world.events.len();
    }

    fn cancel_one(&mut self) {
        if !self.sends.is_empty() {
            let at = self.dice.below(self.sends.len() as u64) as usize;
            self.world.command(Command::CancelSend(self.sends[at].id));
        }
    }

    fn hold(&mut self, at: usize, held: bool) {
        let reader = &mut self.readers[at];
        reader.held = held;
        self.world.command(Command::SetReading(reader.id, !held));
    }

    fn set_online(&mut self, online: bool) {
        self.online = online;
        self.world.input(Input::Online(online));
    }

    fn close_one(&mut self) {
        let owner = self.dice.below(3) as usize;
        for at in owner * RUNS..(owner + 1) * RUNS {
            self.readers[at].closed = true;
        }
        self.feeds[owner].closed = true;
        self.closed = Some(self.principals[owner]);
        self.world.command(Command::ClosePrincipal(self.principals[owner]));
    }

    /// A moment of the server's and of everybody's.
    fn step(&mut self) {
        self.give_tokens();
        self.forget();
        for request in core::mem::take(&mut self.world.requests) {
            self.take(&request);
        }
        for request in core::mem::take(&mut self.world.run_requests) {
            self.tell_run(&request);
        }
        self.write();
        let ms = self.dice.below(600);
        let end = self.world.now_ms() + ms;
        self.later.sort_by_key(|(due, ..)| *due);
        while self.later.first().is_some_and(|(due, ..)| *due <= end) {
            let (due, id, reply) = self.later.remove(0);
            self.world.advance(due.saturating_sub(self.world.now_ms()));
            self.follow();
            self.reply(id, reply);
            self.follow();
        }
        self.world.advance(end.saturating_sub(self.world.now_ms()));
        self.follow();
    }

    /// A second refusal in a row is the end, and rightly, until the application has another token.
    fn revive(&mut self) {
        for reader in 0..self.readers.len() {
            let Reader { id, closed, .. } = self.readers[reader];
            if !closed && self.world.statuses(id).last().is_some_and(|last| last.starts_with("failed")) {
                self.world.command(Command::SetToken(self.principals[reader / RUNS], &secret_key()));
            }
        }
        for at in 0..self.feeds.len() {
            let Feed { id, owner, closed, .. } = self.feeds[at];
            if !closed && self.world.statuses(id).last().is_some_and(|last| last.starts_with("failed")) {
                self.world.command(Command::SetToken(self.principals[owner], &secret_key()));
            }
        }
    }

    fn give_tokens(&mut self) {
        let asked = self.world.events.iter().filter_map(|event| match event {
            Event::TokenNeeded(principal) => Some(*principal),
            Event::Send(_)
            | Event::Stream(..)
            | Event::Parts(..)
            | Event::Unreadable { .. }
            | Event::Feed(..)
            | Event::Rows(..)
            | Event::Call(..) => None,
        });
        let asked: Vec<_> = asked.skip(self.tokens_given).collect();
        self.tokens_given += asked.len();
        for principal in asked {
            match self.dice.below(8) {
                0 => self.world.command(Command::FailToken(principal, "no luck")),
                // The provider hangs.
                1 => {}
                _ => {
                    let lifetime = 60 + self.dice.below(900);
                    let token = public_token(
                        &["read:runs", "write:inputStreams", "trigger:tasks", "write:waitpoints"],
                        self.world.wall_ms(),
                        lifetime,
                    );
                    self.world.command(Command::SetToken(principal, &token));
                }
            }
        }
    }

    /// As a page does that keeps no list of what was accepted.
    fn forget(&mut self) {
        for sent in &self.sends {
            if self.world.state(sent.id) == "accepted" {
                self.world.command(Command::ForgetSend(sent.id));
            }
        }
    }
}
