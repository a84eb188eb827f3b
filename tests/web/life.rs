//! Timers, and the end of an engine.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::engine::tell_crash;
use crate::listener::Listener;
use crate::network::{self, Network};
use crate::server::{NOBODY, UNREACHABLE, trigger};
use crate::told::{Event, Told};

#[wasm_bindgen_test]
async fn free_from_within_a_listener_ends_the_telling() {
    let run = trigger(NOBODY, "null").await;
    let network = Network::watch();
    let page = Listener::answering(|engine, told| match told {
        Told::Event(Event::SendChanged(change)) if change.state == "accepted" => {
            engine.free();
            Ok(())
        }
        _ => Ok(()),
    });
    let principal = page.open(&run);
    let [first, _] = ["1", "2"].map(|json| page.engine.send(principal, &run.id, "chat", json));
    assert_eq!(page.outcome(first).await.state, "accepted");
    assert_eq!(page.told.take(), [], "of the second");
    assert!(
        network.requests.take().iter().skip(1).all(|request| request.signal().aborted()),
        "it does not go on either"
    );
}

#[wasm_bindgen_test]
async fn an_unreachable_server_is_tried_again_by_itself() {
    let page = Listener::new();
    let principal = page.engine.open_principal(UNREACHABLE, None, false);
    page.engine.set_token(principal, "tr_dev_any");
    let stream = page.engine.subscribe(principal, "run_1", "replies", None, None);

    let clock = web_sys::window().and_then(|page| page.performance()).expect("a page has a clock");
    let mut waits = Vec::new();
    for attempt in 1..=2 {
        let lost = page.status(stream, "reconnecting").await;
        let problem = lost.error.expect("a reason");
        assert_eq!((lost.attempt, problem.code.as_str(), problem.retryable), (attempt, "blocked", true));
        waits.push((clock.now(), lost.retry_in_ms.expect("a delay")));
    }
    let [(lost, delay), (again, next_delay)] = waits[..] else { panic!("two tries") };
    assert!((250.0..=500.0).contains(&delay), "{delay}");
    assert!((500.0..=1000.0).contains(&next_delay), "{next_delay}");
    assert!(again - lost > delay / 2.0, "a delay of {delay} took {}", again - lost);
}

#[wasm_bindgen_test]
async fn free_gives_up_a_request_that_hangs() {
    let run = trigger(NOBODY, "null").await;
    let witness = Listener::new();
    let principal = witness.open(&run);
    let network = Network::watch();
    let page = Listener::new();
    let stream = page.engine.subscribe(page.open(&run), &run.id, "input/chat", None, None);
    page.status(stream, "live").await;
    let request = network.next("the read").await;

    let told = page.free();
    assert!(request.signal().aborted(), "the request was given up");
    let stream = witness.engine.subscribe(principal, &run.id, "input/chat", None, None);
    witness.engine.send(principal, &run.id, "chat", "1");
    assert_eq!(witness.batch(stream).await.texts(), ["1"]);
    assert_eq!(told.take(), []);
}

#[wasm_bindgen_test]
async fn an_answer_that_comes_after_free_is_told_to_nobody() {
    let answer: Rc<RefCell<Option<Function>>> = Rc::default();
    let network = {
        let answer = Rc::clone(&answer);
        Network::answering(move |_| {
            Some(Promise::new(&mut |resolve, _| {
                answer.borrow_mut().get_or_insert(resolve);
            }))
        })
    };
    let page = Listener::new();
    let send = page.engine.send(page.open_with("tr_dev_any"), "run_1", "chat", "1");
    let request = network.next("the send").await;
    assert_eq!(page.told.take().len(), 2, "queued, sending");

    let told = page.free();
    assert!(request.signal().aborted(), "the request was given up");
    drop(network);
    let late = network::answer(200, &[], r#"{"ok":true}"#);
    answer.take().expect("a request").call1(&JsValue::UNDEFINED, &late).expect("an answer");
    // By the time another engine has had an answer, this one is through.
    let run = trigger(NOBODY, "null").await;
    let witness = Listener::new();
    let other = witness.engine.send(witness.open(&run), &run.id, "chat", "1");
    assert_eq!(witness.outcome(other).await.state, "accepted");
    assert_eq!(told.take(), [], "of send {send}");
}

#[wasm_bindgen_test]
async fn a_crash_is_told_with_its_place_and_gives_up_what_is_under_way() {
    let network = Network::answering(|_| Some(network::silence()));
    let page = Listener::new();
    page.engine.send(page.open_with("tr_dev_any"), "run_1", "chat", "1");
    let request = network.next("the send").await;
    page.told.take();

    tell_crash("src/proto/send.rs", 7);
    assert_eq!(page.told.take(), [Told::Crashed("src/proto/send.rs:7".into())]);
    assert!(request.signal().aborted(), "the request was given up");
}

#[wasm_bindgen_test]
async fn closing_a_principal_ends_what_is_its_own_and_nothing_else() {
    let run = trigger(NOBODY, "null").await;
    let network = Network::watch();
    let page = Listener::new();
    let [closed, kept] = [page.open(&run), page.open(&run)];
    let stream = page.engine.subscribe(closed, &run.id, "replies", None, None);
    page.status(stream, "live").await;
    let request = network.next("the read").await;
    page.engine.set_online(false);
    let [given_up, sent] = [closed, kept].map(|principal| page.engine.send(principal, &run.id, "chat", "1"));

    page.engine.close_principal(closed);
    assert_eq!(page.outcome(given_up).await.state, "cancelled");
    assert!(request.signal().aborted(), "the request was given up");
    page.told.take();
    page.engine.set_online(true);
    let states = [page.next_send().await, page.next_send().await].map(|change| (change.send, change.state));
    assert_eq!(states, [(sent, "sending".to_owned()), (sent, "accepted".to_owned())]);
}
