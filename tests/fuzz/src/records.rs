//! The record decoder against a reading of the same frame with serde_json.
//!
//! Where the two could honestly differ, it is settled so: names are compared as they are spelled, so `"\u0062ody"` is no body. Of
//! members of one name the last counts, as in `JSON.parse`; of `records` each is read, because a frame is read once and in order.
//! What came before a batch turned out to be broken has been told.
//!
//! What is left to JavaScript's parser has to come to the same; the one thing it reads otherwise, the spelling of `data`, does not
//! show here. That parser is played by serde_json.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use tidegate::proto::http::StreamVersion;
use tidegate::proto::records::{self, Body, Form, Position, Record, Signal};
use tidegate::proto::sse::{Frame, Standing};
use tidegate::proto::time::UnixTime;

use crate::json::{unescaped, whole};
use crate::members::{Members, inside};
use crate::split_first;

/// What the first byte may ask for. Any other makes a batch of the lines that follow, one body each.
const KINDS: [(u8, StreamVersion, &str); 6] = [
    (b'1', StreamVersion::V1, ""),
    (b'2', StreamVersion::V2, "batch"),
    (b'd', StreamVersion::V2, ""),
    (b'e', StreamVersion::V2, "error"),
    (b'p', StreamVersion::V2, "ping"),
    (b'x', StreamVersion::V1, "batch"),
];

/// The first byte says what frame the rest is the data of.
pub fn check(data: &[u8]) {
    let (kind, data) = split_first(data);
    let data = String::from_utf8_lossy(data);
    let known = KINDS.iter().find(|known| known.0 == kind);
    let Some(&(_, version, event)) = known else {
        return compare_all(StreamVersion::V2, "batch", &batch_of(&data));
    };
    compare_all(version, event, &data);
}

/// With nothing large, with everything large, and with some of it.
fn compare_all(version: StreamVersion, event: &str, data: &str) {
    for large_from in [usize::MAX, 0, 40] {
        compare(version, event, large_from, data);
    }
}

/// A record for each line: its body or, around a tab, its headers as JSON and its body.
fn batch_of(lines: &str) -> String {
    let record = |(number, line): (usize, &str)| {
        let (headers, body) = line.split_once('\t').unwrap_or(("[]", line));
        let body = serde_json::to_string(body).expect("text can be written");
        format!("{{\"body\":{body},\"seq_num\":{number},\"headers\":{headers}}}")
    };
    format!("{{\"records\":[{}]}}", lines.split('\n').enumerate().map(record).collect::<Vec<_>>().join(","))
}

fn compare(version: StreamVersion, event: &str, large_from: usize, data: &str) {
    const ID: &str = "1795301399118-0";
    let mut told = Vec::new();
    let frame = Frame { event, id: Some(ID), data, standing: Standing::Next };
    let signal = records::read(version, &frame, large_from, |Record { position, time, body }| {
        let place = match position {
            Position::Sequence(number) => Place::Sequence(number),
            Position::Id(id) => Place::Id(id.to_owned()),
            Position::Unknown => Place::Unknown,
        };
        told.push((place, time, Held::from(body)));
    });
    let (expected, ending) = match (version, event) {
        (_, "error") => (Vec::new(), Signal::Failure),
        (StreamVersion::V1, "") => (vec![(Place::Id(ID.to_owned()), None, plain_part(data))], Signal::Records),
        (StreamVersion::V2, "batch") => plain_batch(data),
        (StreamVersion::V2, "ping") => (Vec::new(), plain_ping(data).unwrap_or(Signal::Records)),
        (StreamVersion::V2, "") if data == "[DONE]" => (Vec::new(), Signal::WindowEnd),
        _ => (Vec::new(), Signal::Records),
    };
    assert_eq!((told, signal), (expected, ending), "{version:?} {event:?}, large from {large_from}");
}

#[derive(Debug, PartialEq)]
enum Place {
    Sequence(u64),
    Id(String),
    Unknown,
}

type Told = (Place, Option<UnixTime>, Held);

#[derive(Debug, PartialEq)]
enum Held {
    Part { json: String, part_id: Option<String> },
    Skipped,
    Unreadable,
}

