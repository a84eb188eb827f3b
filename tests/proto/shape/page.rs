//! A page that nobody sees, a network that is away, a device that sleeps.

use super::*;

#[test]
fn nobody_polls_for_a_page_that_nobody_sees() {
    let (mut world, feed, poll) = polling();
    world.input(Input::Visible(false));
    world.advance(4_000);
    world.input(Input::Visible(true));
    world.advance(4_000);
    assert!(world.aborted.is_empty(), "a moment is no matter");
    world.input(Input::Visible(false));
    world.advance(5_000);
    assert_eq!(world.aborted, [poll.id]);
    assert_eq!(world.statuses(feed).pop().as_deref(), Some("paused"));
    world.advance(3_600_000);
    assert!(world.requests.is_empty());
    world.input(Input::Visible(true));
    let request = world.next_request();
    assert_eq!(query_of(&request), CAUGHT_UP, "what has happened meanwhile, at once");
    answer(&mut world, request.id, UP_TO_DATE, Told { offset: "10_1", ..SNAPSHOT });
    assert_eq!(world.statuses(feed).pop().as_deref(), Some("live"));
    assert_eq!(world.next_request().url, poll.url);
}

#[test]
fn a_feed_of_a_hidden_page_reads_what_there_is_and_then_pauses() {
    let (mut world, principal) = World::with_token(1);
    world.input(Input::Visible(false));
    let feed = follow(&mut world, principal, FeedKind::Run, "run_1");
    world.advance(20_000);
    let request = world.next_request();
    answer(&mut world, request.id, &row(Some(false), "a"), SNAPSHOT);
    assert_eq!(rows(&world, feed).len(), 1);
    assert_eq!(world.statuses(feed).pop().as_deref(), Some("paused"));
    assert!(world.requests.is_empty());
    assert_eq!(world.due_in_ms(), None);
}

#[test]
fn it_waits_for_the_network() {
    let (mut world, feed, poll) = polling();
    world.input(Input::Online(false));
    world.fail(poll.id);
    world.advance(60_000);
    assert!(world.requests.is_empty());
    let statuses = world.statuses(feed);
    assert_eq!(statuses[statuses.len() - 2..], ["reconnecting:1:offline", "paused"]);
    world.input(Input::Online(true));
    assert_eq!(query_of(&world.next_request()), CAUGHT_UP);
}

#[test]
fn a_poll_is_not_trusted_once_the_device_has_slept() {
    let (mut world, _, poll) = polling();
    world.advance(2_000);
    world.sleep(3_600_000);
    world.input(Input::Wake);
    assert_eq!(world.aborted, [poll.id]);
    assert_eq!(query_of(&world.next_request()), CAUGHT_UP);
    // One that has only just been made is.
    world.input(Input::Wake);
    assert_eq!(world.aborted, [poll.id]);
}
