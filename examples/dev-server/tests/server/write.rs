use serde_json::json;

use crate::support::Server;

#[tokio::test]
async fn create_names_no_log_service() {
    let server = Server::new();
    let run = server.idle_run().await;
    let answer = server.ask("PUT", format!("/realtime/v1/streams/{run}/self/out")).body("{}").answer().await;
    answer.is(202, json!({ "version": "v2" }));
    assert_eq!(answer.header("x-s2-access-token"), None);
}

#[tokio::test(start_paused = true)]
async fn an_append_is_stored_as_text_and_once_per_part_id() {
    let server = Server::new();
    let run = server.idle_run().await;
    let append = |part: &'static str, id: &'static str| {
        let ask = server.ask("POST", format!("/realtime/v1/streams/{run}/self/out/append")).body(part);
        ask.header("x-part-id", id).answer()
    };
    for (part, id) in [(r#"{"a":1}"#, "p1"), (r#"{"a":1}"#, "p1"), ("plain", "p2")] {
        append(part, id).await.is(200, json!({ "ok": true }));
    }
    server.append(&run, "out", "plain").await.is(200, json!({ "ok": true }));
    let batch = server.stream(&run, "out").events().await.next().await.unwrap();
    assert_eq!(batch.parts(), [json!(r#"{"a":1}"#), json!("plain"), json!("plain")]);
    assert_eq!(batch.data["records"][0]["body"], r#"{"data":"{\"a\":1}","id":"p1"}"#);
}

#[tokio::test(start_paused = true)]
async fn lines_are_ingested_as_values_and_once_per_index() {
    let server = Server::new();
    let run = server.idle_run().await;
    let path = format!("/realtime/v1/streams/{run}/self/out");
    let ingest = |from: &'static str, lines: &'static str| {
        let ask = server.ask("POST", path.clone()).header("x-client-id", "c1").header("x-resume-from-chunk", from);
        ask.body(lines).unannounced().answer()
    };
    let last = async || {
        let head = server.ask("HEAD", path.clone()).header("x-client-id", "c1").answer().await;
        head.header("x-last-chunk-index").unwrap().to_owned()
    };
    assert_eq!(last().await, "-1");
    ingest("0", "\"one\"\n{\"two\":2}\n").await.is_text(200, "");
    assert_eq!(last().await, "1");
    // The writer was not told that its second line had arrived, and says it again.
    ingest("1", "{\"two\":2}\nnot json\n[3]").await.is_text(200, "");
    assert_eq!(last().await, "3");
    let batch = server.stream(&run, "out").events().await.next().await.unwrap();
    assert_eq!(batch.parts(), [json!("one"), json!({ "two": 2 }), json!("not json"), json!([3])]);
    ingest("x", "1\n").await.is_text(400, "Invalid X-Resume-From-Chunk header value: x");
}

#[tokio::test]
async fn a_run_writes_to_those_above_it() {
    let server = Server::new();
    let root = server.idle_run().await;
    let below = async |parent: &str| {
        let run = server.trigger("nobody", json!({ "payload": {}, "options": { "parentRunId": parent } })).await;
        run.json()["id"].as_str().unwrap().to_owned()
    };
    let parent = below(&root).await;
    let run = below(&parent).await;
    for (target, whose) in [("parent", &parent), ("root", &root), ("self", &run)] {
        let path = format!("/realtime/v1/streams/{run}/{target}/out");
        assert_eq!(server.ask("PUT", path.clone()).body("").answer().await.status, 202);
        let written = server.ask("POST", path.clone()).header("x-client-id", "one").body("\"a\"\n").answer().await;
        assert_eq!(written.status, 200);
        let told = server.ask("HEAD", path).header("x-client-id", "one").answer().await;
        assert_eq!(told.header("x-last-chunk-index"), Some("0"));
        let read = server.stream(whose, "out").header("timeout-seconds", "1").events().await;
        assert_eq!(read.parts().await, [json!("a")], "{target}");
    }
}

#[tokio::test]
async fn only_a_backend_writes_and_only_to_a_run_under_way() {
    let server = Server::new();
    let run = server.idle_run().await;
    let token = server.mint(&["admin".to_owned()]).await;
    let path = format!("/realtime/v1/streams/{run}/self/out");
    for (method, path) in [("PUT", path.clone()), ("POST", path.clone()), ("POST", format!("{path}/append"))] {
        let answer = server.ask(method, path).token(&token).body("{}").answer().await;
        answer.is(401, json!({ "error": "Invalid API key" }));
    }
    let long = server.append(&run, "out", &"x".repeat(524_289)).await;
    long.is(413, json!({ "error": "Request body too large" }));
    let parent = server.ask("PUT", format!("/realtime/v1/streams/{run}/parent/out")).body("{}").answer().await;
    parent.is_text(404, "Target not found");
    let nobody = server.ask("PUT", format!("/realtime/v1/streams/{run}/nobody/out")).body("{}").answer().await;
    assert_eq!((nobody.status.as_u16(), nobody.json()["error"].clone()), (400, json!("Params Error")));
    server.ask("GET", path.clone()).answer().await.is_text(405, "Only HEAD requests are allowed for this endpoint");

    server.cancel(&run).await;
    let create = server.ask("PUT", path).body("{}").answer().await;
    create.is_text(400, "Cannot initialize a realtime stream on a completed run");
    server.append(&run, "out", "x").await.is_text(400, "Cannot append to a realtime stream on a completed run");
    server.append("run_none", "out", "x").await.is_text(404, "Run not found");
}
