//! Tokens: renewal, providers that fail, hang or lie.

use tidegate::proto::input::{Command, Input};

use super::harness::{EPOCH_MS, World, public_token, run_token, status};

#[test]
fn a_token_is_renewed_at_four_fifths_of_its_life_and_used_meanwhile() {
    let mut world = World::new(1);
    let principal = world.open_principal(true);
    // By its own claims it was made an hour ago: a device clock that is wrong by as much changes nothing.
    world.command(Command::SetToken(principal, &run_token(EPOCH_MS - 3_600_000, 900)));
    world.advance(719_000);
    accept_one(&mut world, principal);
    assert_eq!(world.tokens_asked(), 0);
    world.advance(1_000);
    accept_one(&mut world, principal);
    assert_eq!(world.tokens_asked(), 1, "asked for, while the old one still serves");
    accept_one(&mut world, principal);
    assert_eq!(world.tokens_asked(), 1, "one renewal at a time");
}

#[test]
fn a_token_past_its_life_is_not_tried() {
    let mut world = World::new(1);
    let principal = world.open_principal(true);
    world.command(Command::SetToken(principal, &run_token(EPOCH_MS, 900)));
    world.advance(900_000);
    let send = world.send(principal, "chat", "1");
    assert!(world.requests.is_empty());
    assert_eq!((world.state(send).as_str(), world.tokens_asked()), ("queued:token", 1));
    world.command(Command::SetToken(principal, &run_token(EPOCH_MS + 900_000, 900)));
    assert_eq!(world.requests.len(), 1);
}

#[test]
fn however_many_wait_the_provider_is_asked_once() {
    let mut world = World::new(1);
    let principal = world.open_principal(true);
    for n in 0..20 {
        world.send(principal, &format!("stream-{n}"), "1");
        world.subscribe(principal, &format!("key-{n}"), None);
    }
    assert_eq!(world.tokens_asked(), 1);
    world.command(Command::SetToken(principal, &run_token(EPOCH_MS, 900)));
    assert_eq!(world.requests.len(), 40);
}

#[test]
fn a_provider_that_fails_is_asked_again_and_in_the_end_told_of() {
    let mut world = World::new(1);
    let principal = world.open_principal(true);
    let send = world.send(principal, "chat", "1");
    let start = world.now_ms();
    while world.state(send) == "queued:token" {
        world.command(Command::FailToken(principal, "the backend said no"));
        world.jump();
    }
    let waited = world.now_ms() - start;
    assert!((15_000..60_000).contains(&waited), "{waited} ms");
    assert_eq!(world.state(send), "rejected:token-missing");
    assert!(format!("{:?}", world.events).contains("the backend said no"));
    let later = world.send(principal, "chat", "2");
    world.advance(60_000);
    world.command(Command::SetToken(principal, &run_token(EPOCH_MS, 900)));
    assert_ne!(world.state(later), "accepted");
}

#[test]
fn a_provider_that_hangs_counts_as_failed_after_ten_seconds() {
    let mut world = World::new(1);
    let principal = world.open_principal(true);
    world.send(principal, "chat", "1");
    world.advance(9_999);
    assert_eq!(world.tokens_asked(), 1);
    world.advance(2_500);
    assert_eq!(world.tokens_asked(), 2);
    world.command(Command::SetToken(principal, &run_token(EPOCH_MS, 900)));
    assert_eq!(world.requests.len(), 1, "an answer that comes late is taken");
}

#[test]
fn a_failure_told_twice_counts_once() {
    let mut world = World::new(1);
    let principal = world.open_principal(true);
    world.send(principal, "chat", "1");
    world.advance(10_000);
    world.command(Command::FailToken(principal, "it took too long, says the page as well"));
    assert!(world.due_in_ms() <= Some(1_000), "the delay of a first failure");
}

