use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_dev_server::{Config, FeedDialect};
use tokio::time::{Instant, timeout};

use crate::support::{Answer, Ask, Server};

const MODERN: &str = "2025-07-16";

fn electric() -> Server {
    Server::with(Config { feeds: FeedDialect::Electric, faults: true, ..Config::default() })
}

fn faulty() -> Server {
    Server::with(Config { faults: true, ..Config::default() })
}

fn feed<'a>(server: &'a Server, path: &str) -> Ask<'a> {
    let ask = server.ask("GET", format!("/realtime/v1/{path}"));
    ask.header("x-trigger-electric-version", "1.0.0-beta.1").header("x-trigger-api-version", MODERN)
}

/// The live request of a reader who got this answer to a request for `path`.
fn next<'a>(server: &'a Server, path: &str, answer: &Answer) -> Ask<'a> {
    feed(server, &format!("{path}{}", place(path, answer)))
}

fn place(path: &str, answer: &Answer) -> String {
    let (handle, offset) = (answer.header("electric-handle").unwrap(), answer.header("electric-offset").unwrap());
    format!("{}live=true&handle={handle}&offset={offset}", if path.contains('?') { '&' } else { '?' })
}

/// Has polled once, and so waits where it will wait.
async fn held<F: Future<Output = Answer>>(mut poll: std::pin::Pin<&mut F>) {
    assert!(timeout(Duration::ZERO, &mut poll).await.is_err(), "it was answered at once");
}

async fn tagged(server: &Server, tags: &[&str]) -> String {
    let run = server.trigger("nobody", json!({ "payload": {}, "options": { "tags": tags } })).await;
    run.json()["id"].as_str().unwrap().to_owned()
}

async fn put_metadata(server: &Server, run: &str, document: Value) {
    let body = json!({ "metadata": document }).to_string();
    let answer = server.ask("PUT", format!("/api/v1/runs/{run}/metadata")).body(body).answer().await;
    assert_eq!(answer.status, 200);
}

