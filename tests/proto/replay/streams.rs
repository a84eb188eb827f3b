//! The recorded answers to readers: every stream, read frame by frame and through a whole client.

mod plain;

use tidegate::proto::http::{OutgoingRequest, RequestFailure, StreamVersion};
use tidegate::proto::id::ChannelId;
use tidegate::proto::input::{Command, Input, News};
use tidegate::proto::output::Event;
use tidegate::proto::random::Random;
use tidegate::proto::records::{Body, Position, Record, Signal, read};
use tidegate::proto::sse::SseDecoder;

use super::fixture::Fixture;
use crate::harness::{BASE, World, cursor_of, secret_key};

/// The recorded refusals: what a reader comes to whose token is sent as recorded, and to one that holds a secret key.
const REFUSALS: &[(&str, &str, &str)] = &[
    ("sse-expired", "failed:token-expired", "failed:unauthorized"),
    ("sse-input-timeout-0", "failed:invalid-data", "failed:invalid-data"),
    ("sse-input-timeout-nan", "failed:invalid-data", "failed:invalid-data"),
    // Refused before anything left.
    ("sse-missing-scope", "failed:forbidden", "failed:forbidden"),
    ("sse-no-auth", "failed:token-missing", "failed:unauthorized"),
    ("sse-timeout-601", "failed:invalid-data", "failed:invalid-data"),
    ("sse-unknown-run", "failed:not-found", "failed:not-found"),
    ("sse-v2-input-scope", "failed:forbidden", "failed:forbidden"),
    ("sse-v2-missing-scope", "failed:forbidden", "failed:forbidden"),
];

/// Never asked for by the core: the browser makes it, and its answer is no stream.
const PREFLIGHT: &str = "sse-preflight";

#[test]
fn every_recorded_reader_has_a_stream_or_a_row() {
    let others: Vec<_> = Fixture::all("sse-").into_iter().filter(|fixture| !fixture.is_event_stream()).collect();
    let names: Vec<_> = others.iter().map(|fixture| fixture.name.as_str()).filter(|&name| name != PREFLIGHT).collect();
    assert_eq!(names, REFUSALS.iter().map(|(name, ..)| *name).collect::<Vec<_>>());
    assert!(others.len() > names.len(), "{PREFLIGHT} is recorded");
}

#[test]
fn every_refused_reader_is_told_why() {
    for (name, recorded, with_secret_key) in REFUSALS {
        let fixture = Fixture::all(name).remove(0);
        for (token, expected) in [(fixture.token(), recorded), (Some(secret_key()), with_secret_key)] {
            let (mut world, reader) = subscribed(token, &fixture);
            if let Some(request) = world.requests.pop_front() {
                assert_eq!(request.url, format!("{BASE}{}", fixture.path), "{name}");
                world.answer(request.id, fixture.head(), fixture.body());
            }
            assert_eq!(world.statuses(reader), ["connecting", *expected], "{name}");
            assert_eq!(world.due_in_ms(), None, "{name}: a refusal is not asked for again");
        }
    }
}

#[test]
fn every_recorded_stream_read_frame_by_frame() {
    for fixture in streams() {
        let expected = plain::read(fixture.body(), fixture.head().version);
        let mut records = Vec::new();
        let mut window_ended = false;
        let mut decoder = SseDecoder::default();
        let fed = decoder.feed(fixture.body().as_bytes(), |frame, _| {
            let signal = read(fixture.head().version, &frame, usize::MAX, |Record { position, body, .. }| {
                let Body::Part { json, part_id, .. } = body else { panic!("{}: {body:?}", fixture.name) };
                let value = serde_json::from_str(json).expect("a part is JSON");
                let place = match position {
                    Position::Sequence(number) => number.to_string(),
                    Position::Id(id) => id.to_owned(),
                    Position::Unknown => panic!("{}: every recorded part has an id", fixture.name),
                };
                records.push(plain::Record { place, value, part_id: part_id.map(|id| id.into_owned()) });
            });
            assert_ne!(signal, Signal::Failure, "{}", fixture.name);
            window_ended |= signal == Signal::WindowEnd;
        });
        assert_eq!(fed, Ok(()), "{}", fixture.name);
        assert_eq!(records, expected, "{}", fixture.name);
        assert_eq!(window_ended, fixture.head().version == StreamVersion::V2, "{}: only v2 says so", fixture.name);
    }
}

