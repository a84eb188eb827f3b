use serde_json::json;
use tokio::time::Instant;

use crate::support::Server;

#[tokio::test(start_paused = true)]
async fn backlog_then_ping_then_live_then_done() {
    let server = Server::new();
    let run = server.idle_run().await;
    for part in ["a", "b"] {
        server.append(&run, "out", part).await.is(200, json!({ "ok": true }));
    }
    let mut events = server.stream(&run, "out").header("timeout-seconds", "12").events().await;
    let backlog = events.next().await.unwrap();
    assert_eq!((backlog.kind.as_str(), backlog.parts()), ("batch", vec![json!("a"), json!("b")]));
    assert!(backlog.data.get("tail").is_none(), "the backlog has no tail");
    // Each body is `{"data":"a","id":"1234567"}`: 27 bytes, and 8 more.
    assert_eq!(backlog.id, "1,2,70");
    let ping = events.next().await.unwrap();
    assert_eq!((ping.kind.as_str(), &ping.data["tail"]["seq_num"]), ("ping", &json!(2)));

    server.append(&run, "out", "c").await.is(200, json!({ "ok": true }));
    let live = events.next().await.unwrap();
    assert_eq!((live.id.as_str(), live.data["tail"]["seq_num"].clone()), ("2,3,105", json!(3)));

    let quiet = Instant::now();
    let mut kinds = Vec::new();
    let end = loop {
        let event = events.next().await.unwrap();
        if event.is_end {
            break quiet.elapsed();
        }
        kinds.push((event.kind, quiet.elapsed().as_secs()));
    };
    assert_eq!(kinds, [("ping".to_owned(), 5), ("ping".to_owned(), 10)]);
    assert_eq!(end.as_secs(), 12, "counted from the last record");
    assert!(events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_nobody_wrote_idles_out() {
    let server = Server::new();
    let run = server.idle_run().await;
    let start = Instant::now();
    let mut events = server.stream(&run, "never").events().await;
    assert_eq!(events.next().await.unwrap().data["tail"], json!({ "seq_num": 0, "timestamp": 0 }));
    while !events.next().await.unwrap().is_end {}
    assert_eq!(start.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn resumes_by_sequence_number_and_by_nothing_else() {
    let server = Server::new();
    let run = server.idle_run().await;
    for part in ["a", "b", "c"] {
        server.append(&run, "out", part).await;
    }
    for (last, expected) in [
        ("0", vec!["b", "c"]),
        ("1-0", vec!["c"]),
        ("2", vec![]),
        ("500", vec![]),
        ("1795301071007-0", vec![]),
        ("1,2,70", vec!["a", "b", "c"]),
        ("abc", vec!["a", "b", "c"]),
    ] {
        let stream = server.stream(&run, "out").header("last-event-id", last).header("timeout-seconds", "1");
        assert_eq!(stream.events().await.parts().await, expected, "{last}");
    }
    let mut beyond = server.stream(&run, "out").header("last-event-id", "500").events().await;
    assert_eq!(beyond.next().await.unwrap().kind, "ping");
    server.append(&run, "out", "d").await;
    assert_eq!(beyond.next().await.unwrap().parts(), [json!("d")], "clamped to the tail, not deaf");
}

#[tokio::test(start_paused = true)]
async fn every_reader_gets_every_record_once() {
    let server = Server::new();
    let run = server.idle_run().await;
    let readers: Vec<_> = {
        let mut readers = Vec::new();
        for _ in 0..3 {
            let stream = server.stream(&run, "out").header("timeout-seconds", "1").events().await;
            readers.push(tokio::spawn(stream.parts()));
        }
        readers
    };
    let expected: Vec<_> = (0..500).map(|n| json!(n.to_string())).collect();
    for n in 0..500 {
        server.append(&run, "out", &n.to_string()).await;
        if n % 7 == 0 {
            tokio::task::yield_now().await;
        }
    }
    for reader in readers {
        assert_eq!(reader.await.unwrap(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn time_outs_are_checked_as_on_the_original() {
    let server = Server::new();
    let run = server.idle_run().await;
    let read = |key: &str, seconds: &str| server.stream(&run, key).header("timeout-seconds", seconds).answer();
    read("out", "601").await.is_text(400, "Timeout seconds must be less than 600");
    read("out", "-1").await.is_text(400, "Timeout seconds must be greater than 0");
    read("input/x", "601").await.is_text(400, "Timeout seconds must be less than 600");
    read("input/x", "0").await.is_text(400, "Timeout seconds must be greater than 0");
    read("input/x", "abc").await.is_text(400, "Invalid timeout seconds");
    for (key, seconds, lasts) in [("out", "0", 0), ("out", "abc", 60), ("out", "7abc", 7), ("input/x", "600", 600)] {
        let start = Instant::now();
        assert_eq!(read(key, seconds).await.status, 200);
        assert_eq!(start.elapsed().as_secs(), lasts, "{key} {seconds}");
    }
}

#[tokio::test]
async fn reading_is_granted_by_run_task_or_tag() {
    let server = Server::new();
    let run = server.trigger("emitter", json!({ "options": { "tags": ["live"] } })).await.json()["id"].clone();
    let run = run.as_str().unwrap();
    for (scope, may) in [
        (format!("read:runs:{run}"), true),
        ("read:runs".to_owned(), true),
        ("read:tags:live".to_owned(), true),
        ("read:tasks:emitter".to_owned(), true),
        ("read:all".to_owned(), true),
        ("read:tags:other".to_owned(), false),
        ("read:tasks:quick".to_owned(), false),
        ("read:runs:run_other".to_owned(), false),
        (format!("write:inputStreams:{run}"), false),
    ] {
        let token = server.mint(std::slice::from_ref(&scope)).await;
        for key in ["out", "input/chat"] {
            // A time-out that is refused ends the answer at once, after the check of the scope.
            let answer = server.stream(run, key).token(&token).header("timeout-seconds", "601").answer().await;
            assert_eq!(answer.status, if may { 400 } else { 403 }, "{scope} {key}");
        }
    }
}

#[tokio::test]
async fn an_unknown_run_is_not_found_before_it_is_forbidden() {
    let server = Server::new();
    let token = server.mint(&["read:runs:run_other".to_owned()]).await;
    let answer = server.stream("run_none", "out").token(&token).answer().await;
    answer.is(404, json!({ "error": "Not found" }));
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    let run = server.ask("GET", "/api/v3/runs/run_none").answer().await;
    assert_eq!((run.status.as_u16(), run.header("x-should-retry")), (404, Some("true")));
}

#[tokio::test(start_paused = true)]
async fn a_stream_has_the_headers_of_v2() {
    let server = Server::new();
    let run = server.idle_run().await;
    let answer =
        server.stream(&run, "out").header("timeout-seconds", "1").header("origin", "http://page").answer().await;
    for (name, value) in [
        ("content-type", "text/event-stream; charset=utf-8"),
        ("cache-control", "no-cache, no-transform"),
        ("x-stream-version", "v2"),
        ("x-accel-buffering", "no"),
        ("access-control-allow-origin", "http://page"),
        ("access-control-allow-credentials", "true"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert!(
        answer.header("access-control-expose-headers").unwrap().starts_with("*, x-trigger-jwt,x-trigger-jwt-claims")
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_backlog_comes_in_bounded_events() {
    let server = Server::new();
    let run = server.idle_run().await;
    let large = "x".repeat(400_000);
    for _ in 0..5 {
        server.append(&run, "out", &large).await.is(200, json!({ "ok": true }));
    }
    let mut events = server.stream(&run, "out").header("timeout-seconds", "1").events().await;
    let mut sizes = Vec::new();
    while let Some(event) = events.next().await {
        sizes.push(event.parts().len());
    }
    assert_eq!(sizes, [2, 2, 1, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_may_begin_with_what_is_written_from_now_on() {
    let server = Server::new();
    let run = server.idle_run().await;
    server.append(&run, "out", "before").await;
    let from_latest = |last: &str| {
        let ask = server.stream(&run, "out").header("x-trigger-stream-start", "latest");
        if last.is_empty() { ask } else { ask.header("last-event-id", last) }
    };
    let mut events = from_latest("").events().await;
    assert_eq!(events.next().await.unwrap().kind, "ping");
    server.append(&run, "out", "after").await;
    assert_eq!(events.next().await.unwrap().parts(), [json!("after")]);
    // Where somebody has been wins.
    assert_eq!(from_latest("0").events().await.next().await.unwrap().parts(), [json!("after")]);
}
