//! A feed under random schedules, against a server of either dialect: answers in parts, cut, late, stale, for another log, or none;
//! refused tokens, a page that is hidden, a network that goes away. What is shown is always something the server has had, in the end
//! what it has, and it is not asked more often than is polite.

mod follower;
mod server;

use std::collections::VecDeque;

use serde_json::Value;
use tidegate::proto::http::FeedKind;
use tidegate::proto::id::{ChannelId, PrincipalId, RequestId};
use tidegate::proto::input::{Command, Input};
use tidegate::proto::output::Event;
use tidegate::proto::random::Random;
use tidegate::proto::status::StreamStatus;

use super::harness::{EPOCH_MS, Entry, World, run_token, seeds};
pub(crate) use follower::{Follower, Table};
use server::{Answer, Asked, Reply};

/// How long the server and everything in between do what the dice say.
const CHAOS_MS: u64 = 150_000;

#[test]
fn what_is_shown_is_what_the_server_has() {
    let (mut refetches, mut pauses, mut parts) = (0, 0, 0);
    for seed in seeds() {
        for (dialect, kind) in [
            (Dialect::Native, FeedKind::Run),
            (Dialect::Native, FeedKind::Tags),
            (Dialect::Electric, FeedKind::Run),
            (Dialect::Electric, FeedKind::Batch),
        ] {
            let simulation = Simulation::new(seed, dialect, kind).run();
            simulation.check();
            refetches += simulation.follower.fresh.saturating_sub(1);
            parts += simulation.follower.parts;
            pauses += simulation.world.statuses(simulation.feed).iter().filter(|name| *name == "paused").count();
        }
    }
    assert!(refetches > 0 && pauses > 0 && parts > 0, "{refetches} refetches, {pauses} pauses, {parts} parts");
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Dialect {
    Native,
    Electric,
}

struct Simulation {
    seed: u64,
    dialect: Dialect,
    kind: FeedKind,
    world: World,
    dice: Random,
    feed: ChannelId,
    follower: Follower,
    events: usize,
    journal: usize,
    /// Every state the server has had, and what made it.
    versions: Vec<Table>,
    changes: Vec<Vec<Value>>,
    log: u64,
    /// Which version the snapshot of this log is of.
    snapshot: usize,
    under_way: Vec<RequestId>,
    held: Vec<(RequestId, Asked, u64)>,
    later: Vec<(u64, RequestId, Reply)>,
    /// What was answered lately, and whether to who asked from the beginning.
    given: VecDeque<(bool, Answer)>,
    tokens_given: usize,
    refused: bool,
    online: bool,
    visible: bool,
    /// Answers polls at once, until then.
    hasty_until_ms: u64,
    completed_ms: Option<u64>,
    ended_ms: Option<u64>,
    requests_ms: Vec<u64>,
    counter: u64,
}

impl Simulation {
    fn new(seed: u64, dialect: Dialect, kind: FeedKind) -> Self {
        let mut world = World::new(seed);
        let principal = world.open_principal(true);
        let feed = world.client.next_subscription();
        let name = if kind == FeedKind::Run { "run_1" } else { "some" };
        world.command(Command::Follow { feed, principal, kind, name, query: "", endless: false });
        let mut simulation = Self {
            seed,
            dialect,
            kind,
            world,
            dice: Random::new(seed ^ 0xFEED),
            feed,
            follower: Follower::default(),
            events: 0,
            journal: 0,
            versions: vec![Table::new()],
            changes: vec![Vec::new()],
            log: 1,
            snapshot: 0,
            under_way: Vec::new(),
            held: Vec::new(),
            later: Vec::new(),
            given: VecDeque::new(),
            tokens_given: 0,
            refused: false,
            online: true,
            visible: true,
            hasty_until_ms: 0,
            completed_ms: None,
            ended_ms: None,
            requests_ms: Vec::new(),
            counter: 0,
        };
        simulation.change(Some(false));
        simulation.snapshot = 1;
        simulation
    }

    fn is_calm(&self) -> bool {
        self.world.now_ms() > CHAOS_MS
    }

    fn run(mut self) -> Self {
        let mut last_change_ms = 0;
        for round in 0.. {
            assert!(round < 20_000, "{}: it never comes to rest", self.about());
            let now_ms = self.world.now_ms();
            if !self.is_calm() {
                self.disturb();
            } else if self.completed_ms.is_none() {
                self.settle();
                last_change_ms = now_ms;
            } else if now_ms < self.completed_ms.unwrap_or_default() + 4_000 && self.dice.below(4) == 0 {
                // Metadata behind the end.
                self.change(None);
                last_change_ms = now_ms;
            }
            self.step();
            let is_quiet = self.completed_ms.is_some() && self.world.now_ms() > last_change_ms + 120_000;
            if self.ended_ms.is_some() || (self.kind != FeedKind::Run && is_quiet) {
                break;
            }
        }
        self
    }

    fn about(&self) -> String {
        format!("seed {}, {:?} {:?} at {} ms", self.seed, self.dialect, self.kind, self.world.now_ms())
    }

    /// Whatever may happen to the page, and to the runs.
    fn disturb(&mut self) {
        match self.dice.below(60) {
            0..6 => self.change(Some(false)),
            6 => {
                self.online = !self.online;
                self.world.input(Input::Online(self.online));
                if !self.online {
                    self.cut_all();
                }
            }
            7 => {
                self.visible = !self.visible;
                self.world.input(Input::Visible(self.visible));
            }
            8 => {
                let ms = self.dice.below(3_600_000);
                self.world.sleep(ms);
                self.world.input(Input::Wake);
            }
            9 if self.dialect == Dialect::Electric => self.rotate(),
            10 => self.hasty_until_ms = self.world.now_ms() + self.dice.below(10_000),
            _ => {}
        }
    }

    /// The disturbance is over, and the run comes to its end.
    fn settle(&mut self) {
        (self.online, self.visible, self.hasty_until_ms) = (true, true, 0);
        self.world.input(Input::Online(true));
        self.world.input(Input::Visible(true));
        self.completed_ms = Some(self.world.now_ms());
        self.change(Some(true));
    }

    fn cut_all(&mut self) {
        self.held.clear();
        self.later.clear();
        for id in self.under_way.clone() {
            self.world.fail(id);
        }
        self.look();
    }

    fn soon(&mut self, id: RequestId, reply: Reply) {
        let due = self.world.now_ms() + 1 + self.dice.below(if self.is_calm() { 50 } else { 600 });
        self.later.push((due, id, reply));
    }

    fn step(&mut self) {
        self.give_tokens();
        while let Some(request) = self.world.requests.pop_front() {
            self.under_way.push(request.id);
            self.take(&request);
        }
        let end = self.world.now_ms() + 1 + self.dice.below(400);
        let expired: Vec<_> = self.held.extract_if(.., |(.., until)| *until <= end).collect();
        for (id, asked, until) in expired {
            let answer = self.answer(&asked);
            self.later.push((until, id, Reply::Answer(answer)));
        }
        self.later.sort_by_key(|(due, ..)| *due);
        while self.later.first().is_some_and(|(due, ..)| *due <= end) {
            let (due, id, reply) = self.later.remove(0);
            self.world.advance(due.saturating_sub(self.world.now_ms()));
            self.look();
            if self.under_way.contains(&id) {
                self.reply(id, &reply);
                self.look();
            }
        }
        self.world.advance(end.saturating_sub(self.world.now_ms()));
        self.look();
    }

    fn give_tokens(&mut self) {
        while self.tokens_given < self.world.tokens_asked() {
            self.tokens_given += 1;
            self.set_token();
        }
        if let Some(Event::Feed(_, StreamStatus::Failed(problem))) = self.world.events.last() {
            assert!(problem.code.concerns_token(), "{}: {problem:?}", self.about());
            self.set_token();
        }
    }

    fn set_token(&mut self) {
        let token = match self.kind {
            FeedKind::Run => run_token(EPOCH_MS + self.world.now_ms(), 30 + self.dice.below(900)),
            FeedKind::Tags | FeedKind::Batch => {
                super::harness::public_token(&["read:runs"], EPOCH_MS + self.world.now_ms(), 30 + self.dice.below(900))
            }
        };
        self.world.command(Command::SetToken(PrincipalId::new(1), &token));
    }

    /// Hears what the core has told, and sees what it has asked.
    fn look(&mut self) {
        let about = self.about();
        for (at_ms, entry) in &self.world.journal[self.journal..] {
            match entry {
                Entry::Made(_) => self.requests_ms.push(*at_ms),
                Entry::GivenUp(id) | Entry::Over(id) => {
                    self.under_way.retain(|other| other != id);
                    self.held.retain(|(other, ..)| other != id);
                }
            }
        }
        self.journal = self.world.journal.len();
        for event in &self.world.events[self.events..] {
            match event {
                Event::Rows(_, rows) if self.follower.take(rows) => {
                    let shown = &self.follower.shown;
                    assert!(self.versions.contains(shown), "{about}: never was {shown:?}");
                }
                Event::Feed(_, StreamStatus::Ended) => {
                    assert_eq!(self.ended_ms.replace(self.world.now_ms()), None, "{about}: it ends once");
                }
                Event::TokenNeeded(_)
                | Event::Send(_)
                | Event::Stream(..)
                | Event::Parts(..)
                | Event::Unreadable { .. }
                | Event::Feed(..)
                | Event::Rows(..)
                | Event::Call(..) => {}
            }
        }
        self.events = self.world.events.len();
    }

    fn check(&self) {
        let about = self.about();
        assert_eq!(Some(&self.follower.shown), self.versions.last(), "{about}");
        if self.kind == FeedKind::Run {
            let (completed, ended) = (self.completed_ms.unwrap_or(0), self.ended_ms.unwrap_or(0));
            assert!(completed + 1_000 <= ended, "{about}: ended {ended} ms, completed {completed} ms");
            // What was under way when it finished may have hung, the next try is put off after that, and its answer takes up to a second.
            assert!(
                ended <= completed + 30_000 + 46_000 + 16_000 + 1_002,
                "{about}: ended {ended} ms, completed {completed} ms"
            );
        } else {
            assert_eq!(self.ended_ms, None, "{about}: a feed of many has no end");
        }
        let mut line = 0;
        for &at_ms in &self.requests_ms {
            assert!(line <= at_ms + 5_000, "{about}: too many requests until {at_ms}: {:?}", self.requests_ms);
            line = line.max(at_ms) + 250;
        }
    }
}
