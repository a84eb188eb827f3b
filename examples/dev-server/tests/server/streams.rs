//! Streams that are kept at S2.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tidegate_dev_server::{Config, S2Config, StreamEngine};

use crate::fake_s2::{FakeS2, Fault};
use crate::folder::Folder;
use crate::support::{Answer, Server};

async fn behind(fake: &FakeS2) -> Server {
    let server = Server::with(Config { streams: fake.engine(None), ..Config::default() });
    server.prepare().await.unwrap();
    server
}

async fn behind_on(fake: &FakeS2, folder: &Folder) -> Server {
    let server = Server::on_with(&folder.file(), Config { streams: fake.engine(None), ..Config::default() });
    server.prepare().await.unwrap();
    server
}

async fn send(server: &Server, run: &str, key: Option<&str>, data: Value) -> Answer {
    let mut ask = server.ask("POST", format!("/realtime/v1/streams/{run}/input/x"));
    if let Some(key) = key {
        ask = ask.header("x-trigger-request-idempotency-key", key);
    }
    ask.body(json!({ "data": data }).to_string()).answer().await
}

async fn append(server: &Server, run: &str, part: &str, text: &'static str) -> Answer {
    let ask = server.ask("POST", format!("/realtime/v1/streams/{run}/self/out/append")).header("x-part-id", part);
    ask.body(text).answer().await
}

fn data(bodies: &[Value]) -> Vec<&Value> {
    bodies.iter().map(|body| &body["data"]).collect()
}

fn ok() -> Value {
    json!({ "ok": true })
}

