use serde_json::{Value, json};

use crate::support::{Answer, Server};

const NDJSON: &str = "application/x-ndjson";

async fn whole(server: &Server, items: Value) -> Answer {
    server.ask("POST", "/api/v2/tasks/batch").body(json!({ "items": items }).to_string()).answer().await
}

async fn create(server: &Server, body: Value) -> Answer {
    server.ask("POST", "/api/v3/batches").body(body.to_string()).answer().await
}

async fn add(server: &Server, batch: &str, lines: &str) -> Answer {
    let ask = server.ask("POST", format!("/api/v3/batches/{batch}/items")).header("content-type", NDJSON);
    ask.unannounced().body(lines).answer().await
}

async fn view(server: &Server, batch: &str) -> Value {
    server.ask("GET", format!("/api/v2/batches/{batch}")).answer().await.json()
}

fn id_of(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_batch_in_one_request_starts_its_runs() {
    let server = Server::new();
    let items = json!([
        { "task": "nobody", "payload": "{\"json\":{\"n\":1}}", "options": { "payloadType": "application/super+json", "tags": "a" } },
        { "task": "approval", "payload": {} },
    ]);
    let answer = whole(&server, items).await;
    let batch = id_of(&answer);
    answer.is(202, json!({ "id": batch, "isCached": false, "runCount": 2 }));
    assert_eq!(answer.header("x-trigger-jwt-claims"), Some(r#"{"sub":"cmtidegatedevelopment0000","pub":true}"#));
    let whole = view(&server, &batch).await;
    assert_eq!((&whole["status"], &whole["processing"]["errors"]), (&json!("PENDING"), &json!([])));
    let runs: Vec<&str> = whole["runs"].as_array().unwrap().iter().map(|run| run.as_str().unwrap()).collect();
    let first = server.view(runs[0]).await;
    assert_eq!((&first["payload"], &first["batchId"]), (&json!({ "n": 1 }), &json!(batch)));
    assert_eq!(server.ended(runs[1]).await["status"], json!("FAILED"), "the task of the second has run");

    let token = answer.header("x-trigger-jwt").unwrap();
    let read = |path: String| server.ask("GET", path).token(token).answer();
    assert_eq!(read(format!("/api/v2/batches/{batch}")).await.status, 200);
    assert_eq!(read(format!("/api/v3/runs/{}", runs[0])).await.status, 200, "the batch's token reads its runs");
    let other = server.idle_run().await;
    assert_eq!(read(format!("/api/v3/runs/{other}")).await.status, 403);
    server.cancel(runs[0]).await;
    assert_eq!(view(&server, &batch).await["status"], json!("COMPLETED"));
}

#[tokio::test]
async fn what_cannot_be_a_batch_is_refused() {
    let server = Server::new();
    let bad = |error: &str| json!({ "error": error });
    whole(&server, json!([])).await.is(400, bad("Batch cannot be triggered with no items"));
    let many: Vec<Value> = (0..501).map(|_| json!({ "task": "t" })).collect();
    let error = "Batch size of 501 is too large. Maximum allowed batch size is 500.";
    whole(&server, json!(many)).await.is(400, bad(error));
    let error = "Validation error: Required at \"items[1].task\"";
    whole(&server, json!([{ "task": "t" }, {}])).await.is(400, bad(error));
    whole(&server, json!(7)).await.is(400, bad("Validation error: Expected array, received number at \"items\""));
    for (body, error) in [
        (json!({}), "Validation error: Required at \"runCount\""),
        (json!({ "runCount": 0 }), "Validation error: Number must be greater than 0 at \"runCount\""),
        (json!({ "runCount": 1.5 }), "Validation error: Expected integer, received float at \"runCount\""),
        (json!({ "runCount": "1" }), "Validation error: Expected number, received string at \"runCount\""),
        (json!({ "runCount": 1001 }), "Batch runCount of 1001 exceeds maximum allowed of 1000."),
    ] {
        create(&server, body).await.is(400, bad(error));
    }
    let unknown = server.ask("GET", "/api/v2/batches/batch_none").answer().await;
    assert_eq!(unknown.header("x-should-retry"), Some("true"));
    unknown.is(404, bad("Not found"));
}

#[tokio::test]
async fn an_item_that_cannot_be_triggered_is_told_and_the_rest_runs() {
    let server = Server::new();
    let tags: Vec<String> = (0..11).map(|n| format!("tag-{n}")).collect();
    let too_many = json!({ "task": "t", "options": { "tags": tags } });
    let batch = id_of(&whole(&server, json!([too_many, { "task": "t" }])).await);
    let partial = view(&server, &batch).await;
    let error = "Runs can only have 10 tags, you're trying to set 11.";
    assert_eq!(partial["status"], json!("PARTIAL_FAILED"));
    assert_eq!(partial["processing"]["errors"], json!([{ "index": 0, "taskIdentifier": "t", "error": error }]));
    assert_eq!(partial["runs"].as_array().unwrap().len(), 1);
    let batch = id_of(&whole(&server, json!([too_many])).await);
    assert_eq!(view(&server, &batch).await["status"], json!("ABORTED"));
}

#[tokio::test]
async fn items_come_line_by_line_and_count_once() {
    let server = Server::new();
    let made = create(&server, json!({ "runCount": 3 })).await;
    let batch = id_of(&made);
    made.is(202, json!({ "id": batch, "runCount": 3, "isCached": false }));
    let line = |index: u64| format!("{{\"index\":{index},\"task\":\"t\",\"payload\":{{\"n\":{index}}}}}\n");
    let half = add(&server, &batch, &(line(2) + "\n" + &line(0))).await;
    let expected = json!({
        "id": batch, "itemsAccepted": 2, "itemsDeduplicated": 0, "sealed": false, "enqueuedCount": 2, "expectedCount": 3,
        "runCount": 3,
    });
    half.is(200, expected);
    let pending = view(&server, &batch).await;
    assert_eq!((&pending["status"], pending.get("processingCompletedAt")), (&json!("PENDING"), None));
    let rest = add(&server, &batch, &(line(0) + &line(1) + line(2).trim_end())).await;
    let sealed = |accepted: u64, repeated: u64| json!({ "id": batch, "itemsAccepted": accepted, "itemsDeduplicated": repeated, "sealed": true, "runCount": 3 });
    rest.is(200, sealed(1, 2));
    add(&server, &batch, &line(0)).await.is(200, sealed(0, 0));
    let whole = view(&server, &batch).await;
    assert!(whole["processing"]["completedAt"].is_string() && whole["runs"].as_array().unwrap().len() == 3);
    for (index, run) in whole["runs"].as_array().unwrap().iter().enumerate() {
        assert_eq!(server.view(run.as_str().unwrap()).await["payload"], json!({ "n": index }));
    }
}

#[tokio::test]
async fn an_upload_is_taken_whole_or_not_at_all() {
    let server = Server::new();
    let batch = id_of(&create(&server, json!({ "runCount": 2 })).await);
    let good = "{\"index\":0,\"task\":\"t\"}\n";
    for (lines, status, error) in [
        ("{oops", 400, "Invalid JSON at line 2: "),
        ("{\"index\":2,\"task\":\"t\"}", 422, "Item index 2 exceeds batch runCount 2"),
        ("{\"index\":1}", 422, "Invalid item at line 2: "),
        ("[]", 422, "Invalid item at line 2: "),
    ] {
        let answer = add(&server, &batch, &format!("{good}{lines}")).await;
        let said = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(answer.status == status && said.starts_with(error), "{said}");
    }
    assert_eq!(view(&server, &batch).await["runs"], json!([]));
    let unknown = add(&server, "batch_none", good).await;
    unknown.is(422, json!({ "error": "Batch batch_none not found" }));
    let path = format!("/api/v3/batches/{batch}/items");
    let plain = server.ask("POST", &path).body(good).answer().await;
    plain.is(415, json!({ "error": "Content-Type must be application/x-ndjson or application/ndjson" }));
    let read = server.ask("GET", &path).answer().await;
    read.is(405, json!({ "error": "Method not allowed. Use POST to stream batch items." }));
    let large = format!("{{\"index\":0,\"task\":\"t\",\"payload\":\"{}\"}}\n", "x".repeat(3_145_728));
    add(&server, &batch, &format!("{large}{}", good.replace('0', "1"))).await;
    let errors = view(&server, &batch).await["processing"]["errors"].clone();
    assert_eq!((&errors[0]["index"], &errors[0]["errorCode"]), (&json!(0), &json!("PAYLOAD_TOO_LARGE")));
}

#[tokio::test]
async fn a_page_needs_a_scope_for_each_task() {
    let server = Server::new();
    let token = server.mint(&["batchTrigger:tasks:a".to_owned()]).await;
    let page = |path: &str, body: Value| {
        let ask = server.ask("POST", path).token(&token).header("origin", "https://a.example");
        ask.header("x-trigger-client", "browser").body(body.to_string()).answer()
    };
    let items = |tasks: [&str; 2]| json!({ "items": tasks.map(|task| json!({ "task": task })) });
    let answer = page("/api/v2/tasks/batch", items(["a", "a"])).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("access-control-allow-origin")),
        (202, Some("https://a.example"))
    );
    assert_eq!(page("/api/v2/tasks/batch", items(["a", "b"])).await.status, 403);
    assert_eq!(page("/api/v3/batches", json!({ "runCount": 1 })).await.status, 403);
    assert_eq!(page("/api/v3/batches", json!({ "runCount": 1, "taskIdentifiers": ["a", "b"] })).await.status, 403);
    let made = page("/api/v3/batches", json!({ "runCount": 1, "taskIdentifiers": ["a"] })).await;
    let path = format!("/api/v3/batches/{}/items", id_of(&made));
    let lines = |token: &str, lines: &str| {
        let ask = server.ask("POST", &path).token(token).header("content-type", NDJSON);
        ask.header("origin", "https://a.example").body(lines).answer()
    };
    assert_eq!(lines(&token, "").await.status, 403, "nothing that it may do");
    assert_eq!(lines(&token, "{\"index\":0,\"task\":\"b\"}").await.status, 403);
    let own = made.header("x-trigger-jwt").unwrap();
    let one = "{\"index\":0,\"task\":\"a\"}";
    assert_eq!(lines(own, one).await.status, 403, "the new token only reads");
    let done = lines(&token, one).await;
    assert_eq!((done.status.as_u16(), done.header("access-control-allow-origin")), (200, Some("https://a.example")));

    let all = server.mint(&["write:tasks".to_owned()]).await;
    let ask = server.ask("POST", "/api/v3/batches").token(&all).header("x-trigger-client", "browser");
    let made = ask.body("{\"runCount\":1}").answer().await;
    let path = format!("/api/v3/batches/{}/items", id_of(&made));
    let writer = made.header("x-trigger-jwt").unwrap();
    let done = server.ask("POST", path).token(writer).header("content-type", NDJSON).body(one).answer().await;
    assert_eq!(done.json()["sealed"], json!(true), "who may trigger everything gets a token that writes the batch");
}

#[tokio::test]
async fn repeats_give_the_same_batch() {
    let server = Server::new();
    let body = json!({ "runCount": 2, "idempotencyKey": "k" });
    let first = create(&server, body.clone()).await;
    let batch = id_of(&first);
    first.is(202, json!({ "id": batch, "runCount": 2, "isCached": false, "idempotencyKey": "k" }));
    create(&server, body).await.is(200, json!({ "id": batch, "runCount": 2, "isCached": true }));
    let by_request = |key: &str| {
        let ask = server.ask("POST", "/api/v2/tasks/batch").body(r#"{"items":[{"task":"t"}]}"#);
        ask.header("x-trigger-request-idempotency-key", key).answer()
    };
    let first = id_of(&by_request("r").await);
    by_request("r").await.is(202, json!({ "id": first, "isCached": false, "runCount": 1 }));
    assert_ne!(id_of(&by_request("another").await), first);
}

#[tokio::test]
async fn calls_of_different_kinds_never_repeat_each_other() {
    let server = Server::new();
    let mut ids = Vec::new();
    for (path, body) in [
        ("/api/v1/tasks/t/trigger", "{}"),
        ("/api/v2/tasks/batch", r#"{"items":[{"task":"t"}]}"#),
        ("/api/v3/batches", r#"{"runCount":1,"taskIdentifiers":["t"]}"#),
    ] {
        let ask = server.ask("POST", path).body(body).header("x-trigger-request-idempotency-key", "the same");
        ids.push(id_of(&ask.answer().await));
    }
    assert!(ids[0].starts_with("run_") && ids[1].starts_with("batch_") && ids[2].starts_with("batch_"), "{ids:?}");
    assert_ne!(ids[1], ids[2]);
}

#[tokio::test]
async fn a_one_time_token_makes_one_batch() {
    let server = Server::new();
    for (path, life, body_of_batch, error) in [
        ("/api/v2/tasks/batch", "1h", r#"{"items":[{"task":"t"}]}"#, "Cannot batch trigger with a one-time use token"),
        ("/api/v3/batches", "2h", r#"{"runCount":1}"#, "Cannot create batch with a one-time use token"),
    ] {
        let body = json!({ "scopes": ["batchTrigger:tasks"], "oneTimeUse": true, "expirationTime": life }).to_string();
        let token = server.ask("POST", "/api/v1/auth/public-tokens").body(body).answer().await.json();
        let call = |key: &str| {
            let ask = server.ask("POST", path).token(token["token"].as_str().unwrap());
            ask.header("x-trigger-request-idempotency-key", key).body(body_of_batch).answer()
        };
        let first = call("one").await;
        assert_eq!(first.status, 202);
        let used = json!({ "error": format!("{error} as it has already been used.") });
        call("two").await.is(422, used);
        call("one").await.is(202, first.json());
    }
}

#[tokio::test]
async fn the_feed_of_a_batch_begins_before_its_runs() {
    let server = Server::new();
    let batch = id_of(&create(&server, json!({ "runCount": 1 })).await);
    let feed = |query: &str| {
        let ask = server.ask("GET", format!("/realtime/v1/batches/{batch}?{query}"));
        ask.header("x-trigger-electric-version", "1.0.0-beta.1").answer()
    };
    let empty = feed("offset=-1").await;
    assert_eq!((empty.status.as_u16(), empty.json().as_array().unwrap().len()), (200, 1), "only that it is up to date");
    let (offset, handle) = (empty.header("electric-offset").unwrap(), empty.header("electric-handle").unwrap());
    let live = format!("offset={offset}&handle={handle}&live=true");
    let (told, added) = tokio::join!(feed(&live), add(&server, &batch, r#"{"index":0,"task":"nobody"}"#));
    assert_eq!(added.json()["sealed"], json!(true));
    assert_eq!(told.json()[0]["value"]["friendlyId"], view(&server, &batch).await["runs"][0]);
}
