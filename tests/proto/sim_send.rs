//! The send machine under random schedules: refusals, losses before and after the commit, renewals, offline, cancels.

use tidegate::proto::http::{OutgoingRequest, ResponseHead};
use tidegate::proto::id::{PrincipalId, SendId};
use tidegate::proto::input::{Command, Input};
use tidegate::proto::random::Random;

use super::harness::{EPOCH_MS, World, body_of, key_of, run_token, seeds, status};

const STREAMS: [&str; 3] = ["approval", "chat", "cancel"];
const SENDS: usize = 40;

#[test]
fn what_is_stored_is_what_was_told() {
    for seed in seeds() {
        for drops_repeats in [false, true] {
            let log = Simulation::new(seed, drops_repeats).run();
            log.check(seed, drops_repeats);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in seeds().take(20) {
        let [once, again] = [(); 2].map(|()| format!("{:?}", Simulation::new(seed, true).run().world.events));
        assert_eq!(once, again, "seed {seed}");
    }
}

/// A server that stores, refuses and loses as the dice say, and an application that sends and changes its mind.
struct Simulation {
    world: World,
    dice: Random,
    principal: PrincipalId,
    drops_repeats: bool,
    stored: Vec<Stored>,
    sends: Vec<(SendId, &'static str)>,
    cancelled: Vec<SendId>,
    online: bool,
    tokens_given: usize,
}

#[derive(Clone, PartialEq)]
struct Stored {
    stream: String,
    body: String,
    key: String,
}

impl Simulation {
    fn new(seed: u64, drops_repeats: bool) -> Self {
        let mut world = World::new(seed);
        let principal = world.open_principal(true);
        Self {
            world,
            dice: Random::new(seed ^ 0xD1CE),
            principal,
            drops_repeats,
            stored: Vec::new(),
            sends: Vec::new(),
            cancelled: Vec::new(),
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
                6 => self.world.input(Input::Wake),
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
        self.sends.iter().all(|&(send, _)| {
            let state = self.world.state(send);
            !state.starts_with("queued") && state != "sending"
        })
    }

    fn send(&mut self) {
        let stream = STREAMS[self.dice.below(3) as usize];
        let json = self.sends.len().to_string();
        let send = self.world.send(self.principal, stream, &json);
        self.sends.push((send, stream));
    }

    fn cancel_one(&mut self) {
        if !self.sends.is_empty() {
            let (send, _) = self.sends[self.dice.below(self.sends.len() as u64) as usize];
            self.world.command(Command::CancelSend(send));
            self.cancelled.push(send);
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
                let token = run_token(EPOCH_MS + self.world.now_ms(), 60 + self.dice.below(900));
                self.world.command(Command::SetToken(self.principal, &token));
            }
        }
        for request in core::mem::take(&mut self.world.requests) {
            self.answer(&request);
        }
    }

    fn answer(&mut self, request: &OutgoingRequest) {
        let idempotent = self.drops_repeats;
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
        let stream = request.url.rsplit('/').next().unwrap_or_default().to_owned();
        let record = Stored { stream, body: body_of(request), key: key_of(request) };
        if !(self.drops_repeats && self.stored.contains(&record)) {
            self.stored.push(record);
        }
    }

    fn check_one_in_flight(&self) {
        for stream in STREAMS {
            let under_way = self.world.requests.iter().filter(|request| request.url.ends_with(stream)).count();
            assert!(under_way <= 1, "{under_way} requests to {stream}");
        }
    }

    fn check(&self, seed: u64, drops_repeats: bool) {
        let context = format!("seed {seed}, repeats are {}dropped", if drops_repeats { "" } else { "not " });
        for (number, &(send, stream)) in self.sends.iter().enumerate() {
            let body = format!("{{\"data\":{number}}}");
            let copies = self.stored.iter().filter(|record| record.stream == stream && record.body == body).count();
            let state = self.world.state(send);
            match state.split(':').next() {
                Some("accepted") => assert_eq!(copies, 1, "{context}: {send:?} is {state}"),
                Some("rejected" | "cancelled") => assert_eq!(copies, 0, "{context}: {send:?} is {state}"),
                Some("unknown") => assert!(copies <= 1, "{context}: {send:?} is {state}"),
                _ => panic!("{context}: {send:?} is {state}"),
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
