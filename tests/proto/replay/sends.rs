//! The recorded answers to sends, and what each comes to.

use serde_json::Value;
use tidegate::proto::error::{ErrorCode, Problem, Size};
use tidegate::proto::id::SendId;
use tidegate::proto::input::Command;
use tidegate::proto::output::Event;
use tidegate::proto::send::SendState;

use super::fixture::Fixture;
use crate::harness::{BASE, World, blind_token, body_of};

/// What becomes of the recorded send when the core is asked to make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// It leaves just as it was recorded.
    Leaves,
    /// It is refused before it leaves, with this code: the answer is what the recorder's client ran into.
    Refused(&'static str),
    /// The core cannot be asked for it: another method, an address or a body that it never makes.
    NeverMade,
}

use Door::{Leaves, NeverMade, Refused};

/// Each recorded send, what the core does with it, and what the recorded answer means to a send that has left.
const OUTCOMES: &[(&str, Door, &str)] = &[
    ("input-canceled-run", Leaves, "accepted"),
    ("input-canceled-run-later", Leaves, "rejected:run-finished"),
    ("input-chunked-small", NeverMade, "rejected:too-large"),
    ("input-completed-run", Leaves, "rejected:run-finished"),
    ("input-delete", NeverMade, "rejected:too-large"),
    ("input-jwt-admin", Leaves, "accepted"),
    ("input-jwt-bad-sig", Leaves, "rejected:unauthorized"),
    ("input-jwt-expired", Leaves, "rejected:token-expired"),
    ("input-jwt-missing-scope", Refused("forbidden"), "rejected:forbidden"),
    ("input-jwt-no-sub", Leaves, "rejected:unauthorized"),
    ("input-jwt-other-run", Refused("forbidden"), "rejected:forbidden"),
    ("input-jwt-type-scope", Leaves, "accepted"),
    ("input-jwt-unknown-env", Leaves, "rejected:unauthorized"),
    ("input-jwt-write-all", Leaves, "accepted"),
    ("input-jwt-write-runs", Refused("forbidden"), "rejected:forbidden"),
    ("input-jwt-wrong-aud", Leaves, "rejected:unauthorized"),
    ("input-malformed-token", Leaves, "rejected:token-malformed"),
    ("input-no-auth", Refused("token-missing"), "rejected:unauthorized"),
    ("input-odd-stream-id", Leaves, "accepted"),
    ("input-preflight", NeverMade, "accepted"),
    ("input-too-large", Refused("too-large"), "rejected:too-large"),
    ("input-too-large-chunked", NeverMade, "rejected:too-large"),
    ("input-trailing-slash", NeverMade, "rejected:protocol"),
    ("input-unknown-run", Leaves, "rejected:not-found"),
    ("input-unknown-run-jwt-scope", Leaves, "rejected:not-found"),
    ("input-v1-array-body", NeverMade, "rejected:invalid-data"),
    // A server error may come after the record was stored, so nobody can tell.
    ("input-v1-bad-json", Refused("invalid-data"), "unknown:server"),
    ("input-v1-empty-body", Refused("invalid-data"), "unknown:server"),
    ("input-v1-just-under", Leaves, "accepted"),
    ("input-v1-no-data", NeverMade, "accepted"),
    ("input-v1-ok", Leaves, "accepted"),
    ("input-v1-ok-cors", Leaves, "accepted"),
    ("input-v1-ok-null", Leaves, "accepted"),
    ("input-v1-ok-secret", Leaves, "accepted"),
    ("input-v2-completed-run", Leaves, "rejected:run-finished"),
    ("input-v2-just-over-record", Refused("too-large"), "rejected:too-large"),
    ("input-v2-large-ok", Leaves, "accepted"),
    ("input-v2-no-data", NeverMade, "accepted"),
    ("input-v2-null", Leaves, "accepted"),
    ("input-v2-ok", Leaves, "accepted"),
    ("input-v2-ok-secret", Leaves, "accepted"),
    ("input-v2-ok-string", Leaves, "accepted"),
    ("input-v2-record-too-large", Refused("too-large"), "rejected:too-large"),
    ("input-wrong-method", NeverMade, "accepted"),
];

#[test]
fn every_recorded_send_has_a_row_and_every_row_a_recording() {
    let recorded: Vec<_> = Fixture::all("input-").into_iter().map(|fixture| fixture.name).collect();
    let rows: Vec<_> = OUTCOMES.iter().map(|(name, ..)| *name).collect();
    assert_eq!(rows, recorded);
}

