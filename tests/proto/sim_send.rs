//! The send machine under random schedules: refusals, losses before and after the commit, renewals, offline, cancels, and the
//! questions that follow a loss.

use tidegate::proto::http::{OutgoingRequest, ResponseHead};
use tidegate::proto::id::{PrincipalId, SendId};
use tidegate::proto::input::{Command, Input};
use tidegate::proto::random::Random;

use super::harness::{World, body_of, cursor_of, input_log, is_read, key_of, public_token, run_token, seeds, status};

const STREAMS: [&str; 3] = ["approval", "chat", "cancel"];
const SENDS: usize = 40;

/// What there is against a lost answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Against {
    Nothing,
    /// The token may read the stream.
    Asking,
    /// The server drops repeats.
    Repeating,
}

#[test]
fn what_is_stored_is_what_was_told() {
    let mut settled_by_asking = 0;
    for seed in seeds() {
        for against in [Against::Nothing, Against::Asking, Against::Repeating] {
            let end = Simulation::new(seed, against).run();
            end.check(seed);
            settled_by_asking += end.questions_told;
        }
    }
    assert!(settled_by_asking > 0);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in seeds().take(20) {
        let [once, again] =
            [(); 2].map(|()| format!("{:?}", Simulation::new(seed, Against::Asking).run().world.events));
        assert_eq!(once, again, "seed {seed}");
    }
}

/// A server that stores, refuses and loses as the dice say, and an application that sends and changes its mind.
struct Simulation {
    world: World,
    dice: Random,
    principal: PrincipalId,
    against: Against,
    stored: Vec<Stored>,
    /// Which send, into which stream, with which data: two in a row may be equal.
    sends: Vec<(SendId, &'static str, usize)>,
    /// How far the store's clock is from the device's.
    store_ahead_ms: u64,
    questions_told: usize,
    online: bool,
    tokens_given: usize,
}

#[derive(Clone, PartialEq)]
struct Stored {
    stream: String,
    body: String,
    key: String,
    /// By the store's clock.
    time_ms: u64,
}

impl Simulation {
    fn new(seed: u64, against: Against) -> Self {
        let mut world = World::new(seed);
        let principal = world.open_principal(true);
        let mut dice = Random::new(seed ^ 0xD1CE);
        Self {
            world,
            store_ahead_ms: dice.below(1 << 40),
            dice,
            principal,
            against,
            stored: Vec::new(),
            sends: Vec::new(),
            questions_told: 0,
            online: true,
            tokens_given: 0,
        }
    }

    fn run(mut self) -> Self {
        while self.sends.len() < SENDS {
            match self.dice.below(10) {
                0..4 => self.send(),
                4 => self.cancel_one(),
                5 => self.set_online(!self.online),
                6 => {
                    let ms = self.dice.below(2) * self.dice.below(100_000);
                    self.world.sleep(ms);
                    self.world.input(Input::Wake);
                }
                _ => {
                    let ms = self.dice.below(3_000);
                    self.world.advance(ms);
                }
            }
            self.step();
        }
        self.set_online(true);
        let mut rounds = 0;
        while !self.is_settled() {
            self.step();
            self.world.jump();
            rounds += 1;
            assert!(rounds < 10_000, "it never comes to rest");
        }
        self
    }

    fn is_settled(&self) -> bool {
        self.sends.iter().all(|&(send, ..)| {
            let state = self.world.state(send);
            !state.starts_with("queued") && state != "sending"
        })
    }

    fn send(&mut self) {
        let stream = STREAMS[self.dice.below(3) as usize];
        let number = self.sends.len() - self.dice.below(2).min(self.sends.len() as u64) as usize;
        let send = self.world.send(self.principal, stream, &number.to_string());
        self.sends.push((send, stream, number));
    }

    fn cancel_one(&mut self) {
        if !self.sends.is_empty() {
            let (send, ..) = self.sends[self.dice.below(self.sends.len() as u64) as usize];
            self.world.command(Command::CancelSend(send));
        }
    }

    fn set_online(&mut self, online: bool) {
        self.online = online;
        self.world.input(Input::Online(online));
    }

    /// Gives tokens that are asked for, and answers some of the requests.
    fn step(&mut self) {
        self.check_one_in_flight();
        while self.tokens_given < self.world.tokens_asked() {
            self.tokens_given += 1;
            if self.dice.below(4) == 0 {
                self.world.command(Command::FailToken(self.principal, "no luck"));
            } else {
                let (now, lifetime) = (self.world.wall_ms(), 60 + self.dice.below(900));
                let token = match self.against {
                    Against::Asking => run_token(now, lifetime),
                    Against::Nothing | Against::Repeating => public_token(&["write:inputStreams:run_1"], now, lifetime),
                };
                self.world.command(Command::SetToken(self.principal, &token));
            }
        }
        for request in core::mem::take(&mut self.world.requests) {
            if is_read(&request) {
                self.tell(&request);
            } else {
                self.answer(&request);
            }
        }
    }

