//! Readers: resume, backoff, stalls, refusals, tokens.

use tidegate::proto::http::{RequestFailure, ResponseHead};
use tidegate::proto::input::{Command, Input, News};
use tidegate::proto::output::{Event, Output};
use tidegate::proto::time::{Instant, Now, UnixTime};

use super::harness::{EPOCH_MS, World, batch, cursor_of, run_token, status};

const NOT_FOUND: &str = "{\"error\":\"Not found\"}";

#[test]
fn parts_arrive_in_one_batch_a_chunk() {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let request = world.next_request();
    assert_eq!(request.url, "https://api.example/realtime/v1/streams/run_1/draft");
    assert_eq!(cursor_of(&request), None);
    world.open(request.id);
    let told = world.events.len();
    world.chunk(request.id, &(batch(&[(0, "\"a\""), (1, "{\"b\":1}")]) + &batch(&[(2, "null")])));
    assert_eq!(world.events.len(), told + 1);
    assert_eq!(world.parts(reader), ["\"a\"", "{\"b\":1}", "null"]);
    assert_eq!(world.statuses(reader), ["connecting", "live"]);
}

#[test]
fn the_end_of_a_window_is_not_the_end_of_the_stream() {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let first = world.next_request();
    world.open(first.id);
    world.chunk(first.id, &batch(&[(0, "0"), (1, "1")]));
    world.advance(60_000 / 2);
    world.chunk(first.id, "data: [DONE]\n\n");
    world.end(first.id);
    let second = world.next_request();
    assert_eq!(cursor_of(&second).as_deref(), Some("1"));
    world.open(second.id);
    world.chunk(second.id, &batch(&[(1, "1"), (2, "2")]));
    assert_eq!(world.parts(reader), ["0", "1", "2"], "a repeated record is dropped");
    assert_eq!(world.statuses(reader), ["connecting", "live"], "nothing happened that a person should see");
}

#[test]
fn a_server_that_hangs_up_at_once_is_not_asked_in_a_loop() {
    let (mut world, principal) = World::with_token(1);
    world.subscribe(principal, "draft", None);
    let start = world.now_ms();
    let mut connects = 0;
    while world.now_ms() - start < 60_000 {
        if let Some(request) = world.requests.pop_front() {
            connects += 1;
            world.open(request.id);
            world.end(request.id);
        }
        world.jump();
    }
    assert!(connects <= 12, "{connects} connects in a minute");
}

#[test]
fn a_cut_connection_comes_back_with_the_cursor() {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", Some("41"));
    let request = world.next_request();
    assert_eq!(cursor_of(&request).as_deref(), Some("41"));
    world.open(request.id);
    let event = batch(&[(42, "42"), (43, "43")]);
    world.chunk(request.id, &event);
    world.chunk(request.id, &event[..event.len() / 2]);
    world.fail(request.id);
    assert!(world.requests.is_empty());
    world.jump();
    let request = world.next_request();
    assert_eq!(cursor_of(&request).as_deref(), Some("43"), "the half event is forgotten with its connection");
    world.open(request.id);
    assert_eq!(world.statuses(reader), ["connecting", "live", "reconnecting:1:blocked", "live"]);
}

#[test]
fn silence_is_a_dead_connection_and_a_ping_is_a_sign_of_life() {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let request = world.next_request();
    world.open(request.id);
    for _ in 0..10 {
        world.advance(40_000);
        world.chunk(request.id, "event: ping\ndata: {}\n\n");
    }
    assert_eq!(world.statuses(reader), ["connecting", "live"]);
    world.advance(45_000);
    assert!(world.aborted.contains(&request.id));
    assert_eq!(world.statuses(reader).last().map(String::as_str), Some("reconnecting:1:timeout"));
    world.chunk(request.id, &batch(&[(0, "\"late\"")]));
    assert!(world.parts(reader).is_empty(), "nothing is taken from a connection given up");
}