#[test]
fn every_recorded_send_leaves_as_recorded_or_is_refused_at_the_door() {
    for (fixture, door, outcome) in rows() {
        let name = &fixture.name;
        if door == NeverMade {
            continue;
        }
        let (mut world, send) = sent(fixture.token(), &fixture, &data(&fixture));
        match door {
            Refused(code) => {
                assert!(world.requests.is_empty(), "{name} was to stay here");
                assert_eq!(world.state(send), format!("rejected:{code}"), "{name}");
            }
            Leaves | NeverMade => {
                let request = world.next_request();
                assert_eq!(request.url, format!("{BASE}{}", fixture.path), "{name}");
                assert_eq!(Some(request.token.reveal().to_owned()), fixture.token(), "{name}");
                assert_eq!(json(&body_of(&request)), json(&fixture.request_body().unwrap()), "{name}");
                world.answer(request.id, fixture.head(), fixture.body());
                assert_eq!(world.state(send), outcome, "{name}");
                assert!(world.requests.is_empty(), "{name}: what is settled is not sent again");
            }
        }
    }
}

/// Also where the core would not have asked: servers change, and a token's scopes are not all that it may lack.
#[test]
fn every_recorded_answer_means_the_same_to_any_send_that_has_left() {
    for (fixture, door, outcome) in rows() {
        if door == Leaves {
            continue;
        }
        let (mut world, send) = sent(Some(blind_token()), &fixture, "1");
        let request = world.next_request();
        world.answer(request.id, fixture.head(), fixture.body());
        assert_eq!(world.state(send), outcome, "{}", fixture.name);
    }
}

#[test]
fn a_refusal_says_what_is_missing_and_by_how_much() {
    for (fixture, door, _) in rows().into_iter().filter(|(_, door, _)| matches!(door, Refused(_))) {
        let (world, send) = sent(fixture.token(), &fixture, &data(&fixture));
        let problem = problem(&world, send);
        let scope = (door == Refused("forbidden")).then(|| "write:inputStreams:run_1".to_owned());
        assert_eq!(problem.missing_scope, scope, "{}", fixture.name);
        assert_eq!(problem.size.is_some(), door == Refused("too-large"), "{}", fixture.name);
        assert_eq!((problem.status, &problem.server_message), (None, &None), "{}: no server was asked", fixture.name);
    }
}

#[test]
fn the_size_of_a_record_is_the_one_the_server_measures() {
    let fixture = Fixture::all("input-v2-just-over-record").remove(0);
    let (world, send) = sent(fixture.token(), &fixture, &data(&fixture));
    // "Record metered size 1048611 bytes exceeds the S2 per-record limit of 1048576 bytes": both count 8 bytes of overhead.
    let Some(Size { limit, actual }) = problem(&world, send).size else { panic!("it has a size") };
    assert!(fixture.body().contains(&format!(" {} bytes", actual + 8)), "{actual} bytes");
    assert!(fixture.body().contains(&format!(" {} bytes.", limit + 8)), "{limit} bytes");
}

#[test]
fn an_answer_brings_what_the_server_knows() {
    for (fixture, _, outcome) in
        rows().into_iter().filter(|(_, door, outcome)| *door == Leaves && *outcome != "accepted")
    {
        let (mut world, send) = sent(fixture.token(), &fixture, &data(&fixture));
        let request = world.next_request();
        world.answer(request.id, fixture.head(), fixture.body());
        let problem = problem(&world, send);
        assert_eq!(problem.status, Some(fixture.head().status), "{}", fixture.name);
        assert_eq!(problem.server_message.as_deref(), json(fixture.body())["error"].as_str(), "{}", fixture.name);
        assert_eq!(
            problem.expired_at.is_some(),
            outcome.ends_with(ErrorCode::TokenExpired.as_str()),
            "{}",
            fixture.name
        );
    }
}

fn rows() -> Vec<(Fixture, Door, &'static str)> {
    let row = |fixture: Fixture| {
        let found = OUTCOMES.iter().find(|(name, ..)| *name == fixture.name);
        let (_, door, outcome) = found.unwrap_or_else(|| panic!("{} has no row: what does it come to?", fixture.name));
        (fixture, *door, *outcome)
    };
    Fixture::all("input-").into_iter().map(row).collect()
}

/// A world in which this was just sent to the recorded run and stream.
fn sent(token: Option<String>, fixture: &Fixture, json: &str) -> (World, SendId) {
    let mut world = World::new(1);
    let principal = world.open_principal(false);
    if let Some(token) = token {
        world.command(Command::SetToken(principal, &token));
    }
    let (run, key) = fixture.run_and_key();
    let stream = key.strip_prefix("input/").expect("it is an input stream");
    let send = world.client.next_send();
    world.command(Command::Send { send, principal, run: &run, stream, json });
    (world, send)
}

/// The value that was sent, as an application would hand it over.
fn data(fixture: &Fixture) -> String {
    let body = fixture.request_body().unwrap_or_default();
    // What is no JSON is handed over as it is.
    serde_json::from_str::<Value>(&body).map_or(body, |body| body["data"].to_string())
}

fn problem(world: &World, send: SendId) -> Problem {
    let of_it = |event: &Event| {
        let Event::Send(change) = event else { return None };
        let (SendState::Rejected(problem) | SendState::Unknown(problem)) = &change.state else { return None };
        (change.send == send).then(|| (**problem).clone())
    };
    world.events.iter().rev().find_map(of_it).expect("the send was refused")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("it is JSON")
}