    /// Answers the question what is in a stream, or fails to.
    fn tell(&mut self, request: &OutgoingRequest) {
        match self.dice.below(8) {
            0 => self.world.answer(request.id, status(401), "{\"error\":\"Public Access Token is invalid\"}"),
            1 => self.world.answer(request.id, status(503), ""),
            2 => self.world.fail(request.id),
            3 => self.world.advance(15_000),
            _ => {
                self.questions_told += 1;
                let from = cursor_of(request).map_or(0, |id| id.parse::<usize>().expect("a sequence number") + 1);
                let records = self.stored.iter().filter(|record| request.url.ends_with(&record.stream));
                let texts: Vec<_> = records.map(|record| (record.time_ms, record.number().to_string())).collect();
                let records: Vec<_> = texts[from..].iter().map(|(time, text)| (*time, text.as_str())).collect();
                let log = input_log(from as u64, &records, self.store_now());
                self.world.open(request.id);
                let ms = self.dice.below(500);
                self.world.advance(ms);
                let (early, late) = log.split_at(self.dice.below(log.len() as u64) as usize);
                self.world.chunk(request.id, early);
                self.world.chunk(request.id, late);
            }
        }
    }

    fn store_now(&self) -> u64 {
        self.world.wall_ms() + self.store_ahead_ms
    }

    fn answer(&mut self, request: &OutgoingRequest) {
        let idempotent = self.against == Against::Repeating;
        let head = |code| ResponseHead { idempotent, ..status(code) };
        match self.dice.below(12) {
            0 => self.world.answer(request.id, head(401), "{\"error\":\"Public Access Token is invalid\"}"),
            1 => {
                let retry_after_ms = self.dice.below(5_000);
                self.world.answer(request.id, ResponseHead { retry_after_ms, ..head(429) }, "{}");
            }
            2 => self.world.answer(request.id, head(413), "{\"error\":\"Request body too large\"}"),
            3 => self.world.answer(request.id, head(503), ""),
            4 => self.world.fail(request.id),
            5 => {
                self.store(request);
                self.world.fail(request.id);
            }
            6 => {
                self.store(request);
                self.world.answer(request.id, head(500), "");
            }
            // No answer at all, until the patience ends.
            7 => self.world.advance(60_000),
            _ => {
                self.store(request);
                self.world.answer(request.id, head(200), "{\"ok\":true}");
            }
        }
    }

    fn store(&mut self, request: &OutgoingRequest) {
        let ms = self.dice.below(200);
        self.world.advance(ms);
        let stream = request.url.rsplit('/').next().unwrap_or_default().to_owned();
        let (body, key, time_ms) = (body_of(request), key_of(request), self.store_now());
        let is_known = self.stored.iter().any(|record| record.key == key);
        if !(self.against == Against::Repeating && is_known) {
            self.stored.push(Stored { stream, body, key, time_ms });
        }
    }

    fn check_one_in_flight(&self) {
        for stream in STREAMS {
            let under_way = self.world.requests.iter().filter(|request| request.url.ends_with(stream)).count();
            assert!(under_way <= 1, "{under_way} requests to {stream}");
        }
    }

    fn check(&self, seed: u64) {
        let context = format!("seed {seed}, against a lost answer: {:?}", self.against);
        for stream in STREAMS {
            for number in 0..SENDS {
                let is_it = |record: &&Stored| record.stream == stream && record.number() == number;
                let copies = self.stored.iter().filter(is_it).count();
                let (mut accepted, mut unknown) = (0, 0);
                for (send, ..) in self.sends.iter().filter(|send| (send.1, send.2) == (stream, number)) {
                    let state = self.world.state(*send);
                    match state.split(':').next() {
                        Some("accepted") => accepted += 1,
                        Some("unknown") => unknown += 1,
                        Some("rejected" | "cancelled") => {}
                        _ => panic!("{context}: {send:?} is {state}"),
                    }
                }
                let told = format!("{accepted} accepted and {unknown} unknown, {copies} stored");
                assert!((accepted..=accepted + unknown).contains(&copies), "{context}, {stream} {number}: {told}");
            }
        }
        for stream in STREAMS {
            let numbers = self.stored.iter().filter(|record| record.stream == stream).map(Stored::number);
            assert!(numbers.is_sorted(), "{context}: {stream} is out of order");
        }
    }
}

impl Stored {
    fn number(&self) -> usize {
        let digits = self.body.trim_start_matches("{\"data\":").trim_end_matches('}');
        digits.parse().expect("the body is a number")
    }
}
