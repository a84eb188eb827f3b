//! Input streams inside of a task under random schedules: sends, listeners that come and go, sleeps that end in every way there is, and
//! tasks that start again from the top. Every record goes to whatever takes records exactly once.

use std::collections::VecDeque;

use tidegate::proto::id::{StreamId, TakerId};
use tidegate::proto::inputs::{Arrival, Inputs, Output, Want, Woken};
use tidegate::proto::random::Random;

use super::harness::seeds;

const STREAMS: u32 = 2;
const STEPS: usize = 300;

#[test]
fn every_record_is_taken_once_and_in_order() {
    let (mut slept, mut searched, mut restarted) = (0, 0, 0);
    for seed in seeds() {
        for races in [false, true] {
            let world = World::new(seed, races).run();
            slept += world.slept;
            searched += world.searched;
            restarted += world.restarted;
        }
    }
    assert!(slept > 0 && searched > 0 && restarted > 0);
}

/// A record of the log: what it says, or nothing that is ours. Equal values are common.
type Record = Option<u8>;

/// One that the server had to answer.
#[derive(Clone, Copy)]
struct Answer {
    seq: Option<u64>,
    value: u8,
}

#[derive(Default)]
struct Stream {
    log: Vec<Record>,
    /// How far the tail has been read, while there is one.
    tail: Option<u64>,
    reading: bool,
    /// The sleep under way, and behind which record.
    sleeper: Option<(TakerId, Option<u64>)>,
    /// What sleeps have ended with in the life of the run: told again after a restart, in this order.
    answers: Vec<Answer>,
    replay: VecDeque<Answer>,
    /// Values of records that were taken from sleep without a number.
    unnamed: Vec<u8>,
    handlers: Vec<TakerId>,
    line: Vec<TakerId>,
    /// Whoever has got a record has time to ask for the next one.
    resting: bool,
    /// What was taken, by whomever.
    taken: Vec<u8>,
}

struct World {
    seed: u64,
    dice: Random,
    inputs: Inputs,
    streams: Vec<Stream>,
    /// Answers may be of a later record than the first, where sends cross each other.
    races: bool,
    /// The server tells which record it answers with.
    names: bool,
    slept: usize,
    searched: usize,
    restarted: usize,
}

impl World {
    fn new(seed: u64, races: bool) -> Self {
        let mut dice = Random::new(seed);
        let names = dice.below(3) > 0;
        let streams = (0..STREAMS).map(|_| Stream::default()).collect();
        let inputs = Inputs::default();
        Self { seed, dice, inputs, streams, races, names, slept: 0, searched: 0, restarted: 0 }
    }

    fn run(mut self) -> Self {
        for _ in 0..STEPS {
            let at = self.dice.below(u64::from(STREAMS)) as usize;
            match self.dice.below(20) {
                0..6 => self.send(at),
                6..10 => self.read(at),
                10 => self.listen(at),
                11 => self.listen_no_more(at),
                12..14 => self.want(at, Want::Record),
                14..17 => self.want(at, Want::Sleep),
                17 => self.give_up(at),
                18 => self.end_sleep_without(at),
                19 if self.streams[at].resting => self.go_on(at),
                _ => {
                    // A record that the tail brings again.
                    if let Some(next) = self.streams[at].tail.filter(|next| *next > 0) {
                        let seq = self.dice.below(next);
                        self.hand_over(at, seq);
                    }
                }
            }
            // Only where it is told which record an answer is: otherwise it cannot be known that it had been taken.
            if self.names && self.dice.below(150) == 0 {
                self.restart();
            }
        }
        for at in 0..STREAMS as usize {
            self.finish(at);
        }
        self
    }

    fn id(at: usize) -> StreamId {
        StreamId::new(at as u32 + 1)
    }

    fn record(&mut self) -> Record {
        (self.dice.below(8) > 0).then(|| self.dice.below(4) as u8)
    }

    fn send(&mut self, at: usize) {
        let count = 1 + self.dice.below(3);
        for _ in 0..count {
            let record = self.record();
            self.streams[at].log.push(record);
        }
        self.answer(at);
    }

