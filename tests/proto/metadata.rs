//! A task's metadata, rule by rule: what is queued, when it leaves, and what an answer means.

use tidegate::proto::error::ErrorCode;
use tidegate::proto::http::RequestFailure;
use tidegate::proto::metadata::{Above, Answer, DOCUMENT_LIMIT, Metadata, Output, Target};
use tidegate::proto::time::Instant;

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

fn known(document: &str) -> Metadata {
    Metadata::new(Some(document), Above::Nothing, 1_000, 7)
}

fn own(metadata: &mut Metadata, kind: &str, key: &str, value: &str) {
    metadata.apply(at(0), Target::Own, kind, key, value).expect("it is taken, and has own operations");
}

fn answer(status: u16, body: &str) -> Answer<'_> {
    Answer { status, retry_after_ms: 0, idempotent: false, body }
}

/// The next write: its key, and the own operations as text.
#[track_caller]
fn write(metadata: &mut Metadata, now: u64) -> (String, String) {
    match metadata.poll_output(at(now)) {
        Output::Write { key, body } => {
            let rest = body.strip_prefix("{\"operations\":").expect("it is taken, and has own operations");
            (key, rest.split(",\"parentOperations\"").next().expect("it is taken, and has own operations").to_owned())
        }
        other @ (Output::Read | Output::Settled(..) | Output::GivenUp { .. } | Output::Idle(_)) => {
            panic!("no write: {other:?}")
        }
    }
}

#[track_caller]
fn idle(metadata: &mut Metadata, now: u64) -> Instant {
    match metadata.poll_output(at(now)) {
        Output::Idle(due) => due,
        other @ (Output::Write { .. } | Output::Read | Output::Settled(..) | Output::GivenUp { .. }) => {
            panic!("not idle: {other:?}")
        }
    }
}

