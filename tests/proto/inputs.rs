//! What a task has of its input streams, case by case.

use tidegate::proto::id::{StreamId, TakerId};
use tidegate::proto::inputs::{Arrival, HOLD_ABOVE, Inputs, Output, Want, Woken};

const S: StreamId = StreamId::new(1);

/// What is to be done before anybody has time to ask for more.
fn poll_all(inputs: &mut Inputs) -> Vec<Output> {
    std::iter::from_fn(|| inputs.poll_output()).collect()
}

/// The same, with everybody who got a record content with it.
fn drain(inputs: &mut Inputs) -> Vec<Output> {
    let mut outputs = poll_all(inputs);
    while outputs.last() == Some(&Output::Rest(S)) {
        outputs.pop();
        inputs.go_on(S);
        outputs.extend(poll_all(inputs));
    }
    outputs
}

/// Reads these records.
fn receive(inputs: &mut Inputs, seqs: impl IntoIterator<Item = u64>) -> Vec<Output> {
    seqs.into_iter()
        .flat_map(|seq| {
            inputs.receive(S, seq, 10, false);
            drain(inputs)
        })
        .collect()
}

/// Reads these records, which come at once.
fn receive_at_once(inputs: &mut Inputs, seqs: impl IntoIterator<Item = u64>) -> Vec<Output> {
    seqs.into_iter()
        .flat_map(|seq| {
            inputs.receive(S, seq, 10, false);
            poll_all(inputs)
        })
        .collect()
}

fn given(outputs: &[Output]) -> Vec<u64> {
    outputs.iter().filter_map(|output| if let Output::Give(_, _, seq) = output { Some(*seq) } else { None }).collect()
}

/// Somebody who waits, with the task asleep.
fn sleep(inputs: &mut Inputs) -> (TakerId, Vec<Output>) {
    let sleeper = inputs.take(S, Want::Sleep);
    (sleeper, drain(inputs))
}

#[test]
fn what_came_before_a_listener_is_delivered_to_it() {
    let mut inputs = Inputs::default();
    let first = inputs.take(S, Want::Record);
    assert_eq!(drain(&mut inputs), [Output::Open(S, None)]);
    assert_eq!(receive(&mut inputs, 0..3), [Output::Give(S, first, 0), Output::Drop(S, 0)]);
    assert_eq!(inputs.peek(S), Some(1), "the oldest that waits");
    let handler = inputs.on(S);
    assert_eq!(
        drain(&mut inputs),
        [1, 2].map(|seq| [Output::Tell(S, handler, seq), Output::Drop(S, seq)]).concat(),
        "what has been kept goes to the first handler",
    );
}

#[test]
fn the_line_is_served_in_order_and_every_handler_hears_it_too() {
    let mut inputs = Inputs::default();
    let (first, second) = (inputs.take(S, Want::Record), inputs.take(S, Want::Record));
    let handlers = [inputs.on(S), inputs.on(S)];
    drain(&mut inputs);
    let told = |seq| handlers.map(|handler| Output::Tell(S, handler, seq)).to_vec();
    for (seq, taker) in [(0, first), (1, second)] {
        let expected = [vec![Output::Give(S, taker, seq)], told(seq), vec![Output::Drop(S, seq)]].concat();
        assert_eq!(receive(&mut inputs, [seq]), expected);
    }
    assert_eq!(receive(&mut inputs, [2]), [told(2), vec![Output::Drop(S, 2)]].concat());
}

#[test]
fn who_got_a_record_can_ask_for_the_next_before_handlers_alone_hear_it() {
    let mut inputs = Inputs::default();
    let (first, handler) = (inputs.take(S, Want::Record), inputs.on(S));
    drain(&mut inputs);
    let told = |seq| [Output::Tell(S, handler, seq), Output::Drop(S, seq)];
    let given = |taker, seq| [vec![Output::Give(S, taker, seq)], told(seq).to_vec()].concat();
    assert_eq!(receive_at_once(&mut inputs, 0..4), [given(first, 0), vec![Output::Rest(S)]].concat());
    let second = inputs.take(S, Want::Record);
    assert_eq!(poll_all(&mut inputs), []);
    inputs.go_on(S);
    assert_eq!(poll_all(&mut inputs), [given(second, 1), vec![Output::Rest(S)]].concat());
    inputs.go_on(S);
    assert_eq!(poll_all(&mut inputs), [told(2), told(3)].concat(), "it has not asked again");
    assert_eq!(receive_at_once(&mut inputs, [4]), told(4));
}

