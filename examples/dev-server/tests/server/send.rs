use serde_json::json;

use crate::support::Server;

#[tokio::test(start_paused = true)]
async fn a_send_becomes_one_record_that_holds_json_as_text() {
    let server = Server::new();
    let run = server.idle_run().await;
    server.send(&run, "chat", json!({ "text": "hi" })).await.is(200, json!({ "ok": true }));
    let mut events = server.stream(&run, "input/chat").events().await;
    let batch = events.next().await.unwrap();
    assert_eq!(batch.parts(), [json!(r#"{"text":"hi"}"#)]);
    let body = batch.data["records"][0]["body"].as_str().unwrap();
    assert!(body.contains(r#""id":"inp_"#), "{body}");
}

#[tokio::test(start_paused = true)]
async fn null_and_missing_data_are_accepted_and_differ() {
    let server = Server::new();
    let run = server.idle_run().await;
    let path = format!("/realtime/v1/streams/{run}/input/chat");
    for body in [r#"{"data":null}"#, "{}"] {
        server.ask("POST", &path).body(body).answer().await.is(200, json!({ "ok": true }));
    }
    let batch = server.stream(&run, "input/chat").events().await.next().await.unwrap();
    let bodies: Vec<_> =
        batch.data["records"].as_array().unwrap().iter().map(|record| record["body"].as_str().unwrap()).collect();
    assert!(bodies[0].starts_with(r#"{"data":"null","#), "{}", bodies[0]);
    assert!(bodies[1].starts_with(r#"{"id":"#), "{}", bodies[1]);
}

#[tokio::test]
async fn a_repeated_send_is_one_record() {
    let server = Server::new();
    let run = server.idle_run().await;
    let send = |key: &'static str| {
        let path = format!("/realtime/v1/streams/{run}/input/chat");
        server.ask("POST", path).header("x-trigger-request-idempotency-key", key).body(r#"{"data":1}"#).answer()
    };
    for key in ["a", "a", "b"] {
        let answer = send(key).await;
        answer.is(200, json!({ "ok": true }));
        assert_eq!(answer.header("x-tidegate-idempotent"), Some("1"));
    }
    // The answer to what ends a run may be lost too.
    server.cancel(&run).await;
    send("b").await.is(200, json!({ "ok": true }));
    assert_eq!(send("c").await.status, 400);
    let batch = server.stream(&run, "input/chat").events().await.next().await.unwrap();
    assert_eq!(batch.parts().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_in_the_words_of_the_original() {
    let server = Server::new();
    let run = server.idle_run().await;
    let path = format!("/realtime/v1/streams/{run}/input/chat");
    let too_large = json!({ "error": "Request body too large" });
    let crash = json!({ "error": "Internal Server Error" });
    let invalid = json!({ "ok": false, "error": "Invalid request body" });
    for (body, status, expected) in [
        ("{nope", 500, &crash),
        ("", 500, &crash),
        ("[1]", 400, &invalid),
        ("null", 400, &invalid),
        ("\"text\"", 400, &invalid),
    ] {
        server.ask("POST", &path).body(body).answer().await.is(status, expected.clone());
    }
    let small = server.ask("POST", &path).body(r#"{"data":1}"#).unannounced().answer().await;
    small.is(413, too_large.clone());
    let large = server.ask("POST", &path).body(format!(r#"{{"data":"{}"}}"#, "x".repeat(1_048_576))).answer().await;
    large.is(413, too_large.clone());
    server.ask("DELETE", &path).answer().await.is(413, too_large);
    let gone = server.ask("POST", "/realtime/v1/streams/run_none/input/chat").body("{}").answer().await;
    gone.is(404, json!({ "ok": false, "error": "Run not found" }));
}

#[tokio::test]
async fn the_record_has_a_limit_of_its_own() {
    let server = Server::new();
    let run = server.idle_run().await;
    // 8 bytes, an envelope of 35, and the two quotes around the text, escaped.
    let fits = 1_048_576 - 8 - 35 - 4;
    server.send(&run, "chat", json!("x".repeat(fits))).await.is(200, json!({ "ok": true }));
    let over = server.send(&run, "chat", json!("x".repeat(fits + 1))).await;
    assert_eq!(over.status, 413);
    let error = over.json()["error"].as_str().unwrap().to_owned();
    assert!(
        error.starts_with("Record metered size 1048577 bytes exceeds the S2 per-record limit of 1048576 bytes."),
        "{error}"
    );
    let quotes = server.send(&run, "chat", json!("\"".repeat(400_000))).await;
    assert_eq!(quotes.status, 413, "quotes count three times: twice escaped");
}

#[tokio::test]
async fn an_ended_run_takes_no_input() {
    let server = Server::new();
    let run = server.idle_run().await;
    server.cancel(&run).await.is(200, json!({ "id": run }));
    let refusal = json!({ "ok": false, "error": "Cannot send to input stream on a completed run" });
    server.send(&run, "chat", json!(1)).await.is(400, refusal.clone());
    let path = format!("/realtime/v1/streams/{run}/input/chat");
    server.ask("POST", path).body("{nope").answer().await.is(400, refusal);
}

#[tokio::test]
async fn only_the_right_scopes_may_send() {
    let server = Server::new();
    let run = server.idle_run().await;
    let forbidden =
        json!({ "error": "Unauthorized", "code": "unauthorized", "param": "access_token", "type": "authorization" });
    for (scope, may) in [
        (format!("write:inputStreams:{run}"), true),
        ("write:inputStreams".to_owned(), true),
        ("write:all".to_owned(), true),
        ("admin".to_owned(), true),
        ("*:inputStreams".to_owned(), true),
        (format!("read:runs:{run}"), false),
        (format!("write:runs:{run}"), false),
        ("write:inputStreams:run_other".to_owned(), false),
        ("admin:inputStreams".to_owned(), false),
    ] {
        let token = server.mint(std::slice::from_ref(&scope)).await;
        let path = format!("/realtime/v1/streams/{run}/input/chat");
        let answer = server.ask("POST", path).token(&token).body(r#"{"data":1}"#).answer().await;
        if may { answer.is(200, json!({ "ok": true })) } else { answer.is(403, forbidden.clone()) }
    }
    let token = server.mint(&["write:inputStreams:run_none".to_owned()]).await;
    let unknown =
        server.ask("POST", "/realtime/v1/streams/run_none/input/chat").token(&token).body("{}").answer().await;
    assert_eq!(unknown.status, 404, "authorization comes before the look-up");
}

#[tokio::test]
async fn browsers_may_read_every_answer() {
    let server = Server::new();
    let run = server.idle_run().await;
    let path = format!("/realtime/v1/streams/{run}/input/chat");
    let origin = "https://app.example.com";
    for ask in [server.ask("POST", &path).body(r#"{"data":1}"#), server.ask("POST", &path).anonymous().body("{}")] {
        let answer = ask.header("origin", origin).answer().await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert_eq!(answer.header("vary"), Some("Origin"));
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert!(exposed.starts_with("x-trigger-jwt,x-trigger-jwt-claims"), "{exposed}");
    }
    let without_origin = server.ask("POST", &path).body("{}").answer().await;
    assert_eq!(without_origin.header("access-control-allow-origin"), None);

    let preflight = server
        .ask("OPTIONS", &path)
        .anonymous()
        .header("origin", origin)
        .header("access-control-request-headers", "authorization,x-odd")
        .answer()
        .await;
    preflight.is(200, json!({}));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("authorization,x-odd"));
    assert_eq!(preflight.header("access-control-max-age"), Some("300"));
}

#[tokio::test]
async fn odd_paths() {
    let server = Server::new();
    let run = server.idle_run().await;
    let path = format!("/realtime/v1/streams/{run}/input/a%20b%2Fc");
    server.ask("PUT", &path).body(r#"{"data":1}"#).answer().await.is(200, json!({ "ok": true }));
    assert_eq!(server.ask("GET", &path).events().await.next().await.unwrap().parts(), [json!("1")]);
    let slash = server.ask("POST", format!("{path}/?a=1")).body("{}").answer().await;
    assert_eq!((slash.status.as_u16(), slash.header("location")), (301, Some(format!("{path}?a=1").as_str())));
    let unknown = server.ask("GET", "/nothing").answer().await;
    assert_eq!((unknown.status.as_u16(), unknown.header("content-type")), (404, Some("text/html; charset=utf-8")));
}
