//! A proxy that collects an answer before it hands it on: of a window that stays open nothing is ever seen, so windows become short.

use tidegate::proto::error::{ErrorCode, Problem};
use tidegate::proto::http::{OutgoingRequest, RequestKind, ResponseHead, StreamVersion};
use tidegate::proto::id::{ChannelId, RequestId};
use tidegate::proto::input::{Input, News};
use tidegate::proto::output::Event;
use tidegate::proto::status::StreamStatus;

use super::harness::{World, batch, cursor_of, status};
use super::run_end::ping;

fn head(world: &mut World, request: RequestId, version: StreamVersion) {
    world.input(Input::News(request, News::Head(ResponseHead { version, ..status(200) })));
}

fn window_of(request: &OutgoingRequest) -> u32 {
    let RequestKind::Stream { timeout_seconds, .. } = request.kind else { panic!("{request:?}") };
    timeout_seconds
}

#[track_caller]
fn next_window(world: &mut World) -> OutgoingRequest {
    while world.requests.is_empty() {
        if let Some(question) = world.run_requests.pop_front() {
            world.tell_run(&question, false);
        } else {
            assert!(world.jump(), "another window is opened");
        }
    }
    world.next_request()
}

/// A reader of whose first answer nothing has come, or its head alone.
fn starved(with_head: bool, version: StreamVersion) -> (World, ChannelId, OutgoingRequest) {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let first = world.next_request();
    assert_eq!(window_of(&first), 0);
    if with_head {
        head(&mut world, first.id, version);
    }
    while !world.aborted.contains(&first.id) {
        world.advance(1_000);
        world.run_requests.clear();
    }
    let next = next_window(&mut world);
    (world, reader, next)
}

/// Why it has lost its connections, one after the other.
fn losses(world: &World, reader: ChannelId) -> Vec<&Problem> {
    let mut problems = Vec::new();
    for event in &world.events {
        if let Event::Stream(id, StreamStatus::Reconnecting { problem, .. }) = event
            && *id == reader
        {
            problems.push(&**problem);
        }
    }
    problems
}

#[test]
fn where_nothing_comes_of_an_answer_windows_become_short_and_nothing_is_missed() {
    for with_head in [true, false] {
        let (mut world, reader, mut window) = starved(with_head, StreamVersion::V2);
        let began = world.now_ms();
        for round in 0..10_u64 {
            assert_eq!(window_of(&window), 1, "round {round}");
            assert_eq!(cursor_of(&window), round.checked_sub(1).map(|last| last.to_string()));
            if with_head {
                head(&mut world, window.id, StreamVersion::V2);
            }
            // The server closes after a second without a part, and only now the proxy hands everything on.
            world.advance(1_000);
            if !with_head {
                head(&mut world, window.id, StreamVersion::V2);
            }
            world.chunk(window.id, &(batch(&[(round, "1")]) + &ping(round + 1) + "data: [DONE]\n\n"));
            world.end(window.id);
            window = next_window(&mut world);
        }
        assert_eq!(world.parts(reader).len(), 10);
        assert!(world.now_ms() - began < 15_000, "a part a second: {} ms", world.now_ms() - began);
        assert_eq!(
            world.statuses(reader),
            match with_head {
                true => vec!["connecting", "live", "reconnecting:1:timeout", "live"],
                false => vec!["connecting", "reconnecting:1:timeout", "live"],
            }
        );
    }
}

#[test]
fn the_error_says_once_that_something_holds_the_answers_back() {
    let (world, reader, _) = starved(true, StreamVersion::V2);
    let told = losses(&world, reader);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].code, told[0].subject), (ErrorCode::Timeout, Some("stream")));
}

#[test]
fn an_event_that_is_too_large_is_named() {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let request = world.next_request();
    world.open(request.id);
    world.chunk(request.id, &("data: ".to_owned() + &"x".repeat(16 << 20)));
    let told = losses(&world, reader);
    let problem = told.last().expect("it is told");
    assert_eq!((problem.code, problem.subject), (ErrorCode::Protocol, Some("event")));
    assert_eq!(world.aborted, [request.id]);
}

#[test]
fn a_stream_that_is_held_back_ends_with_its_run() {
    for (version, body) in [
        (StreamVersion::V1, String::new()),
        (StreamVersion::V1, "id: 7-0\ndata: 1\n\n".into()),
        (StreamVersion::V2, ping(0) + "data: [DONE]\n\n"),
    ] {
        let (mut world, reader, mut window) = starved(false, version);
        for round in 0..20 {
            assert!(round < 19, "{version:?} {body:?}: it never ends: {:?}", world.statuses(reader));
            world.advance(1_000);
            head(&mut world, window.id, version);
            for piece in body.as_bytes().chunks(9) {
                world.input(Input::News(window.id, News::Chunk(piece)));
                world.advance(1);
            }
            world.end(window.id);
            while let Some(question) = world.run_requests.pop_front() {
                world.tell_run(&question, true);
            }
            if world.statuses(reader).last().is_some_and(|last| last == "ended") {
                break;
            }
            window = next_window(&mut world);
        }
        assert_eq!(world.requests.len(), 0);
    }
}

#[test]
fn a_server_that_hangs_up_at_once_is_not_asked_in_a_loop_all_the_same() {
    let (mut world, _, mut window) = starved(false, StreamVersion::V2);
    let (began, mut windows) = (world.now_ms(), 0);
    while world.now_ms() - began < 60_000 {
        windows += 1;
        head(&mut world, window.id, StreamVersion::V2);
        world.end(window.id);
        window = next_window(&mut world);
    }
    assert!(windows <= 12, "{windows} in a minute");
}

#[test]
fn windows_are_long_again_once_something_comes_before_the_end() {
    let (mut world, _, window) = starved(true, StreamVersion::V2);
    assert_eq!(window_of(&window), 1);
    head(&mut world, window.id, StreamVersion::V2);
    world.chunk(window.id, &ping(0));
    world.advance(1_000);
    world.chunk(window.id, "data: [DONE]\n\n");
    world.end(window.id);
    assert_eq!(window_of(&next_window(&mut world)), 0);
}

#[test]
fn a_connection_that_dies_after_it_has_brought_something_says_nothing_of_a_proxy() {
    let (mut world, principal) = World::with_token(1);
    world.subscribe(principal, "draft", None);
    let first = world.next_request();
    world.open(first.id);
    world.chunk(first.id, &ping(0));
    world.run_requests.clear();
    world.advance(46_000);
    assert!(world.aborted.contains(&first.id));
    assert_eq!(window_of(&next_window(&mut world)), 0);
}

#[test]
fn a_window_that_was_cut_to_nothing_is_not_the_last() {
    let (mut world, reader, window) = starved(false, StreamVersion::V2);
    head(&mut world, window.id, StreamVersion::V2);
    world.chunk(window.id, &(batch(&[(0, "0")]) + &ping(1)));
    world.advance(1_000);
    let question = world.next_run_request();
    world.tell_run(&question, true);
    let mut window = next_window(&mut world);
    for _ in 0..3 {
        // The head takes its time, and what would follow is lost.
        world.advance(2_000);
        head(&mut world, window.id, StreamVersion::V2);
        world.end(window.id);
        assert!(!world.statuses(reader).contains(&"ended".into()));
        window = next_window(&mut world);
    }
    head(&mut world, window.id, StreamVersion::V2);
    world.chunk(window.id, &(batch(&[(1, "1")]) + &ping(2)));
    assert_eq!(world.parts(reader), ["0", "1"]);
    assert_eq!(world.statuses(reader).last().map(String::as_str), Some("ended"));
}
