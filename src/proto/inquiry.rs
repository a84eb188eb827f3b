//! Whether a send arrived whose answer was lost, read from the input stream itself.
//!
//! The store times its records, and its pings tell its clock. So the time since the send left gives the earliest time its record
//! can bear, whatever the clock of the device says. The record bears no name of ours: it is known by its data and that time.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::http::StreamVersion;
use super::json::Scanner;
use super::records::{self, Body, Position, Record, Signal};
use super::sse::SseDecoder;
use super::text::decimal;
use super::time::{Instant, Now, UnixTime};

/// How far apart two clocks of one store may be.
const SLACK_MS: u64 = 1_000;

/// A send that left.
#[derive(Clone)]
pub struct Sent {
    /// When.
    pub at: Now,
    /// The whole request body, `{"data":…}`.
    pub body: Rc<String>,
    /// When it was accepted, once it was.
    pub settled: Instant,
}

/// Tells when, and nothing of what was sent.
impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sent({:?}, {} bytes)", self.at, self.body.len())
    }
}

impl Sent {
    /// Whether that is the data of a record. It is stored as JSON text in a JSON string.
    fn is_in(&self, record: &Body<'_>) -> bool {
        let Body::Part { json, .. } = record else { return false };
        let data = self.body.strip_prefix("{\"data\":").and_then(|rest| rest.strip_suffix('}'));
        Scanner::new(json).string().is_some_and(|text| data == Some(&*text))
    }

    /// No record of it bears an earlier time. A clock that stands still while the device sleeps makes way for the other.
    fn earliest(&self, now: Now, ping: UnixTime) -> UnixTime {
        let awake = now.monotonic.since(self.at.monotonic);
        let ago = awake.max(now.wall.as_millis().saturating_sub(self.at.wall.as_millis()));
        UnixTime::from_millis(ping.as_millis().saturating_sub(ago + SLACK_MS))
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It is in the stream.
    Arrived,
    /// It is not.
    Absent,
    /// Somebody else's record, or this one in other words.
    Unclear,
    /// Nobody has looked: the receiver would drop a repeat.
    Repeatable,
}

/// The stream could not be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// A look into the stream, for as long as one connection.
#[derive(Debug)]
pub struct Inquiry {
    decoder: SseDecoder,
    /// The sequence number that was read first.
    from: u64,
    /// The sequence number that is read next.
    next: u64,
    /// The times of the records with the same data.
    equal: Vec<UnixTime>,
    /// The latest time of a record that is nobody's of ours.
    foreign: UnixTime,
}

impl Inquiry {
    /// Looks among the records from `next` on.
    pub fn new(next: u64) -> Self {
        Self { decoder: SseDecoder::default(), from: next, next, equal: Vec::new(), foreign: UnixTime::default() }
    }

    /// What to send as `Last-Event-ID`, empty for the beginning.
    pub fn last_event_id(&self) -> String {
        self.next.checked_sub(1).map(decimal).unwrap_or_default()
    }

    /// The sequence number behind the last record seen.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Bytes arrived. A finding about `sent`, once the end of the stream has been seen. Records of `earlier`, which were accepted
    /// not long before, are not this one's.
    pub fn handle_chunk(
        &mut self,
        now: Now,
        chunk: &[u8],
        sent: &Sent,
        earlier: &[Sent],
    ) -> Result<Option<Finding>, Broken> {
        let mut decoder = core::mem::take(&mut self.decoder);
        let (mut finding, mut broken) = (None, false);
        let fed = decoder.feed(chunk, |frame, _| {
            match records::read(StreamVersion::V2, &frame, usize::MAX, |record| self.take(&record, sent, earlier)) {
                // It is not the log that it was.
                Signal::Ping { tail: Some(tail), .. } if tail < self.from => {
                    self.next = 0;
                    finding = Some(Finding::Unclear);
                }
                Signal::Ping { time, tail: Some(tail) } if tail <= self.next => {
                    finding = Some(self.conclude(now, time, sent, earlier))
                }
                Signal::Failure => broken = true,
                Signal::Records | Signal::Ping { .. } | Signal::WindowEnd => {}
            }
        });
        self.decoder = decoder;
        if broken || fed.is_err() { Err(Broken) } else { Ok(finding) }
    }

    fn take(&mut self, Record { position, time, body }: &Record<'_>, sent: &Sent, earlier: &[Sent]) {
        if let Position::Sequence(number) = *position {
            // What is behind has been somebody's already.
            if number < self.next {
                return;
            }
            self.next = number.saturating_add(1);
        }
        match *time {
            Some(time) if sent.is_in(body) => self.equal.push(time),
            _ if *body == Body::Skipped || earlier.iter().any(|sent| sent.is_in(body)) => {}
            // One without a time may be of any time.
            _ => self.foreign = self.foreign.max(time.unwrap_or(UnixTime::from_millis(u64::MAX))),
        }
    }

    fn conclude(&self, now: Now, ping: UnixTime, sent: &Sent, earlier: &[Sent]) -> Finding {
        let since = sent.earliest(now, ping);
        let (mut first, mut ours) = (since, 0);
        for other in earlier.iter().filter(|other| other.body == sent.body) {
            first = first.min(other.earliest(now, ping));
            ours += 1;
        }
        let found = self.equal.iter().filter(|&&time| time >= first).count();
        if found > ours && self.equal.last().is_some_and(|&time| time >= since) {
            Finding::Arrived
        } else if self.foreign < since {
            Finding::Absent
        } else {
            Finding::Unclear
        }
    }
}
