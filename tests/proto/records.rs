//! Frames to records, and records to parts.

mod large;
mod reader;

use serde_json::{Value, json};
use tidegate::proto::http::StreamVersion;
use tidegate::proto::records::{Body, Form, Position, Record, Signal, read};
use tidegate::proto::sse::{Frame, Standing};
use tidegate::proto::time::UnixTime;

#[test]
fn a_v1_frame_is_one_part_with_the_frames_id() {
    for (data, expected) in [
        ("{\"step\":1}", "part {\"step\":1}"),
        (" [1, 2] ", "part [1, 2]"),
        ("\"text\"", "part \"text\""),
        ("\"{\\\"text\\\":1}\"", "part \"{\\\"text\\\":1}\""),
        ("null", "part null"),
        ("0", "part 0"),
        // What a send without data is stored as.
        ("undefined", "part null"),
    ] {
        let told = v1(Some("1795301399118-0"), data);
        assert_eq!(told, (vec![format!("1795301399118-0: {expected}")], Signal::Records), "{data}");
    }
    assert_eq!(v1(None, "1"), (vec!["unknown: part 1".into()], Signal::Records));
}

#[test]
fn a_v1_frame_that_is_not_json_is_reported_and_not_guessed_at() {
    for data in
        ["", "plain", "{", "{} {}", "nul", "Undefined", "undefined ", "<<CLOSE_STREAM>>", "1,2", "'a'", "[DONE]"]
    {
        assert_eq!(v1(Some("1-0"), data), (vec!["1-0: unreadable".into()], Signal::Records), "{data}");
    }
}

#[test]
fn events_that_are_not_records_say_nothing() {
    for (version, event, data) in [
        (StreamVersion::V1, "ping", "1"),
        (StreamVersion::V1, "batch", "{\"records\":[{\"seq_num\":0,\"body\":\"{}\"}]}"),
        (StreamVersion::V2, "ping", "not JSON"),
        (StreamVersion::V2, "ping", "{}"),
        (StreamVersion::V2, "ping", "{\"timestamp\":1,\"tail\":7}"),
        (StreamVersion::V2, "later", "{\"records\":[{\"seq_num\":0,\"body\":\"{}\"}]}"),
        (StreamVersion::V2, "", "something"),
        (StreamVersion::V2, "message", "[DONE]"),
    ] {
        assert_eq!(records(version, event, None, data), (vec![], Signal::Records), "{version:?} {event} {data}");
    }
    assert_eq!(records(StreamVersion::V2, "", None, "[DONE]"), (vec![], Signal::WindowEnd));
    for (data, tail) in [
        ("{\"timestamp\":5,\"tail\":{\"seq_num\":6,\"timestamp\":1}}", Some(6)),
        ("{\"later\":[1],\"timestamp\":5}", None),
    ] {
        let ping = Signal::Ping { time: UnixTime::from_millis(5), tail };
        assert_eq!(records(StreamVersion::V2, "ping", None, data), (vec![], ping));
    }
    for version in [StreamVersion::V1, StreamVersion::V2] {
        assert_eq!(records(version, "error", None, "storage is down"), (vec![], Signal::Failure));
    }
}

