//! A stream ends when its run has finished and the log is drained, and not before.

use std::collections::BTreeMap;

use tidegate::proto::http::{FeedKind, RequestKind, Told};
use tidegate::proto::id::{ChannelId, PrincipalId, RequestId};
use tidegate::proto::input::{Command, Input, News};

use super::harness::{World, batch, cursor_of, status};
use super::shape::{UP_TO_DATE, follow, row};

pub(crate) fn ping(tail: u64) -> String {
    format!("event: ping\ndata: {{\"timestamp\":1,\"tail\":{{\"seq_num\":{tail},\"timestamp\":1}}}}\n\n")
}

/// A reader with an open window, before the first byte.
fn open() -> (World, PrincipalId, ChannelId, RequestId) {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let request = world.next_request();
    world.open(request.id);
    (world, principal, reader, request.id)
}

/// Answers the next question: the run has finished. Gives the last window's request.
fn finish(world: &mut World) -> RequestId {
    while world.run_requests.is_empty() {
        assert!(world.jump(), "the run is asked about");
    }
    let question = world.next_run_request();
    world.tell_run(&question, true);
    while world.requests.is_empty() {
        assert!(world.jump(), "one more window is opened");
    }
    let last = world.next_request();
    let RequestKind::Stream { timeout_seconds: 1, .. } = last.kind else { panic!("{last:?}") };
    last.id
}

#[test]
fn a_run_that_had_finished_before_is_found_out_at_once() {
    let (mut world, _, reader, window) = open();
    world.chunk(window, &batch(&[(0, "0"), (1, "1")]));
    assert!(world.run_requests.is_empty());
    world.chunk(window, &ping(2));
    let question = world.next_run_request();
    assert_eq!(question.url, "https://api.example/api/v3/runs/run_1");
    world.tell_run(&question, true);
    assert_eq!(world.aborted, [window]);
    world.advance(250);
    let last = world.next_request();
    assert_eq!(cursor_of(&last).as_deref(), Some("1"));
    world.open(last.id);
    world.chunk(last.id, &(batch(&[(2, "2")]) + &ping(3)));
    assert_eq!(world.parts(reader), ["0", "1", "2"]);
    assert_eq!(world.statuses(reader), ["connecting", "live", "ended"]);
    assert_eq!(world.aborted, [window, last.id]);
    assert_eq!(world.due_in_ms(), None, "nothing is left to do");
}

#[test]
fn an_idle_stream_asks_less_and_less_often() {
    let (mut world, _, reader, window) = open();
    world.chunk(window, &ping(0));
    let mut asked_at = Vec::new();
    while asked_at.len() < 8 {
        if let Some(question) = world.run_requests.pop_front() {
            asked_at.push(world.now_ms() / 1000);
            world.tell_run(&question, false);
        }
        world.chunk(window, ": ping\n\n");
        world.advance(1_000);
    }
    assert_eq!(asked_at, [1, 6, 11, 22, 46, 94, 154, 214]);
    world.advance(10_000);
    world.chunk(window, &batch(&[(0, "0")]));
    world.advance(2_999);
    assert!(world.run_requests.is_empty());
    world.advance(1);
    assert_eq!(world.run_requests.len(), 1, "news begins it anew");
    assert_eq!(world.statuses(reader), ["connecting", "live"]);
}

#[test]
fn the_end_of_a_window_is_a_reason_to_ask() {
    let (mut world, _, reader, window) = open();
    world.chunk(window, &batch(&[(0, "0")]));
    world.advance(2_000);
    world.end(window);
    let question = world.next_run_request();
    world.advance(250);
    let next = world.next_request();
    world.open(next.id);
    world.tell_run(&question, true);
    let last = finish_window(&mut world);
    world.open(last);
    world.advance(1_000);
    world.end(last);
    assert_eq!(world.statuses(reader), ["connecting", "live", "ended"]);
}

fn finish_window(world: &mut World) -> RequestId {
    while world.requests.is_empty() {
        assert!(world.jump(), "one more window is opened");
    }
    world.next_request().id
}