#[test]
fn every_recorded_stream_through_a_client_however_it_is_cut() {
    let mut parts_seen = 0;
    for fixture in streams() {
        let records = plain::read(fixture.body(), fixture.head().version);
        let expected: Vec<_> = records.iter().map(|record| record.value.to_string()).collect();
        let places: Vec<_> = records.iter().map(|record| &*record.place).collect();
        parts_seen += expected.len();
        for seed in 0..30 {
            let (mut world, reader) = subscribed(fixture.token(), &fixture);
            let request = first_request(&mut world, &fixture);
            play(&mut world, &fixture, &request, seed);
            let about = format!("{}, seed {seed}", fixture.name);
            assert_eq!(world.parts(reader), expected, "{about}");
            // A number of v1 says nothing to v2, which answers where its log ends: behind record 5.
            let asked = cursor_of(&request).map(|id| if id == "1795301071007-0" { "5".into() } else { id });
            let (place, resumed) = match fixture.head().version {
                StreamVersion::V1 => places_of_entries(&places, asked),
                StreamVersion::V2 => {
                    let last = places.last().map(|&place| place.to_owned());
                    (last.clone(), last.or(asked))
                }
            };
            assert_eq!(world.last_place(reader).map(closed), place, "{about}");
            let unreadable = world.events.iter().filter(|event| matches!(event, Event::Unreadable { .. })).count();
            assert_eq!(unreadable, 0, "{about}");
            let lost = if fixture.ended() == "cut" { &["reconnecting:1:blocked"][..] } else { &[] };
            assert_eq!(world.statuses(reader), [&["connecting", "live"], lost].concat(), "{about}");

            world.advance(20_000);
            let again = world.next_request();
            assert_eq!(cursor_of(&again), resumed, "{about}: the next window begins behind the last record");
            play(&mut world, &fixture, &again, seed);
            assert_eq!(world.parts(reader).len(), expected.len(), "{about}: what comes again is known");
        }
    }
    assert!(parts_seen > 80, "only {parts_seen} parts are recorded");
}

fn streams() -> Vec<Fixture> {
    Fixture::all("sse-").into_iter().filter(Fixture::is_event_stream).collect()
}

/// A world in which the recorded stream was just asked for.
fn subscribed(token: Option<String>, fixture: &Fixture) -> (World, ChannelId) {
    let mut world = World::new(1);
    let principal = world.open_principal(false);
    if let Some(token) = token {
        world.command(Command::SetToken(principal, &token));
    }
    let (run, key) = fixture.run_and_key();
    let last_event_id = fixture.request_header("last-event-id").unwrap_or_default();
    // Some were recorded with a header that is no number: the core has no way to say that.
    let timeout_seconds =
        fixture.request_header("timeout-seconds").and_then(|seconds| seconds.parse().ok()).unwrap_or_default();
    let subscription = world.client.next_subscription();
    let (run, key) = (&*run, &*key);
    world.command(Command::Subscribe { subscription, principal, run, key, last_event_id, timeout_seconds });
    (world, subscription)
}

#[track_caller]
fn first_request(world: &mut World, fixture: &Fixture) -> OutgoingRequest {
    let request = world.next_request();
    assert_eq!(request.url, format!("{BASE}{}", fixture.path), "{}", fixture.name);
    assert_eq!(cursor_of(&request).as_deref(), fixture.request_header("last-event-id"), "{}", fixture.name);
    request
}

/// Answers a request as recorded, in pieces of up to forty bytes, and in the end as the recording ended.
fn play(world: &mut World, fixture: &Fixture, request: &OutgoingRequest, seed: u64) {
    world.input(Input::News(request.id, News::Head(fixture.head())));
    let (mut random, mut rest) = (Random::new(seed), fixture.body().as_bytes());
    while !rest.is_empty() {
        let (chunk, later) = rest.split_at((random.below(40) as usize).min(rest.len()));
        world.input(Input::News(request.id, News::Chunk(chunk)));
        rest = later;
    }
    world.advance(1_000);
    match fixture.ended() {
        "cut" => world.input(Input::News(request.id, News::Failed(RequestFailure::Network))),
        _ => world.end(request.id),
    }
}

/// Behind v1 records with these ids: the place that is told, and what is asked for then. Of an entry not all need have come, and its
/// first line may begin in the one before.
fn places_of_entries(ids: &[&str], asked: Option<String>) -> (Option<String>, Option<String>) {
    let Some(last) = ids.last() else { return (None, asked) };
    let passed = ids.iter().filter(|id| *id == last).count();
    let resumed = ids.iter().rfind(|id| *id != last).map(|before| just_before(before)).or(asked);
    (Some(format!("{last}+{passed}+0+{}", resumed.as_deref().unwrap_or_default())), resumed)
}

/// The place, as if it were known that the last line had ended.
fn closed(place: String) -> String {
    match place.split('+').collect::<Vec<_>>()[..] {
        [id, passed, _, asked] => [id, passed, "0", asked].join("+"),
        _ => place,
    }
}

/// An id that is earlier for certain.
fn just_before(id: &str) -> String {
    let (ms, _) = id.split_once('-').expect("an id of the store");
    format!("{}-0", ms.parse::<u64>().expect("a number") - 1)
}
