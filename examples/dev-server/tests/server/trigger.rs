use std::sync::Mutex;

use serde_json::json;
use tidegate_dev_server::Config;

use crate::support::{KEY, Server};

#[tokio::test]
async fn a_trigger_hands_out_a_token_for_its_run() {
    let server = Server::new();
    let answer = server.trigger("nobody", json!({ "payload": { "n": 1 }, "options": { "tags": ["a"] } })).await;
    let run = answer.json()["id"].as_str().unwrap().to_owned();
    answer.is(200, json!({ "id": run, "isCached": false }));
    let claims = answer.header("x-trigger-jwt-claims").unwrap();
    let scopes = format!(r#""scopes":["read:runs:{run}","write:inputStreams:{run}"]}}"#);
    assert!(claims.ends_with(&scopes), "{claims}");
    let token = answer.header("x-trigger-jwt").unwrap();
    let own = server.ask("GET", format!("/api/v3/runs/{run}")).token(token).answer().await;
    assert_eq!(own.json()["payload"], json!({ "n": 1 }));
    let path = format!("/realtime/v1/streams/{run}/input/x");
    server.ask("POST", path).token(token).body("{}").answer().await.is(200, json!({ "ok": true }));
    let other = server.idle_run().await;
    let other = server.ask("GET", format!("/api/v3/runs/{other}")).token(token).answer().await;
    assert_eq!(other.status, 403);
}

#[tokio::test]
async fn repeats_give_the_same_run() {
    let server = Server::new();
    let body = json!({ "payload": 1, "options": { "idempotencyKey": "k", "idempotencyKeyTTL": "60s" } });
    let first = server.trigger("t", body.clone()).await.json();
    let again = server.trigger("t", body.clone()).await;
    again.is(200, json!({ "id": first["id"], "isCached": true }));
    let for_ever = json!({ "options": { "idempotencyKey": "e", "idempotencyKeyTTL": "999999999999999999999d" } });
    assert_eq!(server.trigger("t", for_ever).await.status, 200);
    assert_ne!(server.trigger("other", body).await.json()["id"], first["id"], "keys count within a task");
    let no_time = json!({ "options": { "idempotencyKey": "n", "idempotencyKeyTTL": "0s" } });
    let first_of_none = server.trigger("t", no_time.clone()).await.json();
    assert_ne!(server.trigger("t", no_time).await.json()["id"], first_of_none["id"]);

    let by_request = || {
        let ask = server.ask("POST", "/api/v1/tasks/t/trigger").body(r#"{"payload":1}"#);
        ask.header("x-trigger-request-idempotency-key", "r").answer()
    };
    let first = by_request().await.json();
    by_request().await.is(200, json!({ "id": first["id"], "isCached": false }));
}

static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[tokio::test]
async fn a_time_to_live_of_a_key_that_cannot_be_read_is_passed_over_and_said_once() {
    let server = Server::with(Config { say: |line| SAID.lock().unwrap().push(line.to_owned()), ..Config::default() });
    let key = json!({ "idempotencyKey": "k", "idempotencyKeyTTL": "2 seconds ago" });
    let body = json!({ "options": key });
    let first = server.trigger("t", body.clone()).await.json();
    server.trigger("t", body).await.is(200, json!({ "id": first["id"], "isCached": true }));
    let said = "idempotencyKeyTTL \"2 seconds ago\" is passed over, as on Trigger.dev, and the key counts";
    let how = "write a number and s, m, h or d, such as 24h";
    let lines = || SAID.lock().unwrap().iter().filter(|line| line.starts_with("idem")).cloned().collect::<Vec<_>>();
    assert_eq!(lines(), [format!("{said} for 30 days: {how}")]);
    let ask = async || server.ask("POST", "/api/v1/waitpoints/tokens").body(key.to_string()).answer().await.json();
    assert_eq!(ask().await["id"], ask().await["id"]);
    assert_eq!(lines()[1..], [format!("{said} without end: {how}")]);
    // The body says something, so that the header does not count, and it says nothing that could be read.
    let by_header = async |ttl: &str| {
        let body = json!({ "options": { "idempotencyKey": "h", "idempotencyKeyTTL": ttl } }).to_string();
        let ask = server.ask("POST", "/api/v1/tasks/t/trigger").header("idempotency-key-ttl", "0s");
        ask.body(body).answer().await.json()["id"].take()
    };
    assert_eq!(by_header("1w").await, by_header("1w").await);
}

#[tokio::test]
async fn a_one_time_token_triggers_once() {
    let server = Server::new();
    let body = json!({ "scopes": ["trigger:tasks:quick"], "oneTimeUse": true }).to_string();
    let token = server.ask("POST", "/api/v1/auth/public-tokens").body(body).answer().await.json();
    let trigger = |task: &str| {
        let ask = server.ask("POST", format!("/api/v1/tasks/{task}/trigger")).body(r#"{"payload":{}}"#);
        ask.token(token["token"].as_str().unwrap()).answer()
    };
    assert_eq!(trigger("emitter").await.status, 403);
    assert_eq!(trigger("quick").await.status, 200);
    let used = json!({ "error": "Cannot trigger quick with a one-time use token as it has already been used." });
    trigger("quick").await.is(422, used);
}

#[tokio::test]
async fn a_lost_answer_is_given_again_to_the_one_time_token_that_asked() {
    let server = Server::new();
    // Two of the same second and the same claims would be one token.
    let mint = async |life: &str| {
        let body = json!({ "expirationTime": life, "scopes": ["trigger:tasks:t"], "oneTimeUse": true, "realtime": { "skipColumns": ["payload"] } });
        let answer = server.ask("POST", "/api/v1/auth/public-tokens").body(body.to_string()).answer().await;
        answer.json()["token"].as_str().unwrap().to_owned()
    };
    let (token, another) = (mint("1h").await, mint("2h").await);
    let trigger = |token: &str, key: &str| {
        let ask = server.ask("POST", "/api/v1/tasks/t/trigger").token(token).body(r#"{"payload":{}}"#);
        ask.header("x-trigger-request-idempotency-key", key).answer()
    };
    let first = trigger(&token, "call").await;
    let claims = first.header("x-trigger-jwt-claims").unwrap();
    assert!(claims.ends_with(r#""realtime":{"skipColumns":["payload"]}}"#), "{claims}");
    let again = trigger(&token, "call").await;
    assert_eq!(again.header("x-trigger-jwt-claims"), Some(claims));
    again.is(200, first.json());
    assert_eq!(trigger(&token, "another call").await.status, 422);
    let other = trigger(&another, "call").await;
    assert_eq!(other.status, 200);
    assert_ne!(other.json()["id"], first.json()["id"], "one token's answer is not another's");
}

#[tokio::test]
async fn bodies_are_checked_in_the_words_of_the_original() {
    let server = Server::new();
    let path = "/api/v1/tasks/t/trigger";
    let tags = "Validation error: Expected string, received number at \"options.tags\", or Expected array, received number at \"options.tags\"";
    for (body, error) in [
        ("", "Request body is empty"),
        ("{", "Invalid JSON"),
        ("null", "Invalid JSON"),
        ("0", "Invalid JSON"),
        ("\"\"", "Invalid JSON"),
        ("[1]", "Validation error: Expected object, received array"),
        (r#"{"options":{"tags":5}}"#, tags),
        (
            r#"{"options":{"tags":["a",5]}}"#,
            "Validation error: Expected string, received number at \"options.tags[1]\"",
        ),
        (
            &format!(r#"{{"options":{{"tags":["a","{}"]}}}}"#, "b".repeat(129)),
            "Validation error: Tags must be less than 128 characters at \"options.tags[1]\"",
        ),
        (r#"{"options":7}"#, "Validation error: Expected object, received number at \"options\""),
    ] {
        server.ask("POST", path).body(body).answer().await.is(400, json!({ "error": error }));
    }
    let many: Vec<String> = (0..11).map(|n| format!("tag-{n}")).collect();
    let many = server.trigger("t", json!({ "options": { "tags": many } })).await;
    many.is(422, json!({ "error": "Runs can only have 10 tags, you're trying to set 11." }));
    let unannounced = server.ask("POST", path).body("{}").unannounced().answer().await;
    unannounced.is(413, json!({ "error": "Request body too large" }));
    server.ask("PUT", path).body("{}").answer().await.is(405, json!({ "error": "Method not allowed" }));
    server.ask("GET", path).answer().await.is_text(405, "");
}

#[tokio::test]
async fn without_credentials_the_door_before_the_api_answers() {
    let server = Server::new();
    let answer = server.ask("POST", "/api/v1/tasks/t/trigger").anonymous().body("{}").answer().await;
    assert_eq!(answer.json()["error"], "No authorization header provided");
    assert_eq!(answer.header("content-type"), Some("application/problem+json; charset=utf-8"));
    let wrong = server.ask("POST", "/api/v1/tasks/t/trigger").token("tr_dev_wrong").body("{}").answer().await;
    wrong.is(401, json!({ "error": "Invalid API key" }));
    assert!(!wrong.body.contains(KEY));
}

#[tokio::test]
async fn a_packet_is_opened() {
    let server = Server::new();
    let body = json!({ "payload": "{\"json\":{\"n\":1}}", "options": { "payloadType": "application/super+json" } });
    let run = server.trigger("t", body).await.json();
    assert_eq!(server.view(run["id"].as_str().unwrap()).await["payload"], json!({ "n": 1 }));
    let body = json!({ "payload": "{", "options": { "payloadType": "application/super+json" } });
    assert_eq!(server.trigger("t", body).await.status, 422);
}
