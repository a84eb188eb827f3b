//! What fails, is refused or does not come, and how a feed comes back.

use super::*;

#[test]
fn what_fails_is_asked_again_for_ever() {
    let (mut world, feed, mut poll) = polling();
    let begin = world.now_ms();
    let mut longest = 0;
    for round in 0..60 {
        let before = world.now_ms();
        match round % 4 {
            0 => world.fail(poll.id),
            1 => refuse(&mut world, poll.id, status(503), Told::default()),
            2 => refuse(&mut world, poll.id, status(408), Told::default()),
            _ => {
                let head = ResponseHead { retry_after_ms: 20_000, ..status(429) };
                refuse(&mut world, poll.id, head, Told::default());
                assert!(world.due_in_ms() >= Some(20_000), "as the server wishes");
            }
        }
        world.jump();
        longest = longest.max(world.now_ms() - before);
        poll = world.next_request();
        assert_eq!(query_of(&poll), CAUGHT_UP);
    }
    assert!(longest <= 20_000 && world.now_ms() - begin < 60 * 20_000);
    answer(&mut world, poll.id, &row(None, "b"), told("11_2"));
    assert_eq!(world.statuses(feed).pop().as_deref(), Some("live"));
}

#[test]
fn what_is_back_is_told_at_once_and_not_when_the_next_poll_is_answered() {
    type Lose = fn(&mut World, RequestId);
    let losses: [(&str, Lose); 3] = [
        ("a cut", |world, poll| {
            world.fail(poll);
            world.jump();
        }),
        ("no network", |world, poll| {
            world.input(Input::Online(false));
            world.fail(poll);
            world.advance(60_000);
            world.input(Input::Online(true));
        }),
        ("a server that cannot", |world, poll| {
            refuse(world, poll, status(503), Told::default());
            world.jump();
        }),
    ];
    for (name, lose) in losses {
        let (mut world, feed, poll) = polling();
        lose(&mut world, poll.id);
        let request = world.next_request();
        assert_eq!(query_of(&request), CAUGHT_UP, "{name}");
        answer(&mut world, request.id, UP_TO_DATE, Told { schema: "{}", ..told("10_1") });
        assert_eq!(world.statuses(feed).pop().as_deref(), Some("live"), "{name}");
        assert!(query_of(&world.next_request()).contains("live=true"));
        assert_eq!(rows(&world, feed).len(), 1, "{name}");
    }
}

#[test]
fn other_refusals_are_the_last_word() {
    for (code, expected) in [(400, "invalid-data"), (403, "forbidden"), (404, "not-found"), (422, "invalid-data")] {
        let (mut world, feed, poll) = polling();
        refuse(&mut world, poll.id, status(code), Told::default());
        assert_eq!(world.statuses(feed).pop(), Some(format!("failed:{expected}")));
        assert_eq!(world.due_in_ms(), None);
    }
}

#[test]
fn what_was_only_just_made_may_be_found_a_little_later() {
    for (kind, name) in [(FeedKind::Run, "run_1"), (FeedKind::Batch, "batch_1")] {
        let (mut world, principal) = World::with_token(1);
        let feed = follow(&mut world, principal, kind, name);
        let begin = world.now_ms();
        for attempt in 1..=3 {
            let request = world.next_request();
            refuse(&mut world, request.id, status(404), Told::default());
            assert_eq!(world.statuses(feed).pop(), Some(format!("reconnecting:{attempt}:not-found")));
            world.jump();
        }
        assert!((1_500..4_000).contains(&(world.now_ms() - begin)), "{} ms", world.now_ms() - begin);
        let request = world.next_request();
        answer(&mut world, request.id, &row(Some(false), "a"), SNAPSHOT);
        assert_eq!(world.statuses(feed).pop().as_deref(), Some("live"));
        // What has been there does not come back.
        let poll = world.next_request();
        refuse(&mut world, poll.id, status(404), Told::default());
        assert_eq!(world.statuses(feed).pop().as_deref(), Some("failed:not-found"));
    }
}

#[test]
fn what_is_not_there_is_not_asked_for_for_ever() {
    let (mut world, principal) = World::with_token(1);
    let feed = follow(&mut world, principal, FeedKind::Run, "run_1");
    let request = world.next_request();
    world.fail(request.id);
    world.jump();
    for _ in 0..4 {
        let request = world.next_request();
        refuse(&mut world, request.id, status(404), Told::default());
        world.jump();
    }
    assert_eq!(world.statuses(feed).pop().as_deref(), Some("failed:not-found"));
    assert_eq!((world.requests.len(), world.due_in_ms()), (0, None));
}

#[test]
fn a_refused_token_is_renewed_and_the_log_goes_on() {
    let mut world = World::new(1);
    let principal = world.open_principal(true);
    let feed = follow(&mut world, principal, FeedKind::Run, "run_1");
    let token = |world: &mut World| {
        let token = public_token(&["read:runs:run_1"], EPOCH_MS + world.now_ms(), 900);
        world.command(Command::SetToken(principal, &token));
    };
    assert_eq!(world.tokens_asked(), 1);
    token(&mut world);
    let request = world.next_request();
    answer(&mut world, request.id, &row(Some(false), "a"), SNAPSHOT);
    let poll = world.next_request();
    refuse(&mut world, poll.id, status(401), Told::default());
    // The old one is still held, and good for nothing.
    assert_eq!(world.tokens_asked(), 2);
    assert!(world.requests.is_empty());
    token(&mut world);
    let again = world.next_request();
    assert_eq!(again.url, poll.url);
    // Refused again: for good, until there is another.
    refuse(&mut world, again.id, status(401), Told::default());
    assert_eq!(world.statuses(feed).pop().as_deref(), Some("failed:unauthorized"));
    token(&mut world);
    world.advance(1_000);
    assert_eq!(query_of(&world.next_request()), CAUGHT_UP);
}

#[test]
fn a_poll_that_hangs_is_made_again() {
    let (mut world, feed, poll) = polling();
    world.advance(44_999);
    assert!(world.aborted.is_empty());
    world.advance(1);
    assert_eq!(world.aborted, [poll.id]);
    assert_eq!(world.statuses(feed).pop().as_deref(), Some("reconnecting:1:timeout"));
    assert!(world.jump());
    assert_eq!(query_of(&world.next_request()), CAUGHT_UP);
}

#[test]
fn a_snapshot_that_is_long_in_coming_is_waited_for_from_its_first_byte_on() {
    let (mut world, principal) = World::with_token(1);
    follow(&mut world, principal, FeedKind::Tags, "a");
    let request = world.next_request();
    world.advance(40_000);
    world.input(Input::News(request.id, News::Head(status(200))));
    world.advance(44_999);
    assert!(world.aborted.is_empty());
    world.advance(1);
    assert_eq!(world.aborted, [request.id]);
}

#[test]
fn a_network_that_is_back_ends_the_wait() {
    let (mut world, _, poll) = polling();
    let head = ResponseHead { retry_after_ms: 600_000, ..status(429) };
    refuse(&mut world, poll.id, head, Told::default());
    assert!(world.requests.is_empty());
    world.input(Input::Wake);
    assert_eq!(query_of(&world.next_request()), CAUGHT_UP);
}
