//! Feeds of runs, and calls.

use wasm_bindgen_test::wasm_bindgen_test;

use crate::listener::Listener;
use crate::network::{self, Network};
use crate::server::{NOBODY, Run, trigger};
use crate::told::Problem;

/// What `follow` and `call` take.
const RUN: u32 = 0;
const TRIGGER: u32 = 0;
const COMPLETE: u32 = 1;
const RETRIEVE: u32 = 2;
const CANCEL: u32 = 3;

const UP_TO_DATE: &str = r#"[{"headers":{"control":"up-to-date"}}]"#;

/// A token for this run with these scopes.
async fn token_for(run: &Run, scopes: &[String]) -> String {
    let mut claims = run.claims();
    claims.scopes = scopes.to_vec();
    claims.sign().await
}

#[wasm_bindgen_test]
async fn a_run_is_followed_to_its_end() {
    let run = trigger(NOBODY, "{\"tide\":\"gate\"}").await;
    let network = Network::watch();
    let page = Listener::new();
    let principal = page.open_with(&token_for(&run, &[format!("read:runs:{}", run.id), "write:runs".into()]).await);
    let feed = page.engine.follow(principal, RUN, &run.id, "skipColumns=metadata", false);
    let request = network.next("the snapshot").await;
    assert!(request.url().ends_with("?log=full&offset=-1&skipColumns=metadata"), "{}", request.url());
    let header = |name: &str| request.headers().get(name).expect("a name");
    assert_eq!(header("x-trigger-electric-version").as_deref(), Some("1.0.0-beta.1"));
    assert_eq!(header("x-trigger-api-version").as_deref(), Some("2025-07-16"));
    assert!(header("authorization").is_some_and(|value| value.starts_with("Bearer ")));

    let snapshot = page.rows(feed).await;
    assert!(snapshot.fresh && snapshot.complete);
    assert!(snapshot.schema.expect("columns").contains("\"completedAt\""));
    assert!(snapshot.text.contains(&run.id) && !snapshot.text.contains("\"metadata\":"), "{}", snapshot.text);
    page.feed_status(feed, "live").await;
    let poll = network.next("a poll").await;
    assert!(poll.url().contains("live=true") && poll.url().contains("handle="), "{}", poll.url());

    let cancel = page.engine.call(principal, CANCEL, &run.id, "{}");
    let mut ends = false;
    while !ends {
        let change = page.rows(feed).await;
        assert!(!change.fresh && change.complete && change.schema.is_none());
        ends = change.text.contains("CANCELED") && !change.text.contains("\"completedAt\":null");
    }
    page.engine.unfollow(feed);
    let answered = network.requests.take().into_iter().any(|request| request.url().ends_with("/cancel"));
    assert!(answered, "call {cancel}");
}

#[wasm_bindgen_test]
async fn headers_of_either_name_are_read_and_missing_ones_named() {
    let network = Network::answering(|request| {
        let legacy: &[_] =
            &[("electric-shape-id", "h"), ("electric-chunk-last-offset", "1_1"), ("electric-schema", "{}")];
        let headers = if request.url().contains("/run_old?") { legacy } else { &[] };
        Some(if request.url().contains("live=") {
            network::silence()
        } else {
            network::answer(200, headers, UP_TO_DATE)
        })
    });
    let page = Listener::new();
    let principal = page.open_with("tr_dev_any");
    let feed = page.engine.follow(principal, RUN, "run_old", "", false);
    page.feed_status(feed, "live").await;
    network.next("the snapshot").await;
    let poll = network.next("the poll").await;
    assert!(poll.url().ends_with("?cursor=&handle=h&live=true&log=full&offset=1_1"), "{}", poll.url());

    let feed = page.engine.follow(principal, RUN, "run_bare", "", false);
    let error = page.feed_status(feed, "failed").await.error.expect("a reason");
    assert_eq!((error.code.as_str(), error.subject.as_deref()), ("protocol", Some("electric-handle")));
}

#[wasm_bindgen_test]
async fn an_unseen_page_gives_its_poll_up() {
    let network = Network::answering(|request| {
        let headers = [("electric-handle", "h"), ("electric-offset", "1_1"), ("electric-schema", "{}")];
        let held = request.url().contains("live=");
        Some(if held { network::silence() } else { network::answer(200, &headers, UP_TO_DATE) })
    });
    let page = Listener::new();
    let feed = page.engine.follow(page.open_with("tr_dev_any"), RUN, "run_1", "", false);
    network.next("the snapshot").await;
    let poll = network.next("the poll").await;
    page.engine.set_visible(false);
    page.feed_status(feed, "paused").await;
    assert!(poll.signal().aborted());
    page.engine.set_visible(true);
    let request = network.next("a look at what has happened").await;
    assert!(request.url().ends_with("?handle=h&log=full&offset=1_1"), "{}", request.url());
    page.feed_status(feed, "live").await;
}

#[wasm_bindgen_test]
async fn a_call_is_answered() {
    let run = trigger(NOBODY, "null").await;
    let network = Network::watch();
    let page = Listener::new();
    let principal = page.open_with(&token_for(&run, &[format!("trigger:tasks:{NOBODY}"), "read:runs".into()]).await);
    let call = page.engine.call(principal, TRIGGER, NOBODY, "{\"payload\":{}}");
    let request = network.next("the trigger").await;
    let header = |name: &str| request.headers().get(name).expect("a name");
    assert_eq!(header("x-trigger-realtime-streams-version").as_deref(), Some("v2"));
    assert_eq!(header("x-trigger-request-idempotency-key").map(|key| key.len()), Some(36));
    let (text, token) = page.answer(call).await.expect("it is triggered");
    assert!(text.contains("\"id\":\"run_"), "{text}");
    assert!(token.is_some_and(|token| token.starts_with("eyJ")));

    let call = page.engine.call(principal, RETRIEVE, &run.id, "");
    let (text, token) = page.answer(call).await.expect("it is there");
    assert!(text.contains(&run.id) && token.is_none(), "{text}");
}

#[wasm_bindgen_test]
async fn a_call_fails_with_what_it_is_about() {
    let _network = Network::answering(|_| Some(network::answer(404, &[], "{\"error\":\"Waitpoint not found\"}")));
    let page = Listener::new();
    let call = page.engine.call(page.open_with("tr_dev_any"), COMPLETE, "waitpoint_1", "{\"data\":1}");
    let expected = Problem {
        code: "not-found".into(),
        status: Some(404),
        server_message: Some("Waitpoint not found".into()),
        subject: Some("wait token".into()),
        ..Problem::default()
    };
    assert_eq!(page.answer(call).await, Err((false, expected)));
}

#[wasm_bindgen_test]
async fn a_call_that_is_cancelled_is_given_up() {
    let network = Network::answering(|_| Some(network::silence()));
    let page = Listener::new();
    let call = page.engine.call(page.open_with("tr_dev_any"), RETRIEVE, "run_1", "");
    let request = network.next("the question").await;
    page.engine.cancel_call(call);
    assert!(request.signal().aborted());
}