#[tokio::test]
async fn what_is_sent_is_at_s2_under_its_name_and_read_from_there() {
    let fake = FakeS2::start().await;
    let server = behind(&fake).await;
    let run = server.idle_run().await;
    send(&server, &run, None, json!({ "a": 1 })).await.is(200, ok());
    append(&server, &run, "p1", "text").await.is(200, ok());
    let prefix = format!("env/dev/cmtidegatedevelopment0000/runs/{run}");
    let mut names = fake.names();
    names.sort();
    assert_eq!(names, [format!("{prefix}/$trigger.input:x"), format!("{prefix}/out")]);
    assert_eq!(data(&fake.bodies("input:x")), [&json!(r#"{"a":1}"#)]);
    assert_eq!(fake.bodies("/out"), [json!({ "data": "text", "id": "p1" })]);

    let mut events = server.stream(&run, "out").events().await;
    assert_eq!(events.next().await.unwrap().parts(), [json!("text")]);
    assert_eq!(events.next().await.unwrap().kind, "ping");
    fake.write("/out", r#"{"data":{"direct":true},"id":"1234567"}"#);
    assert_eq!(events.next().await.unwrap().parts(), [json!({ "direct": true })]);
    let after = server.stream(&run, "out").header("last-event-id", "0").header("timeout-seconds", "0").answer().await;
    assert!(!after.body.contains("text") && after.body.contains("direct"), "{}", after.body);
    assert_eq!(after.header("x-stream-version"), Some("v2"));
    assert_eq!(after.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let latest = server.stream(&run, "out").header("x-trigger-stream-start", "latest").header("timeout-seconds", "0");
    assert_eq!(latest.answer().await.body, "data: [DONE]\n\n");
}

#[tokio::test]
async fn a_task_is_woken_by_what_is_sent_to_s2() {
    let fake = FakeS2::start().await;
    let server = behind(&fake).await;
    let run = server.run_of("approval", json!({ "topic": "dark mode" })).await;
    let mut result = server.stream(&run, "result").events().await;
    while result.next().await.unwrap().parts() != [json!({ "state": "waiting" })] {}
    server.send(&run, "approval", json!("no decision")).await.is(200, ok());
    server.send(&run, "approval", json!({ "approved": false })).await.is(200, ok());
    assert_eq!(server.ended(&run).await["output"]["state"], "rejected");
}

#[tokio::test]
async fn a_lost_answer_is_no_second_record() {
    for faults in [
        vec![Fault::Lost],
        vec![Fault::Dropped],
        vec![Fault::Lost, Fault::Lost],
        vec![Fault::Dropped, Fault::Lost],
        vec![Fault::Answer(503, "unavailable")],
        vec![Fault::Answer(500, "storage"), Fault::Answer(429, "rate_limited")],
    ] {
        let fake = FakeS2::start().await;
        let server = behind(&fake).await;
        let run = server.idle_run().await;
        fake.will("append", &faults);
        // Without a key, and the server still knows its own record.
        send(&server, &run, None, json!(1)).await.is(200, ok());
        fake.will("append", &faults);
        send(&server, &run, Some("k"), json!(2)).await.is(200, ok());
        send(&server, &run, Some("k"), json!(2)).await.is(200, ok());
        assert_eq!(data(&fake.bodies("input:x")), [&json!("1"), &json!("2")], "{faults:?}");
    }
}

#[tokio::test]
async fn that_s2_wants_a_long_pause_is_handed_on() {
    let fake = FakeS2::start().await;
    let server = behind(&fake).await;
    let run = server.idle_run().await;
    let wishes = |answer: &Answer| {
        let header = |name| answer.header(name).map(str::to_owned);
        (answer.status, header("x-should-retry"), header("retry-after"))
    };
    let wished = (StatusCode::SERVICE_UNAVAILABLE, Some("true".to_owned()), Some("60".to_owned()));
    fake.will("append", &[Fault::Busy(60)]);
    assert_eq!(wishes(&send(&server, &run, None, json!(1)).await), wished);
    fake.will("events", &[Fault::Busy(60)]);
    assert_eq!(wishes(&server.stream(&run, "out").answer().await), wished);
    assert_eq!((fake.count("append"), fake.count("events")), (1, 1), "neither was asked for again");
    send(&server, &run, None, json!(1)).await.is(200, ok());
    assert_eq!(fake.bodies("input:x").len(), 1);
}

#[tokio::test]
async fn a_repeat_of_what_nobody_could_answer_is_no_second_record() {
    let fake = FakeS2::start().await;
    let folder = Folder::new();
    let server = behind_on(&fake, &folder).await;
    let run = server.idle_run().await;
    send(&server, &run, Some("first"), json!(0)).await.is(200, ok());
    for (key, fault, stored) in [("a", Fault::Lost, true), ("b", Fault::Dropped, false)] {
        fake.will("append", &[fault; 3]);
        let failed = send(&server, &run, Some(key), json!(key)).await;
        let told = (failed.status, failed.header("x-should-retry"), failed.json()["ok"].clone());
        assert_eq!(told, (StatusCode::SERVICE_UNAVAILABLE, Some("true"), json!(false)), "{}", failed.body);
        fake.forget_faults();
        let is_there = data(&fake.bodies("input:x")).contains(&&json!(json!(key).to_string()));
        assert_eq!(is_there, stored, "{key}");
    }
    let killed = folder.killed();
    drop(server);
    // Another process has nothing but the file and what is at S2.
    let server = behind_on(&fake, &killed).await;
    for key in ["b", "a", "first", "b", "c"] {
        send(&server, &run, Some(key), json!(key)).await.is(200, ok());
    }
    let texts = ["0", r#""a""#, r#""b""#, r#""c""#].map(|text| json!(text));
    assert_eq!(data(&fake.bodies("input:x")), texts.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_crash_between_the_record_and_its_note_loses_neither() {
    let fake = FakeS2::start().await;
    let folder = Folder::new();
    let server = behind_on(&fake, &folder).await;
    let run = server.idle_run().await;
    // The record is there, and the process ends before it hears so: three tries of which each is lost leave the same
    // behind.
    fake.will("append", &[Fault::Lost]);
    fake.will("append", &[Fault::Answer(503, "unavailable"); 2]);
    assert_eq!(send(&server, &run, Some("k"), json!(1)).await.status, 503);
    let killed = folder.killed();
    drop(server);
    let server = behind_on(&fake, &killed).await;
    // The run has ended meanwhile: only what is known to be a repeat is accepted.
    server.cancel(&run).await;
    send(&server, &run, Some("k"), json!(1)).await.is(200, ok());
    assert_eq!(send(&server, &run, Some("other"), json!(2)).await.status, 400);
    assert_eq!(fake.bodies("input:x").len(), 1);
}

#[tokio::test]
async fn an_append_finds_its_place_among_those_of_direct_writers() {
    let fake = FakeS2::start().await;
    let server = behind(&fake).await;
    let run = server.idle_run().await;
    append(&server, &run, "p1", "1").await.is(200, ok());
    fake.write("/out", r#"{"data":"direct","id":"1234567"}"#);
    fake.write("/out", r#"{"data":"direct","id":"1234568"}"#);
    append(&server, &run, "p2", "2").await.is(200, ok());
    append(&server, &run, "p1", "1").await.is(200, ok());
    let bodies = fake.bodies("/out");
    assert_eq!(data(&bodies), [&json!("1"), &json!("direct"), &json!("direct"), &json!("2")]);
}

#[tokio::test]
async fn a_refusal_leaves_what_is_in_doubt_before_it() {
    let fake = FakeS2::start().await;
    let server = behind(&fake).await;
    let run = server.idle_run().await;
    fake.will("append", &[Fault::Dropped; 3]);
    assert_eq!(send(&server, &run, Some("a"), json!("a")).await.status, 503);
    fake.will("append", &[Fault::Answer(403, "permission_denied")]);
    assert_eq!(send(&server, &run, Some("b"), json!("b")).await.status, 502);
    // What was on its way arrives, later than anybody thought.
    let late = fake.dropped().remove(0);
    fake.write("input:x", &late);
    send(&server, &run, Some("a"), json!("a")).await.is(200, ok());
    send(&server, &run, Some("b"), json!("b")).await.is(200, ok());
    assert_eq!(data(&fake.bodies("input:x")), [&json!(r#""a""#), &json!(r#""b""#)]);
}

#[tokio::test]
async fn lines_are_ingested_once_per_index() {
    let fake = FakeS2::start().await;
    let folder = Folder::new();
    let server = behind_on(&fake, &folder).await;
    let run = server.idle_run().await;
    let path = format!("/realtime/v1/streams/{run}/self/out");
    let ingest = async |server: &Server, from: &str, lines: &'static str| {
        let ask = server.ask("POST", path.clone()).header("x-client-id", "c1").header("x-resume-from-chunk", from);
        ask.body(lines).unannounced().answer().await.is_text(200, "");
    };
    ingest(&server, "0", "1\n2\n").await;
    drop(server);
    let server = behind_on(&fake, &folder).await;
    let head = server.ask("HEAD", path.clone()).header("x-client-id", "c1").answer().await;
    assert_eq!(head.header("x-last-chunk-index"), Some("1"));
    ingest(&server, "1", "2\n3\n").await;
    assert_eq!(data(&fake.bodies("/out")), [&json!(1), &json!(2), &json!(3)]);
}

#[tokio::test]
async fn writers_are_handed_what_they_need() {
    let fake = FakeS2::start().await;
    let server = behind(&fake).await;
    let run = server.idle_run().await;
    let create = async |server: &Server, run: &str, key: &str| {
        let answer = server.ask("PUT", format!("/realtime/v1/streams/{run}/self/{key}")).body("{}").answer().await;
        answer.is(202, json!({ "version": "v2" }));
        ["access-token", "stream-name", "basin", "flush-interval-ms", "max-retries"]
            .map(|name| answer.header(&format!("x-s2-{name}")).unwrap().to_owned())
    };
    let prefix = "env/dev/cmtidegatedevelopment0000";
    let name = format!("{prefix}/runs/{run}/out");
    assert_eq!(create(&server, &run, "out").await, ["s2-skip-access-tokens", &name, "fake-basin", "100", "10"]);
    assert_eq!(fake.names(), [name]);

    // One token for all who write, which is not the token of this server; the name begins behind the prefix.
    fake.issues_tokens();
    let server = Server::with(Config { streams: fake.engine(Some("sesame")), ..Config::default() });
    let run = server.idle_run().await;
    let token = format!("for {prefix} number 1");
    for key in ["a", "b"] {
        let name = format!("/runs/{run}/{key}");
        assert_eq!(create(&server, &run, key).await, [&token, &name, "fake-basin", "100", "10"]);
    }
    let last = fake.asked().pop().unwrap();
    assert_eq!(last.authorization.as_deref(), Some("Bearer sesame"));
}

#[tokio::test]
async fn a_basin_that_makes_no_streams_gets_them_made() {
    let fake = FakeS2::start().await;
    fake.creates_no_streams();
    let server = behind(&fake).await;
    let run = server.idle_run().await;
    let unwritten = server.stream(&run, "never").header("timeout-seconds", "0").answer().await;
    assert_eq!((unwritten.status.as_u16(), unwritten.body.as_str()), (200, "data: [DONE]\n\n"));
    send(&server, &run, Some("k"), json!(1)).await.is(200, ok());
    send(&server, &run, Some("k"), json!(1)).await.is(200, ok());
    assert_eq!(fake.bodies("input:x").len(), 1);
}

#[tokio::test]
async fn refusals_and_outages_are_told_apart() {
    let fake = FakeS2::start().await;
    let server = Server::with(Config { streams: fake.engine(Some("sesame")), ..Config::default() });
    let run = server.idle_run().await;
    let told = |answer: &Answer| (answer.status.as_u16(), answer.header("x-should-retry").map(str::to_owned));
    let (yes, no) = (Some("true".to_owned()), Some("false".to_owned()));

    let nowhere = send(&server, &run, None, json!(1)).await;
    assert_eq!(told(&nowhere), (502, no.clone()));
    assert_eq!(nowhere.json()["error"], "S2 answers 404 (basin_not_found): so says basin_not_found");
    server.prepare().await.unwrap();

    fake.will("append", &[Fault::Answer(403, "permission_denied")]);
    let denied = send(&server, &run, Some("k"), json!(1)).await;
    assert_eq!(told(&denied), (502, no.clone()));
    assert!(!denied.body.contains("sesame"));

    // Nobody knows whether it is there, and nothing would drop a second one: not to be sent again.
    fake.will("append", &[Fault::Dropped; 3]);
    assert_eq!(told(&send(&server, &run, None, json!(1)).await), (503, no.clone()));
    // It is there, which a look would tell; but that fails as well.
    let other = server.idle_run().await;
    fake.will("append", &[Fault::Lost]);
    fake.will("read", &[Fault::Answer(503, "unavailable"); 3]);
    assert_eq!(told(&send(&server, &other, None, json!(1)).await), (503, no));
    // Here it is known that it is not.
    fake.will("append", &[Fault::Answer(429, "rate_limited"); 3]);
    assert_eq!(told(&send(&server, &run, None, json!(1)).await), (503, yes.clone()));

    fake.will("events", &[Fault::Answer(503, "unavailable"); 3]);
    assert_eq!(told(&server.stream(&run, "out").answer().await), (503, yes.clone()));
    fake.will("events", &[Fault::Answer(503, "unavailable"); 2]);
    assert_eq!(server.stream(&run, "out").header("timeout-seconds", "0").answer().await.status, 200);

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = S2Config::new(Some(&format!("http://{nobody}")), "some-basin", Some("sesame")).unwrap();
    let gone = Server::with(Config { streams: StreamEngine::S2(nobody), ..Config::default() });
    let run = gone.idle_run().await;
    let unreached = send(&gone, &run, None, json!(1)).await;
    assert_eq!(told(&unreached), (503, yes));
    let error = unreached.json()["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("S2 cannot be reached: Connection refused"), "{error}");
    assert_eq!(gone.prepare().await.unwrap_err(), error);
    assert!(!error.contains("sesame"));
}

#[tokio::test]
async fn an_input_cannot_be_written_or_read_as_an_output() {
    let fake = FakeS2::start().await;
    let server = behind(&fake).await;
    let run = server.idle_run().await;
    let key = "$trigger.input:x";
    let error =
        json!({ "ok": false, "error": "A stream of this name is an input stream, and has an address of its own" });
    server.append(&run, key, "text").await.is(400, error.clone());
    server
        .ask("PUT", format!("/realtime/v1/streams/{run}/self/{key}"))
        .body("{}")
        .answer()
        .await
        .is(400, error.clone());
    server.stream(&run, key).answer().await.is(400, error);
    assert!(fake.names().is_empty());
}

#[tokio::test]
async fn what_is_too_large_never_leaves() {
    let fake = FakeS2::start().await;
    let server = behind(&fake).await;
    let run = server.idle_run().await;
    let large = send(&server, &run, None, json!("\"".repeat(300_000))).await;
    assert_eq!(large.status, 413);
    assert!(large.json()["error"].as_str().unwrap().starts_with("Record metered size"));
    assert_eq!(fake.count("append"), 0);
}
