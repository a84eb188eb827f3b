//! The look through the messages of a feed against serde_json.

use serde_json::value::RawValue;
use tidegate::proto::shape::{Seen, scan};

use crate::members::Members;

/// Takes the bytes for the body of an answer.
pub fn check(data: &[u8]) {
    let body = String::from_utf8_lossy(data);
    for of_run in [false, true] {
        assert_eq!(scan(&body, of_run), read(&body, of_run), "{body:?}, of one run: {of_run}");
    }
}

/// What the messages say, each taken apart by itself.
pub fn read(body: &str, of_run: bool) -> Option<Seen> {
    let messages: Vec<&RawValue> = serde_json::from_str(body).ok()?;
    let mut seen = Seen::default();
    for message in messages {
        let parts = members(message.get());
        let of = |name: &'static str| parts.iter().filter(move |part| part.0 == name).flat_map(|part| members(part.1));
        let control = of("headers").filter(|(name, _)| *name == "control").map(|(_, value)| value).next_back();
        let completed =
            of("value").filter(|(name, _)| of_run && *name == "completedAt").map(|(_, value)| value).next_back();
        seen.finished = completed.map(|value| value != "null").or(seen.finished);
        match control {
            None => (seen.changes, seen.complete) = (true, false),
            Some("\"up-to-date\"") => seen.complete = true,
            Some(other) => seen.refetch |= other == "\"must-refetch\"",
        }
    }
    Some(seen)
}

/// Those of an object; of any other value there are none.
fn members(value: &str) -> Vec<(&str, &str)> {
    serde_json::from_str(value).map_or_else(|_| Vec::new(), |Members(members)| members)
}
