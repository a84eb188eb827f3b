//! A task's metadata over a network that loses things: what is queued gets there once, in order, or it is said that it may not have.

use std::collections::BTreeSet;

use serde_json::Value;
use tidegate::proto::document::{DOCUMENT_DEPTH, Document, Json};
use tidegate::proto::http::RequestFailure;
use tidegate::proto::metadata::{Above, Answer, Metadata, Output, Target};
use tidegate::proto::random::Random;
use tidegate::proto::time::Instant;

use crate::generator;
use crate::harness::seeds;

/// The other side: the documents of the run, its parent and its root.
struct Server {
    documents: [Document; 3],
    /// None: it does not drop repeats, and does not say so.
    keys: Option<BTreeSet<String>>,
    /// Sees to the runs above even when it then fails, as the original does.
    is_divided: bool,
    writes: usize,
}

impl Server {
    fn write(&mut self, key: &str, body: &str, only_above: bool) {
        if self.keys.as_mut().is_some_and(|keys| !keys.insert(key.to_owned())) {
            return;
        }
        self.writes += 1;
        // Not by the other crate, which sorts members.
        let body = Document::parse(body, DOCUMENT_DEPTH).expect("the test gives what can be read");
        for (document, name) in self.documents.iter_mut().zip(["operations", "parentOperations", "rootOperations"]) {
            if only_above && name == "operations" {
                continue;
            }
            let Some(Json::Array(operations)) = body.get(name) else { panic!("there is no {name}") };
            for operation in operations {
                let Json::Object(operation) = operation else { panic!("an operation is an object") };
                let text = |member: &str| match operation.get(member) {
                    Some(Json::String(text)) => text.clone(),
                    _ => String::new(),
                };
                let value = operation.get("value").map(Json::text).unwrap_or_default();
                generator::built((&text("type"), &text("key"), &value)).apply(document);
            }
        }
    }

    fn others(&mut self, random: &mut Random) {
        let by = Json::Number(random.below(1_000) as f64);
        self.documents[0].set("others", by);
    }
}

enum Fate {
    Answered,
    /// Whether it arrived.
    Lost(bool),
    /// The status, and whether it was carried out all the same.
    Failed(u16, bool),
}

fn fate(random: &mut Random, calm: bool) -> Fate {
    match random.below(if calm { 1 } else { 10 }) {
        0..=4 => Fate::Answered,
        5 => Fate::Lost(false),
        6 => Fate::Lost(true),
        7 => Fate::Failed(503, random.below(2) == 0),
        8 => Fate::Failed(429, false),
        _ => Fate::Failed(if random.below(2) == 0 { 401 } else { 500 }, false),
    }
}

struct World {
    metadata: Metadata,
    server: Server,
    now: u64,
    under_way: Option<Output>,
    doubtful: usize,
    settled: Vec<u32>,
}

impl World {
    fn new(random: &mut Random, seed: u64, is_idempotent: bool) -> Self {
        let own = generator::document(random);
        let metadata = Metadata::new(Some(&own.text()), Above::Two, 1_000, seed);
        let server = Server {
            documents: [own, Document::new(), Document::new()],
            keys: is_idempotent.then(BTreeSet::new),
            is_divided: !is_idempotent,
            writes: 0,
        };
        Self { metadata, server, now: 0, under_way: None, doubtful: 0, settled: Vec::new() }
    }

