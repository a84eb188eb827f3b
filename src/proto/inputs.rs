//! What a task has of its input streams: what has arrived and is not taken, who wants something, and where each stream stands.
//!
//! Values stay with whoever drives this: a record is known here by its number in the log. Whoever wants the next record stands in one
//! line, whether it waits with the task awake ([`Want::Record`]) or lets the task sleep ([`Want::Sleep`]). Handlers stand in no line:
//! they are told of every record but those that a sleeper gets. Whoever has got one has time to ask for the next before that goes to
//! handlers alone: otherwise it would depend on what else has come with the first whether a loop that takes one after the other gets all.
//!
//! A record goes to somebody only when the drain comes to it, so a handler that ends itself when it is called leaves the rest.

use alloc::vec::Vec;

use super::id::{StreamId, TakerId};
use super::table::{Queue, Table};

/// With more than this waiting to be taken the log is left unread; below half of it, reading goes on.
pub const HOLD_ABOVE: usize = 4 << 20;

/// What somebody in the line waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// A record, with the task awake: the log is read meanwhile.
    Record,
    /// A record, with the task asleep where none is there yet: the server wakes it.
    Sleep,
}

/// What is to be done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Read the log behind this record, or from its beginning.
    Open(StreamId, Option<u64>),
    /// Read it no more.
    Close(StreamId),
    /// Whether more of it is wanted for now.
    SetReading(StreamId, bool),
    /// One of the line gets a record.
    Give(StreamId, TakerId, u64),
    /// A handler is told of a record.
    Tell(StreamId, TakerId, u64),
    /// Nobody needs the value of that record any more.
    Drop(StreamId, u64),
    /// The task sleeps until there is a record behind this one.
    Sleep(StreamId, TakerId, Option<u64>),
    /// Call [`Inputs::go_on`] when those who have got a record have had time to ask for another.
    Rest(StreamId),
}

/// How a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// With this record.
    By(u64),
    /// With a record whose number was not told.
    Unnamed,
    /// With this record, as the answer to a question under a key: it may be that of an earlier question, and is the answer all the same.
    Keyed(u64),
    /// Without one.
    Empty,
}

/// What becomes of a record that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It waits to be taken.
    Kept,
    /// It is one that was taken from sleep, and now it is known where it stands.
    Found,
    /// It has been there before, or nobody reads this log.
    Known,
}

/// The input streams of one run.
#[derive(Debug, Default)]
pub struct Inputs {
    streams: Table<StreamId, Stream>,
    outputs: Queue<Output>,
    takers: u32,
}

#[derive(Debug, Default)]
struct Stream {
    handlers: Vec<TakerId>,
    line: Queue<(TakerId, Want)>,
    /// The head of the line sleeps.
    asleep: bool,
    /// What has arrived and is not taken, with its size.
    buffer: Queue<(u64, usize)>,
    size: usize,
    /// The last record that has arrived: everything up to it has been taken or is in the buffer.
    received: Option<u64>,
    /// Records behind that, which have been taken from sleep.
    ahead: Vec<u64>,
    /// Records that sleeps of an earlier life of this run have ended with: they are for the sleeps of this one.
    reserved: Vec<u64>,
    /// How many records have been taken from sleep and are not found in the log yet.
    unnamed: u32,
    /// A sleep has ended with this one of those ahead once more: what is before it is looked for, awake.
    search_to: Option<u64>,
    open: bool,
    held: bool,
    /// Somebody in the line has got a record, and may ask for the next.
    resting: bool,
}

impl Inputs {
    /// The name of whoever comes next.
    fn next_taker(&mut self) -> TakerId {
        self.takers += 1;
        TakerId::new(self.takers)
    }

    fn stream(&mut self, id: StreamId) -> &mut Stream {
        if self.streams.get(id).is_none() {
            self.streams.insert(id, Stream::default());
        }
        // It was put in above.
        #[expect(clippy::unwrap_used, reason = "an entry that was just made")]
        self.streams.get_mut(id).unwrap()
    }

    /// A handler listens from now on.
    pub fn on(&mut self, id: StreamId) -> TakerId {
        let handler = self.next_taker();
        self.stream(id).handlers.push(handler);
        handler
    }

