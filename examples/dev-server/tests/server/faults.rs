use std::net::SocketAddr;

use serde_json::{Value, json};
use tidegate_dev_server::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{KEY, Server};

fn faulty() -> Server {
    Server::with(Config { faults: true, ..Config::default() })
}

async fn set(server: &Server, rules: Value) {
    let answer = server.ask("PUT", "/dev/faults").body(rules.to_string()).answer().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

async fn stored(server: &Server, run: &str) -> usize {
    server.stream(run, "input/chat").events().await.next().await.unwrap().parts().len()
}

/// A send over a connection of its own: what came back until the connection ended, and how it ended.
async fn send_raw(address: SocketAddr, run: &str) -> (String, std::io::Result<()>) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let body = r#"{"data":1}"#;
    let request = format!(
        "POST /realtime/v1/streams/{run}/input/chat HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let end = socket.read_to_end(&mut bytes).await.map(|_| ());
    (String::from_utf8(bytes).unwrap(), end)
}

#[tokio::test]
async fn a_dropped_connection_is_a_reset_without_a_byte_of_an_answer() {
    for (committed, records) in [(false, 0), (true, 1)] {
        let server = faulty();
        let (run, address) = (server.idle_run().await, server.listen().await);
        let fault = json!({ "kind": "drop", "committed": committed });
        set(&server, json!([{ "match": { "method": "POST" }, "times": 1, "fault": fault }])).await;
        let (answer, end) = send_raw(address, &run).await;
        assert_eq!(answer, "");
        assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        assert_eq!(stored(&server, &run).await, records);

        let (answer, end) = send_raw(address, &run).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && end.is_ok(), "{answer}");
        assert_eq!(stored(&server, &run).await, records + 1);
    }
}

#[tokio::test]
async fn a_cut_answer_ends_where_it_was_told() {
    let server = faulty();
    let (run, address) = (server.idle_run().await, server.listen().await);
    set(&server, json!([{ "match": { "method": "POST" }, "fault": { "kind": "cut", "bytes": 4 } }])).await;
    let (answer, _) = send_raw(address, &run).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("\r\n\r\n4\r\n{\"ok\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_hang_is_for_ever_and_carried_out_only_if_asked() {
    for (committed, records) in [(false, 0), (true, 1)] {
        let server = faulty();
        let run = server.idle_run().await;
        let fault = json!({ "kind": "hang", "committed": committed });
        set(&server, json!([{ "match": { "method": "POST" }, "fault": fault }])).await;
        let send = server.send(&run, "chat", json!(1));
        tokio::time::timeout(std::time::Duration::from_secs(3600), send).await.err().expect("no answer");
        assert_eq!(stored(&server, &run).await, records);
    }
}

#[tokio::test]
async fn rules_apply_in_order_until_they_are_used_up() {
    let server = faulty();
    let run = server.idle_run().await;
    let busy = json!({ "kind": "answer", "status": 503, "headers": { "retry-after": "1" }, "body": "busy" });
    let path = format!("/realtime/v1/streams/{run}/input/*");
    set(
        &server,
        json!([
            { "match": { "path": path }, "times": 1, "fault": { "kind": "pass" } },
            { "match": { "path": path }, "times": 2, "fault": busy },
        ]),
    )
    .await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(server.send(&run, "chat", json!(1)).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 503, 503, 200]);
    let rules = server.ask("GET", "/dev/faults").answer().await.json();
    assert_eq!((&rules[0]["count"], &rules[1]["count"]), (&json!(1), &json!(2)));
    assert_eq!(rules[1]["fault"]["status"], 503);

    server.ask("DELETE", "/dev/faults").answer().await.is(200, json!([]));
    server.ask("GET", "/dev/faults").answer().await.is(200, json!([]));
}

