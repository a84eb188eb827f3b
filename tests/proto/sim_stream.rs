//! The reader under random schedules: cuts at any byte, window ends, stalls, repeats, refusals, expired tokens, readers that hold it,
//! and a run that ends.

use tidegate::proto::http::{OutgoingRequest, RequestFailure, ResponseHead, StreamVersion};
use tidegate::proto::id::{ChannelId, RequestId};
use tidegate::proto::input::{Command, Input, News};
use tidegate::proto::output::Event;
use tidegate::proto::random::Random;
use tidegate::proto::status::StreamStatus;

use super::harness::{EPOCH_MS, World, batch, cursor_of, run_token, seeds, status};

#[test]
fn what_is_read_is_what_was_written() {
    // With a number of seeds, as `make sim` gives it; without, it is one test of many.
    let in_earnest = std::env::var_os("TIDEGATE_SEEDS").is_some();
    for seed in seeds() {
        for version in [StreamVersion::V1, StreamVersion::V2] {
            let parts = if in_earnest || seed % 50 == 0 { 2_000 } else { 60 };
            let simulation = Simulation::new(seed, version, parts).run();
            let expected: Vec<_> = (0..parts).map(part).collect();
            let (world, reader) = (&simulation.world, simulation.reader);
            assert_eq!(world.parts(reader), expected, "seed {seed}, {version:?}");
            let ends = world.statuses(reader).iter().filter(|status| *status == "ended").count();
            assert_eq!(ends, 1, "seed {seed}, {version:?}");
        }
    }
}

/// A log that is there from the start, behind a server that does what the dice say.
struct Simulation {
    world: World,
    dice: Random,
    reader: ChannelId,
    version: StreamVersion,
    parts: u64,
    tokens_given: usize,
    /// When the run finishes. Everything is in the log by then.
    finishes_ms: u64,
    refused: bool,
}

impl Simulation {
    fn new(seed: u64, version: StreamVersion, parts: u64) -> Self {
        let mut world = World::new(seed);
        let principal = world.open_principal(true);
        let reader = world.subscribe(principal, "draft", None);
        let mut dice = Random::new(seed ^ 0x5EED);
        let finishes_ms = dice.below(200_000);
        Self { world, finishes_ms, dice, reader, version, parts, tokens_given: 0, refused: false }
    }

    fn run(mut self) -> Self {
        let mut rounds = 0;
        while !self.has_ended() {
            rounds += 1;
            assert!(rounds < 20_000, "it never comes to the end");
            self.give_tokens();
            while let Some(request) = self.world.run_requests.pop_front() {
                self.tell_run(&request);
            }
            match self.world.requests.pop_front() {
                Some(request) => self.serve(request.id, cursor_of(&request)),
                None => assert!(self.world.jump(), "nothing is due and nothing is under way"),
            }
        }
        self
    }

    fn has_ended(&self) -> bool {
        let ended = Event::Stream(self.reader, StreamStatus::Ended);
        self.world.events.iter().rev().take(50).any(|event| *event == ended)
    }

    fn tell_run(&mut self, request: &OutgoingRequest) {
        match self.dice.below(6) {
            0 => self.world.answer(request.id, status(503), ""),
            1 => self.world.fail(request.id),
            2 => self.world.advance(30_000),
            3 => self.world.answer(request.id, status(200), "<html>"),
            _ => self.world.tell_run(request, self.finishes_ms <= self.world.now_ms()),
        }
    }

    fn give_tokens(&mut self) {
        while self.tokens_given < self.world.tokens_asked() {
            self.tokens_given += 1;
            let principal = tidegate::proto::id::PrincipalId::new(1);
            let token = run_token(EPOCH_MS + self.world.now_ms(), 30 + self.dice.below(900));
            self.world.command(Command::SetToken(principal, &token));
        }
    }