#[test]
fn a_head_that_does_not_come_is_given_up() {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let request = world.next_request();
    world.advance(30_000);
    assert_eq!(world.aborted, [request.id]);
    assert_eq!(world.statuses(reader), ["connecting", "reconnecting:1:timeout"]);
}

#[test]
fn the_delay_grows_and_starts_anew_after_a_healthy_while() {
    let (mut world, principal) = World::with_token(1);
    world.subscribe(principal, "draft", None);
    let mut delays = Vec::new();
    for _ in 0..8 {
        let request = world.next_request();
        world.answer(request.id, status(503), "");
        delays.push(world.due_in_ms().expect("it will try again"));
        world.jump();
    }
    assert!(delays[7] > 4 * delays[0] && delays.iter().all(|&delay| delay <= 15_000), "{delays:?}");
    let request = world.next_request();
    world.open(request.id);
    world.fail(request.id);
    assert!(world.due_in_ms() > Some(4_000), "an open door that closes at once is not health");
    world.jump();
    let request = world.next_request();
    world.open(request.id);
    world.advance(10_000);
    world.fail(request.id);
    assert!(world.due_in_ms() <= Some(500));
}

#[test]
fn the_server_may_ask_for_a_longer_wait() {
    let (mut world, principal) = World::with_token(1);
    world.subscribe(principal, "draft", None);
    let request = world.next_request();
    world.answer(request.id, ResponseHead { retry_after_ms: 20_000, ..status(429) }, "");
    assert!(world.due_in_ms() >= Some(20_000));
    world.jump();
    let request = world.next_request();
    world.open(request.id);
    world.chunk(request.id, "retry: 9000\n\n");
    world.fail(request.id);
    assert!(world.due_in_ms() >= Some(9_000));
    world.jump();
    let request = world.next_request();
    world.open(request.id);
    world.chunk(request.id, "retry: 86400000\n\n");
    let question = world.next_run_request();
    world.tell_run(&question, false);
    world.fail(request.id);
    assert_eq!(world.due_in_ms(), Some(60_000));
}

#[test]
fn what_the_server_refuses_for_good_is_not_asked_again() {
    for (code, body, name) in [
        (404, NOT_FOUND, "failed:not-found"),
        (403, "{\"error\":\"Unauthorized\"}", "failed:forbidden"),
        (400, "Timeout seconds must be less than 600", "failed:invalid-data"),
        (410, "", "failed:not-found"),
    ] {
        let (mut world, principal) = World::with_token(1);
        let reader = world.subscribe(principal, "draft", None);
        let request = world.next_request();
        world.answer(request.id, status(code), body);
        world.advance(3_600_000);
        assert!(world.requests.is_empty());
        assert_eq!(world.statuses(reader), ["connecting", name]);
    }
}

#[test]
fn an_expired_token_is_renewed_without_a_word() {
    let mut world = World::new(1);
    let principal = world.open_principal(true);
    let reader = world.subscribe(principal, "draft", None);
    world.command(Command::SetToken(principal, &run_token(EPOCH_MS, 900)));
    let request = world.next_request();
    world.answer(request.id, status(401), "{\"error\":\"Public Access Token is invalid\"}");
    world.command(Command::SetToken(principal, &run_token(EPOCH_MS + 1, 900)));
    world.advance(250);
    let request = world.next_request();
    world.open(request.id);
    assert_eq!(world.statuses(reader), ["connecting", "live"]);
}

#[test]
fn a_new_token_revives_what_the_old_one_was_refused() {
    let mut world = World::new(1);
    let principal = world.open_principal(false);
    world.command(Command::SetToken(principal, &run_token(EPOCH_MS - 7_200_000, 900)));
    let reader = world.subscribe(principal, "draft", None);
    let request = world.next_request();
    world.answer(request.id, status(401), "{\"error\":\"Public Access Token is invalid\"}");
    assert_eq!(world.statuses(reader), ["connecting", "failed:token-expired"]);
    world.command(Command::SetToken(principal, &run_token(EPOCH_MS, 900)));
    world.jump();
    let request = world.next_request();
    world.open(request.id);
    assert_eq!(world.statuses(reader)[2..], ["connecting", "live"]);
}

