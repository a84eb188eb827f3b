//! A server's `Retry-After` holds, whatever else happens to the page meanwhile.

use tidegate::proto::http::ResponseHead;
use tidegate::proto::input::{Command, Input};

use super::harness::{World, secret_key, status};

#[test]
fn neither_waking_nor_a_network_that_comes_back_cuts_it_short() {
    for code in [429, 503] {
        let (mut world, principal) = World::with_token(1);
        world.subscribe(principal, "draft", None);
        let request = world.next_request();
        world.answer(request.id, ResponseHead { retry_after_ms: 20_000, ..status(code) }, "");
        for _ in 0..19 {
            world.advance(1_000);
            world.input(Input::Wake);
            world.input(Input::Online(false));
            world.input(Input::Online(true));
            world.input(Input::Visible(false));
            world.input(Input::Visible(true));
            world.command(Command::SetToken(principal, &secret_key()));
        }
        assert!(world.requests.is_empty(), "{code}");
        world.advance(1_000);
        assert_eq!(world.requests.len(), 1, "{code}: and then it is over");
    }
}

#[test]
fn it_is_over_with_the_wait_it_was_for() {
    let (mut world, principal) = World::with_token(1);
    world.subscribe(principal, "draft", None);
    let request = world.next_request();
    world.answer(request.id, ResponseHead { retry_after_ms: 20_000, ..status(429) }, "");
    world.advance(20_000);
    let request = world.next_request();
    world.fail(request.id);
    world.advance(250);
    world.input(Input::Wake);
    assert_eq!(world.requests.len(), 1, "a loss of the network's is not the server's wish");
}
