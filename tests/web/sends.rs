//! Sends: what becomes of them, and that it is told as it is.

use std::cell::Cell;

use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::Request;

use crate::listener::Listener;
use crate::network::{self, Network};
use crate::server::{NOBODY, UNREACHABLE, address, trigger};
use crate::told::{Problem, SendChanged};

fn change(send: u32, state: &str, waiting_for: Option<&str>, attempt: u32) -> SendChanged {
    SendChanged { send, state: state.into(), waiting_for: waiting_for.map(str::to_owned), attempt, error: None }
}

#[wasm_bindgen_test]
async fn an_accepted_send_is_in_the_stream() {
    let run = trigger(NOBODY, "null").await;
    let page = Listener::new();
    let principal = page.open(&run);
    let json = r#"{"approved":true,"note":"grün ✓"}"#;

    let send = page.engine.send(principal, &run.id, "approval", json);
    for expected in
        [change(send, "queued", Some("turn"), 0), change(send, "sending", None, 1), change(send, "accepted", None, 1)]
    {
        assert_eq!(page.next_send().await, expected);
    }

    let stream = page.engine.subscribe(principal, &run.id, "input/approval", None, None);
    assert_eq!(page.batch(stream).await.texts(), [json]);
}

#[wasm_bindgen_test]
async fn sends_to_one_stream_leave_one_by_one_in_order() {
    let run = trigger(NOBODY, "null").await;
    let page = Listener::new();
    let principal = page.open(&run);

    let [first, second, third] = ["1", "2", "3"].map(|json| page.engine.send(principal, &run.id, "chat", json));
    for expected in [
        change(first, "queued", Some("turn"), 0),
        change(first, "sending", None, 1),
        change(second, "queued", Some("turn"), 0),
        change(third, "queued", Some("turn"), 0),
        change(first, "accepted", None, 1),
        change(second, "sending", None, 1),
        change(second, "accepted", None, 1),
        change(third, "sending", None, 1),
        change(third, "accepted", None, 1),
    ] {
        assert_eq!(page.next_send().await, expected);
    }

    let stream = page.engine.subscribe(principal, &run.id, "input/chat", None, None);
    assert_eq!(page.inputs(stream, 3).await, ["1", "2", "3"]);
}