#[test]
fn a_window_that_was_cut_is_not_the_last() {
    let (mut world, _, reader, window) = open();
    world.chunk(window, &ping(0));
    let mut last = finish(&mut world);
    for round in 0..3_u64 {
        world.open(last);
        world.chunk(last, &batch(&[(round, "0")]));
        match round {
            0 => world.fail(last),
            // A proxy that ends a body in the middle of the log.
            1 => {
                world.advance(1_000);
                world.chunk(last, ": ping\n\n");
                world.end(last);
            }
            _ => world.chunk(last, &ping(9)),
        }
        assert!(!world.statuses(reader).contains(&"ended".into()), "round {round}");
        if round < 2 {
            last = finish_window(&mut world);
        }
    }
    world.chunk(last, &ping(3));
    assert_eq!(world.statuses(reader).last().map(String::as_str), Some("ended"));
}

#[test]
fn in_v1_silence_to_the_end_of_the_window_is_the_end() {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let window = world.next_request().id;
    world.input(Input::News(window, News::Head(status(200))));
    world.chunk(window, "id: 1-0\ndata: 1\n\n");
    let last = finish(&mut world);
    world.input(Input::News(last, News::Head(status(200))));
    world.chunk(last, "id: 1-1\ndata: 2\n\n");
    world.advance(1_000);
    world.end(last);
    assert_eq!(world.parts(reader), ["1", "2"]);
    assert_eq!(world.statuses(reader), ["connecting", "live", "ended"]);
}

#[test]
fn readers_of_one_run_share_the_question() {
    let (mut world, principal, first, window) = open();
    let second = world.subscribe(principal, "log", None);
    let other = world.next_request().id;
    world.open(other);
    world.chunk(window, &ping(0));
    world.chunk(other, &ping(0));
    assert_eq!(world.run_requests.len(), 1);
    let question = world.next_run_request();
    world.tell_run(&question, true);
    world.advance(250);
    for _ in 0..2 {
        let last = world.next_request().id;
        world.open(last);
        world.chunk(last, &ping(0));
    }
    for reader in [first, second] {
        assert_eq!(world.statuses(reader).last().map(String::as_str), Some("ended"));
    }
    let late = world.subscribe(principal, "late", None);
    let window = world.next_request().id;
    world.open(window);
    world.chunk(window, &ping(0));
    assert!(world.run_requests.is_empty(), "what is known is not asked again");
    world.advance(250);
    let last = world.next_request().id;
    world.open(last);
    world.chunk(last, &ping(0));
    assert_eq!(world.statuses(late).last().map(String::as_str), Some("ended"));
}

#[test]
fn a_window_that_was_asked_for_before_the_answer_is_not_the_last() {
    let (mut world, principal, _, window) = open();
    let second = world.subscribe(principal, "log", None);
    let early = world.next_request().id;
    world.chunk(window, &ping(0));
    let question = world.next_run_request();
    world.tell_run(&question, true);
    // It comes late and is old: the server sent it before the run wrote its last words and finished.
    world.open(early);
    world.chunk(early, &ping(0));
    assert!(!world.statuses(second).contains(&"ended".into()));
    world.advance(250);
    let last = world.requests.iter().find(|request| request.url.ends_with("/log")).expect("one more window").id;
    world.open(last);
    world.chunk(last, &(batch(&[(0, "0")]) + &ping(1)));
    assert_eq!(world.parts(second), ["0"]);
    assert_eq!(world.statuses(second).last().map(String::as_str), Some("ended"));
}

#[test]
fn nobody_asks_when_nobody_reads() {
    let (mut world, _, reader, window) = open();
    let idle = format!("{:?}", World::with_token(1).0.client).len();
    world.chunk(window, &ping(0));
    let question = world.next_run_request();
    world.command(Command::Unsubscribe(reader));
    assert_eq!(world.aborted, [window, question.id]);
    assert_eq!(world.due_in_ms(), None);
    assert!(format!("{:?}", world.client).len() < idle + 80, "nothing is left behind: {:?}", world.client);
}

#[test]
fn a_run_that_may_not_be_seen_has_no_end() {
    for code in [403, 404] {
        let (mut world, _, reader, window) = open();
        world.chunk(window, &ping(0));
        let question = world.next_run_request();
        world.answer(question.id, status(code), "{}");
        world.chunk(window, &batch(&[(0, "0")]));
        assert_eq!(world.parts(reader), ["0"]);
        assert_eq!(world.statuses(reader), ["connecting", "live"], "{code}");
    }
}

