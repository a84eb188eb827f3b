//! Sends: order, outcomes, repeats, tokens, offline.

use tidegate::proto::http::{RequestFailure, ResponseHead};
use tidegate::proto::input::{Command, Input, News};

use super::harness::{EPOCH_MS, World, body_of, key_of, public_token, run_token, status};

const OK: &str = "{\"ok\":true}";

#[test]
fn a_send_is_a_post_of_its_data() {
    let (mut world, principal) = World::with_token(1);
    let send = world.send(principal, "approval", "{\"approved\":true}");
    let request = world.next_request();
    assert_eq!(request.url, "https://api.example/realtime/v1/streams/run_1/input/approval");
    assert_eq!(body_of(&request), "{\"data\":{\"approved\":true}}");
    world.answer(request.id, status(200), OK);
    assert_eq!(world.states(send), ["queued:turn", "sending", "accepted"]);
    assert_eq!(world.due_in_ms(), None, "nothing is left to do");
}

#[test]
fn sends_to_one_stream_go_one_at_a_time_in_order() {
    let (mut world, principal) = World::with_token(1);
    let sends: Vec<_> = (0..10).map(|n| world.send(principal, "chat", &n.to_string())).collect();
    for n in 0..10 {
        assert_eq!(world.requests.len(), 1);
        let request = world.next_request();
        assert_eq!(body_of(&request), format!("{{\"data\":{n}}}"));
        world.answer(request.id, status(200), OK);
    }
    assert!(sends.iter().all(|&send| world.state(send) == "accepted"));
}

#[test]
fn sends_to_different_streams_do_not_wait_for_each_other() {
    let (mut world, principal) = World::with_token(1);
    world.send(principal, "chat", "1");
    world.send(principal, "cancel", "2");
    assert_eq!(world.requests.len(), 2);
}

#[test]
fn a_refusal_does_not_hold_up_the_next() {
    let (mut world, principal) = World::with_token(1);
    let first = world.send(principal, "chat", "1");
    let second = world.send(principal, "chat", "2");
    let request = world.next_request();
    world.answer(request.id, status(413), "{\"error\":\"Request body too large\"}");
    let request = world.next_request();
    world.answer(request.id, status(200), OK);
    assert_eq!((world.state(first), world.state(second)), ("rejected:too-large".into(), "accepted".into()));
}

#[test]
fn an_ambiguous_answer_is_unknown_and_not_repeated() {
    for failure in [None, Some(500), Some(503), Some(504)] {
        let (mut world, principal) = World::with_blind_token(1);
        let send = world.send(principal, "chat", "1");
        let request = world.next_request();
        match failure {
            Some(code) => world.answer(request.id, status(code), "{\"error\":\"Internal Server Error\"}"),
            None => world.fail(request.id),
        }
        world.advance(3_600_000);
        assert!(world.requests.is_empty(), "a repeat could deliver twice");
        assert!(world.state(send).starts_with("unknown:"), "{failure:?}: {}", world.state(send));
    }
}

#[test]
fn a_send_that_never_left_is_rejected() {
    let (mut world, principal) = World::with_token(1);
    let send = world.send(principal, "chat", "1");
    let request = world.next_request();
    world.input(Input::News(request.id, News::Failed(RequestFailure::NotSent)));
    assert_eq!(world.state(send), "rejected:blocked");
}

#[test]
fn where_repeats_are_dropped_an_ambiguous_answer_is_repeated_under_the_same_key() {
    let (mut world, principal) = World::with_token(1);
    announce_idempotence(&mut world, principal);
    let send = world.send(principal, "chat", "2");
    let first = world.next_request();
    world.fail(first.id);
    assert_eq!(world.state(send), "queued:backoff");
    world.jump();
    let second = world.next_request();
    assert_eq!((key_of(&first), body_of(&first)), (key_of(&second), body_of(&second)));
    world.answer(second.id, status(200), OK);
    assert_eq!(world.state(send), "accepted");
}

#[test]
fn a_refusal_behind_a_doubtful_attempt_is_not_certain() {
    let (mut world, principal) = World::with_token(1);
    announce_idempotence(&mut world, principal);
    let send = world.send(principal, "chat", "2");
    let request = world.next_request();
    world.fail(request.id);
    world.jump();
    let request = world.next_request();
    // The first attempt may be what finished the run.
    world.answer(
        request.id,
        status(400),
        "{\"ok\":false,\"error\":\"Cannot send to input stream on a completed run\"}",
    );
    assert_eq!(world.state(send), "unknown:run-finished");
}

#[test]
fn repeats_end() {
    let (mut world, principal) = World::with_token(1);
    announce_idempotence(&mut world, principal);
    let send = world.send(principal, "chat", "2");
    let mut attempts = 0;
    while let Some(request) = world.requests.pop_front() {
        attempts += 1;
        world.fail(request.id);
        world.jump();
    }
    assert_eq!((attempts, world.state(send)), (6, "unknown:blocked".into()));
}