#[test]
fn a_provider_that_gives_nonsense_is_not_asked_in_a_loop() {
    let mut world = World::new(1);
    let principal = world.open_principal(true);
    let send = world.send(principal, "chat", "1");
    let mut answered = 0;
    for _ in 0..50 {
        if world.tokens_asked() > answered {
            answered = world.tokens_asked();
            world.command(Command::SetToken(principal, "two words"));
        }
        world.jump();
    }
    assert_eq!(answered, 1, "it will not get better, and the application is told at once");
    assert_eq!(world.state(send), "rejected:token-malformed");
}

#[test]
fn a_token_refused_in_the_middle_of_a_renewal_is_no_second_renewal() {
    let mut world = World::new(1);
    let principal = world.open_principal(true);
    world.command(Command::SetToken(principal, &run_token(EPOCH_MS, 900)));
    for stream in ["a", "b", "c"] {
        world.send(principal, stream, "1");
    }
    let requests: Vec<_> = world.requests.drain(..).collect();
    for request in requests {
        world.answer(request.id, status(401), "{\"error\":\"Public Access Token is invalid\"}");
    }
    assert_eq!(world.tokens_asked(), 1);
    world.command(Command::SetToken(principal, &run_token(EPOCH_MS + 1, 900)));
    assert_eq!(world.requests.len(), 3);
}

#[test]
fn waking_up_asks_a_resting_provider_at_once() {
    let mut world = World::new(1);
    let principal = world.open_principal(true);
    world.send(principal, "chat", "1");
    world.command(Command::FailToken(principal, "offline"));
    world.input(Input::Wake);
    assert_eq!(world.tokens_asked(), 2);
}

#[test]
fn a_token_that_was_minted_for_another_run_is_asked_for_once_more() {
    let mut world = World::new(1);
    let principal = world.open_principal(true);
    let of_another = public_token(&["read:runs:run_0", "write:inputStreams:run_0"], EPOCH_MS, 900);
    world.command(Command::SetToken(principal, &of_another));
    let (send, reader) = (world.send(principal, "chat", "1"), world.subscribe(principal, "draft", None));
    assert_eq!((world.state(send).as_str(), world.tokens_asked(), world.requests.len()), ("queued:token", 1, 0));
    world.command(Command::SetToken(principal, &run_token(EPOCH_MS, 900)));
    assert_eq!((world.tokens_asked(), world.requests.len()), (1, 2));
    assert_eq!(world.statuses(reader), ["connecting"]);
}

#[test]
fn a_provider_that_gives_too_little_again_is_not_asked_in_a_loop() {
    let mut world = World::new(1);
    let principal = world.open_principal(true);
    let too_little = public_token(&["read:runs:run_1"], EPOCH_MS, 900);
    world.command(Command::SetToken(principal, &too_little));
    for text in ["1", "2"] {
        let send = world.send(principal, "chat", text);
        if text == "1" {
            world.command(Command::SetToken(principal, &too_little));
        }
        assert_eq!((world.state(send).as_str(), world.tokens_asked()), ("rejected:forbidden", 1));
    }
    // One that came for this very send says all there is to say.
    let other = world.open_principal(true);
    let send = world.send(other, "chat", "1");
    world.command(Command::SetToken(other, &too_little));
    assert_eq!((world.state(send).as_str(), world.tokens_asked()), ("rejected:forbidden", 2));
}

#[test]
fn a_provider_that_fails_when_asked_for_more_leaves_the_refusal() {
    let mut world = World::new(1);
    let principal = world.open_principal(true);
    world.command(Command::SetToken(principal, &public_token(&["read:runs:run_1"], EPOCH_MS, 900)));
    let send = world.send(principal, "chat", "1");
    world.command(Command::FailToken(principal, "the backend said no"));
    assert_eq!((world.state(send).as_str(), world.tokens_asked()), ("rejected:forbidden", 1));
}

fn accept_one(world: &mut World, principal: tidegate::proto::id::PrincipalId) {
    world.send(principal, "chat", "1");
    let request = world.next_request();
    world.answer(request.id, status(200), "{\"ok\":true}");
}