#[test]
fn a_batch_is_its_records_in_order() {
    let data = json!({ "records": [
        record(7, r#"{"data":{"i":0},"id":"p0"}"#),
        record(8, r#"{"data":"\"inner\"","id":"p1"}"#),
        record(9, r#"{"id":"p2"}"#),
        record(10, r#"{"data":null,"id":""}"#),
        record(11, r#" { "later" : [{}] , "data" : [ 1 ] , "id" : 5 } "#),
        record(12, r#"{"data":1,"id":"ü\"\u00e9"}"#),
        record(13, r#"{"data":1,"data":2,"id":"p3","id":5}"#),
    ], "tail": { "seq_num": 14, "timestamp": 1 } });
    let expected = [
        "7: part {\"i\":0} as p0",
        "8: part \"\\\"inner\\\"\" as p1",
        "9: part null as p2",
        "10: part null",
        "11: part [ 1 ]",
        "12: part 1 as ü\"é",
        // Of members of one name the last counts, as in `JSON.parse`.
        "13: part 2",
    ];
    assert_eq!(batch(&data.to_string()), (expected.map(String::from).to_vec(), Signal::Records));
    let pretty = serde_json::to_string_pretty(&data).unwrap();
    assert_eq!(batch(&pretty), (expected.map(String::from).to_vec(), Signal::Records));
    for empty in ["{}", "{\"records\":[]}", "{\"tail\":{}}"] {
        assert_eq!(batch(empty), (vec![], Signal::Records), "{empty}");
    }
}

#[test]
fn the_records_of_store_and_server_are_skipped_and_keep_their_place() {
    for (headers, body, expected) in [
        (json!([["", "trim"]]), "AAAA", "skipped"),
        (json!([["", "fence"], ["x", "y"]]), "", "skipped"),
        (json!([["trigger-control", "turn-complete"]]), "", "skipped"),
        (json!([["a", "b"], ["trigger-control", "x"], ["c", "d"]]), "{\"data\":1}", "skipped"),
        // An empty name means a command in the first place only, and a value is not a name.
        (json!([["a", "b"], ["", "c"]]), "{\"data\":1}", "part 1"),
        (json!([["a", "trigger-control"], ["b", ""]]), "{\"data\":1}", "part 1"),
        (json!([["x-trigger-control", ""]]), "{\"data\":1}", "part 1"),
        (json!([]), "{\"data\":1}", "part 1"),
        (json!(null), "{\"data\":1}", "part 1"),
        (json!([[], [1, 2], [null]]), "{\"data\":1}", "part 1"),
    ] {
        let data = json!({ "records": [{ "headers": headers, "seq_num": 3, "body": body }] }).to_string();
        assert_eq!(batch(&data), (vec![format!("3: {expected}")], Signal::Records), "{data}");
        let later = json!({ "records": [{ "seq_num": 3, "body": body, "headers": headers }] }).to_string();
        assert_eq!(batch(&later).0, [format!("3: {expected}")], "{later}");
    }
    let without_body = r#"{"records":[{"seq_num":3,"headers":[["trigger-control","x"]]}]}"#;
    assert_eq!(batch(without_body).0, ["3: skipped"]);
}

#[test]
fn a_body_that_is_no_part_is_reported_with_its_place() {
    for body in [
        "",
        "plain",
        "[1]",
        "\"text\"",
        "7",
        "null",
        "{",
        "{\"data\":}",
        "{\"data\":1}x",
        "{\"data\":1,}",
        "{'data':1}",
    ] {
        let data = json!({ "records": [record(4, body), record(5, "{\"data\":2}")] }).to_string();
        let expected = vec!["4: unreadable".to_owned(), "5: part 2".into()];
        assert_eq!(batch(&data), (expected, Signal::Records), "{body:?}");
    }
    let none = r#"{"records":[{"seq_num":4},{"seq_num":5,"body":"{\"data\":2}"}]}"#;
    assert_eq!(batch(none).0, ["4: unreadable", "5: part 2"]);
    assert_eq!(batch(r#"{"records":[{"body":"{\"data\":2}"}]}"#).0, ["unknown: part 2"], "without a number");
}

#[test]
fn a_batch_of_another_shape_is_a_failure_behind_what_could_be_read() {
    let good = record(0, "{\"data\":1}");
    for (data, told) in [
        (String::new(), 0),
        ("[]".into(), 0),
        ("null".into(), 0),
        ("{\"records\":{}}".into(), 0),
        ("{\"records\":null}".into(), 0),
        ("{\"records\":[7]}".into(), 0),
        ("{\"records\":[{\"seq_num\":\"0\"}]}".into(), 0),
        ("{\"records\":[{\"seq_num\":-1}]}".into(), 0),
        ("{\"records\":[{\"seq_num\":1.5}]}".into(), 0),
        ("{\"records\":[{\"seq_num\":1,\"body\":{}}]}".into(), 0),
        ("{\"records\":[{\"seq_num\":1,\"body\":\"{}\",\"headers\":[7]}]}".into(), 0),
        (format!("{{\"records\":[{good},"), 1),
        (format!("{{\"records\":[{good},{{\"seq_num\":1,\"body\":\"{{}}"), 1),
        (format!("{{\"records\":[{good},{good} {good}]}}"), 2),
        (format!("{{\"records\":[{good}]}}}}"), 1),
    ] {
        let (records, signal) = batch(&data);
        assert_eq!((records, signal), (vec!["0: part 1".to_owned(); told], Signal::Failure), "{data}");
    }
}

fn record(sequence: u64, body: &str) -> Value {
    json!({ "seq_num": sequence, "timestamp": 1795302518621_u64, "body": body })
}

fn v1(id: Option<&str>, data: &str) -> (Vec<String>, Signal) {
    records(StreamVersion::V1, "", id, data)
}

fn batch(data: &str) -> (Vec<String>, Signal) {
    // The id of a v2 frame is the store's own affair.
    records(StreamVersion::V2, "batch", Some("4,5,271"), data)
}

/// What a frame holds, in words.
fn records(version: StreamVersion, event: &str, id: Option<&str>, data: &str) -> (Vec<String>, Signal) {
    let mut told = Vec::new();
    let signal = read(
        version,
        &Frame { event, id, data, standing: Standing::Next },
        usize::MAX,
        |Record { position, body, .. }| {
            let place = match position {
                Position::Sequence(number) => number.to_string(),
                Position::Id(id) => id.into(),
                Position::Unknown => "unknown".into(),
            };
            told.push(match body {
                Body::Part { form: Form::Plain | Form::Envelope, .. } => panic!("nothing is large here"),
                Body::Part { json, part_id: Some(id), .. } => format!("{place}: part {json} as {id}"),
                Body::Part { json, part_id: None, .. } => format!("{place}: part {json}"),
                Body::Skipped => format!("{place}: skipped"),
                Body::Unreadable(reason) => {
                    assert!(!reason.is_empty());
                    format!("{place}: unreadable")
                }
            });
        },
    );
    (told, signal)
}
