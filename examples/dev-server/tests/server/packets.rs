use serde_json::{Value, json};
use tidegate_dev_server::Config;

use crate::support::{Answer, Server};

fn path_of(url: &Value) -> &str {
    url.as_str().unwrap().strip_prefix("http://127.0.0.1:3030").unwrap()
}

async fn fetch(server: &Server, url: &Value) -> Answer {
    server.ask("GET", path_of(url)).anonymous().header("origin", "https://app.example.com").answer().await
}

async fn row(server: &Server, run: &str) -> Value {
    let answer = server.ask("GET", format!("/realtime/v1/runs/{run}?offset=-1")).answer().await;
    answer.json()[0]["value"].clone()
}

#[tokio::test]
async fn a_large_payload_stands_beside_its_run() {
    let server = Server::new();
    let run = |bytes: usize| server.run_of("nobody", "x".repeat(bytes - 2).into());
    let small = run(524_287).await;
    assert_eq!(row(&server, &small).await["payloadType"], "application/json");
    assert!(server.view(&small).await.get("payloadPresignedUrl").is_none());

    let large = run(524_288).await;
    let (row, view) = (row(&server, &large).await, server.view(&large).await);
    assert_eq!(row["payloadType"], "application/store");
    assert!(view.get("payload").is_none());
    let object = fetch(&server, &view["payloadPresignedUrl"]).await;
    assert_eq!(object.json().as_str().unwrap().len(), 524_286);
    assert_eq!(object.header("content-type"), Some("application/json"));
    assert_eq!(object.header("access-control-allow-origin"), Some("*"));

    // Any token of the environment will do.
    let token = server.mint(&["read:runs:run_other".to_owned()]).await;
    let path = row["payload"].as_str().unwrap().replace('/', "%2F");
    for path in [path.clone(), format!("s3:%2F%2F{path}")] {
        let told = server.ask("GET", format!("/api/v1/packets/{path}")).token(&token).answer().await;
        assert_eq!(fetch(&server, &told.json()["presignedUrl"]).await.body, object.body);
    }
}

#[tokio::test]
async fn a_large_output_does_too() {
    let server = Server::with(Config { faults: true, ..Config::default() });
    let run = server.idle_run().await;
    let output = json!({ "json": { "text": "x".repeat(600_000) } }).to_string();
    let said = json!({ "status": "COMPLETED_SUCCESSFULLY", "output": output }).to_string();
    assert_eq!(server.ask("PUT", format!("/dev/runs/{run}")).body(said).answer().await.status, 200);
    let view = server.view(&run).await;
    assert_eq!(row(&server, &run).await["outputType"], "application/store");
    let output = fetch(&server, &view["outputPresignedUrl"]).await;
    assert_eq!(output.header("content-type"), Some("application/super+json"));
    assert_eq!(output.body.len(), 600_000 + r#"{"json":{"text":""}}"#.len());
}

#[tokio::test]
async fn who_may_read_a_run_is_told_where_its_packets_are() {
    let server = Server::new();
    let run = server.run_of("nobody", "x".repeat(600_000).into()).await;
    let ask = async |field: &str, scope: &str| {
        let token = server.mint(&[scope.to_owned()]).await;
        server.ask("GET", format!("/api/v1/runs/{run}/packets/{field}")).token(&token).answer().await
    };
    let told = ask("payload", &format!("read:runs:{run}")).await;
    assert_eq!(fetch(&server, &told.json()["presignedUrl"]).await.json().as_str().unwrap().len(), 600_000);
    assert_eq!(ask("payload", "read:runs:run_other").await.status, 403);
    for field in ["output", "metadata"] {
        assert_eq!(ask(field, "read:runs").await.status, 404, "there is no such packet: {field}");
    }
}

#[tokio::test]
async fn a_backend_may_put_a_packet_and_trigger_with_it() {
    let server = Server::new();
    let told = server.ask("PUT", "/api/v2/packets/mine/payload.json").body("").answer().await.json();
    assert_eq!(told["storagePath"], "mine/payload.json");
    let put =
        server.ask("PUT", path_of(&told["presignedUrl"])).anonymous().header("content-type", "application/super+json");
    assert_eq!(put.body(r#"{"json":{"steps":2}}"#).answer().await.status, 200);
    let options = json!({ "payloadType": "application/store" });
    let run = server.trigger("progress", json!({ "payload": told["storagePath"], "options": options })).await;
    let run = run.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(server.ended(&run).await["output"]["total"], 2, "the task gets the payload itself");

    let token = server.mint(&["write:all".to_owned()]).await;
    let refused = server.ask("PUT", "/api/v2/packets/mine/payload.json").token(&token).body("").answer().await;
    refused.is(401, json!({ "error": "Invalid API key" }));
}

#[tokio::test]
async fn an_address_is_good_for_one_object_and_one_use() {
    let server = Server::new();
    let told = server.ask("GET", "/api/v1/packets/a/b.json").answer().await.json();
    let path = path_of(&told["presignedUrl"]);
    assert_eq!(fetch(&server, &told["presignedUrl"]).await.status, 404, "nobody put it there");
    let signature = path.split('/').nth(2).unwrap();
    for (method, path) in
        [("PUT", path.to_owned()), ("GET", path.replace("b.json", "c.json")), ("GET", path.replace(signature, "AAAA"))]
    {
        let answer = server.ask(method, path).anonymous().body("x").answer().await;
        assert_eq!(answer.status, 403, "{method}");
    }
    for path in ["..%2Fa", "a%2F..%2Fb", "a%5Cb", "%2Fa"] {
        let answer = server.ask("GET", format!("/api/v1/packets/{path}")).answer().await;
        answer.is(400, json!({ "error": "Invalid packet storage path" }));
    }
}

#[tokio::test]
async fn a_bucket_knows_no_headers_of_ours() {
    let server = Server::new();
    let told = server.ask("GET", "/api/v1/packets/a/b.json").answer().await.json();
    let preflight = |method: &'static str, headers: &'static str| {
        let ask = server.ask("OPTIONS", path_of(&told["presignedUrl"])).anonymous();
        let ask = ask.header("origin", "https://app.example.com").header("access-control-request-method", method);
        if headers.is_empty() { ask.answer() } else { ask.header("access-control-request-headers", headers).answer() }
    };
    let plain = preflight("GET", "").await;
    assert_eq!((plain.status.as_u16(), plain.header("access-control-allow-origin")), (200, Some("*")));
    for (method, headers) in [("GET", "x-trigger-request-idempotency-key"), ("GET", "authorization"), ("PUT", "")] {
        let refused = preflight(method, headers).await;
        assert_eq!(
            (refused.status.as_u16(), refused.header("access-control-allow-origin")),
            (403, None),
            "{method} {headers}"
        );
    }
}
