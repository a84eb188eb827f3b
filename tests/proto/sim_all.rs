//! Everything at once, under random schedules: principals, runs, queues that ask, readers that take turns, are held and see their
//! runs end, feeds of those runs, and calls, against one server whose store has a clock of its own and whose answers take their time.

use std::collections::BTreeMap;

use tidegate::proto::http::{CallKind, FeedKind, OutgoingRequest, RequestKind, ResponseHead, StreamVersion, Told};
use tidegate::proto::id::{ChannelId, PrincipalId, RequestId, SendId};
use tidegate::proto::input::{Command, Input, News};
use tidegate::proto::output::Event;
use tidegate::proto::random::Random;
use tidegate::proto::turns::CLOSE_MS;

use super::harness::{Entry, World, batch, cursor_of, input_log, is_read, public_token, secret_key, seeds, status};
use super::sim_feed::Follower;

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

/// What comes of a request, later.
enum Reply {
    Answer(ResponseHead, String),
    Fail,
    Open(usize),
    /// What a feed is told at that time, behind that offset.
    Feed(Option<u64>),
    Chunk(String),
    End,
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

/// A connection to a reader: what it has been sent of, and until when what was sent is on its way.
struct Window {
    url: String,
    next: usize,
    busy_ms: u64,
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
            last_event_id: None,
            timeout_seconds: None,
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

    fn describe(&self) -> String {
        let readers = self.readers.iter().map(|reader| (&reader.url, self.world.statuses(reader.id).pop()));
        let sends = self.sends.iter().map(|sent| (&sent.url, self.world.state(sent.id)));
        let due = self.world.due_in_ms();
        format!("{:?} {:?} {due:?} {:?}", readers.collect::<Vec<_>>(), sends.collect::<Vec<_>>(), self.under_way)
    }

