//! Large parts, which are handed over unread: they come to the same as small ones.

use serde_json::{Value, json};
use tidegate::proto::http::StreamVersion;
use tidegate::proto::intake::Effect;
use tidegate::proto::random::Random;
use tidegate::proto::records::Form;
use tidegate::proto::subscription::Subscription;
use tidegate::proto::time::Instant;

use crate::harness::values;

/// From here on a part is large.
const LARGE_FROM: usize = 16 << 10;

#[test]
fn on_either_side_of_the_limit_the_same_parts_come_in_the_same_order() {
    // A body is counted as what its JSON string says.
    let around = r#"{"data":"","id":"p1"}"#.len();
    for (length, forms) in
        [(LARGE_FROM - 1, vec![Form::Checked]), (LARGE_FROM, vec![Form::Checked, Form::Envelope, Form::Checked])]
    {
        let long = "x".repeat(length - around);
        let bodies = [json!("a"), json!(long), json!("b")].map(|data| data.to_string());
        let bodies = [0, 1, 2].map(|n| format!("{{\"data\":{},\"id\":\"p{n}\"}}", bodies[n]));
        let (told, met) = read(StreamVersion::V2, None, [v2(&bodies)]);
        assert_eq!(told, ["\"a\"".into(), format!("\"{long}\""), "\"b\"".into(), "at 2".into()]);
        assert_eq!(met, forms, "{length} bytes");
    }
    for (length, forms) in [(LARGE_FROM - 1, vec![Form::Checked]), (LARGE_FROM, vec![Form::Plain, Form::Checked])] {
        let text = format!("\"{}\"", "x".repeat(length - 2));
        let (told, met) = read(StreamVersion::V1, None, [format!("id: 1-0\ndata: {text}\n\nid: 1-1\ndata: 2\n\n")]);
        assert_eq!((told, met), (vec![text, "2".into(), "at 0-0".into()], forms), "{length} bytes");
    }
}