impl From<Body<'_>> for Held {
    fn from(body: Body<'_>) -> Self {
        match body {
            Body::Part { json, form: Form::Checked, part_id } => {
                assert_eq!(whole(json), Some(json), "a part is JSON and nothing around it");
                Self::Part { json: json.to_owned(), part_id: part_id.map(Into::into) }
            }
            Body::Part { json, form: Form::Plain, .. } => plain_part(json),
            Body::Part { json, form: Form::Envelope, part_id } => {
                let held = plain_envelope(json);
                if let Self::Part { part_id: id, .. } = &held {
                    assert_eq!(part_id.as_deref(), id.as_deref(), "the id at the end is the one that counts");
                }
                held
            }
            Body::Skipped => Self::Skipped,
            Body::Unreadable(_) => Self::Unreadable,
        }
    }
}

fn plain_part(data: &str) -> Held {
    let json = if data == "undefined" { Ok("null") } else { serde_json::from_str(data).map(RawValue::get) };
    json.map_or(Held::Unreadable, |json| Held::Part { json: json.to_owned(), part_id: None })
}

/// The records up to where the batch is none any more.
fn plain_batch(data: &str) -> (Vec<Told>, Signal) {
    let mut told = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_str(data);
    let read = Batch(&mut told).deserialize(&mut deserializer).and_then(|()| deserializer.end());
    (told, if read.is_ok() { Signal::Records } else { Signal::Failure })
}

struct Batch<'t>(&'t mut Vec<Told>);

impl<'de> DeserializeSeed<'de> for Batch<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Batch<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a batch")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key()? {
            if inside(name) == "records" {
                map.next_value_seed(Records(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct Records<'t>(&'t mut Vec<Told>);

impl<'de> DeserializeSeed<'de> for Records<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Records<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut records: A) -> Result<(), A::Error> {
        while let Some(record) = records.next_element::<&RawValue>()? {
            self.0.push(plain_record(record.get()).ok_or_else(|| A::Error::custom("not a record"))?);
        }
        Ok(())
    }
}

fn plain_record(record: &str) -> Option<Told> {
    let (mut place, mut time, mut body, mut skipped) = (Place::Unknown, None, None, false);
    for (name, value) in serde_json::from_str::<Members<'_>>(record).ok()?.0 {
        match name {
            "seq_num" => place = Place::Sequence(serde_json::from_str(value).ok()?),
            "timestamp" => time = whole_number(value).map(UnixTime::from_millis),
            "body" => body = Some(string(value)?),
            "headers" => skipped = is_skipped(value)?,
            _ => {}
        }
    }
    let held = match body {
        _ if skipped => Held::Skipped,
        Some(body) => plain_envelope(&body),
        None => Held::Unreadable,
    };
    Some((place, time, held))
}

/// A ping that has a time; and if it has a tail, one with a number or none.
fn plain_ping(data: &str) -> Option<Signal> {
    let (mut time, mut tail) = (None, None);
    for (name, value) in serde_json::from_str::<Members<'_>>(data).ok()?.0 {
        match name {
            "timestamp" => time = Some(whole_number(value)?),
            "tail" => {
                let numbers = serde_json::from_str::<Members<'_>>(value).ok()?.0;
                let numbers =
                    numbers.iter().filter(|(name, _)| *name == "seq_num").map(|(_, value)| whole_number(value));
                tail = numbers.collect::<Option<Vec<_>>>()?.pop();
            }
            _ => {}
        }
    }
    Some(Signal::Ping { time: UnixTime::from_millis(time?), tail })
}

fn whole_number(value: &str) -> Option<u64> {
    value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok())?
}

/// By the names of the headers: the first is empty, or any is `trigger-control`. A header that is no array ends the batch.
fn is_skipped(headers: &str) -> Option<bool> {
    if !headers.starts_with('[') {
        return Some(false);
    }
    let headers: Vec<Vec<&RawValue>> = serde_json::from_str(headers).ok()?;
    let names: Vec<_> = headers.iter().map(|header| header.first().and_then(|name| string(name.get()))).collect();
    let is = |name: Option<&Option<String>>, text| name.is_some_and(|name| name.as_deref() == Some(text));
    Some(is(names.first(), "") || names.iter().any(|name| is(Some(name), "trigger-control")))
}

fn plain_envelope(body: &str) -> Held {
    let Ok(Members(members)) = serde_json::from_str(body) else { return Held::Unreadable };
    let last = |wanted| members.iter().rev().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
    let part_id = last("id").and_then(string).filter(|id| !id.is_empty());
    Held::Part { json: last("data").unwrap_or("null").to_owned(), part_id }
}

/// What the literal stands for, if it is a string's.
fn string(literal: &str) -> Option<String> {
    literal.starts_with('"').then(|| unescaped(literal))
}