#[test]
fn what_changes_nothing_is_not_queued() {
    let mut metadata = known(r#"{"a":1,"l":[1]}"#);
    for (kind, key, value) in [
        ("set", "a", "1"),
        ("delete", "never", ""),
        ("remove", "l", "2"),
        ("remove", "a", "1"),
        ("set", "$.x.y", "1"),
        ("increment", "a", "0"),
        ("update", "", r#"{"a":1,"l":[1]}"#),
    ] {
        own(&mut metadata, kind, key, value);
    }
    assert_eq!(idle(&mut metadata, 0), Instant::NEVER);
}

#[test]
fn operations_wait_a_second_for_others_and_leave_as_few() {
    let mut metadata = known("{}");
    assert_eq!(idle(&mut metadata, 0), Instant::NEVER);
    for (kind, key, value) in [
        ("increment", "n", "1"),
        ("increment", "n", "2"),
        ("append", "l", "1"),
        ("append", "l", "1"),
        ("set", "p", "0.1"),
        ("set", "q", "true"),
        ("set", "p", "0.2"),
        ("increment", "f", "0.1"),
        ("increment", "f", "0.2"),
    ] {
        own(&mut metadata, kind, key, value);
    }
    assert_eq!(idle(&mut metadata, 999), at(1_000));
    let (_, operations) = write(&mut metadata, 1_000);
    let expected = [
        r#"{"type":"increment","key":"n","value":3}"#,
        r#"{"type":"append","key":"l","value":1}"#,
        r#"{"type":"append","key":"l","value":1}"#,
        r#"{"type":"set","key":"p","value":0.2}"#,
        r#"{"type":"set","key":"q","value":true}"#,
        r#"{"type":"increment","key":"f","value":0.1}"#,
        r#"{"type":"increment","key":"f","value":0.2}"#,
    ];
    assert_eq!(operations, format!("[{}]", expected.join(",")));
    assert_eq!(idle(&mut metadata, 5_000), Instant::NEVER, "one request at a time");
}

#[test]
fn an_answer_does_not_undo_what_has_been_done_since() {
    let mut metadata = known("{}");
    own(&mut metadata, "set", "a", "1");
    let flush = metadata.flush(at(0));
    write(&mut metadata, 0);
    own(&mut metadata, "set", "b", "2");
    metadata.handle_answer(at(10), &answer(200, r#"{"metadata":{"a":1,"c":3}}"#));
    assert_eq!(metadata.document().text(), r#"{"a":1,"c":3,"b":2}"#);
    assert_eq!(metadata.poll_output(at(10)), Output::Settled(flush, None), "of what was queued then");
    assert_eq!(write(&mut metadata, 1_000).1, r#"[{"type":"set","key":"b","value":2}]"#);
}

#[test]
fn what_cannot_be_written_stays_and_five_failures_are_told() {
    let mut metadata = known("{}");
    own(&mut metadata, "append", "l", "1");
    let flush = metadata.flush(at(0));
    let (first, _) = write(&mut metadata, 0);
    let mut now = 0;
    for failure in 1..=5 {
        metadata.handle_answer(at(now), &Answer { idempotent: true, ..answer(503, "") });
        if failure == 5 {
            let Output::Settled(number, Some(problem)) = metadata.poll_output(at(now)) else { panic!("not told") };
            assert_eq!((number, problem.code, problem.status), (flush, ErrorCode::Server, Some(503)));
        }
        now = idle(&mut metadata, now).as_millis();
        assert_eq!(write(&mut metadata, now).0, first, "a repeat has the key of the first");
    }
    metadata.handle_answer(at(now), &answer(200, r#"{"metadata":{"l":[1]}}"#));
    assert_eq!(idle(&mut metadata, now), Instant::NEVER);
}

#[test]
fn a_lost_answer_is_looked_for_where_repeats_are_not_dropped() {
    for (document, is_there) in [(r#"{"l":[1],"x":1}"#, true), (r#"{"x":2}"#, false)] {
        let mut metadata = known(r#"{"x":1}"#);
        own(&mut metadata, "append", "l", "1");
        metadata.flush(at(0));
        write(&mut metadata, 0);
        metadata.handle_failure(at(0), RequestFailure::Network);
        assert!(idle(&mut metadata, 0) >= at(2_000), "it may still be on its way");
        assert_eq!(metadata.poll_output(at(2_000)), Output::Read);
        let body = format!("{{\"metadata\":{document:?},\"metadataType\":\"application/json\"}}");
        metadata.handle_answer(at(2_000), &answer(200, &body));
        if is_there {
            assert_eq!(metadata.poll_output(at(2_000)), Output::Settled(1, None));
            assert_eq!(metadata.document().text(), document);
        } else {
            assert_eq!(write(&mut metadata, 2_000).1, r#"[{"type":"append","key":"l","value":1}]"#);
        }
    }
}

#[test]
fn what_nobody_can_tell_is_not_done_twice_and_the_rest_is() {
    let mut metadata = known("{}");
    own(&mut metadata, "append", "l", "1");
    own(&mut metadata, "set", "s", "1");
    metadata.flush(at(0));
    write(&mut metadata, 0);
    metadata.handle_failure(at(0), RequestFailure::Network);
    assert_eq!(metadata.poll_output(at(3_000)), Output::Read);
    metadata.handle_answer(at(3_000), &answer(200, r#"{"metadata":"{\"l\":[7]}"}"#));
    let Output::GivenUp { operations: 1, doubtful: true, problem } = metadata.poll_output(at(3_000)) else {
        panic!("it is not said");
    };
    assert_eq!(problem.code, ErrorCode::Blocked);
    assert_eq!(write(&mut metadata, 3_000).1, r#"[{"type":"set","key":"s","value":1}]"#);
    assert_eq!(metadata.document().text(), r#"{"l":[7],"s":1}"#);
}

#[test]
fn one_that_the_server_will_not_take_goes_without_the_others() {
    let mut metadata = known("{}");
    for key in ["a", "b", "bad", "c"] {
        own(&mut metadata, "set", key, "1");
    }
    let flush = metadata.flush(at(0));
    let (mut given_up, mut document) = (0, String::from("{"));
    loop {
        match metadata.poll_output(at(0)) {
            Output::Write { body, .. } if body.contains("bad") => {
                metadata.handle_answer(at(0), &answer(400, r#"{"error":"Validation error: no"}"#));
            }
            Output::Write { body, .. } => {
                for key in ["a", "b", "c"] {
                    if body.contains(&format!("{key:?},")) {
                        document += &format!("{}{key:?}:1", if document.len() > 1 { "," } else { "" });
                    }
                }
                metadata.handle_answer(at(0), &answer(200, &format!("{{\"metadata\":{document}}}}}")));
            }
            Output::GivenUp { operations, doubtful, .. } => {
                assert!(!doubtful);
                given_up += operations;
            }
            Output::Settled(number, problem) => {
                assert_eq!((number, problem.map(|problem| problem.code)), (flush, Some(ErrorCode::InvalidData)));
                break;
            }
            other @ (Output::Read | Output::Idle(_)) => panic!("{other:?}"),
        }
    }
    assert_eq!((given_up, document.as_str()), (1, r#"{"a":1,"b":1,"c":1"#));
    assert_eq!(metadata.document().text(), r#"{"a":1,"b":1,"c":1}"#);
}

#[test]
fn a_run_that_is_over_is_told() {
    for (status, body, code) in [
        (422, r#"{"error":"Cannot update metadata for a completed run"}"#, ErrorCode::RunFinished),
        (404, r#"{"error":"Task Run not found"}"#, ErrorCode::NotFound),
    ] {
        let mut metadata = known("{}");
        own(&mut metadata, "set", "a", "1");
        metadata.flush(at(0));
        write(&mut metadata, 0);
        metadata.handle_answer(at(0), &answer(status, body));
        let mut told = Vec::new();
        while let Output::GivenUp { problem, .. } | Output::Settled(_, Some(problem)) = metadata.poll_output(at(0)) {
            told.push(problem.code);
        }
        assert_eq!(told, [code, code]);
    }
}

#[test]
fn the_wish_of_a_server_is_kept_and_a_flush_does_not_cut_it_short() {
    let mut metadata = known("{}");
    own(&mut metadata, "set", "a", "1");
    metadata.flush(at(0));
    write(&mut metadata, 0);
    metadata.handle_answer(at(0), &Answer { retry_after_ms: 20_000, ..answer(429, "") });
    metadata.flush(at(1_000));
    assert_eq!(idle(&mut metadata, 1_000), at(20_000));
}

#[test]
fn a_refused_key_is_said_once_and_nothing_is_lost() {
    let mut metadata = known("{}");
    own(&mut metadata, "set", "a", "1");
    write(&mut metadata, 1_000);
    metadata.handle_answer(at(1_000), &answer(401, "{}"));
    let Output::GivenUp { operations: 0, doubtful: false, problem } = metadata.poll_output(at(1_000)) else {
        panic!("it is not said");
    };
    assert_eq!(problem.code, ErrorCode::Unauthorized);
    let again = idle(&mut metadata, 1_000).as_millis();
    write(&mut metadata, again);
    metadata.handle_answer(at(again), &answer(401, "{}"));
    assert!(idle(&mut metadata, again) > at(again), "not said again");
}

#[test]
fn the_size_is_checked_here() {
    let mut metadata = known("{}");
    let most = format!("\"{}\"", "x".repeat(DOCUMENT_LIMIT - r#"{"a":""}"#.len()));
    own(&mut metadata, "set", "a", &most);
    let before = metadata.document().clone();
    let problem = metadata.apply(at(0), Target::Own, "append", "l", "1").unwrap_err();
    assert_eq!(problem.size.map(|size| (size.limit, size.actual)), Some((DOCUMENT_LIMIT, DOCUMENT_LIMIT + 8)));
    assert_eq!(*metadata.document(), before);
    own(&mut metadata, "set", "a", "1");
    assert_eq!(write(&mut metadata, 1_000).1, r#"[{"type":"set","key":"a","value":1}]"#);
}

#[test]
fn a_request_takes_no_more_than_a_server_does() {
    let mut metadata = Metadata::new(Some("{}"), Above::One, 1_000, 7);
    let value = format!("\"{}\"", "x".repeat(200_000));
    for _ in 0..7 {
        metadata.apply(at(0), Target::Parent, "append", "l", &value).unwrap();
    }
    metadata.flush(at(0));
    let mut counts = Vec::new();
    while let Output::Write { body, .. } = metadata.poll_output(at(0)) {
        assert!(body.len() < 1_048_576);
        counts.push(body.matches("append").count());
        metadata.handle_answer(at(0), &answer(200, r#"{"metadata":{}}"#));
    }
    assert_eq!(counts, [4, 3]);
}

#[test]
fn the_order_of_what_one_run_above_gets_is_kept() {
    let mut metadata = Metadata::new(Some("{}"), Above::One, 1_000, 7);
    metadata.apply(at(0), Target::Root, "append", "l", "1").unwrap();
    metadata.apply(at(0), Target::Parent, "append", "l", "2").unwrap();
    let Output::Write { body, .. } = metadata.poll_output(at(1_000)) else { panic!("no write") };
    let one_after_the_other = r#""parentOperations":[{"type":"append","key":"l","value":1},{"type":"append","key":"l","value":2}],"rootOperations":[]"#;
    assert!(body.contains(one_after_the_other), "{body}");
    assert_eq!(metadata.document().text(), "{}", "the run's own is another");
}

#[test]
fn what_others_have_written_is_read_under_what_is_queued() {
    let mut metadata = known(r#"{"a":1}"#);
    own(&mut metadata, "set", "mine", "1");
    let refresh = metadata.refresh(at(0));
    assert_eq!(metadata.poll_output(at(0)), Output::Read);
    let body = r#"{"metadata":"{\"json\":{\"b\":2}}","metadataType":"application/super+json"}"#;
    metadata.handle_answer(at(0), &answer(200, body));
    assert_eq!(metadata.poll_output(at(0)), Output::Settled(refresh, None));
    assert_eq!(metadata.document().text(), r#"{"b":2,"mine":1}"#);
}

#[test]
fn what_is_no_operation_is_refused() {
    let mut metadata = known("{}");
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    for (kind, key, value) in [
        ("set", "__proto__", "1"),
        ("set", "$.a.prototype", "1"),
        ("set", "a", "{"),
        ("set", "a", &deep),
        ("increment", "a", "\"1\""),
        ("update", "", "[]"),
        ("update", "", "\"text\""),
    ] {
        let problem = metadata.apply(at(0), Target::Own, kind, key, value).unwrap_err();
        assert_eq!(problem.code, ErrorCode::InvalidData, "{kind} {key}");
    }
    assert_eq!((metadata.document().text().as_str(), idle(&mut metadata, 0)), ("{}", Instant::NEVER));
}