#[test]
fn nobody_rests_where_what_comes_is_kept() {
    let mut inputs = Inputs::default();
    for _ in 0..2 {
        inputs.take(S, Want::Record);
    }
    drain(&mut inputs);
    assert!(!receive_at_once(&mut inputs, 0..3).contains(&Output::Rest(S)));
    let handler = inputs.on(S);
    assert_eq!(poll_all(&mut inputs), [Output::Tell(S, handler, 2), Output::Drop(S, 2)]);
}

#[test]
fn a_handler_that_ends_itself_leaves_the_rest() {
    let mut inputs = Inputs::default();
    inputs.take(S, Want::Record);
    drain(&mut inputs);
    receive(&mut inputs, 0..4);
    let handler = inputs.on(S);
    assert_eq!(inputs.poll_output(), Some(Output::Tell(S, handler, 1)));
    inputs.off(S, handler);
    assert_eq!(drain(&mut inputs), [Output::Drop(S, 1), Output::Close(S)]);
    assert_eq!(inputs.peek(S), Some(2));
}

#[test]
fn the_last_handler_closes_the_tail_and_the_next_listener_goes_on_behind_it() {
    let mut inputs = Inputs::default();
    let (one, other) = (inputs.on(S), inputs.on(S));
    drain(&mut inputs);
    receive(&mut inputs, 0..2);
    inputs.off(S, one);
    assert_eq!(drain(&mut inputs), []);
    inputs.off(S, other);
    inputs.off(S, other);
    assert_eq!(drain(&mut inputs), [Output::Close(S)]);
    assert_eq!(inputs.receive(S, 2, 10, false), Arrival::Known, "what is on its way is read again later");
    inputs.on(S);
    assert_eq!(drain(&mut inputs), [Output::Open(S, Some(1))]);
}

#[test]
fn a_wait_takes_what_is_there_and_lets_nobody_sleep() {
    let mut inputs = Inputs::default();
    inputs.take(S, Want::Record);
    drain(&mut inputs);
    receive(&mut inputs, 0..3);
    for seq in 1..3 {
        let (sleeper, outputs) = sleep(&mut inputs);
        assert_eq!(outputs, [Output::Give(S, sleeper, seq), Output::Drop(S, seq)]);
    }
    let (sleeper, outputs) = sleep(&mut inputs);
    assert_eq!(outputs, [Output::Close(S), Output::Sleep(S, sleeper, Some(2))], "behind what has been taken");
}

#[test]
fn behind_a_wait_the_cursor_is_known() {
    let mut inputs = Inputs::default();
    let (sleeper, _) = sleep(&mut inputs);
    assert!(inputs.wake(S, sleeper, Woken::By(0)));
    let (sleeper, outputs) = sleep(&mut inputs);
    assert_eq!(outputs, [Output::Sleep(S, sleeper, Some(0))]);
    assert!(inputs.wake(S, sleeper, Woken::Empty), "it timed out");
    let (sleeper, outputs) = sleep(&mut inputs);
    assert_eq!(outputs, [Output::Sleep(S, sleeper, Some(0))]);

    assert!(inputs.wake(S, sleeper, Woken::By(3)), "a later send was quicker");
    let once = inputs.take(S, Want::Record);
    assert_eq!(drain(&mut inputs), [Output::Open(S, Some(0))]);
    inputs.on(S);
    let outputs = receive(&mut inputs, 1..5);
    assert_eq!(given(&outputs), [1]);
    assert!(outputs.contains(&Output::Give(S, once, 1)));
    let dropped: Vec<_> = outputs.iter().filter(|output| matches!(output, Output::Drop(..))).collect();
    assert_eq!(
        dropped,
        [&Output::Drop(S, 1), &Output::Drop(S, 2), &Output::Drop(S, 4)],
        "each once, and 3 has been taken"
    );
}