    /// A handler listens no more. With nobody left the log is read no more, and what is not taken stays.
    pub fn off(&mut self, id: StreamId, handler: TakerId) {
        let stream = self.stream(id);
        let before = stream.handlers.len();
        stream.handlers.retain(|other| *other != handler);
        if stream.handlers.len() < before && !stream.is_wanted() && core::mem::take(&mut stream.open) {
            self.outputs.push(Output::Close(id));
        }
    }

    /// Somebody wants the next record that nobody before it gets.
    pub fn take(&mut self, id: StreamId, want: Want) -> TakerId {
        let taker = self.next_taker();
        self.stream(id).line.push((taker, want));
        taker
    }

    /// Whoever has got a record has had time to ask for another.
    pub fn go_on(&mut self, id: StreamId) {
        self.stream(id).resting = false;
    }

    /// An earlier life of the run has taken this record from sleep: when this one asks again, it is answered with that. Told first of all.
    pub fn reserve(&mut self, id: StreamId, seq: u64) {
        self.stream(id).reserved.push(seq);
    }

    /// It wants none any more. `false` when it has got one.
    pub fn cancel(&mut self, id: StreamId, taker: TakerId) -> bool {
        let stream = self.stream(id);
        let is_first = stream.line.first().is_some_and(|(first, _)| *first == taker);
        stream.asleep &= !is_first;
        [Want::Record, Want::Sleep].into_iter().any(|want| stream.line.remove(&(taker, want)))
    }

    /// The record that would be taken next.
    pub fn peek(&self, id: StreamId) -> Option<u64> {
        Some(self.streams.get(id)?.buffer.first()?.0)
    }

    /// A record has arrived. `is_answer`: its value is that of a record that has been taken from sleep without a number.
    pub fn receive(&mut self, id: StreamId, seq: u64, size: usize, is_answer: bool) -> Arrival {
        let stream = self.stream(id);
        if !stream.open || stream.received.is_some_and(|received| seq <= received) {
            return Arrival::Known;
        }
        stream.received = Some(seq);
        let was_taken = stream.ahead.contains(&seq);
        stream.ahead.retain(|taken| *taken > seq);
        stream.catch_up();
        if was_taken || stream.reserved.contains(&seq) {
            return Arrival::Known;
        }
        if is_answer && stream.unnamed > 0 {
            stream.unnamed -= 1;
            return Arrival::Found;
        }
        stream.buffer.push((seq, size));
        stream.size += size;
        Arrival::Kept
    }

    /// A record has arrived of which nobody can make anything.
    pub fn skip(&mut self, id: StreamId, seq: u64) {
        let stream = self.stream(id);
        if stream.open {
            stream.received = stream.received.max(Some(seq));
        }
    }

    /// The log has been read to its end, and what was taken from sleep without a number is not in it.
    pub fn give_up_search(&mut self, id: StreamId) {
        let stream = self.stream(id);
        (stream.unnamed, stream.search_to) = (0, None);
        stream.reserved.clear();
    }

    /// Whether the log is read to find out where the stream stands.
    pub fn is_searching(&self, id: StreamId) -> bool {
        self.streams.get(id).is_some_and(Stream::is_searching)
    }

    /// A sleep has ended. `false`: it goes on, because what it ended with had been taken before.
    pub fn wake(&mut self, id: StreamId, taker: TakerId, woken: Woken) -> bool {
        let stream = self.stream(id);
        if !stream.asleep || stream.line.first() != Some(&(taker, Want::Sleep)) {
            return true;
        }
        stream.asleep = false;
        match woken {
            Woken::By(seq) | Woken::Keyed(seq) if stream.reserved.contains(&seq) => {
                stream.reserved.retain(|other| *other != seq);
                if !stream.has_had(seq) {
                    stream.taken(seq);
                }
            }
            Woken::Keyed(seq) if stream.has_had(seq) => {}
            Woken::By(seq) | Woken::Keyed(seq) => {
                if stream.ahead.contains(&seq) {
                    stream.search_to = stream.search_to.max(Some(seq));
                    return false;
                }
                if stream.has_had(seq) {
                    return false;
                }
                stream.taken(seq);
            }
            Woken::Unnamed => stream.unnamed += 1,
            Woken::Empty => {}
        }
        stream.line.pop();
        true
    }

    /// The next thing to do. After `None` there is nothing to do until something happens.
    pub fn poll_output(&mut self) -> Option<Output> {
        loop {
            if let Some(output) = self.outputs.pop() {
                return Some(output);
            }
            // One record, or one step of one stream, at a time: what is done about it may change who wants the next.
            let busy = self.streams.keys_where(Stream::has_work);
            let (id, outputs) = (*busy.first()?, &mut self.outputs);
            if let Some(stream) = self.streams.get_mut(id) {
                stream.step(id, outputs);
            }
        }
    }
}