    fn is_at_rest(&self) -> bool {
        let settled = |sent: &Sent| !matches!(self.world.state(sent.id).split(':').next(), Some("queued" | "sending"));
        let ended = |reader: &Reader| {
            reader.closed || self.world.statuses(reader.id).last().is_some_and(|last| last == "ended")
        };
        let followed =
            |feed: &Feed| feed.closed || self.world.statuses(feed.id).last().is_some_and(|last| last == "ended");
        self.sends.iter().all(settled) && self.readers.iter().all(ended) && self.feeds.iter().all(followed)
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

    /// How far the row of a run has come: it changes now and then, with its end, and once more behind that.
    fn place(&self, run: usize, at_ms: u64) -> u64 {
        let end = self.finishes_ms[run];
        at_ms.min(end + 2_000) / 7_000 + u64::from(at_ms >= end) + u64::from(at_ms >= end + 2_000)
    }

    /// Tells a feed how its run stands.
    fn tell_feed(&mut self, id: RequestId, url: &str, behind: Option<u64>) {
        let run: usize = url.split("run_").nth(1).and_then(|rest| rest[..1].parse().ok()).expect("a run");
        let now_ms = self.world.now_ms();
        let place = self.place(run, now_ms);
        let completed = if now_ms >= self.finishes_ms[run] { "\"then\"" } else { "null" };
        let row = format!(
            "{{\"key\":\"1\",\"value\":{{\"place\":{place},\"completedAt\":{completed}}},\"headers\":{{\"operation\":\"update\"}}}},"
        );
        let row = if behind == Some(place) { String::new() } else { row };
        let body = format!("[{row}{{\"headers\":{{\"control\":\"up-to-date\"}}}}]");
        let (offset, schema) = (format!("{place}_0"), if behind.is_none() { "{}" } else { "" });
        let told = Told { handle: "h", offset: &offset, schema, ..Told::default() };
        self.world.input(Input::News(id, News::Head(status(200))));
        self.world.input(Input::News(id, News::Body(&body, told)));
    }

    fn take_feed(&mut self, request: &OutgoingRequest) {
        let polls = request.url.contains("live=true");
        let offset = request.url.split("&offset=").nth(1).or_else(|| request.url.split("?offset=").nth(1));
        let behind = offset.and_then(|text| text.split('_').next()).and_then(|text| text.parse().ok());
        match self.dice.below(16) {
            0 => self.refuse(request.id, 503),
            1 if self.dice.below(6) == 0 => self.refuse(request.id, 401),
            2 => self.refuse(request.id, 409),
            3 => self.soon(request.id, 2_000, Reply::Fail),
            // Nobody answers.
            4 if self.dice.below(4) == 0 => {}
            _ => self.soon(request.id, if polls { 20_000 } else { 1_000 }, Reply::Feed(behind)),
        }
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

    fn now(&self) -> u64 {
        self.world.wall_ms() + self.store_ahead_ms
    }

    fn soon(&mut self, id: RequestId, within_ms: u64, reply: Reply) {
        let due = self.world.now_ms() + self.dice.below(within_ms);
        self.later.push((due, id, reply));
    }

    fn refuse(&mut self, id: RequestId, code: u16) {
        self.soon(id, 500, Reply::Answer(status(code), "{}".into()));
    }

    fn take(&mut self, request: &OutgoingRequest) {
        if !self.online && self.dice.below(2) == 0 {
            return self.soon(request.id, 100, Reply::Fail);
        }
        match request.kind {
            RequestKind::Feed => return self.take_feed(request),
            RequestKind::Call { .. } => return self.take_call(request),
            RequestKind::Send { .. } => return self.take_send(request),
            RequestKind::Stream { .. } | RequestKind::Run => {}
        }
        match self.dice.below(12) {
            0 => self.refuse(request.id, 503),
            1 if self.dice.below(6) == 0 => self.refuse(request.id, 401),
            1 => self.soon(request.id, 2_000, Reply::Fail),
            // Nobody answers.
            2 if self.dice.below(4) == 0 => {}
            _ => {
                let next = cursor_of(request).map_or(0, |id| id.parse::<usize>().expect("a sequence number") + 1);
                let within_ms = [300, 3_000][self.dice.below(2) as usize];
                self.soon(request.id, within_ms, Reply::Open(next));
            }
        }
    }

    fn take_call(&mut self, request: &OutgoingRequest) {
        match self.dice.below(10) {
            0 => self.refuse(request.id, 500),
            1 => self.refuse(request.id, 429),
            2 => self.soon(request.id, 500, Reply::Fail),
            3 => self.refuse(request.id, 404),
            4 => {}
            5 if self.dice.below(6) == 0 => self.refuse(request.id, 401),
            _ => self.soon(request.id, 1_000, Reply::Answer(status(200), "{\"id\":1}".into())),
        }
    }

    fn take_send(&mut self, request: &OutgoingRequest) {
        let (id, dice) = (request.id, self.dice.below(12));
        if dice == 0 {
            return self.refuse(id, 429);
        }
        if dice == 1 {
            return self.refuse(id, 413);
        }
        if dice > 4 || self.dice.below(2) == 0 {
            let RequestKind::Send { body, .. } = &request.kind else { panic!("{request:?}") };
            let digits = body.trim_start_matches("{\"data\":").trim_end_matches('}');
            let (number, now) = (digits.parse().expect("a number"), self.now());
            let log = self.stored.entry(request.url.clone()).or_default();
            if self.dice.below(20) == 0 {
                log.push((1_000 + self.dice.below(1_000) as usize, now));
            }
            log.push((number, now));
            if dice > 4 {
                let within_ms = [500, 40_000][usize::from(self.dice.below(8) == 0)];
                return self.soon(id, within_ms, Reply::Answer(status(200), "{\"ok\":true}".into()));
            }
        }
        match dice {
            2 => self.soon(id, 500, Reply::Fail),
            3 => self.refuse(id, 500),
            _ => {}
        }
    }

    fn tell_run(&mut self, request: &OutgoingRequest) {
        let run: usize = request.url.rsplit('_').next().and_then(|digits| digits.parse().ok()).expect("a run");
        match self.dice.below(6) {
            0 => self.refuse(request.id, 503),
            1 => self.soon(request.id, 500, Reply::Fail),
            2 if self.dice.below(4) == 0 => {}
            _ => {
                let finished = self.finishes_ms[run] <= self.world.now_ms();
                let body = if finished { "{\"finishedAt\":\"then\"}" } else { "{\"finishedAt\":null}" };
                self.soon(request.id, 500, Reply::Answer(status(200), body.into()));
            }
        }
    }

    /// Sends what is new to those who read.
    fn write(&mut self) {
        let ids: Vec<_> = self.windows.keys().copied().collect();
        for id in ids {
            let Some(window) = self.windows.get(&id) else { continue };
            let (url, from, now_ms) = (window.url.clone(), window.next, self.world.now_ms());
            let times = &self.written[&url];
            let tail = times.iter().filter(|&&time| time < now_ms).count();
            let to = from + self.dice.below((tail - from.min(tail)) as u64 + 1) as usize;
            let due = window.busy_ms.max(now_ms + self.dice.below(2) * self.dice.below(800));
            let numbers: Vec<_> = (from..to).map(|n| (n as u64, n.to_string())).collect();
            let records: Vec<_> = numbers.iter().map(|(n, text)| (*n, text.as_str())).collect();
            let mut text = if records.is_empty() { String::new() } else { batch(&records) };
            if self.dice.below(2) == 0 {
                text += &format!("event: ping\ndata: {{\"timestamp\":1,\"tail\":{{\"seq_num\":{tail}}}}}\n\n");
            }
            let (next, busy_ms) = (to, due);
            self.windows.insert(id, Window { url, next, busy_ms });
            self.later.push((due, id, Reply::Chunk(text)));
            match self.dice.below(40) {
                0 => self.later.push((due, id, Reply::Fail)),
                1 if to == tail => {
                    self.later.push((due + 1_000, id, Reply::Chunk("data: [DONE]\n\n".into())));
                    self.later.push((due + 1_000, id, Reply::End));
                    self.windows.remove(&id);
                }
                _ => {}
            }
        }
    }

    fn reply(&mut self, id: RequestId, reply: Reply) {
        let Some(request) = self.under_way.get(&id) else { return };
        let url = request.url.clone();
        let is_unread = self.readers.iter().any(|reader| reader.url == url && reader.held);
        match reply {
            Reply::Chunk(_) | Reply::End if is_unread => {
                // And so does what follows on the same connection.
                let due = self.world.now_ms() + 1_000;
                self.later.insert(0, (due, id, reply));
                for (behind, ..) in self.later.iter_mut().filter(|(_, other, _)| *other == id) {
                    *behind = due.max(*behind);
                }
                if let Some(window) = self.windows.get_mut(&id) {
                    window.busy_ms = due.max(window.busy_ms);
                }
                self.later.sort_by_key(|(due, ..)| *due);
            }
            Reply::Answer(head, body) => self.world.answer(id, head, &body),
            Reply::Fail => self.world.fail(id),
            Reply::Chunk(text) => self.world.chunk(id, &text),
            Reply::End => self.world.end(id),
            Reply::Feed(behind) => self.tell_feed(id, &url, behind),
            Reply::Open(next) => {
                let head = ResponseHead { version: StreamVersion::V2, ..status(200) };
                self.world.input(Input::News(id, News::Head(head)));
                if url.contains("/input/") {
                    self.questions += 1;
                    let log = self.stored.entry(url).or_default();
                    let texts: Vec<_> = log.iter().map(|(number, time)| (*time, number.to_string())).collect();
                    let records: Vec<_> = texts[next..].iter().map(|(time, text)| (*time, text.as_str())).collect();
                    let text = input_log(next as u64, &records, self.now());
                    self.soon(id, 3_000, Reply::Chunk(text));
                } else {
                    self.windows.insert(id, Window { url, next, busy_ms: 0 });
                }
            }
        }
        self.later.sort_by_key(|(due, ..)| *due);
    }

    /// Goes through what has been asked and given up since it last did, in order.
    fn follow(&mut self) {
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

    fn check(&self) {
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
