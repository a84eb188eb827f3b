//! Streams: every part once, in order, over any number of connections.

use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::RequestCache;

use crate::listener::Listener;
use crate::network::{self, Network};
use crate::server::{NOBODY, trigger};
use crate::told::{Event, Problem, StreamChanged, Told};

const QUESTION: &str = "\"one two three four five six\"";
/// As the task `chat` writes it, token by token.
const REPLY: [&str; 7] = ["one", " two", " three", " four", " five", " six", "\n"];

fn change(subscription: u32, status: &str) -> StreamChanged {
    StreamChanged { subscription, status: status.into(), attempt: 0, retry_in_ms: None, end_reason: None, error: None }
}

#[wasm_bindgen_test]
async fn parts_arrive_in_order_and_the_position_advances() {
    let run = trigger("chat", "null").await;
    let page = Listener::new();
    let principal = page.open(&run);
    let stream = page.engine.subscribe(principal, &run.id, "replies", None, None);
    assert_eq!(page.next_status().await, change(stream, "connecting"));
    assert_eq!(page.next_status().await, change(stream, "live"));

    page.engine.send(principal, &run.id, "messages", QUESTION);
    let (mut texts, mut batches) = (Vec::new(), 0);
    while texts.len() < REPLY.len() {
        let batch = page.batch(stream).await;
        texts.extend(batch.texts());
        batches += 1;
        assert_eq!(batch.position(), texts.len() as u64 - 1, "the number of the last record");
    }
    assert_eq!(texts, REPLY);
    assert!(batches > 1, "they come as they are written");
}

#[wasm_bindgen_test]
async fn reading_on_behind_a_record_repeats_nothing() {
    let run = trigger("chat", "null").await;
    let page = Listener::new();
    let principal = page.open(&run);
    let first = page.engine.subscribe(principal, &run.id, "replies", None, None);
    page.engine.send(principal, &run.id, "messages", QUESTION);
    let seen = page.batch(first).await;
    page.engine.unsubscribe(first);

    let network = Network::watch();
    page.engine.send(principal, &run.id, "messages", QUESTION);
    let second = page.engine.subscribe(principal, &run.id, "replies", Some(&seen.last_event_id), None);
    let missing = 2 - seen.texts().iter().filter(|text| *text == "\n").count();
    let texts = [seen.texts(), page.lines(second, missing).await].concat();
    assert_eq!(texts, [REPLY, REPLY].concat());
    let requests = network.requests.take();
    let read = requests.iter().find(|request| request.method() == "GET").expect("the second read");
    assert_eq!(read.headers().get("last-event-id").expect("a name"), Some(seen.last_event_id));
}

#[wasm_bindgen_test]
async fn a_window_that_ends_is_followed_by_another_without_a_word() {
    let run = trigger("chat", "null").await;
    let network = Network::watch();
    let page = Listener::new();
    let principal = page.open(&run);
    let stream = page.engine.subscribe(principal, &run.id, "replies", None, Some(1));
    let request = network.next("the first window").await;
    assert_eq!(request.headers().get("timeout-seconds").expect("a name").as_deref(), Some("1"));
    assert_eq!(request.headers().get("accept").expect("a name").as_deref(), Some("text/event-stream"));
    assert_eq!(request.cache(), RequestCache::NoStore, "another reader need not wait for it");
    network.next("the second window").await;

    page.engine.send(principal, &run.id, "messages", QUESTION);
    let mut texts = Vec::new();
    while texts.len() < REPLY.len() {
        match page.next("parts").await {
            Told::Parts(parts) => texts.extend(parts.texts()),
            Told::Event(Event::StreamChanged(change)) => {
                assert!(["connecting", "live"].contains(&change.status.as_str()), "not due: {change:?}");
            }
            Told::Event(Event::SendChanged(_)) => {}
            other => panic!("not due: {other:?}"),
        }
    }
    assert_eq!(texts, REPLY);
    page.engine.unsubscribe(stream);
}

#[wasm_bindgen_test]
async fn a_stream_ends_with_its_run_and_holds_everything() {
    let run = trigger("story", "null").await;
    let page = Listener::new();
    let principal = page.open(&run);
    let stream = page.engine.subscribe(principal, &run.id, "tokens", None, None);
    let mut texts = page.batch(stream).await.texts();
    page.engine.send(principal, &run.id, "cancel", "true");
    texts.extend(page.until_ended(stream).await);

    // A page that comes later reads the same, and hears of the end at once.
    let late = page.engine.subscribe(principal, &run.id, "tokens", None, None);
    assert_eq!(page.until_ended(late).await, texts);
    let empty = page.engine.subscribe(principal, &run.id, "nothing", None, None);
    assert_eq!(page.until_ended(empty).await, [""; 0]);
}

