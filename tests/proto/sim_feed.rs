//! A feed under random schedules, against a server of either dialect: answers in parts, cut, late, stale, for another log, or none;
//! refused tokens, a page that is hidden, a network that goes away. What is shown is always something the server has had, in the end
//! what it has, and it is not asked more often than is polite.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};
use tidegate::proto::http::{FeedKind, OutgoingRequest, RequestFailure, RequestKind, ResponseHead, Told};
use tidegate::proto::id::{ChannelId, PrincipalId, RequestId};
use tidegate::proto::input::{Command, Input, News};
use tidegate::proto::output::Event;
use tidegate::proto::random::Random;
use tidegate::proto::shape::Rows;
use tidegate::proto::status::StreamStatus;

use super::harness::{EPOCH_MS, Entry, World, run_token, seeds, status};

/// Columns by name, of rows by key.
pub(crate) type Table = BTreeMap<String, BTreeMap<String, Value>>;

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

/// What shows the rows: the other side of the border, in a few lines.
#[derive(Default)]
pub(crate) struct Follower {
    next: Table,
    pub(crate) shown: Table,
    pub(crate) fresh: usize,
    /// Answers that did not complete anything.
    pub(crate) parts: usize,
    schema: Option<String>,
}

impl Follower {
    /// `true` when something is to be shown.
    pub(crate) fn take(&mut self, rows: &Rows) -> bool {
        if rows.fresh {
            self.next.clear();
            self.fresh += 1;
            self.schema.clone_from(&rows.schema);
        }
        assert_eq!(rows.schema.is_some(), rows.fresh, "the schema comes with the first messages of a log");
        let messages: Vec<Value> = serde_json::from_str(&rows.text).expect("messages are a JSON array");
        for message in messages {
            let Some(key) = message["key"].as_str() else { continue };
            let value = message["value"].as_object().into_iter().flatten();
            match message["headers"]["operation"].as_str() {
                Some("delete") => {
                    self.next.remove(key);
                }
                _ => self.next.entry(key.into()).or_default().extend(value.map(|(k, v)| (k.clone(), v.clone()))),
            }
        }
        if rows.complete {
            self.shown.clone_from(&self.next);
        } else {
            self.parts += 1;
        }
        rows.complete
    }
}

#[derive(Clone)]
struct Answer {
    status: u16,
    handle: String,
    /// A version of the table, and a place in it.
    offset: (u64, u64),
    live: bool,
    schema: bool,
    retry_after_ms: u64,
    body: String,
}

enum Reply {
    Answer(Answer),
    Fail,
}

#[derive(Clone, Debug, Default)]
struct Asked {
    handle: String,
    offset: Option<(u64, u64)>,
    live: bool,
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

    fn rotate(&mut self) {
        self.log += 1;
        self.snapshot = self.versions.len() - 1;
        // Who waits for news of the old log is told that it is over.
        for (id, asked, _) in core::mem::take(&mut self.held) {
            let answer = self.answer(&asked);
            self.soon(id, Reply::Answer(answer));
        }
    }