#[test]
fn offline_pauses_and_online_goes_on_at_once() {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let request = world.next_request();
    world.open(request.id);
    world.input(Input::Online(false));
    world.fail(request.id);
    world.advance(3_600_000);
    assert!(world.requests.is_empty());
    world.input(Input::Online(true));
    let request = world.next_request();
    world.open(request.id);
    assert_eq!(
        world.statuses(reader),
        ["connecting", "live", "reconnecting:1:offline", "paused", "connecting", "live"]
    );
}

#[test]
fn waking_up_does_not_trust_a_connection_that_has_been_silent() {
    let (mut world, principal) = World::with_token(1);
    world.subscribe(principal, "draft", None);
    let request = world.next_request();
    world.open(request.id);
    world.advance(14_000);
    world.input(Input::Wake);
    assert!(world.aborted.is_empty(), "heard of a moment ago");
    world.advance(2_000);
    world.input(Input::Wake);
    assert_eq!(world.aborted, [request.id]);
    assert_eq!(world.requests.len(), 1);
}

#[test]
fn connects_are_never_closer_than_a_quarter_second() {
    let (mut world, principal) = World::with_token(1);
    world.subscribe(principal, "draft", None);
    let request = world.next_request();
    world.fail(request.id);
    for _ in 0..20 {
        world.input(Input::Wake);
        world.advance(10);
    }
    assert!(world.requests.is_empty());
    world.advance(50);
    assert_eq!(world.requests.len(), 1);
}

#[test]
fn an_unreadable_record_is_told_with_its_place_and_stops_nothing() {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let request = world.next_request();
    world.open(request.id);
    let broken = "event: batch\ndata: {\"records\":[{\"seq_num\":1,\"body\":\"not json\"}]}\n\n";
    world.chunk(request.id, &(batch(&[(0, "0")]) + broken + &batch(&[(2, "2")])));
    assert_eq!(world.parts(reader), ["0", "2"]);
    let told = |event: &Event| matches!(event, Event::Unreadable { subscription, id, .. } if *subscription == reader && id == "1");
    assert_eq!(world.events.iter().filter(|event| told(event)).count(), 1, "{:?}", world.events);
}

#[test]
fn unsubscribing_aborts_and_tells_nothing_more() {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let request = world.next_request();
    world.open(request.id);
    let told = world.events.len();
    world.command(Command::Unsubscribe(reader));
    world.chunk(request.id, &batch(&[(0, "0")]));
    world.end(request.id);
    assert_eq!((world.events.len(), world.aborted.as_slice()), (told, &[request.id][..]));
    assert_eq!(world.due_in_ms(), None);
}

#[test]
fn an_error_event_is_an_error() {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let request = world.next_request();
    world.open(request.id);
    world.chunk(request.id, "event: error\ndata: the store is away\n\n");
    assert_eq!(world.statuses(reader), ["connecting", "live", "reconnecting:1:server"]);
    assert_eq!(world.aborted, [request.id]);
}

#[test]
fn a_held_connection_is_left_unread_and_its_silence_is_no_stall() {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let request = world.next_request();
    world.open(request.id);
    world.chunk(request.id, &batch(&[(0, "0")]));
    world.command(Command::SetReading(reader, false));
    assert_eq!(world.readings, [(request.id, false)]);
    world.advance(3_600_000);
    world.input(Input::Wake);
    world.input(Input::Online(true));
    assert!(world.aborted.is_empty(), "nobody gave it up");
    world.command(Command::SetReading(reader, true));
    assert_eq!(world.readings, [(request.id, false), (request.id, true)]);
    world.chunk(request.id, &batch(&[(1, "1")]));
    assert_eq!(world.parts(reader), ["0", "1"]);
    assert_eq!(world.statuses(reader), ["connecting", "live"]);
}

#[test]
fn silence_counts_again_from_the_release_on() {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let request = world.next_request();
    world.open(request.id);
    world.command(Command::SetReading(reader, false));
    world.advance(3_600_000);
    world.command(Command::SetReading(reader, true));
    world.advance(44_000);
    assert!(!world.aborted.contains(&request.id));
    world.advance(2_000);
    assert!(world.aborted.contains(&request.id));
}