#[test]
fn a_lost_answer_is_asked_for_again() {
    let (mut world, _, reader, window) = open();
    world.chunk(window, &ping(0));
    for round in 0..3 {
        while world.run_requests.is_empty() {
            world.chunk(window, ": ping\n\n");
            assert!(world.jump());
        }
        let question = world.next_run_request();
        match round {
            0 => world.fail(question.id),
            1 => world.answer(question.id, status(503), ""),
            _ => world.tell_run(&question, true),
        }
    }
    let last = finish_window(&mut world);
    world.open(last);
    world.chunk(last, &ping(0));
    assert_eq!(world.statuses(reader), ["connecting", "live", "ended"]);
}

#[test]
fn what_has_ended_stays_so() {
    let (mut world, principal, reader, window) = open();
    world.chunk(window, &ping(0));
    let last = finish(&mut world);
    world.open(last);
    world.chunk(last, &ping(0));
    world.input(Input::Wake);
    world.input(Input::Online(false));
    world.input(Input::Online(true));
    world.command(Command::SetToken(principal, "tr_dev_other"));
    world.advance(600_000);
    assert!(world.requests.is_empty() && world.run_requests.is_empty());
    assert_eq!(world.statuses(reader), ["connecting", "live", "ended"]);
}

#[test]
fn a_window_asked_for_before_the_end_was_known_is_not_the_last() {
    let (mut world, _, reader, window) = open();
    world.advance(2_000);
    world.end(window);
    let question = world.next_run_request();
    world.advance(250);
    let early = world.next_request();
    // The early window's answer is on its way with an end that was none: a part is written, then the run finishes.
    world.tell_run(&question, true);
    world.open(early.id);
    world.chunk(early.id, &ping(0));
    let last = finish_window(&mut world);
    world.open(last);
    world.chunk(last, &(batch(&[(0, "0")]) + &ping(1)));
    assert_eq!(world.parts(reader), ["0"]);
    assert_eq!(world.statuses(reader), ["connecting", "live", "ended"]);
}

#[test]
fn a_store_that_tells_no_tail_says_when_it_is_done() {
    let (mut world, _, reader, window) = open();
    world.chunk(window, &batch(&[(0, "0")]));
    let last = finish(&mut world);
    world.open(last);
    world.chunk(last, "event: ping\ndata: {\"timestamp\":1}\n\n");
    world.advance(1_000);
    world.chunk(last, "data: [DONE]\n\n");
    world.end(last);
    assert_eq!(world.statuses(reader), ["connecting", "live", "ended"]);
}

/// When the run is asked about, in ten minutes of twenty streams of twenty runs, each with a part every so often.
fn questions(part_every_ms: u64, lost: bool) -> Vec<u64> {
    let (mut world, principal) = World::with_token(1);
    let mut open: BTreeMap<String, RequestId> = BTreeMap::new();
    for n in 0..20 {
        let subscription = world.client.next_subscription();
        let run = &format!("run_{n}");
        let (key, last_event_id, timeout_seconds) = ("draft", "", 0);
        world.command(Command::Subscribe { subscription, principal, run, key, last_event_id, timeout_seconds });
    }
    let (start, mut asked) = (world.now_ms(), Vec::new());
    let mut parts = 0;
    while world.now_ms() - start < 600_000 {
        while let Some(request) = world.requests.pop_front() {
            world.open(request.id);
            world.chunk(request.id, &ping(0));
            open.insert(request.url, request.id);
        }
        while let Some(question) = world.run_requests.pop_front() {
            asked.push(world.now_ms() - start);
            if lost { world.fail(question.id) } else { world.tell_run(&question, false) }
        }
        world.advance(500);
        let due = (world.now_ms() - start) / part_every_ms;
        for window in open.values() {
            let chunk = if due > parts { batch(&[(due, "0")]) } else { ": ping\n\n".to_owned() };
            world.chunk(*window, &chunk);
        }
        parts = due;
    }
    asked
}

#[test]
fn many_runs_are_asked_about_within_the_limit() {
    for part_every_ms in [5_000, 700_000] {
        for lost in [false, true] {
            let asked = questions(part_every_ms, lost);
            let in_a_minute = |&from: &u64| asked.iter().filter(|&&at| (from..from + 60_000).contains(&at)).count();
            let most = asked.iter().map(in_a_minute).max().unwrap_or(0);
            assert!(most <= 46, "a part every {part_every_ms} ms: {most} questions in a minute");
        }
    }
}