    /// Writes another state: a run gets on, or is new, or is no more.
    fn change(&mut self, completed: Option<bool>) {
        self.counter += 1;
        let mut table = self.versions.last().cloned().unwrap_or_default();
        let rows = if self.kind == FeedKind::Run { 1 } else { 6 };
        let key = format!("\"public\".\"TaskRun\"/\"{}\"", self.dice.below(rows));
        let electric = self.dialect == Dialect::Electric;
        let message = if electric && rows > 1 && table.contains_key(&key) && self.dice.below(4) == 0 {
            table.remove(&key);
            json!({ "headers": { "operation": "delete" }, "key": key, "value": { "id": "x" } })
        } else {
            let is_new = !table.contains_key(&key);
            let row = table.entry(key.clone()).or_default();
            let mut set = BTreeMap::new();
            let text = format!("{}\"{{[\\ü", self.counter);
            for column in ["status", "metadata", "number"].iter().take(1 + self.dice.below(3) as usize) {
                set.insert((*column).to_owned(), json!(text));
            }
            if let Some(completed) = completed {
                set.insert(
                    "completedAt".into(),
                    if completed { json!("2026-11-22T08:00:00.000") } else { Value::Null },
                );
            }
            row.extend(set.clone());
            let value = if electric { set } else { row.clone() };
            json!({ "key": key, "value": value, "headers": { "operation": if is_new { "insert" } else { "update" } } })
        };
        self.versions.push(table);
        self.changes.push(vec![message]);
        for (id, asked, _) in core::mem::take(&mut self.held) {
            let answer = self.answer(&asked);
            self.soon(id, Reply::Answer(answer));
        }
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

    fn take(&mut self, request: &OutgoingRequest) {
        assert_eq!(request.kind, RequestKind::Feed);
        let asked = read_url(&request.url);
        let id = request.id;
        if !self.is_calm() {
            if !self.online {
                return self.soon(id, Reply::Fail);
            }
            match self.dice.below(24) {
                0 => return self.refuse(id, 503, 0),
                1 => {
                    let seconds = self.dice.below(5);
                    return self.refuse(id, 429, 1_000 * seconds);
                }
                // Not a renewed token: that would be the end, and rightly.
                2 if !core::mem::replace(&mut self.refused, true) => return self.refuse(id, 401, 0),
                3 => return self.soon(id, Reply::Fail),
                // Nobody answers.
                4 if self.dice.below(3) == 0 => return,
                5 | 6 => {
                    let mut answer = self.answer(&asked);
                    let mut cut = self.dice.below(answer.body.len() as u64) as usize;
                    while !answer.body.is_char_boundary(cut) {
                        cut -= 1;
                    }
                    answer.body.truncate(cut);
                    return self.soon(id, Reply::Answer(answer));
                }
                7 | 8 => {
                    if let Some(answer) = self.stale(&asked) {
                        return self.soon(id, Reply::Answer(answer));
                    }
                }
                9 if self.dialect == Dialect::Electric && asked.offset.is_some() => {
                    self.rotate();
                    let mut answer = self.answer(&asked);
                    if self.dice.below(2) == 0 {
                        // In the old way.
                        (answer.status, answer.offset) = (200, (u64::MAX, 0));
                        answer.handle.clone_from(&asked.handle);
                    }
                    return self.soon(id, Reply::Answer(answer));
                }
                _ => self.refused = false,
            }
        }
        let is_new = asked.offset.is_none_or(|(version, _)| !self.is_current(version)) || asked.handle != self.handle();
        let hasty = self.world.now_ms() < self.hasty_until_ms;
        if asked.live && !(is_new && self.dialect == Dialect::Electric && asked.handle != self.handle()) && !hasty {
            let version = asked.offset.map_or(0, |(version, _)| version);
            if self.is_current(version) {
                let until = self.world.now_ms() + 17_000 + self.dice.below(6_000);
                self.held.push((id, asked, until));
                return;
            }
        }
        let answer = self.answer(&asked);
        self.soon(id, Reply::Answer(answer));
    }

    fn refuse(&mut self, id: RequestId, code: u16, retry_after_ms: u64) {
        let body = "{\"error\":\"no\"}".to_owned();
        let (handle, offset) = (String::new(), (0, 0));
        let answer = Answer { status: code, handle, offset, live: false, schema: false, retry_after_ms, body };
        self.soon(id, Reply::Answer(answer));
    }

    fn handle(&self) -> String {
        match self.dialect {
            Dialect::Native => "run-1".into(),
            Dialect::Electric => format!("shape-{}", self.log),
        }
    }

    fn is_current(&self, version: u64) -> bool {
        let latest = self.versions.len() as u64 - 1;
        match self.dialect {
            Dialect::Native => version == 1_000 + latest,
            Dialect::Electric => version == latest || (version == 0 && self.snapshot as u64 == latest),
        }
    }

    /// An answer that was given before, to a request that had got no further.
    fn stale(&mut self, asked: &Asked) -> Option<Answer> {
        let mut fit = self.given.iter().filter(|(is_first, answer)| match asked.offset {
            None => *is_first,
            Some(offset) => answer.offset <= offset,
        });
        let count = fit.clone().count() as u64;
        if count == 0 {
            return None;
        }
        fit.nth(self.dice.below(count) as usize).map(|(_, answer)| answer.clone())
    }

    /// What the server says, now.
    fn answer(&mut self, asked: &Asked) -> Answer {
        let answer = match self.dialect {
            Dialect::Native => self.answer_natively(asked),
            Dialect::Electric => self.answer_as_electric(asked),
        };
        if answer.status == 200 {
            self.given.push_back((asked.offset.is_none(), answer.clone()));
            if self.given.len() > 12 {
                self.given.pop_front();
            }
        }
        answer
    }

    fn answer_natively(&mut self, asked: &Asked) -> Answer {
        let latest = self.versions.len() - 1;
        self.counter += 1;
        let offset = (1_000 + latest as u64, self.counter);
        let from = asked.offset.filter(|_| asked.live).map(|(version, _)| version as usize - 1_000);
        let old = from.map(|from| &self.versions[from]);
        let rows = self.versions[latest].iter().filter(|(key, row)| old.is_none_or(|old| old.get(*key) != Some(*row)));
        let operation = if asked.live { "update" } else { "insert" };
        let mut messages: Vec<_> =
            rows.map(|(key, row)| json!({ "key": key, "value": row, "headers": { "operation": operation } })).collect();
        let offset = if messages.is_empty() { asked.offset.unwrap_or(offset) } else { offset };
        messages.push(control("up-to-date"));
        let handle = if asked.handle.is_empty() { self.handle() } else { asked.handle.clone() };
        let handle = if asked.offset.is_none() { self.handle() } else { handle };
        let body = json!(messages).to_string();
        Answer { status: 200, handle, offset, live: asked.live, schema: !asked.live, retry_after_ms: 0, body }
    }

    fn answer_as_electric(&mut self, asked: &Asked) -> Answer {
        let (live, handle, latest) = (asked.live, self.handle(), self.versions.len() - 1);
        let none =
            Answer { status: 200, handle, offset: (0, 0), live, schema: false, retry_after_ms: 0, body: String::new() };
        let Some((version, place)) = asked.offset.filter(|_| asked.handle == none.handle) else {
            if asked.offset.is_some() {
                let handle = if self.dice.below(3) == 0 { String::new() } else { none.handle.clone() };
                let body = json!([control("must-refetch")]).to_string();
                return Answer { status: 409, handle, body, ..none };
            }
            return self.chunk(0, none);
        };
        if version == 0 && place != u64::MAX {
            return self.chunk(place as usize + 1, none);
        }
        let from = if version == 0 { self.snapshot } else { version as usize };
        let to = (from + 1 + self.dice.below(4) as usize).min(latest);
        let mut messages: Vec<_> = self.changes[from + 1..=to].iter().flatten().cloned().collect();
        if to == latest {
            messages.push(control("up-to-date"));
        }
        let offset = if to == from { (version, place) } else { (to as u64, 0) };
        Answer { offset, schema: !live && self.dice.below(2) == 0, body: json!(messages).to_string(), ..none }
    }

    /// A part of the snapshot.
    fn chunk(&mut self, at: usize, none: Answer) -> Answer {
        let rows: Vec<_> = self.versions[self.snapshot].iter().collect();
        let mut chunks = rows.chunks(2);
        let last = chunks.len().saturating_sub(1);
        let rows = chunks.nth(at).unwrap_or_default();
        let mut messages: Vec<_> = rows
            .iter()
            .map(|(key, row)| json!({ "key": key, "value": row, "headers": { "operation": "insert" } }))
            .collect();
        if at >= last && self.snapshot == self.versions.len() - 1 && self.dice.below(2) == 0 {
            messages.push(control("up-to-date"));
        }
        let place = if at >= last { u64::MAX } else { at as u64 };
        Answer { offset: (0, place), schema: true, body: json!(messages).to_string(), ..none }
    }

    fn reply(&mut self, id: RequestId, reply: &Reply) {
        self.under_way.retain(|other| *other != id);
        let Reply::Answer(answer) = reply else { return self.world.fail(id) };
        let offset = match answer.offset {
            (major, u64::MAX) => format!("{major}_inf"),
            (major, minor) => format!("{major}_{minor}"),
        };
        let head = ResponseHead { retry_after_ms: answer.retry_after_ms, ..status(answer.status) };
        let told = Told {
            handle: &answer.handle,
            offset: if answer.status == 200 { &offset } else { "" },
            cursor: if answer.live { "7" } else { "" },
            schema: if answer.schema { "{}" } else { "" },
            token: "",
        };
        self.world.input(Input::News(id, News::Head(head)));
        if !self.is_calm() && self.dice.below(20) == 0 {
            return self.world.input(Input::News(id, News::Failed(RequestFailure::Network)));
        }
        self.world.input(Input::News(id, News::Body(&answer.body, told)));
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

fn control(word: &str) -> Value {
    json!({ "headers": { "control": word } })
}

fn read_url(url: &str) -> Asked {
    let query = url.split_once('?').expect("a feed has parameters").1;
    let mut asked = Asked::default();
    let names: Vec<_> = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default()).collect();
    assert!(names.is_sorted(), "{url}");
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "handle" => asked.handle = value.into(),
            "live" => asked.live = true,
            "offset" if value != "-1" => {
                let (major, minor) = value.split_once('_').expect("an offset of ours");
                let minor = if minor == "inf" { u64::MAX } else { minor.parse().expect("a number") };
                asked.offset = Some((major.parse().expect("a number"), minor));
            }
            _ => {}
        }
    }
    asked
}
