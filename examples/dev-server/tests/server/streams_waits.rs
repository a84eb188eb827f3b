//! Waits for inputs that are kept at S2, where the append and the end of the wait are two steps.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_dev_server::Config;
use tokio::time::timeout;

use crate::fake_s2::{FakeS2, Fault};
use crate::folder::Folder;
use crate::hand::{Hand, offer};
use crate::support::Server;

const UNAVAILABLE: Fault = Fault::Answer(503, "unavailable");

async fn behind(fake: &FakeS2) -> Server {
    let server = Server::with(Config { streams: fake.engine(None), ..Config::default() });
    server.prepare().await.unwrap();
    server
}

fn behind_on(fake: &FakeS2, folder: &Folder) -> Server {
    Server::on_with(&folder.file(), Config { streams: fake.engine(None), ..Config::default() })
}

async fn goes_on(worker: &Hand<'_>, run: &str, seq_num: u64, output: &str) {
    let order = worker.order().await;
    assert_eq!((&order["kind"], &order["run"]), (&json!("resume"), &json!(run)));
    assert_eq!((&order["wait"]["seqNum"], &order["wait"]["output"]), (&json!(seq_num), &json!(output)));
}

#[tokio::test]
async fn a_wait_ends_with_the_next_record_there_is_or_will_be() {
    let fake = FakeS2::start().await;
    let server = behind(&fake).await;
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    for word in ["one", "two"] {
        server.send(&run, "words", json!(word)).await;
    }
    for (last, seq_num, word) in [(Value::Null, 0, "one"), (json!(0), 1, "two")] {
        let made = server.make_wait(&run, 1, json!({ "lastSeqNum": last })).await.json();
        let answer = server.suspend(&run, 1, made["waitpointId"].as_str().unwrap()).await.json();
        let end = (answer["wait"]["seqNum"].clone(), answer["wait"]["output"].clone());
        assert_eq!(end, (json!(seq_num), json!(format!("\"{word}\""))));
    }
    server.wait(&run, 1, json!({ "lastSeqNum": 1 })).await;
    assert_eq!(server.view(&run).await["status"], "WAITING");
    server.send(&run, "words", json!("three")).await;
    goes_on(&worker, &run, 2, r#""three""#).await;
}

#[tokio::test]
async fn a_record_that_came_past_this_server_first_ends_the_wait_and_not_the_one_that_was_sent() {
    let fake = FakeS2::start().await;
    let server = behind(&fake).await;
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    server.send(&run, "words", json!("before")).await;
    server.wait(&run, 1, json!({ "lastSeqNum": 0 })).await;
    fake.write("input:words", r#"{"data":"\"past\"","id":"1234567"}"#);
    server.send(&run, "words", json!("sent")).await;
    goes_on(&worker, &run, 1, r#""past""#).await;
}

#[tokio::test]
async fn a_send_of_which_nobody_knew_the_end_wakes_who_waits_for_it() {
    let fake = FakeS2::start().await;
    let server = behind(&fake).await;
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    server.wait(&run, 1, json!({})).await;
    fake.will("append", &[Fault::Lost, UNAVAILABLE, UNAVAILABLE]);
    assert_eq!(server.send(&run, "words", json!(1)).await.status, 503);
    goes_on(&worker, &run, 0, "1").await;

    // It comes to S2 only after the server was told that it could not be done.
    server.wait(&run, 1, json!({ "lastSeqNum": 0 })).await;
    fake.will("append", &[Fault::Dropped; 3]);
    assert_eq!(server.send(&run, "words", json!(2)).await.status, 503);
    fake.write("input:words", &fake.dropped()[0]);
    goes_on(&worker, &run, 1, "2").await;
}

#[tokio::test]
async fn an_outage_after_the_record_and_before_the_look_delays_the_end_of_the_wait() {
    let fake = FakeS2::start().await;
    let server = behind(&fake).await;
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    server.wait(&run, 1, json!({})).await;
    fake.will("read", &[UNAVAILABLE; 6]);
    server.send(&run, "words", json!(1)).await.is(200, json!({ "ok": true }));
    assert_eq!(server.view(&run).await["status"], "WAITING");
    goes_on(&worker, &run, 0, "1").await;
    // And one that begins in an outage finds what is there.
    server.send(&run, "words", json!(2)).await;
    fake.will("read", &[UNAVAILABLE; 6]);
    server.wait(&run, 1, json!({ "lastSeqNum": 0 })).await;
    goes_on(&worker, &run, 1, "2").await;
}

#[tokio::test]
async fn a_built_in_task_is_woken_after_a_send_of_which_nobody_knew_the_end() {
    let fake = FakeS2::start().await;
    let server = behind(&fake).await;
    let run = server.run_of("approval", json!({ "topic": "dark mode" })).await;
    let mut result = server.stream(&run, "result").events().await;
    while result.next().await.unwrap().parts() != [json!({ "state": "waiting" })] {}
    fake.will("append", &[Fault::Lost, UNAVAILABLE, UNAVAILABLE]);
    assert_eq!(server.send(&run, "approval", json!({ "approved": false })).await.status, 503);
    let ended = timeout(Duration::from_secs(30), server.ended(&run)).await.expect("the task goes on");
    assert_eq!(ended["output"]["state"], "rejected");
}

#[tokio::test]
async fn a_crash_between_the_record_and_the_end_of_the_wait_loses_neither() {
    let fake = FakeS2::start().await;
    let folder = Folder::new();
    let server = behind_on(&fake, &folder);
    server.prepare().await.unwrap();
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    server.send(&run, "words", json!("before")).await;
    let wait = server.wait(&run, 1, json!({ "lastSeqNum": 0 })).await;
    let killed = folder.killed();
    server.send(&run, "words", json!("now")).await;
    goes_on(&worker, &run, 1, r#""now""#).await;
    // What is on disk ends before the record did, and S2 has it.
    let server = behind_on(&fake, &killed);
    assert_eq!(server.view(&run).await["status"], "WAITING");
    server.listen().await;
    let claims = json!([{ "id": run, "execution": 1, "waits": [wait] }]);
    let (worker, kept) = Hand::with(&server, "a", offer(1), claims).await;
    assert_eq!(kept, json!([run]));
    goes_on(&worker, &run, 1, r#""now""#).await;
}

#[tokio::test]
async fn an_input_that_was_awaited_before_a_restart_is_followed_by_one_read_that_ends_with_the_wait() {
    let fake = FakeS2::start().await;
    let folder = Folder::new();
    let server = behind_on(&fake, &folder);
    server.prepare().await.unwrap();
    let worker = Hand::new(&server, "a", 2).await;
    let (run, other) = (worker.begin().await, worker.begin().await);
    let waits = [server.wait(&run, 1, json!({})).await, server.wait(&other, 1, json!({})).await];
    let killed = folder.killed();
    let looked = fake.count("read");
    let server = behind_on(&fake, &killed);
    server.listen().await;
    let claims = json!([
        { "id": run, "execution": 1, "waits": [waits[0]] },
        { "id": other, "execution": 1, "waits": [waits[1]] },
    ]);
    let (worker, _) = Hand::with(&server, "a", offer(2), claims).await;
    fake.holds(2).await;
    // What was on its way when the server before this one ended comes now.
    fake.write(&format!("{run}/$trigger.input:words"), r#"{"data":"1","id":"1234567"}"#);
    goes_on(&worker, &run, 0, "1").await;
    fake.holds(1).await;
    server.cancel(&other).await;
    fake.holds(0).await;
    assert_eq!(fake.count("read") - looked, 4, "a look and a read for each");

    // Who waits from now on is told of what was on its way, too.
    server.wait(&run, 1, json!({ "lastSeqNum": 0 })).await;
    fake.holds(1).await;
    fake.write(&format!("{run}/$trigger.input:words"), r#"{"data":"2","id":"1234568"}"#);
    let order = loop {
        let orders = worker.take().await;
        if let Some(order) = orders.iter().find(|order| order["kind"] == "resume") {
            break order.clone();
        }
    };
    assert_eq!((&order["wait"]["seqNum"], &order["wait"]["output"]), (&json!(1), &json!("2")));
}

#[tokio::test]
async fn the_console_counts_what_is_at_s2() {
    let fake = FakeS2::start().await;
    let server = behind(&fake).await;
    let run = server.idle_run().await;
    server.send(&run, "words", json!(1)).await;
    server.append(&run, "out", "text").await;
    server.ask("PUT", format!("/realtime/v1/streams/{run}/self/log")).body("{}").answer().await;
    fake.write("/log", r#"{"data":1,"id":"1234567"}"#);
    fake.write("/log", r#"{"data":2,"id":"1234568"}"#);
    let counted = server.ask("GET", format!("/console/api/runs/{run}/streams")).answer().await;
    counted.is(
        200,
        json!({
            "inputs": [{ "id": "words", "records": 1, "isAwaited": false }],
            "outputs": [{ "key": "log", "records": 2 }, { "key": "out", "records": 1 }],
        }),
    );
}
