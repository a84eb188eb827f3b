//! A feed of runs: what it asks, what it hands on, how it comes back, and when it ends.

mod again;
mod end;
mod page;

use std::rc::Rc;

use tidegate::proto::error::Problem;
use tidegate::proto::http::{FeedKind, OutgoingRequest, RequestKind, ResponseHead, Told};
use tidegate::proto::id::{ChannelId, PrincipalId, RequestId};
use tidegate::proto::input::{Command, Input, News};
use tidegate::proto::output::Event;
use tidegate::proto::shape::{Rows, Seen, scan};
use tidegate::proto::status::StreamStatus;

use super::harness::{EPOCH_MS, World, public_token, status};

pub(crate) const UP_TO_DATE: &str = r#"[{"headers":{"control":"up-to-date"}}]"#;
const REFETCH: &str = r#"[{"headers":{"control":"must-refetch"}}]"#;

/// A row, and the word that this is all.
pub(crate) fn row(completed: Option<bool>, note: &str) -> String {
    let completed = match completed {
        None => "",
        Some(false) => ",\"completedAt\":null",
        Some(true) => ",\"completedAt\":\"2026-11-21T22:56:09.070\"",
    };
    format!(
        "[{{\"key\":\"1\",\"value\":{{\"id\":\"1\",\"note\":\"{note}\"{completed}}},\"headers\":{{\"operation\":\"update\"}}}},\
         {{\"headers\":{{\"control\":\"up-to-date\"}}}}]"
    )
}

const SNAPSHOT: Told<'_> = Told { handle: "h", offset: "10_1", cursor: "", schema: "{}", token: "" };

/// What a feed that has read its snapshot asks for before it polls again.
const CAUGHT_UP: &str = "handle=h&log=full&offset=10_1";

pub(crate) fn follow(world: &mut World, principal: PrincipalId, kind: FeedKind, name: &str) -> ChannelId {
    let feed = world.client.next_subscription();
    world.command(Command::Follow { feed, principal, kind, name, query: "", endless: false });
    feed
}

fn answer(world: &mut World, request: RequestId, body: &str, told: Told<'_>) {
    world.input(Input::News(request, News::Head(status(200))));
    world.input(Input::News(request, News::Body(body, told)));
}

fn refuse(world: &mut World, request: RequestId, head: ResponseHead, told: Told<'_>) {
    world.input(Input::News(request, News::Head(head)));
    world.input(Input::News(request, News::Body(REFETCH, told)));
}

fn rows(world: &World, feed: ChannelId) -> Vec<Rows> {
    let of_it = |event: &Event| {
        let Event::Rows(id, rows) = event else { return None };
        (*id == feed).then(|| rows.clone())
    };
    world.events.iter().filter_map(of_it).collect()
}

/// Why a feed has failed.
fn refusal(world: &World) -> Option<Rc<Problem>> {
    world.events.iter().find_map(|event| {
        let Event::Feed(_, StreamStatus::Failed(problem)) = event else { return None };
        Some(Rc::clone(problem))
    })
}

/// A feed of a run that has read its snapshot and polls.
fn polling() -> (World, ChannelId, OutgoingRequest) {
    let (mut world, principal) = World::with_token(1);
    let feed = follow(&mut world, principal, FeedKind::Run, "run_1");
    let request = world.next_request();
    answer(&mut world, request.id, &row(Some(false), "a"), SNAPSHOT);
    let poll = world.next_request();
    (world, feed, poll)
}

