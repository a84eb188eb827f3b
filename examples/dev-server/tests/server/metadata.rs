use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Answer, Server};

async fn put(server: &Server, run: &str, body: Value) -> Answer {
    server.ask("PUT", format!("/api/v1/runs/{run}/metadata")).body(body.to_string()).answer().await
}

async fn get(server: &Server, run: &str) -> Answer {
    server.ask("GET", format!("/api/v1/runs/{run}/metadata")).answer().await
}

async fn child_of(server: &Server, parent: &str) -> String {
    let run = server.trigger("nobody", json!({ "payload": {}, "options": { "parentRunId": parent } })).await;
    run.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_document_is_replaced_and_operated_on() {
    let server = Server::new();
    let run = server.idle_run().await;
    get(&server, &run).await.is(200, json!({ "metadata": null, "metadataType": "application/json" }));
    put(&server, &run, json!({ "metadata": { "b": 1, "a": { "x": [1] } } }))
        .await
        .is(200, json!({ "metadata": { "b": 1, "a": { "x": [1] } } }));
    let operations = json!([
        { "type": "set", "key": "$.a.x.2", "value": 3 },
        { "type": "append", "key": "logs", "value": "one" },
        { "type": "increment", "key": "b", "value": -3 },
        { "type": "remove", "key": "logs", "value": "two" },
        { "type": "delete", "key": "never" },
    ]);
    let expected = json!({ "metadata": { "b": -2, "a": { "x": [1, null, 3] }, "logs": ["one"] } });
    // With operations, even with none, `metadata` is not looked at.
    put(&server, &run, json!({ "operations": operations, "metadata": { "not": "this" } }))
        .await
        .is(200, expected.clone());
    put(&server, &run, json!({ "operations": [], "metadata": { "not": "this" } })).await.is(200, expected);
    let text = r#"{"b":-2,"a":{"x":[1,null,3]},"logs":["one"]}"#;
    get(&server, &run).await.is(200, json!({ "metadata": text, "metadataType": "application/json" }));
    assert_eq!(server.view(&run).await["metadata"]["logs"], json!(["one"]));
    put(&server, &run, json!({})).await.is(200, json!({ "metadata": {} }));
    assert_eq!(get(&server, &run).await.json()["metadata"], text, "nothing was written");
}

#[tokio::test]
async fn what_cannot_be_applied_changes_nothing() {
    let server = Server::new();
    let run = server.idle_run().await;
    let before = server.view(&run).await;
    let operations = json!([{ "type": "set", "key": "$.a.b", "value": 1 }, { "type": "delete", "key": "a" }]);
    put(&server, &run, json!({ "operations": operations })).await.is(200, json!({ "metadata": {} }));
    assert_eq!(server.view(&run).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn increments_at_the_same_time_add_up() {
    let server = Arc::new(Server::new());
    let run = server.idle_run().await;
    let tasks = (0..200).map(|task| {
        let (server, run) = (Arc::clone(&server), run.clone());
        tokio::spawn(async move {
            let operations = json!([
                { "type": "increment", "key": "count", "value": 1 },
                { "type": "append", "key": "who", "value": task },
            ]);
            assert_eq!(put(&server, &run, json!({ "operations": operations })).await.status, 200);
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let document = &server.view(&run).await["metadata"];
    assert_eq!((&document["count"], document["who"].as_array().unwrap().len()), (&json!(200), 200));
}

#[tokio::test]
async fn operations_reach_the_runs_above() {
    let server = Server::new();
    let root = server.idle_run().await;
    let parent = child_of(&server, &root).await;
    let run = child_of(&server, &parent).await;
    let count = |key: &str| json!([{ "type": "increment", "key": key, "value": 1 }]);
    let body =
        json!({ "operations": count("own"), "parentOperations": count("parent"), "rootOperations": count("root") });
    put(&server, &run, body.clone()).await.is(200, json!({ "metadata": { "own": 1 } }));
    assert_eq!(server.view(&parent).await["metadata"], json!({ "parent": 1 }));
    assert_eq!(server.view(&root).await["metadata"], json!({ "root": 1 }));
    put(&server, &root, body).await;
    assert_eq!(
        server.view(&root).await["metadata"],
        json!({ "root": 2, "parent": 1, "own": 1 }),
        "it has none above it"
    );

    let related = &server.view(&run).await["relatedRuns"];
    assert_eq!((&related["root"]["id"], &related["parent"]["id"]), (&json!(root), &json!(parent)));
    assert_eq!(server.view(&root).await["relatedRuns"]["children"][0]["id"], json!(parent));
    assert_eq!(server.view(&run).await["depth"], 2);
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let server = Server::new();
    let run = server.idle_run().await;
    let set = |key: &str| json!({ "operations": [{ "type": "set", "key": key, "value": 1 }] });
    for (body, error) in [
        (json!({ "metadata": "str" }), "Validation error: Expected object, received string at \"metadata\""),
        (json!({ "operations": {} }), "Validation error: Expected array, received object at \"operations\""),
        (set("__proto__"), "Validation error: A metadata key must not be __proto__ at \"operations[0].key\""),
        (
            set("$.a.constructor"),
            "Validation error: A metadata path must not go through constructor at \"operations[0].key\"",
        ),
        (
            json!({ "rootOperations": [{ "type": "append", "key": "a" }] }),
            "Validation error: Required at \"rootOperations[0].value\"",
        ),
    ] {
        put(&server, &run, body).await.is(400, json!({ "error": error }));
    }
    put(&server, "run_unknown", json!({ "metadata": {} })).await.is(404, json!({ "error": "Task Run not found" }));
    get(&server, "run_unknown").await.is(404, json!({ "error": "Run not found" }));
    let path = format!("/api/v1/runs/{run}/metadata");
    let token = server.mint(&["read:runs".to_owned(), "write:runs".to_owned()]).await;
    server
        .ask("GET", path.as_str())
        .token(&token)
        .answer()
        .await
        .is(401, json!({ "error": "Invalid or Missing API Key" }));
    server
        .ask("PUT", path.as_str())
        .token(&token)
        .body("{}")
        .answer()
        .await
        .is(401, json!({ "error": "Invalid API key" }));
    let posted = server.ask("POST", path.as_str()).body("{}").answer().await;
    assert_eq!((posted.status.as_u16(), posted.header("allow")), (405, Some("PUT")));
}

#[tokio::test]
async fn a_document_has_a_largest_size() {
    let server = Server::new();
    let run = server.idle_run().await;
    let fits = "y".repeat(262_144 - r#"{"x":""}"#.len());
    assert_eq!(put(&server, &run, json!({ "metadata": { "x": fits } })).await.status, 200);
    let too_large = json!({ "error": "Metadata exceeds maximum size of 262144 bytes" });
    put(&server, &run, json!({ "operations": [{ "type": "append", "key": "x", "value": 1 }] }))
        .await
        .is(413, too_large.clone());
    let options = json!({ "metadata": { "x": format!("{fits}y") } });
    server.trigger("t", json!({ "options": options })).await.is(413, too_large);
    assert_eq!(server.view(&run).await["metadata"]["x"], fits.as_str(), "what does not fit is not written");
}

#[tokio::test]
async fn a_run_may_be_triggered_with_metadata() {
    let server = Server::new();
    for (metadata, kind) in [
        (json!({ "n": 1 }), json!(null)),
        (json!(r#"{"n":1}"#), json!("application/json")),
        (json!(r#"{"json":{"n":1}}"#), json!("application/super+json")),
    ] {
        let options = json!({ "metadata": metadata, "metadataType": kind });
        let run =
            server.trigger("nobody", json!({ "options": options })).await.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(server.view(&run).await["metadata"], json!({ "n": 1 }));
        let body = json!({ "operations": [{ "type": "increment", "key": "n", "value": 1 }] });
        put(&server, &run, body).await.is(200, json!({ "metadata": { "n": 2 } }));
    }
}

async fn put_once(server: &Server, run: &str, key: &str, body: &Value) -> Answer {
    let ask = server.ask("PUT", format!("/api/v1/runs/{run}/metadata"));
    ask.header("x-trigger-request-idempotency-key", key).body(body.to_string()).answer().await
}

#[tokio::test]
async fn a_repeat_under_the_same_key_changes_nothing_anywhere() {
    let server = Server::new();
    let root = server.idle_run().await;
    let run = child_of(&server, &root).await;
    let count = json!([{ "type": "increment", "key": "n", "value": 1 }]);
    let body = json!({ "operations": count, "parentOperations": count, "rootOperations": count });
    for _ in 0..3 {
        let answer = put_once(&server, &run, "one", &body).await;
        assert_eq!(answer.header("x-tidegate-idempotent"), Some("1"));
        answer.is(200, json!({ "metadata": { "n": 1 } }));
    }
    assert_eq!(server.view(&root).await["metadata"], json!({ "n": 2 }));
    put_once(&server, &run, "two", &body).await.is(200, json!({ "metadata": { "n": 2 } }));
    assert_eq!(get(&server, &run).await.header("x-tidegate-idempotent"), Some("1"));
}

#[tokio::test]
async fn what_does_not_fit_anywhere_is_done_nowhere() {
    let server = Server::new();
    let root = server.idle_run().await;
    let run = child_of(&server, &root).await;
    let large = json!([{ "type": "set", "key": "x", "value": "y".repeat(262_144) }]);
    let count = json!([{ "type": "increment", "key": "n", "value": 1 }]);
    for body in [
        json!({ "operations": large, "parentOperations": count }),
        json!({ "operations": count, "rootOperations": large }),
    ] {
        assert_eq!(put_once(&server, &run, "key", &body).await.status, 413);
    }
    assert_eq!(server.view(&run).await["metadata"], Value::Null);
    assert_eq!(server.view(&root).await["metadata"], Value::Null);
    let body = json!({ "operations": count });
    put_once(&server, &run, "key", &body).await.is(200, json!({ "metadata": { "n": 1 } }));
}