#[test]
fn too_many_requests_are_made_again_when_the_server_says() {
    let (mut world, principal) = World::with_token(1);
    let send = world.send(principal, "chat", "1");
    let request = world.next_request();
    world.answer(request.id, ResponseHead { retry_after_ms: 7_000, ..status(429) }, "{}");
    assert!(world.due_in_ms() >= Some(7_000));
    world.jump();
    let request = world.next_request();
    world.answer(request.id, status(200), OK);
    assert_eq!(world.states(send), ["queued:turn", "sending", "queued:backoff", "sending", "accepted"]);
}

#[test]
fn an_answer_that_does_not_come_is_unknown() {
    let (mut world, principal) = World::with_blind_token(1);
    let send = world.send(principal, "chat", "1");
    let request = world.next_request();
    world.advance(59_999);
    assert_eq!(world.state(send), "sending");
    world.advance(1);
    assert_eq!(world.state(send), "unknown:timeout");
    assert_eq!(world.aborted, [request.id]);
    world.answer(request.id, status(200), OK);
    assert_eq!(world.state(send), "unknown:timeout", "a late answer to a request given up changes nothing");
}

#[test]
fn a_refused_token_is_renewed_once_and_the_send_made_again() {
    let mut world = World::new(1);
    let principal = world.open_principal(true);
    let send = world.send(principal, "chat", "1");
    assert_eq!(world.tokens_asked(), 1);
    assert_eq!(world.states(send), ["queued:turn", "queued:token"]);
    world.command(Command::SetToken(principal, &run_token(EPOCH_MS, 900)));
    let request = world.next_request();
    world.answer(request.id, status(401), "{\"error\":\"Public Access Token is invalid\"}");
    assert_eq!(world.tokens_asked(), 2);
    world.command(Command::SetToken(principal, &run_token(EPOCH_MS + 1, 900)));
    let request = world.next_request();
    world.answer(request.id, status(401), "{\"error\":\"Public Access Token is invalid\"}");
    assert_eq!(world.tokens_asked(), 2, "a fresh token that is refused will not get better");
    assert_eq!(world.state(send), "rejected:unauthorized");
}

#[test]
fn an_expired_token_is_told_from_a_forged_one() {
    let bad = "{\"error\":\"Public Access Token is invalid\"}";
    for (issued_ms, code) in [(EPOCH_MS - 7_200_000, "token-expired"), (EPOCH_MS, "unauthorized")] {
        let mut world = World::new(1);
        let principal = world.open_principal(false);
        world.command(Command::SetToken(principal, &run_token(issued_ms, 3_600)));
        let send = world.send(principal, "chat", "1");
        let request = world.next_request();
        world.answer(request.id, status(401), bad);
        assert_eq!(world.state(send), format!("rejected:{code}"));
    }
}

#[test]
fn a_missing_scope_fails_before_the_network_and_is_named() {
    let mut world = World::new(1);
    let principal = world.open_principal(false);
    world.command(Command::SetToken(principal, &public_token(&["read:runs:run_1"], EPOCH_MS, 900)));
    let send = world.send(principal, "chat", "1");
    assert!(world.requests.is_empty());
    assert_eq!(world.state(send), "rejected:forbidden");
    assert!(format!("{:?}", world.events).contains("write:inputStreams:run_1"));
}

#[test]
fn without_any_token_a_send_says_so() {
    let mut world = World::new(1);
    let principal = world.open_principal(false);
    let send = world.send(principal, "chat", "1");
    assert_eq!(world.state(send), "rejected:token-missing");
}

#[test]
fn offline_is_a_state_and_not_an_error() {
    let (mut world, principal) = World::with_token(1);
    world.input(Input::Online(false));
    let send = world.send(principal, "chat", "1");
    world.advance(3_600_000);
    assert_eq!(world.states(send), ["queued:turn", "queued:online"]);
    world.input(Input::Online(true));
    let request = world.next_request();
    world.answer(request.id, status(200), OK);
    assert_eq!(world.state(send), "accepted");
}

#[test]
fn a_queued_send_can_be_taken_back_and_one_in_flight_is_unknown() {
    let (mut world, principal) = World::with_token(1);
    let first = world.send(principal, "chat", "1");
    let second = world.send(principal, "chat", "2");
    world.command(Command::CancelSend(second));
    assert_eq!(world.state(second), "cancelled");
    let request = world.next_request();
    world.command(Command::CancelSend(first));
    assert_eq!(world.state(first), "unknown:aborted");
    assert_eq!(world.aborted, [request.id]);
    world.command(Command::CancelSend(first));
    assert_eq!(world.states(first).len(), 3, "a settled send stays as it is");
}

#[test]
fn a_retry_keeps_the_key_and_goes_to_the_end_of_the_line() {
    let (mut world, principal) = World::with_blind_token(1);
    let first = world.send(principal, "chat", "1");
    let lost = world.next_request();
    world.fail(lost.id);
    world.send(principal, "chat", "2");
    world.command(Command::RetrySend(first));
    let other = world.next_request();
    assert_eq!(body_of(&other), "{\"data\":2}");
    world.answer(other.id, status(200), OK);
    let again = world.next_request();
    assert_eq!((key_of(&again), body_of(&again)), (key_of(&lost), body_of(&lost)));
    world.answer(again.id, status(200), OK);
    assert_eq!(world.state(first), "accepted");
    world.command(Command::RetrySend(first));
    assert!(world.requests.is_empty(), "what was accepted is not sent again");
}

