//! The recorded exchanges of feeds: what is asked, and what each answer comes to. And the calls beside them.

use std::collections::BTreeMap;

use tidegate::proto::http::{CallKind, FeedKind, OutgoingRequest, Told};
use tidegate::proto::id::{ChannelId, PrincipalId, RequestId};
use tidegate::proto::input::{Command, Input, News};
use tidegate::proto::output::Event;

use super::fixture::Fixture;
use crate::harness::{BASE, World, status};
use crate::sim_feed::Follower;

/// Each recorded answer to a feed, and the status it leads to.
const OUTCOMES: &[(&str, &str)] = &[
    ("batch-subscribe", "live"),
    ("batch-subscribe-unknown", "failed:not-found"),
    ("run-catchup", "live"),
    ("run-expired", "failed:token-expired"),
    ("run-failed-snapshot", "live"),
    ("run-live-bad-handle", "live"),
    ("run-live-cancel", "live"),
    ("run-live-gzip", "live"),
    ("run-live-stale-offset", "live"),
    ("run-live-update", "live"),
    ("run-live-uptodate", "live"),
    ("run-missing-scope", "failed:forbidden"),
    ("run-no-auth", "failed:token-missing"),
    ("run-no-offset", "live"),
    ("run-offset-bad", "live"),
    ("run-scope-tag", "live"),
    ("run-scope-type", "live"),
    ("run-snapshot", "live"),
    ("run-snapshot-done", "live"),
    ("run-snapshot-legacy-headers", "live"),
    ("run-snapshot-realtime-claim", "live"),
    ("run-snapshot-secret", "live"),
    ("run-snapshot-skip", "live"),
    ("run-unknown", "failed:not-found"),
    ("runs-tag-both", "live"),
    ("runs-tag-empty", "live"),
    ("runs-tag-invalid", "failed:invalid-data"),
    ("runs-tag-live", "live"),
    ("runs-tag-live-new", "live"),
    ("runs-tag-none", "failed:forbidden"),
    ("runs-tag-other", "failed:forbidden"),
    ("runs-tag-snapshot", "live"),
];

/// The recorded lives of runs, poll by poll, and how many rows each has.
const LIVES: &[(&str, usize)] = &[("run-follow-", 9), ("tokener-follow-", 5), ("waiter-follow-", 4)];

fn is_feed(fixture: &Fixture) -> bool {
    let path = fixture.path.strip_prefix("/realtime/v1/").unwrap_or_default();
    (path.starts_with("runs") || path.starts_with("batches")) && !fixture.name.ends_with("preflight")
}

fn is_life(fixture: &Fixture) -> bool {
    fixture.name.contains("-follow-") || fixture.name.starts_with("sdk-")
}

/// Path and parameters. What a client may add stands for itself.
fn parts_of(url: &str) -> (String, BTreeMap<String, String>) {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mut parameters: BTreeMap<_, _> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.replace("%2C", ",").replace("%7B", "{").replace("%7D", "}")))
        .collect();
    parameters.remove("log");
    if parameters.get("cursor").is_some_and(String::is_empty) {
        parameters.remove("cursor");
    }
    (path.replace("%7B", "{").replace("%7D", "}"), parameters)
}

struct Opened {
    world: World,
    feed: ChannelId,
    parameters: BTreeMap<String, String>,
    path: String,
}

/// Follows what was followed there, and asks as it was asked: what lies before the recorded request is made up.
fn open(fixture: &Fixture) -> Opened {
    let (path, parameters) = parts_of(&fixture.path);
    let parameter = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let (kind, name) = match path.split('/').nth(3) {
        Some("batches") => (FeedKind::Batch, name),
        _ if path.ends_with("/runs") => (FeedKind::Tags, parameter("tags")),
        _ => (FeedKind::Run, name),
    };
    let own = ["createdAt", "skipColumns"].into_iter().filter(|name| parameters.contains_key(*name));
    let query: Vec<_> = own.map(|name| format!("{name}={}", parameter(name))).collect();
    let mut world = World::new(1);
    let principal = world.open_principal(false);
    if let Some(token) = fixture.token() {
        world.command(Command::SetToken(principal, &token));
    }
    let feed = world.client.next_subscription();
    let query = query.join("&");
    world.command(Command::Follow {
        feed,
        principal,
        kind,
        name: &name.replace("%22", "\""),
        query: &query,
        endless: false,
    });
    if !parameter("handle").is_empty() {
        let snapshot = world.next_request();
        let body = r#"[{"headers":{"control":"up-to-date"}}]"#;
        let (handle, offset) = (parameter("handle"), parameter("offset"));
        let told = Told { handle, offset, cursor: parameter("cursor"), schema: "{}", token: "" };
        answer(&mut world, snapshot.id, 200, body, told);
        if parameter("live").is_empty() {
            world.input(Input::Visible(false));
            world.advance(10_000);
            world.requests.clear();
            world.input(Input::Visible(true));
        }
    }
    Opened { world, feed, parameters, path }
}