async fn report(server: &Server, run: &str, said: Value) {
    let answer = server.ask("PUT", format!("/dev/runs/{run}")).body(said.to_string()).answer().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// Operation, id and value of each row.
fn rows(answer: &Answer) -> Vec<(String, String, Value)> {
    let messages = answer.json().as_array().unwrap().clone();
    let rows = messages.iter().filter(|message| message.get("value").is_some());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows.map(|row| {
        (text(&row["headers"]["operation"]), format!("run_{}", text(&row["value"]["id"])), row["value"].clone())
    })
    .collect()
}

fn operations(answer: &Answer) -> Vec<(String, String)> {
    rows(answer).into_iter().map(|(operation, run, _)| (operation, run)).collect()
}

fn is(operation: &str, run: &str) -> (String, String) {
    (operation.to_owned(), run.to_owned())
}

#[tokio::test]
async fn the_first_answer_is_the_row_with_its_types() {
    let server = Server::new();
    let body = json!({ "payload": { "n": 3, "a": 1 }, "options": { "tags": ["x,y", "quo\"te"], "ttl": 90 } });
    let run = server.trigger("t", body).await.json()["id"].as_str().unwrap().to_owned();
    let answer =
        feed(&server, &format!("runs/{run}?offset=-1")).header("origin", "https://app.example.com").answer().await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("electric-handle"), Some(format!("run-{}", &run[4..]).as_str()));
    assert_eq!(answer.header("electric-cursor"), None);
    assert_eq!(answer.header("electric-up-to-date"), None);
    let schema: Value = serde_json::from_str(answer.header("electric-schema").unwrap()).unwrap();
    assert_eq!(schema["runTags"], json!({ "type": "text", "dims": 1 }));
    let [(operation, _, row)] = rows(&answer).try_into().unwrap();
    assert_eq!(operation, "insert");
    assert_eq!(row["payload"], r#"{"n":3,"a":1}"#, "as it was triggered");
    assert_eq!((&row["runTags"], &row["realtimeStreams"]), (&json!(r#"{"x,y","quo\"te"}"#), &json!("{}")));
    assert_eq!((&row["isTest"], &row["number"], &row["ttl"]), (&json!("f"), &json!("0"), &json!("90s")));
    assert_eq!((&row["status"], &row["startedAt"]), (&json!("PENDING"), &Value::Null));
    assert!(!row["createdAt"].as_str().unwrap().contains('Z'));
    assert_eq!(answer.json().as_array().unwrap().last().unwrap(), &json!({ "headers": { "control": "up-to-date" } }));
}

#[tokio::test]
async fn a_client_of_old_finds_the_headers_by_their_old_names() {
    let server = Server::new();
    let run = server.idle_run().await;
    let answer = server.ask("GET", format!("/realtime/v1/runs/{run}?offset=-1")).answer().await;
    assert!(answer.header("electric-shape-id").is_some() && answer.header("electric-chunk-last-offset").is_some());
    assert!(answer.header("electric-handle").is_none() && answer.header("electric-offset").is_none());
}

#[tokio::test]
async fn columns_can_be_left_out_by_the_reader_and_by_the_token() {
    let server = Server::new();
    let run = server.idle_run().await;
    let path = format!("runs/{run}?offset=-1&skipColumns=payload,%20output,status,nonsense");
    let row = rows(&feed(&server, &path).answer().await).remove(0).2;
    assert!(row.get("payload").is_none() && row.get("output").is_none());
    assert_eq!(row["status"], "PENDING", "what is always sent");

    let mint =
        json!({ "scopes": [format!("read:runs:{run}")], "realtime": { "skipColumns": ["metadata"] } }).to_string();
    let token = server.ask("POST", "/api/v1/auth/public-tokens").body(mint).answer().await.json();
    let row = rows(&feed(&server, &path).token(token["token"].as_str().unwrap()).answer().await).remove(0).2;
    assert!(row.get("metadata").is_none() && row.get("payload").is_some(), "the token decides");
}

#[tokio::test]
async fn a_change_ends_a_held_request_at_once() {
    let server = Server::new();
    let (run, other) = (server.idle_run().await, server.idle_run().await);
    let path = format!("runs/{run}");
    let first = feed(&server, &format!("{path}?offset=-1")).answer().await;
    let mut poll = pin!(next(&server, &path, &first).answer());
    held(poll.as_mut()).await;
    put_metadata(&server, &other, json!({ "not": "mine" })).await;
    held(poll.as_mut()).await;
    put_metadata(&server, &run, json!({ "step": 1 })).await;
    let answer = poll.await;
    let [(operation, _, row)] = rows(&answer).try_into().unwrap();
    assert_eq!((operation.as_str(), &row["metadata"]), ("update", &json!(r#"{"step":1}"#)));
    assert_eq!(row["payload"], "{}", "the whole row");
    assert!(answer.header("electric-cursor").is_some());
    assert_eq!(answer.header("electric-schema"), None);

    let mut poll = pin!(next(&server, &path, &answer).answer());
    held(poll.as_mut()).await;
    server.cancel(&run).await;
    let canceled = poll.await;
    let row = rows(&canceled).remove(0).2;
    assert_eq!(row["error"], r#"{"raw":"Canceled by user","type":"STRING_ERROR"}"#);
    put_metadata(&server, &run, json!({ "late": true })).await;
    let late = next(&server, &path, &canceled).answer().await;
    assert_eq!(rows(&late)[0].2["metadata"], r#"{"late":true}"#, "a run that has ended is served on");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_request_is_held_for_about_twenty_seconds() {
    let server = Server::new();
    let run = server.idle_run().await;
    let path = format!("runs/{run}");
    let mut answer = feed(&server, &format!("{path}?offset=-1")).answer().await;
    let offset = answer.header("electric-offset").unwrap().to_owned();
    let (mut times, mut cursors) = (Vec::new(), BTreeSet::new());
    for _ in 0..20 {
        let began = Instant::now();
        answer = next(&server, &path, &answer).answer().await;
        times.push(began.elapsed().as_millis());
        cursors.insert(answer.header("electric-cursor").unwrap().to_owned());
        assert_eq!(answer.json(), json!([{ "headers": { "control": "up-to-date" } }]));
        assert_eq!(answer.header("electric-offset"), Some(offset.as_str()));
    }
    assert!(times.iter().all(|ms| (16_990..=23_010).contains(ms)), "{times:?}");
    assert!(times.iter().any(|ms| ms != &times[0]), "{times:?}");
    assert_eq!(cursors.len(), times.len(), "no two requests are the same");
}

#[tokio::test]
async fn an_offset_says_how_far_a_reader_has_come() {
    let server = Server::new();
    let run = server.idle_run().await;
    put_metadata(&server, &run, json!({ "step": 2 })).await;
    for (query, operation) in [
        ("offset=-1", "insert"),
        ("", "insert"),
        ("offset=zzz", "insert"),
        ("offset=1_1&handle=nonsense", "insert"),
        ("offset=1_1&handle=nonsense&live=true", "update"),
        ("offset=zzz&live=true", "insert"),
        // From a server before this one.
        ("offset=1_999999&live=true", "update"),
    ] {
        let answer = feed(&server, &format!("runs/{run}?{query}")).answer().await;
        assert_eq!(operations(&answer), [is(operation, &run)], "{query}");
        assert_eq!(answer.header("electric-cursor").is_some(), query.contains("live"), "{query}");
        if query.contains("nonsense") {
            assert_eq!(answer.header("electric-handle"), Some("nonsense"));
        }
    }
}

#[tokio::test]
async fn who_does_not_know_the_status_dequeued_is_not_told() {
    let server = faulty();
    let run = server.idle_run().await;
    report(&server, &run, json!({ "status": "DEQUEUED" })).await;
    let path = format!("/realtime/v1/runs/{run}?offset=-1");
    for (version, status) in [(Some(MODERN), "DEQUEUED"), (Some("2024-01-01"), "EXECUTING"), (None, "EXECUTING")] {
        let ask = server.ask("GET", path.as_str());
        let ask = if let Some(version) = version { ask.header("x-trigger-api-version", version) } else { ask };
        assert_eq!(rows(&ask.answer().await)[0].2["status"], status);
    }
}

#[tokio::test]
async fn a_list_shows_runs_that_carry_all_its_tags() {
    let server = Server::new();
    let (one, both) = (tagged(&server, &["a"]).await, tagged(&server, &["b", "a"]).await);
    let none = server.idle_run().await;
    let list = |query: &str| feed(&server, &format!("runs?offset=-1{query}")).answer();
    assert_eq!(operations(&list("&tags=a").await), [is("insert", &one), is("insert", &both)]);
    assert_eq!(operations(&list("&tags=a,b").await), [is("insert", &both)]);
    assert_eq!(operations(&list("&tags=c").await), []);
    assert_eq!(operations(&list("").await).len(), 3);

    let first = list("&tags=a").await;
    let mut poll = pin!(next(&server, "runs?tags=a", &first).answer());
    held(poll.as_mut()).await;
    put_metadata(&server, &none, json!({ "not": "listed" })).await;
    held(poll.as_mut()).await;
    let new = tagged(&server, &["a"]).await;
    let second = poll.await;
    assert_eq!(operations(&second), [is("insert", &new)]);
    assert_eq!(second.header("electric-handle"), first.header("electric-handle"));

    let mut poll = pin!(next(&server, "runs?tags=a", &second).answer());
    held(poll.as_mut()).await;
    server.ask("POST", format!("/api/v1/runs/{none}/tags")).body(r#"{"tags":"a"}"#).answer().await;
    assert_eq!(operations(&poll.await), [is("insert", &none)], "a run that gets the tag later");

    put_metadata(&server, &one, json!({ "n": 1 })).await;
    put_metadata(&server, &both, json!({ "n": 1 })).await;
    put_metadata(&server, &one, json!({ "n": 2 })).await;
    let changes = operations(&next(&server, "runs?tags=a", &second).answer().await);
    assert_eq!(changes, [is("insert", &none), is("update", &both), is("update", &one)], "each run once");
}

#[tokio::test]
async fn a_list_shows_a_thousand_runs_at_most_and_the_newest() {
    let server = Server::new();
    let oldest = tagged(&server, &["many"]).await;
    for _ in 0..1000 {
        tagged(&server, &["many"]).await;
    }
    let answer = feed(&server, "runs?tags=many&offset=-1").answer().await;
    assert_eq!(rows(&answer).len(), 1000);
    assert!(!answer.body.contains(&oldest));
}

#[tokio::test]
async fn the_handle_of_a_list_holds_the_time_it_looks_back_to() {
    let server = Server::new();
    tagged(&server, &["a"]).await;
    let from = |answer: &Answer| -> u64 {
        answer.header("electric-handle").unwrap().split('_').nth(1).unwrap().parse().unwrap()
    };
    let day = feed(&server, "runs?tags=a&offset=-1").answer().await;
    let hour = feed(&server, "runs?tags=a&offset=-1&createdAt=1h").answer().await;
    let week = feed(&server, "runs?tags=a&offset=-1&createdAt=1w").answer().await;
    let (day, hour, week) = (from(&day), from(&hour), from(&week));
    assert_eq!(day % 60_000, 0);
    assert!(hour - day >= 82_740_000, "{day} {hour}");
    assert!(week.abs_diff(day) <= 60_000, "no more than a day: {day} {week}");
    let later = "runs?tags=a&offset=-1&createdAt=1h&handle=runs_99999999999999_1_00000000";
    assert_eq!(operations(&feed(&server, later).answer().await), [], "fixed by the handle");
}

#[tokio::test]
async fn a_token_sees_what_it_names() {
    let server = faulty();
    let (id, runs) = server.batch(json!([{ "task": "nobody", "options": { "tags": ["mine", "x"] } }])).await;
    let run = &runs[0];
    let (single, batch) = (format!("runs/{run}"), format!("batches/{id}"));
    for (scope, path, status) in [
        (format!("read:runs:{run}"), single.as_str(), 200),
        ("read:runs".to_owned(), &single, 200),
        ("read:tags:mine".to_owned(), &single, 200),
        ("read:tasks:nobody".to_owned(), &single, 200),
        (format!("read:batch:{id}"), &single, 200),
        ("read:all".to_owned(), &single, 200),
        ("read:tags:other".to_owned(), &single, 403),
        ("read:batch:batch_2".to_owned(), &single, 403),
        ("write:runs".to_owned(), &single, 403),
        ("read:tags:mine".to_owned(), "runs?tags=mine", 200),
        ("read:tags:mine".to_owned(), "runs?tags=mine,x", 200),
        ("read:tags:mine".to_owned(), "runs?tags=x", 403),
        ("read:tags:mine".to_owned(), "runs", 403),
        ("read:tags".to_owned(), "runs", 200),
        ("read:runs".to_owned(), "runs", 200),
        (format!("read:runs:{run}"), "runs", 403),
        (format!("read:batch:{id}"), &batch, 200),
        ("read:runs".to_owned(), &batch, 200),
        (format!("read:runs:{run}"), &batch, 403),
        ("read:batch:batch_2".to_owned(), &batch, 403),
    ] {
        let token = server.mint(std::slice::from_ref(&scope)).await;
        assert_eq!(feed(&server, path).token(&token).answer().await.status, status, "{scope} {path}");
    }
    let unknown = feed(&server, "batches/batch_2").answer().await;
    assert_eq!((unknown.status.as_u16(), unknown.header("x-should-retry")), (404, Some("true")));
    assert_eq!(operations(&feed(&server, &batch).answer().await), [is("insert", run)]);
}

#[tokio::test]
async fn what_is_no_tag_is_refused() {
    let server = Server::new();
    for (tags, shown) in
        [("a%22b", r#""a\"b""#), ("a,,b", r#""""#), ("", r#""""#), ("a%5Cb", r#""a\\b""#), ("%7F", "\"\u{7f}\"")]
    {
        let answer = feed(&server, &format!("runs?tags={tags}&offset=-1")).answer().await;
        let detail = json!({ "code": "custom", "message": format!("Invalid tag: {shown}"), "path": ["tags"] });
        answer.is(400, json!({ "error": "Query Error", "details": [detail] }));
    }
}

#[tokio::test]
async fn electric_sends_what_changed_and_what_left() {
    let server = electric();
    let run = tagged(&server, &["a", "b c"]).await;
    let first = feed(&server, "runs?tags=a&offset=-1").answer().await;
    assert_eq!(first.header("electric-up-to-date"), Some(""));
    let row = rows(&first).remove(0).2;
    assert_eq!((&row["runTags"], &row["isTest"]), (&json!(r#"{a,"b c"}"#), &json!("false")));

    let mut poll = pin!(next(&server, "runs?tags=a", &first).answer());
    held(poll.as_mut()).await;
    put_metadata(&server, &run, json!({ "n": 1 })).await;
    let second = poll.await;
    let [(operation, _, row)] = rows(&second).try_into().unwrap();
    let columns: Vec<&str> =
        row.as_object().unwrap().keys().map(String::as_str).filter(|name| *name != "updatedAt").collect();
    assert_eq!((operation.as_str(), columns), ("update", vec!["id", "metadata"]));
    assert_eq!(second.header("electric-up-to-date"), Some(""));

    let mut poll = pin!(next(&server, "runs?tags=a", &second).answer());
    held(poll.as_mut()).await;
    report(&server, &run, json!({ "tags": ["b c"] })).await;
    let third = poll.await;
    assert_eq!(rows(&third)[0].2, json!({ "id": run[4..] }));
    assert_eq!(operations(&third), [is("delete", &run)]);

    let caught_up = format!("runs?tags=a&handle={}&offset=", first.header("electric-handle").unwrap());
    let from_first = feed(&server, &format!("{caught_up}{}", first.header("electric-offset").unwrap())).answer().await;
    assert_eq!(operations(&from_first), [is("delete", &run)], "without live: what has changed, at once");
    assert!(from_first.header("electric-schema").is_some());
}

#[tokio::test]
async fn electric_does_not_wake_a_reader_for_columns_that_it_skips() {
    let server = electric();
    let run = server.idle_run().await;
    let path = format!("runs/{run}?skipColumns=metadata,updatedAt");
    let first = feed(&server, &format!("{path}&offset=-1")).answer().await;
    let mut poll = pin!(next(&server, &path, &first).answer());
    held(poll.as_mut()).await;
    put_metadata(&server, &run, json!({ "n": 1 })).await;
    held(poll.as_mut()).await;
    server.cancel(&run).await;
    assert_eq!(rows(&poll.await)[0].2["status"], "CANCELED");
}

#[tokio::test]
async fn a_feed_can_be_made_to_begin_anew() {
    for (server, is_electric) in [(faulty(), false), (electric(), true)] {
        let run = server.idle_run().await;
        let path = format!("runs/{run}");
        let first = feed(&server, &format!("{path}?offset=-1")).answer().await;
        let rules =
            json!([{ "match": { "path": "/realtime/v1/runs/*" }, "times": 1, "fault": { "kind": "must-refetch" } }]);
        server.ask("PUT", "/dev/faults").body(rules.to_string()).answer().await;

        let gone = next(&server, &path, &first).answer().await;
        gone.is(409, json!([{ "headers": { "control": "must-refetch" } }]));
        assert_eq!(gone.header("access-control-allow-origin"), Some("*"));
        let handle = gone.header("electric-handle").unwrap();
        assert_ne!(Some(handle), first.header("electric-handle"));

        let again = feed(&server, &format!("{path}?offset=-1&handle={handle}")).answer().await;
        assert_eq!((again.status.as_u16(), again.header("electric-handle")), (200, Some(handle)));
        assert_eq!(operations(&again), [is("insert", &run)]);
        let old = next(&server, &path, &first);
        if is_electric {
            let old = old.answer().await;
            assert_eq!((old.status.as_u16(), old.header("electric-handle")), (409, Some(handle)));
        } else {
            held(pin!(old.answer()).as_mut()).await;
        }
    }
}

#[tokio::test]
async fn a_preflight_is_answered_as_on_every_page_route() {
    let server = Server::new();
    for path in ["runs/run_1", "runs", "batches/batch_1"] {
        let ask =
            server.ask("OPTIONS", format!("/realtime/v1/{path}")).anonymous().header("origin", "https://a.example");
        let answer =
            ask.header("access-control-request-headers", "authorization,x-trigger-electric-version").answer().await;
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://a.example"));
        assert_eq!(answer.header("access-control-allow-headers"), Some("authorization,x-trigger-electric-version"));
        answer.is(200, json!({}));
    }
}