#[test]
fn a_wait_that_is_answered_with_what_was_taken_before_goes_on() {
    let mut inputs = Inputs::default();
    inputs.take(S, Want::Record);
    drain(&mut inputs);
    receive(&mut inputs, [0]);
    let (sleeper, _) = sleep(&mut inputs);
    assert!(!inputs.wake(S, sleeper, Woken::By(0)));
    assert_eq!(drain(&mut inputs), [Output::Sleep(S, sleeper, Some(0))]);
    assert!(inputs.wake(S, sleeper, Woken::By(2)));
    // 1 is not ours, so the server finds 2 again. Awake, it shows that there is nothing between.
    let (sleeper, _) = sleep(&mut inputs);
    assert!(!inputs.wake(S, sleeper, Woken::By(2)));
    assert_eq!(drain(&mut inputs), [Output::Open(S, Some(0))]);
    inputs.skip(S, 1);
    assert_eq!(drain(&mut inputs), []);
    assert_eq!(receive(&mut inputs, [2]), [Output::Close(S), Output::Sleep(S, sleeper, Some(2))]);
    assert!(inputs.wake(S, sleeper, Woken::Keyed(0)), "unless it was asked under the key of an earlier wait");
    let (sleeper, outputs) = sleep(&mut inputs);
    assert_eq!(outputs, [Output::Sleep(S, sleeper, Some(2))]);
    assert!(inputs.wake(S, sleeper, Woken::Keyed(3)));
    let (sleeper, outputs) = sleep(&mut inputs);
    assert_eq!(outputs, [Output::Sleep(S, sleeper, Some(3))]);
}

#[test]
fn an_answer_without_a_number_is_found_in_the_log_before_anybody_sleeps_again() {
    let mut inputs = Inputs::default();
    let (sleeper, _) = sleep(&mut inputs);
    assert!(inputs.wake(S, sleeper, Woken::Unnamed));
    assert!(inputs.is_searching(S));
    let (sleeper, outputs) = sleep(&mut inputs);
    assert_eq!(outputs, [Output::Open(S, None)], "it is not known where it stands");
    assert_eq!(inputs.receive(S, 0, 10, true), Arrival::Found);
    assert_eq!(drain(&mut inputs), [Output::Close(S), Output::Sleep(S, sleeper, Some(0))]);

    assert!(inputs.wake(S, sleeper, Woken::Unnamed));
    let (sleeper, _) = sleep(&mut inputs);
    inputs.give_up_search(S);
    assert_eq!(drain(&mut inputs), [Output::Close(S), Output::Sleep(S, sleeper, Some(0))]);
}

#[test]
fn nothing_is_read_while_somebody_sleeps() {
    let mut inputs = Inputs::default();
    inputs.on(S);
    let (sleeper, outputs) = sleep(&mut inputs);
    assert_eq!(outputs, [Output::Sleep(S, sleeper, None)]);
    let once = inputs.take(S, Want::Record);
    assert_eq!(drain(&mut inputs), [], "it stands in the line behind the sleeper");
    inputs.wake(S, sleeper, Woken::By(0));
    assert_eq!(drain(&mut inputs), [Output::Open(S, Some(0))]);
    assert_eq!(given(&receive(&mut inputs, [1])), [1]);
    assert!(!inputs.cancel(S, once));
}