impl Stream {
    /// Whether the log has to be read. A sleeper reads it by itself, once it is known where it stands.
    fn is_wanted(&self) -> bool {
        let first_is_awake = match self.line.first() {
            Some((_, Want::Record)) => true,
            Some((_, Want::Sleep)) => self.is_searching(),
            None => false,
        };
        !self.asleep && (first_is_awake || !self.handlers.is_empty())
    }

    fn has_had(&self, seq: u64) -> bool {
        self.received >= Some(seq) || self.ahead.contains(&seq)
    }

    fn first_sleeps(&self) -> bool {
        matches!(self.line.first(), Some((_, Want::Sleep)))
    }

    fn next_seq(&self) -> u64 {
        self.received.map_or(0, |received| received + 1)
    }

    /// What the next sleep of an earlier life has ended with.
    fn owed(&self) -> Option<u64> {
        self.reserved.iter().min().copied().filter(|_| self.first_sleeps())
    }

    /// When that sleep began, everything before its record had been taken.
    fn is_searching(&self) -> bool {
        self.unnamed > 0 || self.search_to > self.received || self.owed().is_some_and(|owed| owed > self.next_seq())
    }

    /// Whether what waits has come behind what the head of the line gets.
    fn is_overtaken(&self) -> bool {
        self.buffer.first().is_none_or(|(seq, _)| self.owed().is_some_and(|owed| owed < *seq))
    }

    /// Whether the head of the line is to go to sleep.
    fn is_tired(&self) -> bool {
        self.first_sleeps() && !self.asleep && !self.is_searching() && self.is_overtaken()
    }

    fn can_hand_out(&self) -> bool {
        let is_wanted = !self.line.is_empty() || !self.handlers.is_empty();
        let is_owed_more = self.first_sleeps() && self.is_overtaken();
        is_wanted && !self.asleep && !self.resting && !self.buffer.is_empty() && !is_owed_more
    }

    /// Whether reading is to stop or to go on.
    const fn changes_reading(&self) -> bool {
        self.open && if self.held { self.size * 2 < HOLD_ABOVE } else { self.size > HOLD_ABOVE }
    }

    fn has_work(&self) -> bool {
        let opens = !self.open && self.is_wanted();
        self.can_hand_out() || self.is_tired() || opens || self.changes_reading()
    }

    fn step(&mut self, id: StreamId, outputs: &mut Queue<Output>) {
        if self.can_hand_out() {
            self.hand_out(id, outputs);
        } else if self.is_tired() {
            if core::mem::take(&mut self.open) {
                outputs.push(Output::Close(id));
            }
            if let Some((taker, _)) = self.line.first() {
                self.asleep = true;
                let after = self.owed().map_or(self.received, |owed| owed.checked_sub(1));
                outputs.push(Output::Sleep(id, *taker, after));
            }
        } else if !self.open && self.is_wanted() {
            self.open = true;
            self.held = false;
            outputs.push(Output::Open(id, self.received));
        } else if self.changes_reading() {
            self.held = !self.held;
            outputs.push(Output::SetReading(id, !self.held));
        }
    }

    fn hand_out(&mut self, id: StreamId, outputs: &mut Queue<Output>) {
        let Some((seq, size)) = self.buffer.pop() else { return };
        self.size -= size;
        let first = self.line.pop();
        if let Some((taker, _)) = first {
            outputs.push(Output::Give(id, taker, seq));
        }
        if !matches!(first, Some((_, Want::Sleep))) {
            for handler in &self.handlers {
                outputs.push(Output::Tell(id, *handler, seq));
            }
        }
        outputs.push(Output::Drop(id, seq));
        self.resting = first.is_some() && !self.handlers.is_empty();
        if self.resting {
            outputs.push(Output::Rest(id));
        }
    }

    /// A sleep has ended with it.
    fn taken(&mut self, seq: u64) {
        self.ahead.push(seq);
        self.catch_up();
    }

    /// Moves over what comes next and has been taken.
    fn catch_up(&mut self) {
        loop {
            let next = self.next_seq();
            let Some(at) = self.ahead.iter().position(|taken| *taken == next) else { return };
            self.ahead.remove(at);
            self.received = Some(next);
        }
    }
}
