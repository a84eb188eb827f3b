use std::fs;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::support::Server;

async fn records(server: &Server, path: String) -> Value {
    server.ask("GET", path).events().await.next().await.unwrap().data["records"].take()
}

#[tokio::test]
async fn everything_that_was_answered_is_there_after_a_kill() {
    let folder = Folder::new();
    let server = folder.open();
    let body = json!({ "payload": { "n": 1 }, "options": { "tags": ["a"], "idempotencyKey": "k", "ttl": "1h" } });
    let run = server.trigger("mine", body.clone()).await.json()["id"].as_str().unwrap().to_owned();
    let send = async |server: &Server, key: &str| {
        let path = format!("/realtime/v1/streams/{run}/input/words");
        let ask = server.ask("POST", path).header("x-trigger-request-idempotency-key", key);
        let body = ask.body(r#"{"data":"hello"}"#);
        body.answer().await.is(200, json!({ "ok": true }));
    };
    send(&server, "one").await;
    server.append(&run, "log", "a part").await;
    let operations = json!({ "operations": [{ "type": "increment", "key": "n", "value": 2 }] });
    let metadata = format!("/api/v1/runs/{run}/metadata");
    server.ask("PUT", &metadata).body(operations.to_string()).answer().await;
    server.ask("POST", format!("/api/v1/runs/{run}/tags")).body(r#"{"tags":["b"]}"#).answer().await;
    let token = server.ask("POST", "/api/v1/waitpoints/tokens").body(r#"{"idempotencyKey":"w"}"#).answer().await.json();
    let token = token["id"].as_str().unwrap();
    server.ask("POST", format!("/api/v1/waitpoints/tokens/{token}/complete")).body(r#"{"data":7}"#).answer().await;
    let items =
        json!([{ "task": "mine", "payload": 1 }, { "task": "mine", "payload": 2, "options": { "ttl": "soon" } }]);
    let (batch, _) = server.batch(items).await;
    let large = "x".repeat(600_000);
    let shelved = server.run_of("mine", json!(large)).await;

    let path = |view: Value| {
        let url = view["payloadPresignedUrl"].as_str().unwrap().to_owned();
        url[url.find("/objects/").unwrap()..].to_owned()
    };
    let object_path = path(server.view(&shelved).await);

    let looks = [
        format!("/api/v3/runs/{run}"),
        metadata.clone(),
        format!("/api/v1/waitpoints/tokens/{token}"),
        format!("/api/v2/batches/{batch}"),
        "/api/v1/runs".to_owned(),
        object_path,
    ];
    let look = async |server: &Server| {
        let mut seen = Vec::new();
        for path in &looks {
            seen.push(server.ask("GET", path).answer().await.body);
        }
        for stream in ["input/words", "log"] {
            seen.push(records(server, format!("/realtime/v1/streams/{run}/{stream}")).await.to_string());
        }
        seen
    };
    let before = look(&server).await;
    assert!(before[1].contains(r#"\"n\":2"#), "{}", before[1]);
    let killed = folder.killed();
    let after = killed.open();
    assert_eq!(look(&after).await, before);

    // And what makes a repeat a repeat.
    send(&after, "one").await;
    assert_eq!(records(&after, format!("/realtime/v1/streams/{run}/input/words")).await.as_array().unwrap().len(), 1);
    after.trigger("mine", body).await.is(200, json!({ "id": run, "isCached": true }));
    let again = after.ask("POST", "/api/v1/waitpoints/tokens").body(r#"{"idempotencyKey":"w"}"#).answer().await.json();
    assert_eq!((&again["id"], &again["isCached"]), (&json!(token), &json!(true)));
    send(&after, "two").await;
    assert_eq!(records(&after, format!("/realtime/v1/streams/{run}/input/words")).await[1]["seq_num"], 1);
}

#[tokio::test]
async fn a_one_time_token_stays_used() {
    let folder = Folder::new();
    let server = folder.open();
    let body = json!({ "scopes": ["trigger:tasks:mine"], "oneTimeUse": true }).to_string();
    let token = server.ask("POST", "/api/v1/auth/public-tokens").body(body).answer().await.json();
    let token = token["token"].as_str().unwrap().to_owned();
    let trigger = async |server: &Server| {
        let ask = server.ask("POST", "/api/v1/tasks/mine/trigger").token(&token);
        ask.body("{}").answer().await
    };
    assert_eq!(trigger(&server).await.status, 200);
    drop(server);
    assert_eq!(trigger(&folder.open()).await.status, 422);
}

#[tokio::test]
async fn the_reader_of_a_feed_goes_on_where_it_was() {
    let folder = Folder::new();
    let server = folder.open();
    let run = server.idle_run().await;
    let tag = async |server: &Server, tag: &str| {
        let body = json!({ "tags": [tag] }).to_string();
        server.ask("POST", format!("/api/v1/runs/{run}/tags")).body(body).answer().await
    };
    tag(&server, "before").await;
    let first = server.ask("GET", format!("/realtime/v1/runs/{run}")).answer().await;
    let offset = first.header("electric-chunk-last-offset").unwrap().to_owned();
    drop(server);

    let server = folder.open();
    let live = || server.ask("GET", format!("/realtime/v1/runs/{run}?live=true&offset={offset}"));
    tag(&server, "after").await;
    let messages = live().answer().await.json();
    assert_eq!(messages[0]["headers"]["operation"], "update", "{messages}");
    assert!(messages[0]["value"]["runTags"].to_string().contains("after"), "{messages}");
}

#[tokio::test]
async fn a_batch_that_was_cut_off_is_completed_by_its_repeat() {
    let folder = Folder::new();
    let server = folder.open();
    let items = json!({ "items": [{ "task": "mine", "payload": 0 }, { "task": "mine", "payload": 1 }] }).to_string();
    let trigger = async |server: &Server| {
        let ask = server.ask("POST", "/api/v2/tasks/batch").header("x-trigger-request-idempotency-key", "b");
        ask.body(items.clone()).answer().await
    };
    let id = trigger(&server).await.json()["id"].as_str().unwrap().to_owned();
    let view = async |server: &Server| server.ask("GET", format!("/api/v2/batches/{id}")).answer().await.json();
    let first = view(&server).await["runs"][0].clone();
    drop(server);
    // As if the server had been killed behind the first of them.
    let file = Connection::open(folder.file()).unwrap();
    let cut = "DELETE FROM runs WHERE id = (SELECT run FROM batch_items WHERE position = 1);
               DELETE FROM batch_items WHERE position = 1;
               UPDATE batches SET sealed_at = NULL;";
    file.execute_batch(cut).unwrap();
    drop(file);

    let server = folder.open();
    assert_eq!(trigger(&server).await.json()["id"], *id);
    let view = view(&server).await;
    assert_eq!((view["runs"].as_array().unwrap().len(), &view["runs"][0]), (2, &first), "{view}");
    assert!(view.get("processingCompletedAt").is_some(), "{view}");
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_left_alone_and_says_why() {
    let folder = Folder::new();
    let server = folder.open();
    assert!(folder.refusal().contains("is in use by another tidegate-dev"), "{}", folder.refusal());
    drop(server);
    let file = Connection::open(folder.file()).unwrap();
    file.pragma_update(None, "user_version", 1000).unwrap();
    drop(file);
    assert!(folder.refusal().contains("newer tidegate-dev (schema 1000)"), "{}", folder.refusal());

    let other = Folder::new();
    Connection::open(other.file()).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
    assert!(other.refusal().contains("was not made by tidegate-dev"), "{}", other.refusal());
    fs::write(other.file(), "Dear diary, today nothing happened that would be a database.").unwrap();
    assert!(other.refusal().contains("cannot use"), "{}", other.refusal());
}

#[tokio::test]
async fn a_file_that_cannot_be_written_acknowledges_nothing() {
    let folder = Folder::new();
    let server = folder.open();
    let run = server.idle_run().await;
    // Whatever it is that fails: a full disk does it the same way.
    Connection::open(folder.file()).unwrap().execute_batch("DROP TABLE records").unwrap();
    let sent = server.send(&run, "words", json!(1)).await;
    assert_eq!(sent.status, 500);
    assert!(sent.body.contains("The database of this server cannot be written"), "{}", sent.body);
    assert_eq!(server.ask("GET", format!("/api/v3/runs/{run}")).answer().await.status, 500);
}

/// The parts that a stream has by now.
async fn parts(server: &Server, run: &str, key: &str) -> Vec<Value> {
    let mut events = server.stream(run, key).events().await;
    let mut parts = Vec::new();
    loop {
        let event = events.next().await.unwrap();
        if event.kind == "ping" {
            return parts;
        }
        parts.extend(event.parts());
    }
}

/// Waits until a stream has so many parts.
async fn reach(server: &Server, run: &str, key: &str, many: usize) {
    let mut events = server.stream(run, key).events().await;
    let mut seen = 0;
    while seen < many {
        seen += events.next().await.unwrap().parts().len();
    }
}

#[tokio::test]
async fn a_task_that_was_cut_off_begins_again_and_writes_nothing_twice() {
    let folder = Folder::new();
    // Slow enough to be cut off in the middle.
    let server = Server::on(&folder.file(), 20);
    server.listen().await;
    let approval = server.run_of("approval", json!({ "topic": "dark mode" })).await;
    let story = server.run_of("story", json!({})).await;
    let chat = server.run_of("chat", json!({})).await;
    let gate = server.run_of("gate", json!({ "timeout": "1h" })).await;
    let progress = server.run_of("progress", json!({ "steps": 40 })).await;
    server.send(&approval, "approval", json!({ "approved": true })).await;
    server.send(&chat, "messages", json!("one two")).await;
    reach(&server, &approval, "draft", 5).await;
    reach(&server, &story, "tokens", 5).await;
    reach(&server, &chat, "replies", 3).await;
    reach(&server, &gate, "gate", 1).await;
    while server.view(&progress).await["metadata"]["progress"]["done"].as_u64() < Some(2) {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.view(&approval).await["status"], "EXECUTING", "it is killed in the middle");
    let killed = folder.killed();
    drop(server);

    let server = killed.open();
    server.listen().await;
    let ended = server.ended(&approval).await;
    assert_eq!((&ended["status"], &ended["attemptCount"]), (&json!("COMPLETED"), &json!(2)));
    let draft: String = parts(&server, &approval, "draft").await.iter().map(|part| part.as_str().unwrap()).collect();
    assert_eq!(draft.matches("Today we are shipping").count(), 1);
    assert!(draft.ends_with("along the way."), "{draft}");
    let states: Vec<Value> =
        parts(&server, &approval, "result").await.iter().map(|part| part["state"].clone()).collect();
    assert_eq!(states, ["waiting", "published"]);

    let ended = server.ended(&story).await;
    let told = parts(&server, &story, "tokens").await;
    assert_eq!((&ended["output"]["tokens"], &ended["output"]["stopped"]), (&json!(told.len()), &json!(false)));
    let told: String = told.iter().map(|part| part.as_str().unwrap()).collect();
    assert_eq!(told.matches("one rule").count(), 1);

    server.send(&chat, "messages", json!("three")).await;
    reach(&server, &chat, "replies", 5).await;
    assert_eq!(parts(&server, &chat, "replies").await, ["one", " two", "\n", "three", "\n"]);

    let token = parts(&server, &gate, "gate").await;
    assert_eq!(token.len(), 1, "it waits for the same wait token");
    let token = token[0]["id"].as_str().unwrap();
    server.ask("POST", format!("/api/v1/waitpoints/tokens/{token}/complete")).body(r#"{"data":"open"}"#).answer().await;
    assert_eq!(server.ended(&gate).await["output"], "open");

    let ended = server.ended(&progress).await;
    assert_eq!(ended["output"], json!({ "done": 40, "total": 40 }));
    let logs = ended["metadata"]["logs"].as_array().unwrap();
    assert_eq!(logs.len(), 41, "it begins once, and each step is done once");
}

#[tokio::test]
async fn what_waits_for_its_time_goes_on_waiting() {
    let folder = Folder::new();
    let server = folder.open();
    let delayed = server.trigger("story", json!({ "options": { "delay": "1s" } })).await.json()["id"].take();
    let expiring = server.trigger("nobody", json!({ "options": { "ttl": 1 } })).await.json()["id"].take();
    let killed = folder.killed();
    drop(server);
    let server = killed.open();
    server.listen().await;
    assert_eq!(server.ended(delayed.as_str().unwrap()).await["output"]["stopped"], false);
    assert_eq!(server.ended(expiring.as_str().unwrap()).await["status"], "EXPIRED");
}

/// A database as the first version made it: every later one must read it. Never change the file.
#[tokio::test]
async fn a_database_of_the_first_schema_is_read() {
    let folder = Folder::new();
    let file = Connection::open(folder.file()).unwrap();
    file.execute_batch(include_str!("first-schema.sql")).unwrap();
    drop(file);
    let server = folder.open();
    let run = server.view("run_first").await;
    assert_eq!(
        (&run["status"], &run["tags"], &run["metadata"]),
        (&json!("EXECUTING"), &json!(["a"]), &json!({ "n": 1 }))
    );
    assert_eq!((&run["payload"], &run["attemptCount"]), (&json!({ "topic": "x" }), &json!(1)));
    let words = records(&server, "/realtime/v1/streams/run_first/input/words".to_owned()).await;
    assert_eq!(words[0]["timestamp"], 1_795_301_765_300_u64);
    let send = server.ask("POST", "/realtime/v1/streams/run_first/input/words").body(r#"{"data":"again"}"#);
    send.header("x-trigger-request-idempotency-key", "first").answer().await.is(200, json!({ "ok": true }));
    let words = records(&server, "/realtime/v1/streams/run_first/input/words".to_owned()).await;
    assert_eq!(words.as_array().unwrap().len(), 1);
    let waitpoint = server.ask("GET", "/api/v1/waitpoints/tokens/waitpoint_first").answer().await.json();
    assert_eq!((&waitpoint["status"], &waitpoint["output"]), (&json!("COMPLETED"), &json!("7")));
    let batch = server.ask("GET", "/api/v2/batches/batch_first").answer().await.json();
    assert_eq!((&batch["status"], &batch["runs"]), (&json!("PARTIAL_FAILED"), &json!(["run_first"])));
    let triggered = server.trigger("mine", json!({ "options": { "idempotencyKey": "k" } })).await;
    triggered.is(200, json!({ "id": "run_first", "isCached": true }));
    drop(server);
    let new = Folder::new();
    drop(new.open());
    assert_eq!(folder.schema(), new.schema(), "a migrated file is like a new one");
}
