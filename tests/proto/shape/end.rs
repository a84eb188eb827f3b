//! When a feed ends, and when it does not.

use super::*;

#[test]
fn what_came_behind_the_end_is_still_read_with_a_new_token() {
    let mut world = World::new(1);
    let principal = world.open_principal(false);
    let token = |world: &mut World| {
        let token = public_token(&["read:runs:run_1"], EPOCH_MS + world.now_ms(), 900);
        world.command(Command::SetToken(principal, &token));
    };
    token(&mut world);
    let feed = follow(&mut world, principal, FeedKind::Run, "run_1");
    let request = world.next_request();
    answer(&mut world, request.id, &row(Some(true), "done"), SNAPSHOT);
    let poll = world.next_request();
    refuse(&mut world, poll.id, status(401), Told::default());
    world.advance(60_000);
    token(&mut world);
    let poll = world.next_request();
    answer(&mut world, poll.id, &row(None, "late"), told("11_2"));
    assert_eq!(rows(&world, feed).len(), 2);
    world.advance(30_000);
    assert_eq!(world.statuses(feed).pop().as_deref(), Some("ended"));
}

#[test]
fn it_ends_when_nothing_came_behind_the_end() {
    let (mut world, feed, poll) = polling();
    answer(&mut world, poll.id, &row(Some(true), "done"), told("11_2"));
    let poll = world.next_request();
    world.advance(1_500);
    // Metadata that was late.
    answer(&mut world, poll.id, &row(None, "late"), told("12_3"));
    assert_eq!(rows(&world, feed).len(), 3);
    let poll = world.next_request();
    world.advance(20_000);
    assert_eq!(world.statuses(feed).pop().as_deref(), Some("live"));
    answer(&mut world, poll.id, UP_TO_DATE, told("12_3"));
    assert_eq!(world.statuses(feed).pop().as_deref(), Some("ended"));
    assert!(world.requests.is_empty());
    assert_eq!(world.due_in_ms(), None);
}

#[test]
fn it_ends_half_a_minute_behind_the_end_at_the_latest() {
    let (mut world, feed, poll) = polling();
    answer(&mut world, poll.id, &row(Some(true), "done"), told("11_2"));
    let (end, mut poll) = (world.now_ms() + 30_000, world.next_request());
    // A server that does not hold polls tells nothing with an empty answer.
    while world.now_ms() < end {
        answer(&mut world, poll.id, UP_TO_DATE, told("11_2"));
        assert_eq!(world.statuses(feed).pop().as_deref(), Some("live"));
        world.jump();
        match world.requests.pop_front() {
            Some(request) => poll = request,
            None => break,
        }
    }
    assert_eq!(world.now_ms(), end);
    assert_eq!(world.statuses(feed).pop().as_deref(), Some("ended"));
}

#[test]
fn a_run_that_is_taken_up_again_is_not_over() {
    let (mut world, feed, poll) = polling();
    answer(&mut world, poll.id, &row(Some(true), "done"), told("11_2"));
    let poll = world.next_request();
    answer(&mut world, poll.id, &row(Some(false), "again"), told("12_3"));
    world.advance(40_000);
    let poll = world.next_request();
    answer(&mut world, poll.id, UP_TO_DATE, told("12_3"));
    assert_eq!(world.statuses(feed).pop().as_deref(), Some("live"));
    assert_eq!(world.requests.len(), 1);
}

#[test]
fn an_endless_one_and_one_of_many_runs_go_on() {
    let (mut world, principal) = World::with_token(1);
    for (kind, endless) in [(FeedKind::Run, true), (FeedKind::Tags, false), (FeedKind::Batch, false)] {
        let feed = world.client.next_subscription();
        world.command(Command::Follow { feed, principal, kind, name: "x", query: "", endless });
        let request = world.next_request();
        answer(&mut world, request.id, &row(Some(true), "done"), SNAPSHOT);
        for _ in 0..3 {
            let poll = world.next_request();
            world.advance(20_000);
            answer(&mut world, poll.id, UP_TO_DATE, told("10_1"));
        }
        assert_eq!(world.statuses(feed).pop().as_deref(), Some("live"), "{kind:?}");
        world.command(Command::Unsubscribe(feed));
        world.requests.clear();
    }
}