    /// The server looks for what a sleeper has not had yet.
    fn answer(&mut self, at: usize) {
        let stream = &mut self.streams[at];
        let Some((sleeper, after)) = stream.sleeper else { return };
        let had = |answer: &Answer| answer.seq.is_some_and(|seq| after.is_some_and(|after| seq <= after));
        while stream.replay.front().is_some_and(had) {
            stream.replay.pop_front();
        }
        let answer = if let Some(answer) = stream.replay.pop_front() {
            answer
        } else {
            let from = after.map_or(0, |after| after + 1);
            let ours = |(seq, record): (usize, &Record)| record.map(|value| (seq as u64, value));
            let found: Vec<_> =
                stream.log.iter().enumerate().filter_map(ours).filter(|(seq, _)| *seq >= from).collect();
            let last = if self.races { self.dice.below(found.len() as u64) as usize } else { 0 };
            let Some((seq, value)) = found.get(last).copied() else { return };
            Answer { seq: self.names.then_some(seq), value }
        };
        stream.sleeper = None;
        let woken = answer.seq.map_or(Woken::Unnamed, Woken::By);
        if self.inputs.wake(Self::id(at), sleeper, woken) {
            stream.answers.push(answer);
            stream.taken.push(answer.value);
            stream.line.retain(|other| *other != sleeper);
            if answer.seq.is_none() {
                stream.unnamed.push(answer.value);
            }
            self.slept += 1;
        }
        self.drain();
    }

    fn end_sleep_without(&mut self, at: usize) {
        let Some((sleeper, _)) = self.streams[at].sleeper.take() else { return };
        self.streams[at].line.retain(|other| *other != sleeper);
        self.inputs.wake(Self::id(at), sleeper, Woken::Empty);
        self.drain();
    }

    fn read(&mut self, at: usize) {
        let stream = &mut self.streams[at];
        let Some(next) = stream.tail.filter(|_| stream.reading) else { return };
        if next < stream.log.len() as u64 {
            stream.tail = Some(next + 1);
            self.hand_over(at, next);
        } else if self.inputs.is_searching(Self::id(at)) {
            panic!("seed {}: an answer is not in the log", self.seed);
        }
    }

    fn hand_over(&mut self, at: usize, seq: u64) {
        let stream = &mut self.streams[at];
        match stream.log.get(seq as usize) {
            Some(Some(value)) => {
                let answer = stream.unnamed.iter().position(|answer| answer == value);
                let arrival = self.inputs.receive(Self::id(at), seq, 1, answer.is_some());
                if let (Some(answer), Arrival::Found) = (answer, arrival) {
                    stream.unnamed.remove(answer);
                    self.searched += 1;
                }
            }
            Some(None) => self.inputs.skip(Self::id(at), seq),
            None => {}
        }
        self.drain();
    }

    fn listen(&mut self, at: usize) {
        let handler = self.inputs.on(Self::id(at));
        self.streams[at].handlers.push(handler);
        self.drain();
    }

    fn listen_no_more(&mut self, at: usize) {
        let Some(handler) = self.streams[at].handlers.pop() else { return };
        self.inputs.off(Self::id(at), handler);
        self.drain();
    }

    fn want(&mut self, at: usize, want: Want) {
        let taker = self.inputs.take(Self::id(at), want);
        self.streams[at].line.push(taker);
        self.drain();
    }

    fn go_on(&mut self, at: usize) {
        self.streams[at].resting = false;
        self.inputs.go_on(Self::id(at));
        self.drain();
    }

    fn give_up(&mut self, at: usize) {
        let stream = &mut self.streams[at];
        let place = self.dice.below(stream.line.len() as u64) as usize;
        let Some(taker) = stream.line.get(place).copied() else { return };
        if stream.sleeper.is_some_and(|(sleeper, _)| sleeper == taker) {
            stream.sleeper = None;
        }
        stream.line.remove(place);
        assert!(self.inputs.cancel(Self::id(at), taker), "seed {}", self.seed);
        self.drain();
    }

    /// The process is gone. The run starts again, and hears of the answers it has had.
    fn restart(&mut self) {
        self.restarted += 1;
        self.inputs = Inputs::default();
        for (number, stream) in (1..).zip(&mut self.streams) {
            let log = std::mem::take(&mut stream.log);
            let mut replay = std::mem::take(&mut stream.replay);
            std::mem::take(&mut stream.answers).into_iter().rev().for_each(|answer| replay.push_front(answer));
            for seq in replay.iter().filter_map(|answer| answer.seq) {
                self.inputs.reserve(StreamId::new(number), seq);
            }
            *stream = Stream { log, replay, ..Stream::default() };
        }
    }

