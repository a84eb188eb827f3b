//! What has ended is dropped after the time that the owner says.

use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};
use tidegate_dev_server::{Config, FeedDialect, Keep};

use crate::folder::Folder;
use crate::support::{Answer, Server};

fn soon() -> Config {
    Config { keep: Keep::For(Duration::from_millis(1)), ..Config::default() }
}

/// What has ended by now has done so long ago, for who keeps it for a millisecond.
async fn later() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

/// The answer once its status is this one.
async fn once(status: u16, ask: impl AsyncFn() -> Answer) -> Answer {
    loop {
        let answer = ask().await;
        if answer.status == status {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn get(server: &Server, path: &str) -> (u16, String) {
    let answer = server.ask("GET", path).answer().await;
    (answer.status.as_u16(), answer.body)
}

fn count(file: &Connection, table: &str) -> u64 {
    file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn what_ended_long_ago_is_gone_with_all_that_was_its_and_what_is_under_way_stays() {
    let folder = Folder::new();
    let server = folder.open();
    let body = json!({ "payload": "x".repeat(600_000), "options": { "idempotencyKey": "k", "tags": ["a"] } });
    let old = server.trigger("mine", body.clone()).await.json()["id"].as_str().unwrap().to_owned();
    let url = server.view(&old).await["payloadPresignedUrl"].as_str().unwrap().to_owned();
    let object = url[url.find("/objects/").unwrap()..].to_owned();
    let (batch, of_batch) = server.batch(json!([{ "task": "mine" }])).await;
    let parent = server.idle_run().await;
    let child = server.trigger("mine", json!({ "options": { "parentRunId": parent } })).await.json()["id"].clone();
    let child = child.as_str().unwrap().to_owned();
    for run in [&old, &parent] {
        server.append(run, "out", "a part").await.is(200, json!({ "ok": true }));
        server.send(run, "words", json!(1)).await.is(200, json!({ "ok": true }));
    }
    let put = server.ask("PUT", format!("/api/v1/runs/{old}/metadata")).body(r#"{"metadata":{"n":1}}"#);
    assert_eq!(put.header("x-trigger-request-idempotency-key", "m").answer().await.status, 200);
    let token = server.ask("POST", "/api/v1/waitpoints/tokens").body("{}").answer().await.json();
    let token = format!("/api/v1/waitpoints/tokens/{}", token["id"].as_str().unwrap());
    server.ask("POST", format!("{token}/complete")).body(r#"{"data":1}"#).answer().await;
    for run in [&old, &of_batch[0], &child] {
        server.cancel(run).await;
    }
    drop(server);
    drop(folder.open());
    assert_eq!(count(&Connection::open(folder.file()).unwrap(), "runs"), 4, "nobody has said that anything should go");

    later().await;
    let server = Server::on_with(&folder.file(), soon());
    for path in ["/api/v3/runs/", "/realtime/v1/runs/", "/realtime/v1/streams/"].map(str::to_owned) {
        let rest = if path.contains("streams") { "/out" } else { "" };
        let gone = get(&server, &format!("{path}{old}{rest}")).await;
        let unknown = get(&server, &format!("{path}run_1{rest}")).await;
        assert_eq!((gone.0, &gone), (404, &unknown), "{path}");
    }
    for path in [&object, &token, &format!("/api/v2/batches/{batch}")] {
        assert_eq!(get(&server, path).await.0, 404, "{path}");
    }
    let send = server.send(&old, "words", json!(2)).await;
    assert_eq!(
        (send.status, send.json()),
        (404.try_into().unwrap(), server.send("run_1", "words", json!(2)).await.json())
    );
    assert_eq!(server.view(&child).await["status"], "CANCELED", "its parent is under way");
    assert_eq!(server.stream(&parent, "out").header("timeout-seconds", "0").events().await.parts().await, ["a part"]);
    let again = server.trigger("mine", body).await.json();
    assert_eq!((again["isCached"].clone(), again["id"] == json!(old)), (json!(false), false));

    let file = Connection::open(folder.file()).unwrap();
    while count(&file, "records") > 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let left = ["runs", "streams", "batches", "batch_items", "waitpoints", "objects", "replays"]
        .map(|table| count(&file, table));
    assert_eq!(left, [3, 2, 0, 0, 0, 1, 1]);
}

#[tokio::test]
async fn a_file_gives_back_the_room_of_what_is_gone_and_one_from_before_does_so_when_it_is_opened_again() {
    let folder = Folder::new();
    // As an earlier version made it.
    let file = Connection::open(folder.file()).unwrap();
    file.execute_batch(include_str!("first-schema.sql")).unwrap();
    drop(file);
    let fill = async |server: &Server| {
        for _ in 0..5 {
            let run = server.run_of("mine", json!("x".repeat(400_000))).await;
            server.cancel(&run).await;
        }
        later().await;
    };
    let size = || std::fs::metadata(folder.file()).unwrap().len();
    let server = folder.open();
    fill(&server).await;
    drop(server);
    let full = size();
    drop(Server::on_with(&folder.file(), soon()));
    drop(folder.open());
    let small = size();
    assert!(full > 2_000_000 && small < full / 4, "{full} {small}");
    let server = folder.open();
    fill(&server).await;
    drop(server);
    let server = Server::on_with(&folder.file(), soon());
    let file = Connection::open(folder.file()).unwrap();
    let free = || file.pragma_query_value(None, "freelist_count", |row| row.get::<_, u64>(0)).unwrap();
    while count(&file, "runs") > 1 || free() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop((server, file));
    assert!(size() < full / 4, "{full} {}", size());
}

#[tokio::test]
async fn what_a_kill_left_of_a_stream_that_is_gone_is_not_taken_for_anothers() {
    let folder = Folder::new();
    drop(folder.open());
    let file = Connection::open(folder.file()).unwrap();
    file.execute_batch(
        "INSERT INTO records (stream, seq_num, timestamp, body) VALUES (1, 0, 5, '{\"data\":\"left\"}')",
    )
    .unwrap();
    let server = folder.open();
    let run = server.idle_run().await;
    server.append(&run, "out", "new").await.is(200, json!({ "ok": true }));
    while count(&file, "records") > 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(server);
    let server = folder.open();
    assert_eq!(server.stream(&run, "out").header("timeout-seconds", "0").events().await.parts().await, ["new"]);
}

async fn follows_what_is_kept(feeds: FeedDialect) {
    let server = Server::with(Config { feeds, ..soon() });
    server.listen().await;
    let tagged = async || {
        let run = server.trigger("nobody", json!({ "options": { "tags": ["a"] } })).await.json()["id"].clone();
        run.as_str().unwrap().to_owned()
    };
    let (old, kept) = (tagged().await, tagged().await);
    let path = "/realtime/v1/runs?tags=a";
    let ask = async |path: &str| server.ask("GET", path).header("x-trigger-electric-version", "1").answer().await;
    let place = |answer: &Answer| {
        let header = |name| answer.header(name).unwrap().to_owned();
        (header("electric-handle"), header("electric-offset"))
    };
    let ids = |answer: &Answer| -> Vec<Value> {
        answer.json().as_array().unwrap().iter().filter_map(|message| message["value"].get("id").cloned()).collect()
    };
    let live = |path: &str, (handle, offset): &(String, String)| {
        let and = if path.contains('?') { '&' } else { '?' };
        format!("{path}{and}live=true&handle={handle}&offset={offset}")
    };
    let first = ask(path).await;
    assert_eq!(ids(&first).len(), 2);
    let one = format!("/realtime/v1/runs/{old}");
    let of_one = place(&ask(&one).await);
    server.cancel(&old).await;
    // The end is told, then that there is nothing that could be told; and who was away hears it as well.
    let ended = ask(&live(path, &place(&first))).await;
    assert_eq!(ids(&ended), [json!(old[4..])]);
    let held = live(path, &place(&ended));
    let must_refetch = json!([{ "headers": { "control": "must-refetch" } }]);
    let gone = ask(&held).await;
    gone.is(409, must_refetch);
    assert_eq!(ask(&live(path, &place(&first))).await.status, 409);
    let handle = gone.header("electric-handle").unwrap();
    let again = ask(&format!("{path}&offset=-1&handle={handle}")).await;
    assert_eq!(ids(&again), [json!(kept[4..])]);
    server.ask("POST", format!("/api/v1/runs/{kept}/tags")).body(r#"{"tags":["b"]}"#).answer().await;
    assert_eq!(ids(&ask(&live(path, &place(&again))).await), [json!(kept[4..])]);
    ask(&live(&one, &of_one)).await.is(404, json!({ "error": "Not found" }));
}

#[tokio::test]
async fn a_reader_of_runs_begins_anew_when_one_of_them_is_dropped() {
    follows_what_is_kept(FeedDialect::Native).await;
}

#[tokio::test]
async fn a_reader_of_runs_as_electric_has_them_begins_anew_when_one_of_them_is_dropped() {
    follows_what_is_kept(FeedDialect::Electric).await;
}

#[tokio::test]
async fn a_stream_ends_for_its_readers_when_its_run_is_dropped() {
    let server = Server::with(soon());
    server.listen().await;
    let run = server.idle_run().await;
    server.append(&run, "out", "a part").await.is(200, json!({ "ok": true }));
    let mut events = server.stream(&run, "out").events().await;
    assert_eq!(events.next().await.unwrap().parts(), ["a part"]);
    server.cancel(&run).await;
    while !events.next().await.unwrap().is_end {}
    once(404, async || server.stream(&run, "out").answer().await).await;
}