fn told(offset: &'static str) -> Told<'static> {
    Told { offset, cursor: "7", schema: "", ..SNAPSHOT }
}

fn query_of(request: &OutgoingRequest) -> &str {
    request.url.split_once('?').expect("it has a query").1
}

#[test]
fn it_reads_the_snapshot_and_then_polls_where_that_ended() {
    let (mut world, principal) = World::with_token(1);
    let feed = follow(&mut world, principal, FeedKind::Run, "run/1");
    let request = world.next_request();
    assert_eq!(request.url, "https://api.example/realtime/v1/runs/run%2F1?log=full&offset=-1");
    assert_eq!(request.kind, RequestKind::Feed);
    let body = row(Some(false), "a");
    answer(&mut world, request.id, &body, SNAPSHOT);
    let expected = Rows { text: body, schema: Some("{}".into()), fresh: true, complete: true };
    assert_eq!(rows(&world, feed), [expected]);
    assert_eq!(world.statuses(feed), ["connecting", "live"]);

    let poll = world.next_request();
    assert_eq!(query_of(&poll), "cursor=&handle=h&live=true&log=full&offset=10_1");
    world.advance(20_000);
    let body = row(None, "b");
    answer(&mut world, poll.id, &body, told("11_2"));
    assert_eq!(query_of(&world.next_request()), "cursor=7&handle=h&live=true&log=full&offset=11_2");
    let expected = Rows { text: body, schema: None, fresh: false, complete: true };
    assert_eq!(rows(&world, feed)[1..], [expected]);
    assert_eq!(world.statuses(feed), ["connecting", "live"], "a poll that follows another is no news");
}

#[test]
fn it_asks_for_tags_and_batches_with_parameters_of_its_own() {
    let (mut world, principal) = World::with_token(1);
    let query = "createdAt=1h&skipColumns=payload%2Coutput";
    for (kind, name) in [(FeedKind::Tags, "user:1,b"), (FeedKind::Tags, ""), (FeedKind::Batch, "batch_1")] {
        let feed = world.client.next_subscription();
        world.command(Command::Follow { feed, principal, kind, name, query, endless: false });
    }
    let urls: Vec<_> = world.requests.iter().map(|request| request.url.clone()).collect();
    let base = "https://api.example/realtime/v1";
    assert_eq!(
        urls,
        [
            format!("{base}/runs?log=full&offset=-1&{query}&tags=user%3A1%2Cb"),
            format!("{base}/runs?log=full&offset=-1&{query}"),
            format!("{base}/batches/batch_1?log=full&offset=-1&{query}"),
        ]
    );
}

#[test]
fn a_snapshot_may_come_in_parts() {
    let (mut world, principal) = World::with_token(1);
    let feed = follow(&mut world, principal, FeedKind::Tags, "a");
    let first = world.next_request();
    let part = r#"[{"key":"1","value":{"completedAt":"then"},"headers":{"operation":"insert"}}]"#;
    answer(&mut world, first.id, part, Told { offset: "0_0", ..SNAPSHOT });
    let second = world.next_request();
    assert_eq!(query_of(&second), "handle=h&log=full&offset=0_0&tags=a");
    answer(&mut world, second.id, part, Told { offset: "0_inf", ..SNAPSHOT });
    let third = world.next_request();
    assert_eq!(query_of(&third), "handle=h&log=full&offset=0_inf&tags=a");
    assert_eq!(world.statuses(feed), ["connecting"]);
    answer(&mut world, third.id, UP_TO_DATE, Told { offset: "0_inf", ..SNAPSHOT });
    let flags: Vec<_> =
        rows(&world, feed).iter().map(|rows| (rows.fresh, rows.complete, rows.schema.is_some())).collect();
    assert_eq!(flags, [(true, false, true), (false, false, false), (false, true, false)]);
    assert_eq!(world.statuses(feed), ["connecting", "live"]);
    assert!(query_of(&world.next_request()).contains("live=true"));
}

#[test]
fn a_body_that_is_not_whole_is_asked_for_again() {
    let (mut world, feed, poll) = polling();
    let body = row(None, "b");
    answer(&mut world, poll.id, &body[..body.len() - 1], told("11_2"));
    assert_eq!(world.statuses(feed).pop().as_deref(), Some("reconnecting:1:protocol"));
    assert_eq!(rows(&world, feed).len(), 1, "nothing of it is taken");
    assert!(world.jump());
    let again = world.next_request();
    assert_eq!(query_of(&again), CAUGHT_UP);
    answer(&mut world, again.id, &body, told("11_2"));
    assert_eq!(rows(&world, feed).len(), 2);
    assert_eq!(world.statuses(feed).pop().as_deref(), Some("live"));
}

#[test]
fn a_log_that_is_over_begins_anew() {
    for (handle, expected) in [("h2", "handle=h2&log=full&offset=-1"), ("", "handle=h-next1&log=full&offset=-1")] {
        let (mut world, feed, poll) = polling();
        refuse(&mut world, poll.id, status(409), Told { handle, ..Told::default() });
        assert!(world.jump());
        let request = world.next_request();
        assert_eq!(query_of(&request), expected);
        answer(&mut world, request.id, &row(Some(false), "z"), Told { handle: "h2", ..SNAPSHOT });
        let last = rows(&world, feed).pop().expect("there are rows");
        assert!(last.fresh && last.schema.is_some());
        assert_eq!(world.statuses(feed), ["connecting", "live"], "it is nothing that a person should see");
    }
    // As a message, in the old way: with other messages, of which none counts.
    let (mut world, feed, poll) = polling();
    let body = row(None, "b").replace("up-to-date", "must-refetch");
    answer(&mut world, poll.id, &body, told("11_2"));
    assert_eq!(rows(&world, feed).len(), 1);
    assert!(world.jump());
    assert_eq!(query_of(&world.next_request()), "handle=h-next1&log=full&offset=-1");
}

#[test]
fn an_answer_that_does_not_go_on_where_it_stands_is_of_another_log() {
    let replies = [Told { handle: "other", ..told("11_2") }, told("9_9")];
    for reply in replies {
        let (mut world, feed, poll) = polling();
        answer(&mut world, poll.id, &row(None, "old"), reply);
        assert_eq!(rows(&world, feed).len(), 1, "{reply:?}");
        assert!(world.jump());
        assert!(query_of(&world.next_request()).contains("offset=-1"), "{reply:?}");
    }
    // Of what is not two numbers nobody knows which comes first, and the second may be counted by each process of a server for itself.
    for offset in ["opaque", "10_0"] {
        let (mut world, feed, poll) = polling();
        answer(&mut world, poll.id, &row(None, "b"), told(offset));
        assert_eq!(rows(&world, feed).len(), 2, "{offset}");
    }
}

#[test]
fn logs_that_are_over_at_once_are_not_asked_for_in_a_loop() {
    let (mut world, _, poll) = polling();
    let (mut request, mut asked) = (poll, 0);
    let end = world.now_ms() + 300_000;
    while world.now_ms() < end {
        if query_of(&request).contains("offset=-1") {
            answer(&mut world, request.id, &row(Some(false), "a"), SNAPSHOT);
        } else {
            refuse(&mut world, request.id, status(409), Told::default());
        }
        asked += 1;
        if world.requests.is_empty() {
            world.jump();
        }
        request = world.next_request();
    }
    assert!((20..120).contains(&asked), "{asked} requests in five minutes");
}

#[test]
fn a_header_that_cannot_be_read_is_named() {
    let lacks = [
        (Told { handle: "", ..SNAPSHOT }, "electric-handle"),
        (Told { offset: "", ..SNAPSHOT }, "electric-offset"),
        (Told { schema: "", ..SNAPSHOT }, "electric-schema"),
    ];
    for (reply, name) in lacks {
        let (mut world, principal) = World::with_token(1);
        let feed = follow(&mut world, principal, FeedKind::Run, "run_1");
        let request = world.next_request();
        answer(&mut world, request.id, UP_TO_DATE, reply);
        assert_eq!(world.statuses(feed).pop().as_deref(), Some("failed:protocol"));
        assert_eq!(refusal(&world).and_then(|problem| problem.subject), Some(name));
        assert_eq!(world.due_in_ms(), None);
    }
    // Behind the beginning of a log it is known, and a cursor does no more than keep caches apart.
    let (mut world, feed, poll) = polling();
    answer(&mut world, poll.id, &row(None, "b"), Told { cursor: "", ..told("11_2") });
    assert_eq!(rows(&world, feed).len(), 2);
}

#[test]
fn a_server_that_does_not_hold_polls_is_asked_less_and_less() {
    let (mut world, feed, mut poll) = polling();
    let (begin, mut asked) = (world.now_ms(), 0);
    while world.now_ms() < begin + 300_000 {
        answer(&mut world, poll.id, UP_TO_DATE, told("10_1"));
        asked += 1;
        assert!(world.requests.is_empty(), "not at once");
        world.jump();
        poll = world.next_request();
    }
    assert!((20..50).contains(&asked), "{asked} requests in five minutes");
    assert_eq!(rows(&world, feed).len(), 1, "of nothing new nothing is told");
    // What is new is asked for at once again.
    answer(&mut world, poll.id, &row(None, "b"), told("11_2"));
    poll = world.next_request();
    world.advance(20_000);
    answer(&mut world, poll.id, UP_TO_DATE, told("11_2"));
    assert_eq!(world.requests.len(), 1, "nor is there anything to wait for behind a poll that was held");
}

#[test]
fn changes_are_asked_for_at_once_until_there_are_too_many() {
    let (mut world, _, mut poll) = polling();
    let (begin, mut asked) = (world.now_ms(), 0);
    while world.now_ms() < begin + 60_000 {
        let offset: &'static str = Box::leak(format!("{}_0", 20 + asked).into_boxed_str());
        world.advance(10);
        answer(&mut world, poll.id, &row(None, "b"), told(offset));
        asked += 1;
        if asked < 18 {
            assert_eq!(world.requests.len(), 1, "request {asked} waits");
        }
        if world.requests.is_empty() {
            world.jump();
        }
        poll = world.next_request();
    }
    assert!((220..=262).contains(&asked), "{asked} requests in a minute");
}

#[test]
fn a_log_begins_anew_with_nothing_of_the_one_before() {
    let (mut world, _, poll) = polling();
    answer(&mut world, poll.id, &row(Some(true), "b"), told("11_2"));
    let poll = world.next_request();
    assert!(query_of(&poll).starts_with("cursor=7&"));
    refuse(&mut world, poll.id, status(409), Told::default());
    world.jump();
    let request = world.next_request();
    assert_eq!(query_of(&request), "handle=h-next1&log=full&offset=-1");
    refuse(&mut world, request.id, status(409), Told { handle: "h2", ..Told::default() });
    world.jump();
    let request = world.next_request();
    assert_eq!(query_of(&request), "handle=h2&log=full&offset=-1");
    // That the run had finished was said by rows that are gone.
    answer(&mut world, request.id, &row(None, "c"), Told { handle: "h2", ..SNAPSHOT });
    let poll = world.next_request();
    assert_eq!(query_of(&poll), "cursor=&handle=h2&live=true&log=full&offset=10_1");
    world.advance(20_000);
    answer(&mut world, poll.id, UP_TO_DATE, Told { handle: "h2", ..told("10_1") });
    assert_eq!(world.requests.len(), 1, "it goes on");
}

#[test]
fn what_is_given_up_is_told_of_no_more() {
    let (mut world, feed, poll) = polling();
    world.command(Command::Unsubscribe(feed));
    assert_eq!(world.aborted, [poll.id]);
    let told_before = world.events.len();
    answer(&mut world, poll.id, &row(None, "b"), told("11_2"));
    assert_eq!(world.events.len(), told_before);
    assert_eq!(world.due_in_ms(), None);
}

#[test]
fn a_scope_is_missed_before_anything_is_asked() {
    let cases: &[(FeedKind, &str, &[&str], Option<&str>)] = &[
        (FeedKind::Run, "run_1", &["read:runs:run_1"], None),
        (FeedKind::Run, "run_1", &["read:tags:x"], None),
        (FeedKind::Run, "run_1", &["read:runs:run_2"], Some("read:runs:run_1")),
        (FeedKind::Run, "run_1", &["write:inputStreams:run_1"], Some("read:runs:run_1")),
        (FeedKind::Tags, "a,b", &["read:tags:b"], None),
        (FeedKind::Tags, "a", &["read:runs"], None),
        (FeedKind::Tags, "a", &["admin"], None),
        (FeedKind::Tags, "a", &["read:batch:a"], Some("read:tags:a")),
        (FeedKind::Tags, "a,b", &["read:batch:a"], Some("read:tags:a")),
        (FeedKind::Tags, "", &["read:batch:a"], Some("read:tags")),
        (FeedKind::Batch, "batch_1", &["read:batch:batch_1"], None),
        (FeedKind::Batch, "batch_1", &["read:runs"], None),
        (FeedKind::Batch, "batch_1", &["read:batch:batch_2"], Some("read:batch:batch_1")),
    ];
    for (kind, name, scopes, missing) in cases {
        let mut world = World::new(1);
        let principal = world.open_principal(false);
        world.command(Command::SetToken(principal, &public_token(scopes, EPOCH_MS, 900)));
        follow(&mut world, principal, *kind, name);
        let found = refusal(&world).and_then(|problem| problem.missing_scope.clone());
        assert_eq!((found.as_deref(), world.requests.len()), (*missing, usize::from(missing.is_none())), "{scopes:?}");
    }
}

#[test]
fn what_no_url_can_name_is_not_asked_for() {
    let (mut world, principal) = World::with_token(1);
    for (kind, name) in [(FeedKind::Run, ".."), (FeedKind::Run, ""), (FeedKind::Batch, ".")] {
        let feed = follow(&mut world, principal, kind, name);
        assert_eq!(world.statuses(feed).pop().as_deref(), Some("failed:not-found"));
    }
    assert!(world.requests.is_empty());
}

#[test]
fn messages_are_looked_through_and_no_more() {
    let seen = |changes, complete, refetch, finished| Some(Seen { changes, complete, refetch, finished });
    let cases = [
        ("[]", seen(false, false, false, None)),
        (UP_TO_DATE, seen(false, true, false, None)),
        (REFETCH, seen(false, false, true, None)),
        (r#"[{"headers":{"control":"snapshot-end"}}]"#, seen(false, false, false, None)),
        (
            r#"[{"headers":{"control":"up-to-date"}},{"headers":{"control":"snapshot-end"}}]"#,
            seen(false, true, false, None),
        ),
        (r#"[{"headers":{"control":"up-to-date"}},{"key":"1"}]"#, seen(true, false, false, None)),
        (r#"[{"value":{"completedAt":null},"headers":{}}]"#, seen(true, false, false, Some(false))),
        (
            r#"[{"value":{"completedAt":"x"}},{"value":{"a":{"completedAt":null}}}]"#,
            seen(true, false, false, Some(true)),
        ),
        (r#"[{"value":{"control":"must-refetch"},"headers":{"completedAt":"x"}}]"#, seen(true, false, false, None)),
        (r#"[{"value":null,"headers":[]},7,"x",null,[{}]]"#, seen(true, false, false, None)),
        ("{}", None),
        ("", None),
        ("<html>", None),
        ("[{}", None),
        ("[{}] []", None),
        (r#"[{"headers":{"control":"up-to-date"}"#, None),
    ];
    for (body, expected) in cases {
        assert_eq!(scan(body, true), expected, "{body}");
    }
    assert_eq!(scan(r#"[{"value":{"completedAt":"x"}}]"#, false), seen(true, false, false, None));
}