#[test]
fn what_the_server_would_refuse_for_certain_never_leaves() {
    let (mut world, principal) = World::with_token(1);
    let broken = world.send(principal, "chat", "{\"a\":");
    let large = world.send(principal, "chat", &format!("\"{}\"", "x".repeat(1 << 20)));
    // 600 kB, but every quote is escaped twice in the record.
    let quotes = world.send(principal, "chat", &format!("\"{}\"", "\\\"".repeat(300_000)));
    assert!(world.requests.is_empty());
    assert_eq!(world.state(broken), "rejected:invalid-data");
    assert_eq!(world.state(large), "rejected:too-large");
    assert_eq!(world.state(quotes), "rejected:too-large");
    world.command(Command::RetrySend(broken));
    assert_eq!(world.state(broken), "rejected:invalid-data");
    let just_fits = world.send(principal, "chat", &format!("\"{}\"", "x".repeat((1 << 20) - 100)));
    assert_eq!(world.state(just_fits), "sending");
}

#[test]
fn an_id_that_no_url_can_name_is_not_asked_for() {
    let (mut world, principal) = World::with_token(1);
    for stream in ["", ".", ".."] {
        let send = world.send(principal, stream, "1");
        assert_eq!(world.state(send), "rejected:not-found");
        let reader = world.subscribe(principal, &format!("input/{stream}"), None);
        assert_eq!(world.statuses(reader), ["connecting", "failed:not-found"]);
    }
    assert!(world.requests.is_empty());
    let send = world.send(principal, "...", "1");
    assert_eq!(world.state(send), "sending");
}

#[test]
fn closing_a_principal_takes_back_what_is_queued() {
    let (mut world, principal) = World::with_token(1);
    let first = world.send(principal, "chat", "1");
    let second = world.send(principal, "chat", "2");
    world.command(Command::ClosePrincipal(principal));
    assert_eq!(world.state(first), "unknown:aborted");
    assert_eq!(world.state(second), "cancelled");
    assert!(world.requests.is_empty());
    assert_eq!(world.due_in_ms(), None);
}

#[test]
fn a_forgotten_send_leaves_nothing_behind() {
    let (mut world, principal) = World::with_token(1);
    let empty = format!("{:?}", World::with_token(1).0.client).len();
    let send = world.send(principal, "chat", "\"something to be remembered\"");
    world.command(Command::ForgetSend(send));
    assert_eq!(world.state(send), "sending", "what is under way stays");
    let request = world.next_request();
    world.answer(request.id, status(200), OK);
    world.command(Command::ForgetSend(send));
    world.advance(20_000);
    let other = world.send(principal, "elsewhere", "not JSON");
    world.command(Command::ForgetSend(other));
    assert!(format!("{:?}", world.client).len() < empty + 100, "{:?}", world.client);
    world.command(Command::RetrySend(send));
    world.command(Command::CancelSend(send));
    assert!(world.requests.is_empty());
}

#[test]
fn of_what_was_accepted_nothing_stays_though_nobody_forgets_it() {
    let (mut world, principal) = World::with_token(1);
    let empty = format!("{:?}", World::with_token(1).0.client).len();
    for stream in ["one", "another"] {
        world.send(principal, stream, "\"something to be remembered\"");
        let request = world.next_request();
        world.answer(request.id, status(200), OK);
    }
    world.advance(20_000);
    let last = world.send(principal, "a third", "not JSON");
    world.command(Command::ForgetSend(last));
    assert!(format!("{:?}", world.client).len() < empty + 100, "{:?}", world.client);
}

#[test]
fn a_line_that_never_rests_remembers_the_last_of_what_was_accepted() {
    let (mut world, principal) = World::with_token(1);
    for second in 0..200 {
        world.send(principal, "chat", &format!("\"body {second}\""));
        let request = world.next_request();
        world.answer(request.id, status(200), OK);
        world.advance(1_000);
        let remembered = format!("{:?}", world.client).matches("Sent(").count();
        assert!((second.min(19) + 1..=41).contains(&remembered), "{remembered} after {second} s");
    }
}

/// The server says, with any answer, that it drops repeated sends.
fn announce_idempotence(world: &mut World, principal: tidegate::proto::id::PrincipalId) {
    world.send(principal, "chat", "1");
    let request = world.next_request();
    world.answer(request.id, ResponseHead { idempotent: true, ..status(200) }, OK);
}

#[test]
fn what_is_due_is_done_with_whatever_comes_first() {
    let (mut world, principal) = World::with_token(1);
    let busy = world.send(principal, "busy", "1");
    let other = world.send(principal, "other", "2");
    let [first, second] = [world.next_request(), world.next_request()];
    world.answer(first.id, status(429), "{}");
    assert_eq!(world.state(busy), "queued:backoff");
    world.stall(5_000);
    world.answer(second.id, status(200), OK);
    assert_eq!([world.state(busy), world.state(other)], ["sending", "accepted"], "no timer has fired");
}
