use std::time::Duration;

use serde_json::{Value, json};
use tidegate_dev_server::Config;

use crate::folder::Folder;
use crate::hand::{Hand, offer};
use crate::support::Server;

/// One that soon gives up on those who do not say that they are there.
fn open(folder: &Folder) -> Server {
    let config = Config { worker_silence: Duration::from_millis(800), ..Config::default() };
    Server::on_with(&folder.file(), config)
}

async fn next(worker: &Hand<'_>) -> Value {
    loop {
        if let [order] = &worker.take().await[..] {
            return order.clone();
        }
    }
}

#[tokio::test]
async fn a_run_that_waited_goes_on_with_the_worker_that_has_it() {
    let folder = Folder::new();
    let server = open(&folder);
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    let wait = server.wait(&run, 1, json!({})).await;
    let killed = folder.killed();
    drop(server);
    let server = open(&killed);
    server.listen().await;
    server.send(&run, "words", json!(7)).await;
    let claims = json!([{ "id": run, "execution": 1, "waits": [wait] }, { "id": "run_1", "execution": 1 }]);
    let (worker, kept) = Hand::with(&server, "a", offer(1), claims).await;
    assert_eq!(kept, json!([run]));
    let order = next(&worker).await;
    assert_eq!((&order["kind"], &order["wait"]["output"]), (&json!("resume"), &json!("7")));
    server.complete(&run, 1, "done").await.is(200, json!({ "ok": true }));
}

#[tokio::test]
async fn a_run_that_nobody_claims_begins_again_with_the_ends_of_its_waits_when_the_last_has_ended() {
    let folder = Folder::new();
    let server = open(&folder);
    let worker = Hand::new(&server, "a", 2).await;
    let (early, late) = (worker.begin().await, worker.begin().await);
    let mut waits = Vec::new();
    for run in [&early, &late] {
        waits.push(server.wait(run, 1, json!({})).await);
        server.send(run, "words", json!("first")).await;
        worker.order().await;
        waits.push(server.wait(run, 1, json!({ "lastSeqNum": 0 })).await);
    }
    server.send(&early, "words", json!("second")).await;
    let killed = folder.killed();
    drop(server);
    let server = open(&killed);
    server.listen().await;
    let other = Hand::new(&server, "b", 10).await;
    let order = next(&other).await;
    assert_eq!((&order["run"]["id"], &order["attempt"], &order["execution"]), (&json!(early), &json!(1), &json!(2)));
    let ends = order["waits"].as_array().unwrap();
    let ends: Vec<_> = ends.iter().map(|end| (end["waitpoint"].clone(), end["output"].clone())).collect();
    let end = |wait: usize, word: &str| (json!(waits[wait]), json!(format!("\"{word}\"")));
    assert_eq!(ends, [end(0, "first"), end(1, "second")]);
    assert!(other.take().await.is_empty());
    assert_eq!(server.view(&late).await["status"], "WAITING");
    server.send(&late, "words", json!("second")).await;
    let order = next(&other).await;
    assert_eq!((&order["run"]["id"], order["waits"].as_array().unwrap().len()), (&json!(late), 2));
}

#[tokio::test]
async fn a_run_that_executed_and_that_nobody_claims_gets_another_attempt() {
    let folder = Folder::new();
    let server = open(&folder);
    let worker = Hand::new(&server, "a", 3).await;
    let (run, failed, queued) = (worker.begin().await, worker.begin().await, worker.begin().await);
    server.fail(&failed, 1).await;
    server.complete(&queued, 1, "done").await;
    let killed = folder.killed();
    drop(server);
    let server = open(&killed);
    server.listen().await;
    assert_eq!(server.complete(&queued, 1, "again").await.status, 410, "it has ended");
    let other = Hand::new(&server, "b", 10).await;
    let mut orders = Vec::new();
    while orders.len() < 2 {
        orders.extend(other.take().await);
    }
    orders.sort_by_key(|order| order["run"]["id"] != json!(run));
    for (order, run) in orders.iter().zip([&run, &failed]) {
        assert_eq!((&order["run"]["id"], &order["attempt"]), (&json!(run), &json!(2)));
    }
}

#[tokio::test]
async fn a_run_whose_worker_is_lost_while_there_is_no_other_pauses_as_its_task_says() {
    const HOUR_MS: u64 = 3_600_000;
    let folder = Folder::new();
    let server = open(&folder);
    let retry = json!({ "maxAttempts": 2, "minTimeoutInMs": HOUR_MS, "maxTimeoutInMs": HOUR_MS, "randomize": false });
    let offer = json!({ "protocol": 1, "concurrency": 1, "tasks": [{ "id": "mine", "retry": retry }] });
    let run = Hand::with(&server, "a", offer, json!([])).await.0.begin().await;
    let started = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let killed = folder.killed();
    drop(server);
    let server = open(&killed);
    server.listen().await;
    // No worker comes, and the run is taken for lost.
    let file = rusqlite::Connection::open(killed.file()).unwrap();
    let retry_at = loop {
        let query = "SELECT retry_at FROM runs WHERE id = ?";
        if let Some(at) = file.query_row(query, [&run], |row| row.get::<_, Option<u64>>(0)).unwrap() {
            break at;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!((HOUR_MS..2 * HOUR_MS).contains(&(retry_at - started)), "{}", retry_at - started);
}

#[tokio::test]
async fn what_is_done_while_its_server_is_away_counts_with_the_next() {
    let folder = Folder::new();
    let server = open(&folder);
    let run = Hand::new(&server, "a", 1).await.begin().await;
    let killed = folder.killed();
    drop(server);
    let server = open(&killed);
    server.listen().await;
    server.complete(&run, 1, "done").await.is(200, json!({ "ok": true }));
    assert_eq!(server.view(&run).await["status"], "COMPLETED");
}

#[tokio::test]
async fn the_time_of_a_wait_runs_out_also_over_a_restart() {
    let folder = Folder::new();
    let server = open(&folder);
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    server.wait(&run, 1, json!({ "timeout": "1s" })).await;
    let killed = folder.killed();
    drop(server);
    let server = open(&killed);
    server.listen().await;
    let other = Hand::new(&server, "b", 1).await;
    let order = next(&other).await;
    assert_eq!((&order["run"]["id"], &order["waits"][0]["ok"]), (&json!(run), &json!(false)));
}