/// Answers the request of a feed, and gives its next.
fn feed_answer(world: &mut World, body: &str, offset: &'static str) {
    let at = world.requests.iter().position(|request| request.kind == RequestKind::Feed).expect("the feed asks");
    let request = world.requests.remove(at).expect("it is there");
    world.input(Input::News(request.id, News::Head(status(200))));
    let told = Told { handle: "h", offset, schema: "{}", ..Told::default() };
    world.input(Input::News(request.id, News::Body(body, told)));
}

#[test]
fn a_feed_of_the_run_tells_its_readers_unasked() {
    let (mut world, principal, reader, window) = open();
    follow(&mut world, principal, FeedKind::Run, "run_1");
    feed_answer(&mut world, &row(Some(false), "a"), "1_1");
    world.chunk(window, &(batch(&[(0, "0")]) + &ping(1)));
    for _ in 0..4 {
        world.advance(20_000);
        world.chunk(window, &ping(1));
        feed_answer(&mut world, UP_TO_DATE, "1_1");
    }
    assert!(world.run_requests.is_empty(), "the feed would tell");
    feed_answer(&mut world, &row(Some(true), "b"), "2_2");
    assert_eq!(world.aborted, [window]);
    world.advance(250);
    let at = world.requests.iter().position(|request| request.kind != RequestKind::Feed).expect("one more window");
    let last = world.requests.remove(at).expect("it is there");
    world.open(last.id);
    world.chunk(last.id, &ping(1));
    assert_eq!(world.statuses(reader), ["connecting", "live", "ended"]);
}

#[test]
fn a_reader_that_comes_behind_the_end_hears_of_it_from_a_feed_that_has_ended() {
    let (mut world, principal) = World::with_token(1);
    let feed = follow(&mut world, principal, FeedKind::Run, "run_1");
    feed_answer(&mut world, &row(Some(true), "a"), "1_1");
    world.advance(20_000);
    feed_answer(&mut world, UP_TO_DATE, "1_1");
    assert_eq!(world.statuses(feed).pop().as_deref(), Some("ended"));
    let reader = world.subscribe(principal, "draft", None);
    let window = world.next_request();
    world.open(window.id);
    world.chunk(window.id, &ping(0));
    world.advance(250);
    let last = world.next_request();
    world.open(last.id);
    world.chunk(last.id, &ping(0));
    assert_eq!(world.statuses(reader).pop().as_deref(), Some("ended"));
    assert!(world.run_requests.is_empty());
}

#[test]
fn other_feeds_tell_nothing_of_a_run() {
    type Make = fn(&mut World, PrincipalId);
    let makes: [(&str, Make); 6] = [
        ("of a tag of that name", |world, principal| {
            follow(world, principal, FeedKind::Tags, "run_1");
            feed_answer(world, &row(Some(true), "a"), "1_1");
        }),
        ("of another run", |world, principal| {
            follow(world, principal, FeedKind::Run, "run_2");
            feed_answer(world, &row(Some(true), "a"), "1_1");
        }),
        ("of somebody else", |world, _| {
            let other = world.open_principal(false);
            world.command(Command::SetToken(other, &super::harness::secret_key()));
            follow(world, other, FeedKind::Run, "run_1");
            feed_answer(world, &row(Some(true), "a"), "1_1");
        }),
        ("that was asked not to tell when it ends", |world, principal| {
            follow(world, principal, FeedKind::Run, "run_1");
            feed_answer(world, &row(None, "a"), "1_1");
        }),
        ("without a snapshot", |world, principal| {
            follow(world, principal, FeedKind::Run, "run_1");
        }),
        ("that was refused", |world, principal| {
            follow(world, principal, FeedKind::Run, "run_1");
            feed_answer(world, &row(Some(false), "a"), "1_1");
            let poll = world.next_request();
            world.answer(poll.id, status(404), "{}");
        }),
    ];
    for (name, make) in makes {
        let (mut world, principal, _, window) = open();
        make(&mut world, principal);
        world.chunk(window, &ping(0));
        assert_eq!((world.run_requests.len(), world.aborted.len()), (1, 0), "a feed {name}");
    }
}