    fn serve(&mut self, request: RequestId, cursor: Option<String>) {
        match self.dice.below(8) {
            0 => return self.world.answer(request, status(503), "away"),
            // Not a renewed token: that would be the end, and rightly.
            1 if !core::mem::replace(&mut self.refused, true) => {
                return self.world.answer(request, status(401), "{\"error\":\"Public Access Token is invalid\"}");
            }
            2 => return self.world.fail(request),
            3 => return self.world.advance(30_000),
            _ => {}
        }
        self.refused = false;
        let head = ResponseHead { version: self.version, ..status(200) };
        self.world.input(Input::News(request, News::Head(head)));
        if self.dice.below(6) == 0 {
            self.world.command(Command::SetReading(self.reader, false));
            let held_ms = self.dice.below(200_000);
            self.world.advance(held_ms);
            self.world.command(Command::SetReading(self.reader, true));
        }
        let (text, is_whole) = self.window(cursor);
        self.feed(request, text.as_bytes());
        match self.dice.below(4) {
            0 => self.world.input(Input::News(request, News::Failed(RequestFailure::Network))),
            1 => self.world.advance(45_000),
            2 => {
                // A proxy that ends what it has cut.
                let ms = self.dice.below(900);
                self.world.advance(ms);
                self.world.input(Input::News(request, News::End));
            }
            _ if !is_whole => self.world.input(Input::News(request, News::Failed(RequestFailure::Network))),
            _ => {
                self.world.advance(1_000);
                self.world.input(Input::News(request, News::End));
            }
        }
        if self.dice.below(10) == 0 {
            self.world.input(Input::Wake);
        }
    }

    /// Up to a few hundred parts from behind the cursor, with pings, repeats and foreign records between them, cut off anywhere.
    /// And whether it is all there is.
    fn window(&mut self, cursor: Option<String>) -> (String, bool) {
        let from = cursor.map_or(0, |id| {
            let digits = id.split('-').next().unwrap_or_default();
            digits.parse::<u64>().expect("the cursor is one of ours") + 1
        });
        let to = (from + self.dice.below(300)).min(self.parts);
        let mut text = String::new();
        let mut at = from;
        while at < to {
            let count = (1 + self.dice.below(20)).min(to - at);
            text.push_str(&self.event(at, at + count));
            at += count;
            if self.version == StreamVersion::V2 && self.dice.below(5) == 0 {
                // A server that is unsure sends a batch again.
                text.push_str(&self.event(at - count, at));
            }
            if self.dice.below(3) == 0 {
                let ping =
                    ["event: ping\ndata: {\"timestamp\":1}\n\n".to_owned(), ": ping\n\n".to_owned(), self.ping()];
                text.push_str(&ping[self.dice.below(3) as usize]);
            }
        }
        let is_cut = self.dice.below(2) == 0;
        if is_cut {
            let mut cut = self.dice.below(text.len() as u64 + 1) as usize;
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            text.truncate(cut);
        } else if to == self.parts && self.dice.below(2) == 0 {
            text.push_str(&self.ping());
        }
        (text, !is_cut && to == self.parts)
    }

    fn ping(&self) -> String {
        match self.version {
            StreamVersion::V1 => ": ping\n\n".into(),
            StreamVersion::V2 => {
                format!("event: ping\ndata: {{\"timestamp\":1,\"tail\":{{\"seq_num\":{}}}}}\n\n", self.parts)
            }
        }
    }

    fn event(&self, from: u64, to: u64) -> String {
        match self.version {
            StreamVersion::V1 => (from..to).map(|n| format!("id: {n}-0\ndata: {}\n\n", part(n))).collect(),
            StreamVersion::V2 => {
                let parts: Vec<_> = (from..to).map(|n| (n, part(n))).collect();
                let records: Vec<_> = parts.iter().map(|(n, json)| (*n, json.as_str())).collect();
                batch(&records)
            }
        }
    }

    /// In chunks of any size: characters and escapes are cut in two.
    fn feed(&mut self, request: RequestId, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let size = (1 + self.dice.below(400) as usize).min(bytes.len());
            let (chunk, rest) = bytes.split_at(size);
            self.world.input(Input::News(request, News::Chunk(chunk)));
            bytes = rest;
        }
    }
}

/// The part with that number, as serde_json writes it: every kind of value, with escapes and letters of several bytes. Some are so
/// large that they are handed over unread.
fn part(number: u64) -> String {
    let words = ["tide", "\"gate\"", "\\", "wörter", "潮\n", "😀"];
    let word = words[number as usize % words.len()];
    match number % 4 {
        0 => serde_json::json!(word),
        1 => serde_json::json!({ "n": number, "word": word, "list": [1, [2, {}], null] }),
        2 if number % 200 == 2 => serde_json::json!({ "n": number, "word": word.repeat(9_000) }),
        2 => serde_json::json!(number),
        _ => serde_json::json!([word, true]),
    }
    .to_string()
}