    fn now(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    /// Asks what is wanted; gives until when nothing is.
    fn drain(&mut self) -> Instant {
        loop {
            match self.metadata.poll_output(self.now()) {
                Output::Idle(due) => return due,
                request @ (Output::Write { .. } | Output::Read) => {
                    assert!(self.under_way.replace(request).is_none(), "one request at a time");
                }
                Output::Settled(number, _) => self.settled.push(number),
                Output::GivenUp { operations, doubtful, .. } => {
                    assert!(doubtful || operations == 0, "nothing is refused here");
                    self.doubtful += operations;
                }
            }
        }
    }

    fn answer(&mut self, random: &mut Random, calm: bool) {
        let Some(request) = self.under_way.take() else { return };
        let fate = fate(random, calm);
        let arrives = matches!(fate, Fate::Answered | Fate::Lost(true) | Fate::Failed(_, true));
        if let Output::Write { key, body } = &request {
            let halfway = self.server.is_divided && matches!(fate, Fate::Failed(500.., false));
            if arrives || halfway {
                self.server.write(key, body, halfway);
            }
        }
        let document = self.server.documents[0].text();
        let body = if matches!(request, Output::Read) {
            format!(r#"{{"metadata":{},"metadataType":"application/json"}}"#, Value::from(document))
        } else {
            format!(r#"{{"metadata":{document}}}"#)
        };
        let idempotent = self.server.keys.is_some();
        let answer = |status, body| Answer { status, retry_after_ms: 0, idempotent, body };
        match fate {
            Fate::Answered => self.metadata.handle_answer(self.now(), &answer(200, &body)),
            Fate::Lost(_) => self.metadata.handle_failure(self.now(), RequestFailure::Network),
            Fate::Failed(status, _) => self.metadata.handle_answer(self.now(), &answer(status, r#"{"error":"x"}"#)),
        }
    }

    /// One thing after another, until nothing is queued and nobody waits.
    fn finish(&mut self, random: &mut Random) {
        let last = self.metadata.flush(self.now());
        for _ in 0..200 {
            let due = self.drain();
            if self.settled.contains(&last) && self.under_way.is_none() && due == Instant::NEVER {
                return;
            }
            if self.under_way.is_some() {
                self.now += random.below(3_000);
                self.answer(random, true);
            } else {
                self.now = self.now.max(due.as_millis());
            }
        }
        panic!("it does not come to an end");
    }
}

fn target(random: &mut Random) -> Target {
    match random.below(5) {
        0 => Target::Parent,
        1 => Target::Root,
        _ => Target::Own,
    }
}

#[test]
fn where_repeats_are_dropped_the_documents_are_those_of_the_operations_done_once_in_order() {
    let (mut writes, mut operations) = (0, 0);
    for seed in seeds() {
        let mut random = Random::new(seed);
        let mut world = World::new(&mut random, seed, true);
        let mut expected = [world.server.documents[0].clone(), Document::new(), Document::new()];
        let has_others = seed % 2 == 0;
        for _ in 0..random.below(80) {
            match random.below(10) {
                0..=5 => {
                    let (kind, key, value) = generator::row(&mut random);
                    // Order with what others do is nobody's to say.
                    if has_others && (kind == "update" || key == "$.*") {
                        continue;
                    }
                    let target = target(&mut random);
                    world
                        .metadata
                        .apply(world.now(), target, kind, key, value)
                        .expect("the test gives what can be read");
                    generator::built((kind, key, value)).apply(&mut expected[target as usize]);
                    operations += 1;
                }
                6 => drop(world.metadata.flush(world.now())),
                7 => world.now += random.below(2_500),
                8 if has_others => world.server.others(&mut random),
                _ => world.answer(&mut random, false),
            }
            world.drain();
            if !has_others {
                let (seen, expected) = (world.metadata.document(), &expected[0]);
                assert!(seen == expected, "seed {seed}: the task sees {}, not {}", seen.text(), expected.text());
            }
        }
        world.finish(&mut random);
        if has_others {
            world.server.documents[0].remove("others");
        }
        assert_eq!(world.server.documents, expected, "seed {seed}");
        assert_eq!(world.doubtful, 0, "seed {seed}");
        writes += world.server.writes;
    }
    assert!(writes * 2 < operations, "{writes} writes for {operations} operations");
}

#[test]
fn where_repeats_are_not_dropped_nothing_is_doubled_and_what_may_be_missing_is_said() {
    let (mut missed, mut given_up, mut done) = (0, 0, 0);
    for seed in seeds() {
        let mut random = Random::new(seed);
        let mut world = World::new(&mut random, seed, false);
        let mut counts = [0_u32; 3];
        for _ in 0..random.below(80) {
            match random.below(10) {
                0..=4 => {
                    let target = target(&mut random);
                    let count = &mut counts[target as usize];
                    *count += 1;
                    let value = count.to_string();
                    world
                        .metadata
                        .apply(world.now(), target, "append", "list", &value)
                        .expect("the test gives what can be read");
                    world
                        .metadata
                        .apply(world.now(), target, "set", "last", &value)
                        .expect("the test gives what can be read");
                }
                5 => drop(world.metadata.flush(world.now())),
                6 => world.now += random.below(2_500),
                7 => world.server.others(&mut random),
                _ => world.answer(&mut random, false),
            }
            world.drain();
        }
        world.finish(&mut random);
        let mut missing = 0;
        for (document, count) in world.server.documents.iter().zip(counts) {
            let list: Vec<u32> = match document.get("list") {
                Some(list) => serde_json::from_str(&list.text()).expect("the test gives what can be read"),
                None => Vec::new(),
            };
            assert!(list.windows(2).all(|pair| pair[0] < pair[1]), "seed {seed}: {list:?} once each, and in order");
            missing += count as usize - list.len();
            let last = document.get("last").map(Json::text);
            assert_eq!(last, (count > 0).then(|| count.to_string()), "seed {seed}: what may be repeated is there");
            done += list.len();
        }
        assert!(missing <= world.doubtful, "seed {seed}: {missing} are missing, and {} were said", world.doubtful);
        (missed, given_up) = (missed + missing, given_up + world.doubtful);
    }
    assert!(missed > 0 && given_up < done / 4, "{missed} missing, {given_up} given up, {done} done");
}

#[test]
fn a_document_that_is_not_known_takes_every_operation() {
    for seed in 0..500 {
        let mut random = Random::new(seed);
        let mut world = World::new(&mut random, seed, true);
        world.metadata = Metadata::new(None, Above::Nothing, 1_000, seed);
        let mut expected = world.server.documents[0].clone();
        for _ in 0..random.below(30) {
            let (kind, key, value) = generator::row(&mut random);
            world
                .metadata
                .apply(world.now(), target(&mut random), kind, key, value)
                .expect("the test gives what can be read");
            generator::built((kind, key, value)).apply(&mut expected);
            if random.below(4) == 0 {
                world.drain();
                world.answer(&mut random, false);
                world.now += 700;
            }
        }
        world.finish(&mut random);
        assert_eq!(world.server.documents[0].text(), expected.text(), "seed {seed}");
        let written = world.server.writes > 0;
        assert!(!written || *world.metadata.document() == expected, "seed {seed}: what the task sees");
    }
}

#[test]
fn what_a_document_says_is_read_back_as_it_was() {
    for seed in 0..2_000 {
        let document = generator::document(&mut Random::new(seed));
        assert_eq!(Document::parse(&document.text(), DOCUMENT_DEPTH), Some(document));
    }
}