#[test]
fn what_an_earlier_life_took_from_sleep_is_for_the_sleeps_of_this_one() {
    let mut inputs = Inputs::default();
    // It slept for 0, took 1 and 2 awake, and slept for 3.
    inputs.reserve(S, 0);
    inputs.reserve(S, 3);
    let (sleeper, outputs) = sleep(&mut inputs);
    assert_eq!(outputs, [Output::Sleep(S, sleeper, None)]);
    assert!(inputs.wake(S, sleeper, Woken::By(0)));
    let once = inputs.take(S, Want::Record);
    assert_eq!(drain(&mut inputs), [Output::Open(S, Some(0))]);
    let handler = inputs.on(S);
    let told = |seq| vec![Output::Tell(S, handler, seq), Output::Drop(S, seq)];
    let first = [vec![Output::Give(S, once, 1)], told(1)].concat();
    assert_eq!(receive(&mut inputs, 1..5), [first, told(2), told(4)].concat(), "3 is no handler's");
    let (sleeper, outputs) = sleep(&mut inputs);
    assert_eq!(outputs, [Output::Close(S), Output::Sleep(S, sleeper, Some(2))], "so that the server finds 3");
    assert!(inputs.wake(S, sleeper, Woken::By(3)));
    let (sleeper, outputs) = sleep(&mut inputs);
    assert_eq!(outputs.last(), Some(&Output::Sleep(S, sleeper, Some(4))));
}

#[test]
fn a_sleep_of_an_earlier_life_began_when_all_before_it_was_taken() {
    let mut inputs = Inputs::default();
    inputs.reserve(S, 1);
    let (early, outputs) = sleep(&mut inputs);
    assert_eq!(outputs, [Output::Open(S, None)], "then 0 was taken by a wait that found it there");
    assert_eq!(receive(&mut inputs, 0..3), [Output::Give(S, early, 0), Output::Drop(S, 0)]);
    let (sleeper, outputs) = sleep(&mut inputs);
    assert_eq!(outputs, [Output::Close(S), Output::Sleep(S, sleeper, Some(0))]);
    assert!(inputs.wake(S, sleeper, Woken::By(1)));
    let (last, outputs) = sleep(&mut inputs);
    assert_eq!(outputs, [Output::Give(S, last, 2), Output::Drop(S, 2)]);
}

#[test]
fn who_gives_up_loses_nothing() {
    let mut inputs = Inputs::default();
    let (first, second) = (inputs.take(S, Want::Record), inputs.take(S, Want::Record));
    drain(&mut inputs);
    assert!(inputs.cancel(S, first));
    assert_eq!(receive(&mut inputs, [0]), [Output::Give(S, second, 0), Output::Drop(S, 0)]);
    let (sleeper, _) = sleep(&mut inputs);
    assert!(inputs.cancel(S, sleeper));
    let (sleeper, outputs) = sleep(&mut inputs);
    assert_eq!(outputs, [Output::Sleep(S, sleeper, Some(0))]);
}

#[test]
fn what_comes_twice_and_what_is_not_ours_counts_once() {
    let mut inputs = Inputs::default();
    let handler = inputs.on(S);
    drain(&mut inputs);
    inputs.skip(S, 0);
    assert_eq!(receive(&mut inputs, [1, 1, 0]), [Output::Tell(S, handler, 1), Output::Drop(S, 1)]);
    inputs.skip(S, 2);
    inputs.off(S, handler);
    drain(&mut inputs);
    let (sleeper, outputs) = sleep(&mut inputs);
    assert_eq!(outputs, [Output::Sleep(S, sleeper, Some(2))]);
}

#[test]
fn with_too_much_waiting_the_log_is_left_unread() {
    let mut inputs = Inputs::default();
    let once = inputs.take(S, Want::Record);
    drain(&mut inputs);
    receive(&mut inputs, [0]);
    let quarter = HOLD_ABOVE / 4;
    let mut all = Vec::new();
    for seq in 1..6 {
        inputs.receive(S, seq, quarter, false);
        all.extend(drain(&mut inputs));
    }
    assert_eq!(all, [Output::SetReading(S, false)], "once, with the fifth of them");
    for _ in 0..4 {
        inputs.take(S, Want::Record);
    }
    let outputs = drain(&mut inputs);
    assert_eq!(outputs.last(), Some(&Output::SetReading(S, true)), "below half of it");
    assert_eq!(given(&outputs), [1, 2, 3, 4]);
    assert!(!inputs.cancel(S, once));
}
