//! Frames to parts: the two record formats of a stream.

use alloc::borrow::Cow;
use core::fmt;

use super::http::StreamVersion;
use super::json::Scanner;
use super::sse::Frame;
use super::text::parse_digits;
use super::time::UnixTime;

/// What one record holds, once its envelope is off.
#[derive(Clone, PartialEq, Eq)]
pub enum Body<'a> {
    /// One part. `part_id` names it across repeated writes.
    Part {
        /// The value, as text.
        json: &'a str,
        /// How that text holds it.
        form: Form,
        /// The writer's own id.
        part_id: Option<Cow<'a, str>>,
    },
    /// A record of the store or of the server: it moves the cursor and is not for the application.
    Skipped,
    /// Not what the protocol says. Never guessed at: it is reported with its id.
    Unreadable(&'static str),
}

/// Tells how large a part is, and nothing of it.
impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part { json, form, part_id } => write!(f, "Part({} bytes, {form:?}, {part_id:?})", json.len()),
            Self::Skipped => f.write_str("Skipped"),
            Self::Unreadable(reason) => write!(f, "Unreadable({reason:?})"),
        }
    }
}

/// How a text holds a part. Whether a large one is JSON shows when it is parsed, by whom it is handed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// It is the part, and it has been checked. Of several, a JSON array of them.
    Checked,
    /// It is the part, if it is JSON.
    Plain,
    /// If it is JSON, it is an object, and the part is its `data`, or `null` without that.
    Envelope,
}

/// The position of a record in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position<'a> {
    /// v2: counts up by one from 0.
    Sequence(u64),
    /// v1: `<ms>-<n>`, where several records may share one.
    Id(&'a str),
    /// v1 without an id: it cannot be resumed from.
    Unknown,
}

/// One record of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Where it is.
    pub position: Position<'a>,
    /// When the store took it, by its own clock, where it says so: v2 does.
    pub time: Option<UnixTime>,
    /// What it holds.
    pub body: Body<'a>,
}

impl Record<'_> {
    /// How long the text of the part is, in bytes. 0 without a part.
    pub const fn length(&self) -> u64 {
        match self.body {
            Body::Part { json, .. } => json.len() as u64,
            Body::Skipped | Body::Unreadable(_) => 0,
        }
    }
}

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Records, or nothing of interest. All records have been handed out.
    Records,
    /// v2: the store's clock, and the sequence number that the next record will get, where the store tells it.
    Ping {
        /// Now, by the clock that records are timed with.
        time: UnixTime,
        /// One more than the newest record's.
        tail: Option<u64>,
    },
    /// `[DONE]`: the server's window ends here. It says nothing about the stream.
    WindowEnd,
    /// `event: error`: the server could not read on.
    Failure,
}