#[wasm_bindgen_test]
async fn unsubscribing_gives_the_request_up_and_ends_the_telling() {
    let run = trigger("chat", "null").await;
    let network = Network::watch();
    let page = Listener::new();
    let principal = page.open(&run);
    let [left, kept] = [(); 2].map(|()| page.engine.subscribe(principal, &run.id, "replies", None, None));
    let request = network.next("the first read").await;
    page.status(kept, "live").await;
    page.told.take();

    page.engine.unsubscribe(left);
    assert!(request.signal().aborted(), "the request was given up");
    page.engine.send(principal, &run.id, "messages", QUESTION);
    let mut texts = Vec::new();
    while texts.len() < REPLY.len() {
        match page.next("parts").await {
            Told::Parts(parts) => {
                assert_eq!(parts.subscription, kept);
                texts.extend(parts.texts());
            }
            Told::Event(Event::SendChanged(_)) => {}
            other => panic!("not due: {other:?}"),
        }
    }
    assert_eq!(texts, REPLY);
}

#[wasm_bindgen_test]
async fn without_a_version_header_the_older_form_is_read() {
    let frames = "id: 1795301071007-0\ndata: \"one\"\n\nid: 1795301071007-1\ndata: \" two\"\n\n";
    let _network = Network::answering(move |_| Some(network::answer(200, &[], frames)));
    let page = Listener::new();
    let stream = page.engine.subscribe(page.open_with("tr_dev_any"), "run_1", "replies", None, None);
    let batch = page.batch(stream).await;
    assert_eq!(batch.texts(), ["one", " two"]);
    assert_eq!(batch.last_event_id, "1795301071007-1+1+0+1795301071006-0");
}

#[wasm_bindgen_test]
async fn a_large_part_comes_alone_and_unread() {
    let long = "a wörd ✓ ".repeat(3_000);
    let plain = js_sys::JSON::stringify(&long.as_str().into()).expect("a text").as_string().expect("JSON");
    let body = format!("{{\"data\":{plain},\"id\":\"p1\"}}");
    let literal = js_sys::JSON::stringify(&body.as_str().into()).expect("a text").as_string().expect("JSON");
    let small = |number| format!("{{\"seq_num\":{number},\"body\":\"{{\\\"data\\\":\\\"small\\\"}}\"}}");
    let records = format!("{},{{\"seq_num\":1,\"body\":{literal}}},{}", small(0), small(2));
    let v2 = format!("event: batch\ndata: {{\"records\":[{records}]}}\n\n");
    let v1 = format!("id: 0\ndata: \"small\"\n\nid: 1\ndata: {plain}\n\nid: 2\ndata: \"small\"\n\n");
    for (version, frames, large, form) in [("v1", v1, plain, 1), ("v2", v2, body, 2)] {
        let headers = [("x-stream-version", version)];
        let _network = Network::answering(move |_| Some(network::answer(200, &headers, &frames)));
        let page = Listener::new();
        let stream = page.engine.subscribe(page.open_with("tr_dev_any"), "run_1", "replies", None, None);
        let [before, alone, behind] = [page.batch(stream).await, page.batch(stream).await, page.batch(stream).await];
        assert_eq!((before.texts(), before.last_event_id.as_str()), (vec!["small".into()], "0"));
        assert_eq!((alone.text, alone.last_event_id.as_str(), alone.form), (large, "1", form));
        assert_eq!((behind.texts(), behind.last_event_id.as_str()), (vec!["small".into()], "2"));
    }
}

#[wasm_bindgen_test]
async fn a_reader_pauses_offline_and_comes_back() {
    let run = trigger(NOBODY, "null").await;
    let page = Listener::new();
    let principal = page.open(&run);
    page.engine.set_online(false);
    let stream = page.engine.subscribe(principal, &run.id, "replies", None, None);
    assert_eq!(page.next_status().await, change(stream, "connecting"));
    assert_eq!(page.next_status().await, change(stream, "paused"));

    page.engine.set_online(true);
    assert_eq!(page.next_status().await, change(stream, "connecting"));
    assert_eq!(page.next_status().await, change(stream, "live"));
}

#[wasm_bindgen_test]
async fn what_only_the_server_knows_it_refuses() {
    let run = trigger(NOBODY, "null").await;
    let mut claims = run.claims();
    // Whether the run has this tag, no client can see.
    claims.scopes = vec!["read:tags:elsewhere".into()];
    let page = Listener::new();
    let principal = page.open_with(&claims.sign().await);

    for (run_id, end_reason, problem) in [
        (
            run.id.as_str(),
            "forbidden",
            Problem {
                code: "forbidden".into(),
                status: Some(403),
                server_message: Some("Unauthorized".into()),
                missing_scope: Some(format!("read:runs:{}", run.id)),
                ..Problem::default()
            },
        ),
        (
            "run_that_never_was",
            "not-found",
            Problem {
                code: "not-found".into(),
                status: Some(404),
                server_message: Some("Not found".into()),
                ..Problem::default()
            },
        ),
    ] {
        let stream = page.engine.subscribe(principal, run_id, "replies", None, None);
        let expected =
            StreamChanged { end_reason: Some(end_reason.into()), error: Some(problem), ..change(stream, "failed") };
        assert_eq!(page.status(stream, "failed").await, expected);
    }
}
