//! Two clocks: one that stands still while the device sleeps, and one that anybody may set.

use tidegate::proto::http::ResponseHead;
use tidegate::proto::input::{Command, Input, News};
use tidegate::proto::output::{Event, Output};
use tidegate::proto::time::{Instant, Now, UnixTime};

use super::harness::{EPOCH_MS, World, batch, cursor_of, run_token, status};

#[test]
fn a_connection_from_before_a_sleep_is_not_trusted() {
    for event in [Input::Wake, Input::Timeout, Input::Visible(true)] {
        let (mut world, principal) = World::with_token(1);
        let reader = world.subscribe(principal, "draft", None);
        let request = world.next_request();
        world.open(request.id);
        world.chunk(request.id, &batch(&[(0, "0")]));
        world.advance(1_000);
        world.sleep(3_600_000);
        world.input(event);
        assert_eq!(world.aborted, [request.id], "heard of a second ago, by a clock that stood still");
        world.advance(250);
        let again = world.next_request();
        assert_eq!(cursor_of(&again).as_deref(), Some("0"));
        world.open(again.id);
        world.chunk(again.id, &batch(&[(1, "1")]));
        assert_eq!(world.parts(reader), ["0", "1"]);
        assert_eq!(world.statuses(reader), ["connecting", "live"], "nothing that a person should see");
    }
}

#[test]
fn a_connection_from_before_the_network_went_is_not_trusted() {
    let (mut world, principal) = World::with_token(1);
    world.subscribe(principal, "draft", None);
    let request = world.next_request();
    world.open(request.id);
    world.advance(1_000);
    world.input(Input::Online(true));
    assert!(world.aborted.is_empty(), "it never went");
    world.input(Input::Online(false));
    world.advance(3_000);
    world.input(Input::Online(true));
    assert_eq!(world.aborted, [request.id]);
    assert_eq!(world.requests.len(), 1, "at once");
}

/// Everything the core says over a stream's life, with the calendar off by so much at each step.
fn told(calendar: impl Fn(u64) -> u64) -> Vec<String> {
    let mut client = tidegate::proto::client::Client::new(7);
    let mut told = Vec::new();
    let mut step = |at_ms: u64, input: Input<'_>| {
        let now = Now { monotonic: Instant::from_millis(at_ms), wall: UnixTime::from_millis(calendar(at_ms)) };
        client.handle_input(now, input);
        let mut request = None;
        loop {
            match client.poll_output() {
                Output::Idle(due) => {
                    told.push(format!("due {due:?}"));
                    return request;
                }
                Output::Request(made) => {
                    told.push(format!("{} {:?}", made.url, made.kind));
                    request = Some(made.id);
                }
                Output::Event(event @ Event::Parts(..)) => told.push(format!("{event:?}")),
                other @ (Output::Event(_) | Output::Abort(_) | Output::SetReading(..)) => {
                    told.push(format!("{other:?}"))
                }
            }
        }
    };
    let (principal, subscription) = {
        let mut ids = tidegate::proto::client::Client::new(7);
        (ids.next_principal(), ids.next_subscription())
    };
    let open =
        Command::OpenPrincipal { principal, base_url: "https://a", branch: None, renewable: true, scarce: false };
    step(1_000, Input::Command(open));
    step(1_000, Input::Command(Command::SetToken(principal, &run_token(EPOCH_MS, 900))));
    let (run, key) = ("run_1", "draft");
    let subscribe = Command::Subscribe { subscription, principal, run, key, last_event_id: "", timeout_seconds: 0 };
    let mut request = step(1_000, Input::Command(subscribe)).expect("it connects");
    for round in 0..8_u64 {
        let now_ms = 2_000 + round * 20_000;
        let head = ResponseHead { version: tidegate::proto::http::StreamVersion::V2, ..status(200) };
        step(now_ms, Input::News(request, News::Head(head)));
        step(now_ms + 10, Input::News(request, News::Chunk(batch(&[(round, "1")]).as_bytes())));
        step(now_ms + 2_000, Input::News(request, News::End));
        request =
            step(now_ms + 5_000, Input::Timeout).or_else(|| step(now_ms + 6_000, Input::Timeout)).unwrap_or(request);
    }
    told
}

#[test]
fn a_calendar_that_is_set_back_changes_nothing() {
    let usual = told(|at_ms| EPOCH_MS + at_ms);
    assert!(usual.iter().any(|told| told.contains("Parts")), "{usual:?}");
    let day = 86_400_000;
    assert_eq!(told(|at_ms| EPOCH_MS + at_ms - if at_ms > 30_000 { day } else { 0 }), usual, "once");
    assert_eq!(told(|at_ms| EPOCH_MS - at_ms), usual, "all the time");
}