/// Hands out the records of a frame, in order. Parts whose text has `large_from` bytes or more are left to JavaScript's own parser,
/// which is several times as fast, where it reads the same in them. It differs in what no server writes: `data` with an escape in
/// its name is `data` there, and the id of a record that turns out not to be JSON counts as met.
pub fn read(
    version: StreamVersion,
    frame: &Frame<'_>,
    large_from: usize,
    mut on_record: impl FnMut(Record<'_>),
) -> Signal {
    read_frame(version, frame, large_from, &mut on_record)
}

type OnRecord<'a> = &'a mut dyn FnMut(Record<'_>);

/// One piece of code for every caller.
fn read_frame(version: StreamVersion, frame: &Frame<'_>, large_from: usize, on_record: OnRecord<'_>) -> Signal {
    match (version, frame.event) {
        (_, "error") => Signal::Failure,
        (StreamVersion::V1, "") => read_v1(frame, large_from, on_record),
        (StreamVersion::V2, "batch") => scan_batch(frame.data, large_from, on_record).unwrap_or(Signal::Failure),
        (StreamVersion::V2, "ping") => scan_ping(frame.data).unwrap_or(Signal::Records),
        (StreamVersion::V2, "") if frame.data == "[DONE]" => Signal::WindowEnd,
        // Something the server learnt to say after this was written.
        _ => Signal::Records,
    }
}

fn read_v1(frame: &Frame<'_>, large_from: usize, on_record: OnRecord<'_>) -> Signal {
    let position = frame.id.map_or(Position::Unknown, Position::Id);
    on_record(Record { position, time: None, body: value(frame.data, large_from) });
    Signal::Records
}

/// A send without data is stored by the v1 backend as the word `undefined`.
fn value(text: &str, large_from: usize) -> Body<'_> {
    if text == "undefined" {
        return Body::Part { json: "null", form: Form::Checked, part_id: None };
    }
    if text.len() >= large_from {
        return Body::Part { json: text, form: Form::Plain, part_id: None };
    }
    let mut scanner = Scanner::new(text);
    match scanner.value().and_then(|json| scanner.end().map(|()| json)) {
        Some(json) => Body::Part { json, form: Form::Checked, part_id: None },
        None => Body::Unreadable("the record is not a part in JSON"),
    }
}

fn scan_batch(data: &str, large_from: usize, on_record: OnRecord<'_>) -> Option<Signal> {
    let mut scanner = Scanner::new(data);
    scanner.begin_object()?;
    while let Some(key) = scanner.next_key()? {
        if key == "records" {
            scanner.begin_array()?;
            while scanner.next_element()? {
                scan_record(&mut scanner, large_from, on_record)?;
            }
        } else {
            scanner.value()?;
        }
    }
    scanner.end()?;
    Some(Signal::Records)
}

fn scan_record(scanner: &mut Scanner<'_>, large_from: usize, on_record: OnRecord<'_>) -> Option<()> {
    let (mut sequence, mut time, mut body, mut skipped) = (None, None, None, false);
    scanner.begin_object()?;
    while let Some(key) = scanner.next_key()? {
        match key {
            "seq_num" => sequence = Some(scanner.unsigned()?),
            "timestamp" => time = parse_digits(scanner.value()?.as_bytes()).map(UnixTime::from_millis),
            "body" => body = Some(scanner.literal()?),
            "headers" => skipped = scan_headers(scanner.value()?)?,
            _ => {
                scanner.value()?;
            }
        }
    }
    let position = sequence.map_or(Position::Unknown, Position::Sequence);
    let mut tell = |body| on_record(Record { position, time, body });
    match body {
        _ if skipped => tell(Body::Skipped),
        Some(body) => {
            let text = body.text();
            let large = if text.len() >= large_from { large_envelope(&text) } else { None };
            tell(large.unwrap_or_else(|| envelope(&text)));
        }
        None => tell(Body::Unreadable("the record has no body")),
    }
    Some(())
}

/// `{"timestamp":…,"tail":{"seq_num":…}}`.
fn scan_ping(data: &str) -> Option<Signal> {
    let mut scanner = Scanner::new(data);
    let (mut time, mut tail) = (None, None);
    scanner.begin_object()?;
    while let Some(key) = scanner.next_key()? {
        match key {
            "timestamp" => time = Some(scanner.unsigned()?),
            "tail" => tail = scan_tail(&mut scanner)?,
            _ => {
                scanner.value()?;
            }
        }
    }
    scanner.end()?;
    Some(Signal::Ping { time: UnixTime::from_millis(time?), tail })
}

fn scan_tail(scanner: &mut Scanner<'_>) -> Option<Option<u64>> {
    let mut tail = None;
    scanner.begin_object()?;
    while let Some(key) = scanner.next_key()? {
        if key == "seq_num" {
            tail = Some(scanner.unsigned()?);
        } else {
            scanner.value()?;
        }
    }
    Some(tail)
}

/// Commands of the store have a first header with an empty name; the server's own have one named `trigger-control`.
fn scan_headers(value: &str) -> Option<bool> {
    let mut scanner = Scanner::new(value);
    if scanner.peek() != Some(b'[') {
        return Some(false);
    }
    scanner.begin_array()?;
    let (mut skipped, mut first) = (false, true);
    while scanner.next_element()? {
        scanner.begin_array()?;
        let mut is_name = true;
        while scanner.next_element()? {
            if core::mem::take(&mut is_name) && scanner.peek() == Some(b'"') {
                let name = scanner.string()?;
                skipped |= (first && name.is_empty()) || name == "trigger-control";
            } else {
                scanner.value()?;
            }
        }
        first = false;
    }
    Some(skipped)
}

/// `{"data": …, "id": "…"}`. A send without data has no `data`: it reads as `null`.
fn envelope(body: &str) -> Body<'_> {
    scan_envelope(body).unwrap_or(Body::Unreadable("the record is not a part in JSON"))
}

fn scan_envelope(body: &str) -> Option<Body<'_>> {
    let mut scanner = Scanner::new(body);
    let (mut json, mut part_id) = ("null", None);
    scanner.begin_object()?;
    while let Some(key) = scanner.next_key()? {
        if key == "id" {
            part_id = None;
            if scanner.peek() == Some(b'"') {
                part_id = Some(scanner.string()?).filter(|id| !id.is_empty());
                continue;
            }
        }
        let value = scanner.value()?;
        if key == "data" {
            json = value;
        }
    }
    scanner.end()?;
    Some(Body::Part { json, form: Form::Checked, part_id })
}

/// An envelope as the server writes it: `{…,"id":"…"}`, with nothing to unescape in its id.
///
/// If it is JSON, it is an object whose last member is this id: inside of a string of it a quote would be `\"`, so the quotes seen
/// here begin and end its strings.
fn large_envelope(text: &str) -> Option<Body<'_>> {
    let rest = text.strip_suffix(r#""}"#)?;
    let bytes = rest.as_bytes();
    let mut start = bytes.len();
    while !matches!(bytes.get(start.checked_sub(1)?)?, b'"' | b'\\') {
        start -= 1;
    }
    let (before, part_id) = (bytes.get(..start)?, rest.get(start..)?);
    let is_id = before.ends_with(br#","id":""#) && !part_id.is_empty();
    is_id.then_some(Body::Part { json: text, form: Form::Envelope, part_id: Some(Cow::Borrowed(part_id)) })
}