fn answer(world: &mut World, request: RequestId, code: u16, body: &str, told: Told<'_>) {
    world.input(Input::News(request, News::Head(status(code))));
    world.input(Input::News(request, News::Body(body, told)));
}

/// Plays the recorded answer.
fn play(world: &mut World, request: &OutgoingRequest, fixture: &Fixture) {
    let header =
        |names: &[&str]| names.iter().find_map(|name| fixture.response_header(name)).unwrap_or_default().to_owned();
    let (handle, offset) =
        (header(&["electric-handle", "electric-shape-id"]), header(&["electric-offset", "electric-chunk-last-offset"]));
    let (cursor, schema) = (header(&["electric-cursor"]), header(&["electric-schema"]));
    let told = Told { handle: &handle, offset: &offset, cursor: &cursor, schema: &schema, token: "" };
    answer(world, request.id, fixture.head().status, fixture.body(), told);
}

#[test]
fn every_recorded_answer_to_a_feed_has_a_row_and_every_row_a_recording() {
    let recorded: Vec<_> =
        Fixture::all("").into_iter().filter(|fixture| is_feed(fixture) && !is_life(fixture)).map(|f| f.name).collect();
    assert_eq!(recorded, OUTCOMES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

#[test]
fn every_recorded_answer_to_a_feed_means_what_it_says() {
    for (name, outcome) in OUTCOMES {
        let fixture = Fixture::all(name).into_iter().find(|fixture| fixture.name == *name).expect("it is recorded");
        let Opened { mut world, feed, mut parameters, path } = open(&fixture);
        if let Some(request) = world.requests.pop_front() {
            // What no client of ours would ask for.
            if matches!(*name, "run-no-offset" | "run-offset-bad") {
                parameters.insert("offset".into(), "-1".into());
            }
            let (asked, with) = parts_of(request.url.strip_prefix(BASE).expect("it goes to the server"));
            assert_eq!((asked.replace("%22", "\""), with), (path, parameters), "{name}");
            play(&mut world, &request, &fixture);
            // What is not there may come.
            while world
                .statuses(feed)
                .pop()
                .is_some_and(|status| status.ends_with(":not-found") && status.starts_with("re"))
            {
                world.jump();
                let again = world.next_request();
                play(&mut world, &again, &fixture);
            }
        } else {
            assert!(["run-missing-scope", "run-no-auth"].contains(name), "{name} is not asked");
        }
        assert_eq!(world.statuses(feed).pop().as_deref(), Some(*outcome), "{name}");
        let rows = world.events.iter().filter(|event| matches!(event, Event::Rows(_, rows) if rows.complete)).count();
        assert_eq!(rows > 0, *outcome == "live", "{name}");
    }
}

#[test]
fn the_recorded_lives_are_followed_poll_by_poll() {
    for (prefix, count) in LIVES {
        let fixtures = Fixture::all(prefix);
        assert_eq!(fixtures.len(), *count);
        let Opened { mut world, feed, .. } = open(&fixtures[0]);
        let mut follower = Follower::default();
        for fixture in &fixtures {
            let request = world.next_request();
            let asked = parts_of(request.url.strip_prefix(BASE).expect("it goes to the server"));
            assert_eq!(asked, parts_of(&fixture.path), "{}", fixture.name);
            play(&mut world, &request, fixture);
            let Some(Event::Rows(_, rows)) = world.events.iter().rfind(|event| matches!(event, Event::Rows(..))) else {
                panic!("{} brings rows", fixture.name)
            };
            assert!(follower.take(rows));
            world.advance(1_000);
        }
        let row = follower.shown.values().next().expect("there is the run");
        assert!(row["completedAt"].is_string(), "{prefix} comes to its end");
        let last = world.next_request();
        let told = Told { handle: "run-{id}", offset: last_offset(&last), cursor: "", schema: "", token: "" };
        world.advance(18_000);
        answer(&mut world, last.id, 200, r#"[{"headers":{"control":"up-to-date"}}]"#, told);
        assert_eq!(world.statuses(feed), ["connecting", "live", "ended"]);
    }
}

fn last_offset(request: &OutgoingRequest) -> &'static str {
    let (_, parameters) = parts_of(&request.url);
    Box::leak(parameters["offset"].clone().into_boxed_str())
}

/// Recorded calls, as what they are asked, and what becomes of them.
const CALLS: &[(&str, CallKind, &str)] = &[
    ("cancel-run", CallKind::Cancel, "ok"),
    ("cancel-run-again", CallKind::Cancel, "ok"),
    ("ratelimit-429", CallKind::Retrieve, "rate-limited"),
    ("ratelimit-other-token", CallKind::Retrieve, "ok"),
    ("run-retrieve", CallKind::Retrieve, "ok"),
    ("run-retrieve-done-jwt", CallKind::Retrieve, "ok"),
    ("run-retrieve-expired", CallKind::Retrieve, "token-expired"),
    ("run-retrieve-failed", CallKind::Retrieve, "ok"),
    ("run-retrieve-jwt", CallKind::Retrieve, "ok"),
    ("run-retrieve-missing", CallKind::Retrieve, "not-found"),
    ("sdk-001-01-POST-api-v1-tasks-echo-trigger", CallKind::Trigger, "ok"),
    ("sdk-001-05-POST-api-v1-waitpoints-tokens-waitpoint-complete", CallKind::Complete, "ok"),
    ("sdk-001-06-POST-api-v1-tasks-quick-trigger", CallKind::Trigger, "ok"),
    ("sdk-005-01-GET-api-v3-runs-run", CallKind::Retrieve, "ok"),
    ("token-complete-again", CallKind::Complete, "ok"),
    ("token-complete-bad-json", CallKind::Complete, "invalid-data"),
    ("token-complete-empty", CallKind::Complete, "ok"),
    ("token-complete-expired", CallKind::Complete, "token-expired"),
    ("token-complete-missing-scope", CallKind::Complete, "forbidden"),
    ("token-complete-no-auth", CallKind::Complete, "token-missing"),
    ("token-complete-ok", CallKind::Complete, "ok"),
    ("token-complete-timedout", CallKind::Complete, "ok"),
    ("token-complete-unknown", CallKind::Complete, "not-found"),
    ("tokener-complete", CallKind::Complete, "ok"),
    ("trigger-bad-body", CallKind::Trigger, "invalid-data"),
    ("trigger-bad-key", CallKind::Trigger, "unauthorized"),
    ("trigger-idempotent", CallKind::Trigger, "ok"),
    ("trigger-idempotent-again", CallKind::Trigger, "ok"),
    ("trigger-jwt-ok", CallKind::Trigger, "ok"),
    ("trigger-jwt-otu", CallKind::Trigger, "unauthorized"),
    ("trigger-jwt-otu-again", CallKind::Trigger, "unauthorized"),
    ("trigger-jwt-scope", CallKind::Trigger, "forbidden"),
    ("trigger-no-auth", CallKind::Trigger, "token-missing"),
    ("trigger-ok-v1", CallKind::Trigger, "ok"),
    ("trigger-ok-v2", CallKind::Trigger, "ok"),
    ("trigger-unknown-task", CallKind::Trigger, "ok"),
];

fn is_call(fixture: &Fixture) -> bool {
    let path = &fixture.path;
    let is_asked = path.ends_with("/trigger") || path.ends_with("/complete") || path.ends_with("/cancel");
    (is_asked || path.starts_with("/api/v3/runs/")) && !fixture.name.ends_with("preflight")
}

#[test]
fn every_recorded_call_has_a_row_and_every_row_a_recording() {
    let recorded: Vec<_> = Fixture::all("").into_iter().filter(is_call).map(|fixture| fixture.name).collect();
    assert_eq!(recorded, CALLS.iter().map(|(name, ..)| *name).collect::<Vec<_>>());
}

#[test]
fn every_recorded_call_means_what_it_says() {
    use tidegate::proto::call::CallOutcome;

    for (name, kind, expected) in CALLS {
        let fixture = Fixture::all(name).into_iter().find(|fixture| fixture.name == *name).expect("it is recorded");
        let subject = fixture.path.trim_end_matches("/complete").split('/').skip(4).find(|part| *part != "tokens");
        let subject = subject.expect("a call is about something").to_owned();
        let (mut world, body) = (World::new(1), fixture.request_body().unwrap_or_default());
        let principal: PrincipalId = world.open_principal(false);
        if let Some(token) = fixture.token() {
            world.command(Command::SetToken(principal, &token));
        }
        let call = world.client.next_subscription();
        world.command(Command::Call { call, principal, kind: *kind, name: &subject, body: &body });
        while let Some(request) = world.requests.pop_front().or_else(|| world.run_requests.pop_front()) {
            assert_eq!(
                request.url.replace("%7B", "{").replace("%7D", "}"),
                format!("{BASE}{}", fixture.path),
                "{name}"
            );
            world.answer(request.id, status(fixture.head().status), fixture.body());
            world.jump();
        }
        let outcome = world.events.iter().find_map(|event| {
            let Event::Call(_, outcome) = event else { return None };
            Some(match outcome {
                CallOutcome::Answered { text, .. } => {
                    assert_eq!(text, fixture.body());
                    "ok"
                }
                CallOutcome::Failed { problem, .. } => problem.code.as_str(),
            })
        });
        assert_eq!(outcome, Some(*expected), "{name}");
    }
}