#[wasm_bindgen_test]
async fn a_send_carries_what_the_protocol_asks() {
    let network = Network::answering(|_| Some(network::answer(200, &[], r#"{"ok":true}"#)));
    let page = Listener::new();
    let principal = page.engine.open_principal("https://api.example.com", Some("feature/gate"), false);
    page.engine.set_token(principal, "tr_dev_any");

    let send = page.engine.send(principal, "run_1", "a b/c", "[1]");
    let request = network.next("the send").await;
    assert_eq!(request.method(), "POST");
    assert_eq!(request.url(), "https://api.example.com/realtime/v1/streams/run_1/input/a%20b%2Fc");
    let header = |name: &str| request.headers().get(name).expect("a name");
    assert_eq!(header("authorization").as_deref(), Some("Bearer tr_dev_any"));
    assert_eq!(header("content-type").as_deref(), Some("application/json"));
    assert_eq!(header("x-trigger-branch").as_deref(), Some("feature/gate"));
    assert_eq!(header("x-trigger-request-idempotency-key").map(|key| key.len()), Some(36));
    let body = wasm_bindgen_futures::JsFuture::from(request.text().expect("a body")).await.expect("a text");
    assert_eq!(body, r#"{"data":[1]}"#);
    assert_eq!(page.outcome(send).await.state, "accepted");
}

#[wasm_bindgen_test]
async fn what_would_be_refused_for_certain_never_leaves() {
    let run = trigger(NOBODY, "null").await;
    let network = Network::watch();
    let page = Listener::new();
    let principal = page.open(&run);
    let mut claims = run.claims();
    claims.scopes = vec![format!("read:runs:{}", run.id)];
    let reader = page.open_with(&claims.sign().await);

    let send = page.engine.send(reader, &run.id, "approval", "true");
    let refused = page.outcome(send).await;
    let missing_scope = Some(format!("write:inputStreams:{}", run.id));
    let problem = Problem { code: "forbidden".into(), missing_scope, ..Problem::default() };
    assert_eq!(refused, SendChanged { error: Some(problem), ..change(send, "rejected", None, 0) });

    for json in ["", "{\"approved\":", "undefined", "1 2"] {
        let send = page.engine.send(principal, &run.id, "approval", json);
        let problem = Problem { code: "invalid-data".into(), ..Problem::default() };
        let expected = SendChanged { error: Some(problem), ..change(send, "rejected", None, 0) };
        assert_eq!(page.outcome(send).await, expected, "{json}");
    }

    let large = format!("\"{}\"", "x".repeat(1 << 20));
    let send = page.engine.send(principal, &run.id, "approval", &large);
    let problem = page.outcome(send).await.error.expect("a reason");
    assert_eq!((problem.code.as_str(), problem.limit_bytes), ("too-large", Some(1 << 20)));
    assert_eq!(problem.actual_bytes, Some((1 << 20) + "{\"data\":\"\"}".len() as u32));

    assert!(network.requests.take().is_empty(), "nothing left");
}

#[wasm_bindgen_test]
async fn a_run_that_does_not_exist_is_not_found() {
    let run = trigger(NOBODY, "null").await;
    let mut claims = run.claims();
    claims.scopes = vec!["write:inputStreams".into()];
    let page = Listener::new();
    let principal = page.open_with(&claims.sign().await);

    let send = page.engine.send(principal, "run_that_never_was", "approval", "true");
    let server_message = Some("Run not found".into());
    let problem = Problem { code: "not-found".into(), status: Some(404), server_message, ..Problem::default() };
    let expected = SendChanged { error: Some(problem), ..change(send, "rejected", None, 1) };
    assert_eq!(page.outcome(send).await, expected);
}

#[wasm_bindgen_test]
async fn a_run_that_is_over_takes_no_more() {
    let run = trigger("approval", r#"{"no":"topic"}"#).await;
    run.end().await;
    let page = Listener::new();
    let principal = page.open(&run);

    let send = page.engine.send(principal, &run.id, "approval", "true");
    let server_message = Some("Cannot send to input stream on a completed run".into());
    let problem = Problem { code: "run-finished".into(), status: Some(400), server_message, ..Problem::default() };
    let expected = SendChanged { error: Some(problem), ..change(send, "rejected", None, 1) };
    assert_eq!(page.outcome(send).await, expected);
}

#[wasm_bindgen_test]
async fn what_is_sent_offline_waits_for_the_network() {
    let run = trigger(NOBODY, "null").await;
    let network = Network::watch();
    let page = Listener::new();
    let principal = page.open(&run);

    page.engine.set_online(false);
    let send = page.engine.send(principal, &run.id, "approval", "true");
    assert_eq!(page.next_send().await, change(send, "queued", Some("turn"), 0));
    assert_eq!(page.next_send().await, change(send, "queued", Some("online"), 0));
    assert!(network.requests.take().is_empty(), "nothing left");

    page.engine.set_online(true);
    assert_eq!(page.next_send().await, change(send, "sending", None, 1));
    assert_eq!(page.next_send().await, change(send, "accepted", None, 1));
}

#[wasm_bindgen_test]
async fn a_failed_send_is_repeated_only_where_the_server_drops_repeats() {
    for (drops_repeats, expected) in [("0", change(1, "unknown", None, 1)), ("1", change(1, "accepted", None, 2))] {
        let failed = Cell::new(false);
        let network = Network::answering(move |_| {
            let status = if failed.replace(true) { 200 } else { 502 };
            Some(network::answer(status, &[("x-tidegate-idempotent", drops_repeats)], "{}"))
        });
        let page = Listener::new();
        let send = page.engine.send(page.open_with("tr_dev_any"), "run_1", "chat", "1");
        let outcome = page.outcome(send).await;
        assert_eq!(SendChanged { error: None, ..outcome.clone() }, expected);
        assert_eq!(outcome.error.is_some_and(|problem| problem.code == "server"), expected.state == "unknown");

        let key = |request: &Request| request.headers().get("x-trigger-request-idempotency-key").expect("a name");
        // What became of the first is also asked of the stream, by a read.
        let sends = network.requests.take().into_iter().filter(|request| request.method() == "POST");
        let keys: Vec<_> = sends.map(|request| key(&request)).collect();
        assert_eq!(keys.len(), expected.attempt as usize);
        assert!(keys.iter().all(|key| key.is_some() && *key == keys[0]), "the same key each time");
    }
}

#[wasm_bindgen_test]
async fn a_send_without_an_answer_is_unknown() {
    let page = Listener::new();
    let principal = page.engine.open_principal(UNREACHABLE, None, false);
    page.engine.set_token(principal, "tr_dev_any");
    let send = page.engine.send(principal, "run_1", "chat", "1");
    let problem = Problem { code: "blocked".into(), retryable: true, ..Problem::default() };
    let expected = SendChanged { error: Some(problem), ..change(send, "unknown", None, 1) };
    assert_eq!(page.outcome(send).await, expected, "the page cannot see how far it got");
}

#[wasm_bindgen_test]
async fn a_send_that_makes_no_request_is_rejected() {
    let page = Listener::new();
    let principal = page.engine.open_principal(UNREACHABLE, Some("no header carries: ветка"), false);
    page.engine.set_token(principal, "tr_dev_any");
    let outcome = page.outcome(page.engine.send(principal, "run_1", "chat", "1")).await;
    assert_eq!((outcome.state.as_str(), outcome.attempt), ("rejected", 1));
}

#[wasm_bindgen_test]
async fn a_send_taken_back_under_way_is_unknown_and_retried_is_stored_once() {
    let run = trigger(NOBODY, "null").await;
    let network = Network::watch();
    let page = Listener::new();
    let principal = page.open(&run);

    let send = page.engine.send(principal, &run.id, "approval", "true");
    let request = network.next("the send").await;
    page.engine.cancel_send(send);
    assert!(request.signal().aborted(), "the request was given up");
    let problem = Problem { code: "aborted".into(), retryable: true, ..Problem::default() };
    let expected = SendChanged { error: Some(problem), ..change(send, "unknown", None, 1) };
    assert_eq!(page.outcome(send).await, expected);

    page.engine.retry_send(send);
    assert_eq!(page.outcome(send).await, change(send, "accepted", None, 2));
    let last = page.engine.send(principal, &run.id, "approval", "false");
    assert_eq!(page.outcome(last).await.state, "accepted");
    let stream = page.engine.subscribe(principal, &run.id, "input/approval", None, None);
    assert_eq!(page.inputs(stream, 2).await, ["true", "false"]);
}

#[wasm_bindgen_test]
async fn a_send_taken_back_before_it_left_is_cancelled() {
    let run = trigger(NOBODY, "null").await;
    let page = Listener::new();
    let principal = page.open(&run);
    page.engine.set_online(false);
    let [first, second] = ["1", "2"].map(|json| page.engine.send(principal, &run.id, "chat", json));

    page.engine.cancel_send(first);
    assert_eq!(page.outcome(first).await, change(first, "cancelled", None, 0));
    page.engine.set_online(true);
    assert_eq!(page.outcome(second).await, change(second, "accepted", None, 1));
    page.engine.forget_send(first);
    page.engine.retry_send(first);

    let stream = page.engine.subscribe(principal, &run.id, "input/chat", None, None);
    assert_eq!(page.batch(stream).await.texts(), ["2"]);
}

#[wasm_bindgen_test]
async fn a_request_that_cannot_be_made_is_refused_and_the_next_one_too() {
    let page = Listener::new();
    // No HTTP header carries these.
    let principal = page.engine.open_principal(address(), Some("日本"), false);
    page.engine.set_token(principal, "tr_dev_any");
    page.engine.set_online(false);
    let sends = ["1", "2", "3"].map(|json| page.engine.send(principal, "run_1", "chat", json));

    page.engine.set_online(true);
    for send in sends {
        let problem = Problem { code: "blocked".into(), retryable: true, ..Problem::default() };
        let expected = SendChanged { error: Some(problem), ..change(send, "rejected", None, 1) };
        assert_eq!(page.outcome(send).await, expected);
    }
}
