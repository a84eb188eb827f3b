//! Whether a call that is given up can have had an effect.

use tidegate::proto::http::{CallKind, ResponseHead};
use tidegate::proto::id::{ChannelId, PrincipalId};
use tidegate::proto::input::{Command, Input};

use super::harness::{World, secret_key, status};

fn trigger(world: &mut World, principal: PrincipalId) -> ChannelId {
    let call = world.client.next_subscription();
    let (kind, name, body) = (CallKind::Trigger, "task", "{}");
    world.command(Command::Call { call, principal, kind, name, body });
    call
}

#[test]
fn one_that_waits_for_a_token_or_the_network_has_not_left() {
    let mut world = World::new(1);
    let principal = world.open_principal(true);
    let call = trigger(&mut world, principal);
    assert!(world.client.is_unsent(call), "there is no token yet");
    world.input(Input::Online(false));
    world.command(Command::SetToken(principal, &secret_key()));
    assert!(world.client.is_unsent(call), "nor a network");
    world.input(Input::Online(true));
    assert_eq!(world.requests.len(), 1);
    assert!(!world.client.is_unsent(call));
}

#[test]
fn one_that_was_refused_for_now_has_not_and_one_that_lost_its_answer_may_have() {
    for (lost, unsent) in [(false, true), (true, false)] {
        let (mut world, principal) = World::with_token(1);
        let call = trigger(&mut world, principal);
        let request = world.next_request().id;
        if lost {
            world.fail(request);
        } else {
            world.answer(request, ResponseHead { retry_after_ms: 5_000, ..status(429) }, "{}");
        }
        assert_eq!(world.client.is_unsent(call), unsent, "lost: {lost}");
    }
}

#[test]
fn what_is_no_call_never_says_so() {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    assert!(!world.client.is_unsent(reader));
    assert!(!world.client.is_unsent(ChannelId::new(99)));
}