#[tokio::test]
async fn an_answer_can_be_hidden_from_pages() {
    let server = faulty();
    let run = server.idle_run().await;
    let answer = json!({ "kind": "answer", "status": 500 });
    let hidden = json!({ "kind": "answer", "status": 500, "cors": false });
    set(
        &server,
        json!([
            { "times": 1, "fault": { "kind": "opaque" } },
            { "times": 1, "fault": answer },
            { "times": 1, "fault": hidden },
        ]),
    )
    .await;
    let path = format!("/realtime/v1/streams/{run}/input/chat");
    for (status, readable) in [(200, false), (500, true), (500, false), (200, true)] {
        let ask = server.ask("POST", &path).header("origin", "https://app.example.com").body(r#"{"data":1}"#);
        let answer = ask.answer().await;
        let headers = ["access-control-allow-origin", "access-control-expose-headers"];
        assert_eq!(answer.status, status);
        assert!(headers.iter().all(|name| answer.header(name).is_some() == readable), "{:?}", answer.headers);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_can_come_twice() {
    let server = faulty();
    let run = server.idle_run().await;
    server.append(&run, "draft", "one").await;
    set(&server, json!([{ "fault": { "kind": "duplicate" } }])).await;
    let answer = server.stream(&run, "draft").header("timeout-seconds", "1").answer().await;
    assert_eq!(answer.body.matches("event: batch").count(), 2);
    assert_eq!(answer.body.matches("[DONE]").count(), 1);
}

#[tokio::test]
async fn every_request_is_in_the_log_without_its_secrets() {
    let server = faulty();
    let (run, address) = (server.idle_run().await, server.listen().await);
    let path = format!("/realtime/v1/streams/{run}/input/chat");
    set(&server, json!([{ "match": { "path": path }, "times": 1, "fault": { "kind": "drop" } }])).await;
    send_raw(address, &run).await.1.unwrap_err();
    let send = server.ask("POST", format!("{path}?secret=1")).header("x-trigger-request-idempotency-key", "k");
    assert_eq!(send.body(r#"{"data":"hush"}"#).answer().await.status, 200);
    let log = server.ask("GET", format!("/dev/requests?path={path}")).answer().await;
    log.is(
        200,
        json!({ "forgotten": 0, "requests": [
            { "method": "POST", "path": path, "status": null, "idempotencyKey": null },
            { "method": "POST", "path": path, "status": 200, "idempotencyKey": "k" },
        ] }),
    );
    let all = server.ask("GET", "/dev/requests").answer().await;
    assert!(!all.body.contains(KEY) && !all.body.contains("/dev/"), "{}", all.body);
}

#[tokio::test]
async fn the_switches_are_for_backends_and_for_servers_that_want_them() {
    for (method, path) in
        [("GET", "/dev/faults"), ("PUT", "/dev/faults"), ("DELETE", "/dev/faults"), ("GET", "/dev/requests")]
    {
        assert_eq!(faulty().ask(method, path).anonymous().body("[]").answer().await.status, 401, "{method} {path}");
        assert_eq!(Server::new().ask(method, path).body("[]").answer().await.status, 404, "{method} {path}");
    }
}

#[tokio::test]
async fn wrong_rules_are_refused_with_the_reason() {
    for (rules, words) in [
        ("{}", "invalid type: map, expected a sequence"),
        (r#"[{"fault":{"kind":"dropp"}}]"#, "unknown variant `dropp`"),
        (r#"[{"fault":{"kind":"answer","status":1000}}]"#, "1000 is no status"),
        (r#"[{"fault":{"kind":"answer","status":500,"headers":{"a b":"c"}}}]"#, "a header has a name"),
    ] {
        let answer = faulty().ask("PUT", "/dev/faults").body(rules).answer().await;
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains(words), "{}", answer.body);
    }
}

#[tokio::test]
async fn without_idempotence_a_repeat_is_a_second_record() {
    let server = Server::with(Config { idempotent_sends: false, ..Config::default() });
    let run = server.idle_run().await;
    for _ in 0..2 {
        let ask = server.ask("POST", format!("/realtime/v1/streams/{run}/input/chat")).body(r#"{"data":1}"#);
        let answer = ask.header("x-trigger-request-idempotency-key", "k").answer().await;
        assert_eq!((answer.status.as_u16(), answer.header("x-tidegate-idempotent")), (200, None));
    }
    assert_eq!(server.stream(&run, "input/chat").events().await.next().await.unwrap().parts().len(), 2);
}