#[test]
fn what_comes_before_a_large_part_is_told_with_its_own_place() {
    let mut reader = reader(StreamVersion::V2, Some(0));
    let bodies = [r#"{"data":0}"#, r#"{"data":1,"id":"p1"}"#, r#"{"data":1,"id":"p1"}"#, r#"{"data":3}"#];
    reader.handle_chunk(Instant::default(), v2(&bodies).as_bytes(), &mut Random::new(1));
    let places: Vec<_> = std::iter::from_fn(|| reader.poll_effect())
        .filter_map(|effect| match effect {
            Effect::Parts(parts) => Some((values(&parts).unwrap(), parts.last_event_id)),
            Effect::Status(_) | Effect::Unreadable { .. } => None,
        })
        .collect();
    let place = |value: u64, place: &str| (vec![json!(value)], place.to_owned());
    assert_eq!(places, [place(0, "0"), place(1, "1"), place(3, "3")], "and a repeat is told once");
}

#[test]
fn only_what_the_server_writes_is_left_unread() {
    for (body, form) in [
        (r#"{"data":1,"id":"p"}"#, Form::Envelope),
        (r#"{"id":"p0","data":1,"id":"p"}"#, Form::Envelope),
        (r#"{"later":"id","id":"p"}"#, Form::Envelope),
        (r#"{"data":{"data":1,"id":"q"},"id":"ü.-_ 7"}"#, Form::Envelope),
        (r#"{"data":"\",\"id\":\"","id":"p"}"#, Form::Envelope),
        // The id is not the last member of the outermost object, or not as plain.
        (r#"{"data":1}"#, Form::Checked),
        (r#"{"id":"p","data":1}"#, Form::Checked),
        (r#"{"data":{"n":1,"id":"p"}}"#, Form::Checked),
        (r#"{"data":",\"id\":\"p"}"#, Form::Checked),
        (r#"{"data":[1,"id","p"]}"#, Form::Checked),
        (r#"{"id":"p"}"#, Form::Checked),
        (r#"{"data":1, "id":"p"}"#, Form::Checked),
        (r#"{"data":1,"id": "p"}"#, Form::Checked),
        (r#"{"data":1,"id":"p" }"#, Form::Checked),
        (r#"{"data":1,"id":"p"} "#, Form::Checked),
        (r#"{"data":1,"id":""}"#, Form::Checked),
        (r#"{"data":1,"id":"\""}"#, Form::Checked),
        (r#"{"data":1,"id":"\\"}"#, Form::Checked),
        (r#"{"data":1,"id":"\u0070"}"#, Form::Checked),
        (r#"{"data":1,"id":7}"#, Form::Checked),
        (r#"{"data":1,"id":"p","id":7}"#, Form::Checked),
        (r#"{"data":1,"grid":"p"}"#, Form::Checked),
    ] {
        let (told, forms) = read(StreamVersion::V2, Some(0), [v2(&[body])]);
        assert_eq!(forms, [form], "{body}");
        assert_eq!(told, read(StreamVersion::V2, None, [v2(&[body])]).0, "{body}");
    }
    // Half a character is what it is in a small one, not what JavaScript would keep.
    let halves = r#"event: batch
data: {"records":[{"seq_num":0,"body":"{\"data\":\"\ud800\",\"id\":\"p\"}"}]}

"#;
    assert_eq!(
        read(StreamVersion::V2, Some(0), [halves.to_owned()]),
        (vec!["\"\u{fffd}\"".into(), "at 0".into()], vec![Form::Envelope])
    );
    let undefined = "id: 1-0\ndata: undefined\n\n".to_owned();
    assert_eq!(read(StreamVersion::V1, Some(0), [undefined]).1, [Form::Checked]);
}

#[test]
fn whatever_counts_as_large_the_same_is_read() {
    let mut random = Random::new(11);
    let (mut apart, mut unreadable) = (0, 0);
    for round in 0..600 {
        for version in [StreamVersion::V1, StreamVersion::V2] {
            let chunks = chunks(version, &mut random);
            let (expected, _) = read(version, Some(usize::MAX), chunks.clone());
            unreadable += expected.iter().filter(|told| told.starts_with("unreadable")).count();
            for large_from in [0, 20, 60, 400] {
                let (told, forms) = read(version, Some(large_from), chunks.clone());
                assert_eq!(told, expected, "round {round}, {version:?}, large from {large_from}: {chunks:#?}");
                apart += forms.iter().filter(|form| **form != Form::Checked).count();
            }
        }
    }
    assert!(apart > 5_000 && unreadable > 500, "only {apart} large ones and {unreadable} unreadable ones came up");
}

/// Some chunks of a stream: parts of all kinds, repeats, what is no part, what is no record.
fn chunks(version: StreamVersion, random: &mut Random) -> Vec<String> {
    let mut number = 0;
    (0..1 + random.below(4))
        .map(|_| {
            let bodies: Vec<_> = (0..random.below(5)).map(|n| body(version, number + n, random)).collect();
            let first = number.saturating_sub(random.below(2));
            number += bodies.len() as u64;
            match version {
                StreamVersion::V1 => {
                    let frame = |(n, body)| format!("id: {}-0\ndata: {body}\n\n", first + n);
                    (0..).zip(&bodies).map(frame).collect()
                }
                StreamVersion::V2 => batch(first, &bodies, random.below(20) == 0),
            }
        })
        .collect()
}

fn body(version: StreamVersion, number: u64, random: &mut Random) -> String {
    let words = ["tide", "\",\"id\":\"q", "\\", "\"}", "wörter", "潮\n\u{1}", "😀", ""];
    let mut word = || words[random.below(words.len() as u64) as usize].repeat(random.below(30) as usize);
    let value = match number % 4 {
        0 => json!(word()),
        1 => json!({ "data": word(), "id": word(), "n": [1.5, null, { word(): {} }] }),
        2 => json!([word(), word()]),
        _ => json!(number),
    };
    let broken = ["", "{", "undefined", "nul", "[1,]", "\u{1}", "{\"data\":1"];
    match (version, random.below(8)) {
        (StreamVersion::V1, 0) => broken[random.below(broken.len() as u64) as usize].into(),
        (StreamVersion::V1, 1) => format!(" {value}\t"),
        (StreamVersion::V1, _) => value.to_string(),
        (StreamVersion::V2, 0) => broken[random.below(broken.len() as u64) as usize].into(),
        // An id of its own: one that was met in what cannot be read is known from then on.
        (StreamVersion::V2, 1) => format!("{{\"data\":{value},,\"id\":\"broken-{number}\"}}"),
        (StreamVersion::V2, 2) => format!("{{\"id\":\"first-{number}\",\"data\":{value}}}"),
        (StreamVersion::V2, 3) => format!("{{\"later\":{value},\"id\":\"none-{number}\"}}"),
        // Now and then that of another.
        (StreamVersion::V2, _) => format!("{{\"data\":{value},\"id\":\"p{}\"}}", number - random.below(2).min(number)),
    }
}

/// An event of v2, as it is or cut off in the last record.
fn batch(first: u64, bodies: &[String], cut: bool) -> String {
    let record = |(n, body)| json!({ "seq_num": first + n, "timestamp": 1, "body": body });
    let mut data = json!({ "records": (0..).zip(bodies).map(record).collect::<Vec<Value>>() }).to_string();
    if cut {
        data.truncate(data.len() - 4);
    }
    format!("event: batch\ndata: {data}\n\n")
}

fn v2(bodies: &[impl ToString]) -> String {
    batch(0, &bodies.iter().map(ToString::to_string).collect::<Vec<_>>(), false)
}

fn reader(version: StreamVersion, large_from: Option<usize>) -> Subscription {
    let mut reader = Subscription::new("", 0);
    if let Some(bytes) = large_from {
        reader = reader.with_large_from(bytes);
    }
    reader.start(Instant::default());
    reader.handle_open(Instant::default(), version);
    reader
}

/// What a stream comes to: its parts, what cannot be read, whether it failed and where it ends. And how the parts were handed over.
fn read(
    version: StreamVersion,
    large_from: Option<usize>,
    chunks: impl IntoIterator<Item = String>,
) -> (Vec<String>, Vec<Form>) {
    let mut reader = reader(version, large_from);
    let (mut told, mut forms) = (Vec::new(), Vec::new());
    let mut now = Instant::default();
    for chunk in chunks {
        if reader.handle_chunk(now, chunk.as_bytes(), &mut Random::new(1)) {
            told.push("lost".into());
            now = now.after(60_000);
            reader.start(now);
            reader.handle_open(now, version);
        }
        while let Some(effect) = reader.poll_effect() {
            match effect {
                Effect::Parts(parts) => {
                    forms.push(parts.form);
                    match values(&parts) {
                        Some(values) => told.extend(values.iter().map(Value::to_string)),
                        None => told.push(format!("unreadable at {}", parts.last_event_id)),
                    }
                }
                Effect::Unreadable { id, .. } => told.push(format!("unreadable at {id}")),
                Effect::Status(_) => {}
            }
        }
    }
    let place = reader.start(now.after(60_000));
    let tidegate::proto::http::RequestKind::Stream { last_event_id, .. } = place else { panic!("a reader reads") };
    told.push(format!("at {}", last_event_id));
    (told, forms)
}