    fn drain(&mut self) {
        let mut steps = 0;
        while let Some(output) = self.inputs.poll_output() {
            steps += 1;
            assert!(steps < 10_000, "seed {}: there is no end of {output:?}", self.seed);
            match output {
                Output::Open(id, after) => {
                    let stream = self.stream(id);
                    assert!(stream.tail.is_none() && stream.sleeper.is_none(), "one reader at a time");
                    stream.tail = Some(after.map_or(0, |after| after + 1));
                    stream.reading = true;
                }
                Output::Close(id) => assert!(self.stream(id).tail.take().is_some(), "what is closed was open"),
                Output::SetReading(id, wanted) => self.stream(id).reading = wanted,
                Output::Give(id, taker, _) => {
                    assert!(!self.stream(id).resting, "who has got a record has not had time to ask for the next");
                    self.stream(id).line.retain(|other| *other != taker);
                }
                Output::Tell(id, handler, _) => {
                    assert!(!self.stream(id).resting, "who has got a record has not had time to ask for the next");
                    assert!(self.stream(id).handlers.contains(&handler));
                    // What one handler does may be to end itself.
                    if self.dice.below(6) == 0 {
                        self.stream(id).handlers.retain(|other| *other != handler);
                        self.inputs.off(id, handler);
                    }
                }
                Output::Drop(id, seq) => {
                    let stream = self.stream(id);
                    let value = stream.log[seq as usize].expect("what is not ours goes to nobody");
                    stream.taken.push(value);
                }
                Output::Sleep(id, sleeper, after) => {
                    let stream = self.stream(id);
                    assert!(stream.tail.is_none() && stream.sleeper.is_none(), "one reader at a time");
                    stream.sleeper = Some((sleeper, after));
                    // The log is looked at when a sleep is registered.
                    self.answer(id.number() as usize - 1);
                }
                Output::Rest(id) => {
                    let stream = self.stream(id);
                    assert!(!stream.resting, "one rest at a time");
                    stream.resting = true;
                }
            }
        }
    }

    fn stream(&mut self, id: StreamId) -> &mut Stream {
        &mut self.streams[id.number() as usize - 1]
    }

    /// Takes what is left, and looks at all that was taken.
    fn finish(&mut self, at: usize) {
        self.go_on(at);
        self.end_sleep_without(at);
        while self.streams[at].sleeper.is_some() {
            self.end_sleep_without(at);
        }
        for taker in std::mem::take(&mut self.streams[at].line) {
            self.inputs.cancel(Self::id(at), taker);
        }
        // A life that goes another way may sleep less often than the one before; what that had is kept for its sleeps.
        let mut turns = 0;
        while !self.streams[at].replay.is_empty() {
            turns += 1;
            assert!(
                turns < 1_000,
                "seed {}: an earlier life's answers are not asked for: {:?}",
                self.seed,
                self.inputs
            );
            self.want(at, Want::Sleep);
            self.read(at);
            self.go_on(at);
        }
        for taker in std::mem::take(&mut self.streams[at].line) {
            self.inputs.cancel(Self::id(at), taker);
        }
        self.streams[at].sleeper = None;
        let mut turns = 0;
        while self.streams[at].tail != Some(self.streams[at].log.len() as u64)
            || self.inputs.peek(Self::id(at)).is_some()
        {
            self.drain();
            turns += 1;
            assert!(turns < 10_000, "seed {}: the log is not read to its end: {:?}", self.seed, self.inputs);
            if self.streams[at].handlers.is_empty() {
                self.listen(at);
            }
            self.read(at);
            self.go_on(at);
        }
        let stream = &mut self.streams[at];
        let mut sent: Vec<u8> = stream.log.iter().copied().flatten().collect();
        // A run that goes another way after a restart hears of its old answers first. Equal ones without numbers stand for each other.
        if self.races || !self.names || self.restarted > 0 {
            sent.sort_unstable();
            stream.taken.sort_unstable();
        }
        assert_eq!(stream.taken, sent, "seed {}, races {}, names {}", self.seed, self.races, self.names);
    }
}