#[test]
fn a_connection_that_died_while_it_was_held_comes_back_with_the_cursor_on_release() {
    for ends in [World::fail, World::end] {
        let (mut world, principal) = World::with_token(1);
        let reader = world.subscribe(principal, "draft", None);
        let first = world.next_request();
        world.open(first.id);
        world.chunk(first.id, &batch(&[(0, "0")]));
        world.advance(5_000);
        world.command(Command::SetReading(reader, false));
        ends(&mut world, first.id);
        world.advance(600_000);
        assert!(world.requests.is_empty(), "what nobody wants is not asked for");
        world.command(Command::SetReading(reader, true));
        let second = world.next_request();
        assert_eq!(cursor_of(&second).as_deref(), Some("0"));
        world.open(second.id);
        world.chunk(second.id, &batch(&[(0, "0"), (1, "1")]));
        assert_eq!(world.parts(reader), ["0", "1"]);
    }
}

#[test]
fn a_stream_can_be_held_before_it_is_connected_and_closed_while_it_is_held() {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let request = world.next_request();
    world.command(Command::SetReading(reader, false));
    assert_eq!(world.readings, [(request.id, false)]);
    world.advance(40_000);
    assert_eq!(world.aborted, [request.id], "a head that does not come is still waited for no longer than ever");
    world.command(Command::Unsubscribe(reader));
    world.command(Command::SetReading(reader, true));
    world.advance(600_000);
    assert!(world.requests.is_empty());
    assert_eq!(world.readings.len(), 1);
}

#[test]
fn from_the_end_on_means_from_where_it_was_first_seen() {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", Some("1767225600000-0"));
    let first = world.next_request();
    assert_eq!(cursor_of(&first).as_deref(), Some("1767225600000-0"));
    world.open(first.id);
    world.chunk(first.id, "event: ping\ndata: {\"timestamp\":1,\"tail\":{\"seq_num\":6,\"timestamp\":1}}\n\n");
    world.fail(first.id);
    world.advance(1_000);
    let second = world.next_request();
    assert_eq!(cursor_of(&second).as_deref(), Some("5"), "what was written meanwhile is not missed");
    world.open(second.id);
    world.chunk(second.id, &batch(&[(6, "6")]));
    assert_eq!(world.parts(reader), ["6"]);
}

#[test]
fn what_falls_due_while_a_listener_is_slow_is_done() {
    let (mut world, principal) = World::with_token(1);
    world.subscribe(principal, "draft", None);
    let window = world.next_request();
    world.open(window.id);
    world.advance(1_000);
    let at = |ms: u64| {
        let now = 2_000 + ms;
        Now { monotonic: Instant::from_millis(now), wall: UnixTime::from_millis(EPOCH_MS + now) }
    };
    // The news is told while the next thing happens: the drain is over only after both.
    world.client.handle_input(at(0), Input::News(window.id, News::Failed(RequestFailure::Network)));
    world.client.handle_input(at(600), Input::Command(Command::SetRenewable(principal, false)));
    let mut connects = 0;
    let due = loop {
        match world.client.poll_output() {
            Output::Request(_) => connects += 1,
            Output::Idle(due) => break due,
            Output::Abort(_) | Output::SetReading(..) | Output::Event(_) => {}
        }
    };
    assert_eq!(connects, 1, "the next look at the clock would be at {due:?}");
}

#[test]
fn a_renewed_token_is_no_reason_to_hurry() {
    let mut world = World::new(1);
    let principal = world.open_principal(true);
    world.command(Command::SetToken(principal, "tr_dev_1"));
    world.subscribe(principal, "draft", None);
    let first = world.next_request();
    world.answer(first.id, status(401), "{}");
    world.command(Command::SetToken(principal, "tr_dev_2"));
    assert!(world.requests.is_empty());
    world.advance(250);
    world.next_request();
}
