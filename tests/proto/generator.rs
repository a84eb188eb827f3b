//! Random documents and operations: few names and small values, so that they meet.

use tidegate::proto::document::{Document, Json, VALUE_DEPTH};
use tidegate::proto::operation::{Key, Operation};
use tidegate::proto::random::Random;

pub(crate) fn pick<'a>(random: &mut Random, list: &[&'a str]) -> &'a str {
    list[random.below(list.len() as u64) as usize]
}

const KEYS: &[&str] = &["a", "b", "c", "l", "$.a", "$.a.b", "$.l.0", "$.l.*", "$.a.*.b", "$.*", "$.l.2", "$.b.x"];
const VALUES: &[&str] =
    &["1", "2", "null", "\"x\"", "true", "[]", "[1,2]", "{}", "{\"b\":1}", "{\"b\":{\"b\":[]}}", "[[1],[2]]", "0.5"];

pub(crate) fn key(random: &mut Random) -> &'static str {
    pick(random, KEYS)
}

/// Kind, key and value, as they are given to the machine.
pub(crate) fn row(random: &mut Random) -> (&'static str, &'static str, &'static str) {
    let kind = pick(
        random,
        &["set", "set", "set", "delete", "append", "append", "remove", "increment", "increment", "update"],
    );
    let value = match kind {
        "increment" => pick(random, &["1", "2", "-1", "0.5", "0"]),
        "update" => pick(random, &["{}", "{\"a\":{\"b\":1},\"l\":[1]}"]),
        _ => pick(random, VALUES),
    };
    (kind, key(random), value)
}

pub(crate) fn built((kind, key, value): (&str, &str, &str)) -> Operation {
    let place = || Key::read(key).expect("the test gives what can be read");
    let json = || Json::parse(value, VALUE_DEPTH).expect("the test gives what can be read");
    match kind {
        "set" => Operation::Set(place(), json()),
        "delete" => Operation::Delete(key.to_owned()),
        "append" => Operation::Append(place(), json()),
        "remove" => Operation::Remove(place(), json()),
        "increment" => Operation::Increment(place(), value.parse().expect("the test gives what can be read")),
        _ => Operation::Update(Document::parse(value, VALUE_DEPTH).expect("the test gives what can be read")),
    }
}

pub(crate) fn operation(random: &mut Random) -> Operation {
    built(row(random))
}

pub(crate) fn document(random: &mut Random) -> Document {
    let mut document = Document::new();
    for name in ["a", "b", "c", "l"] {
        if random.below(3) > 0 {
            document
                .set(name, Json::parse(pick(random, VALUES), VALUE_DEPTH).expect("the test gives what can be read"));
        }
    }
    document
}
