use serde_json::{Value, json};

use crate::support::Server;

fn joined(parts: &[Value]) -> String {
    parts.iter().map(|part| part.as_str().expect("a token is a text")).collect()
}

async fn parts(server: &Server, run: &str, key: &str) -> Vec<Value> {
    server.stream(run, key).header("timeout-seconds", "1").events().await.parts().await
}

#[tokio::test(start_paused = true)]
async fn approval_drafts_waits_and_publishes() {
    let server = Server::new();
    let run = server.run_of("approval", json!({ "topic": "dark mode" })).await;
    let draft = joined(&parts(&server, &run, "draft").await);
    assert!(draft.contains("shipping dark mode"), "{draft}");
    assert_eq!(server.view(&run).await["status"], "EXECUTING");

    server.send(&run, "approval", json!("what?")).await;
    server.send(&run, "approval", json!({ "approved": true, "note": "Well done." })).await;
    let result = parts(&server, &run, "result").await;
    let words = draft.split_whitespace().count();
    let text = format!("Published: {words} words on dark mode, with the note “Well done.”");
    let expected = json!({ "state": "published", "text": text });
    assert_eq!(result, [json!({ "state": "waiting" }), expected.clone()]);
    let ended = server.ended(&run).await;
    assert_eq!((&ended["status"], &ended["output"]), (&json!("COMPLETED"), &expected));
    assert_eq!(server.send(&run, "approval", json!({ "approved": true })).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_click_before_the_task_waits_is_not_lost() {
    let server = Server::new();
    let run = server.run_of("approval", json!({ "topic": "dark mode" })).await;
    server.send(&run, "approval", json!({ "approved": false, "note": "Too soon." })).await;
    let ended = server.ended(&run).await;
    let text = "Nothing was published. The note was: “Too soon.”";
    assert_eq!(ended["output"], json!({ "state": "rejected", "text": text }));
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_does_not_fit_fails_the_run() {
    let server = Server::new();
    let run = server.run_of("approval", json!({ "subject": "?" })).await;
    let ended = server.ended(&run).await;
    assert_eq!((&ended["status"], &ended["isFailed"]), (&json!("FAILED"), &json!(true)));
    assert_eq!(ended["error"]["message"], r#"approval wants a payload like {"topic": "dark mode"}"#);
}

#[tokio::test(start_paused = true)]
async fn a_story_stops_when_it_is_told() {
    let server = Server::new();
    let run = server.run_of("story", json!({})).await;
    let mut events = server.stream(&run, "tokens").events().await;
    while events.next().await.unwrap().parts().is_empty() {}
    server.send(&run, "cancel", json!({})).await;
    let ended = server.ended(&run).await;
    assert_eq!(ended["output"]["stopped"], true);
    let told = parts(&server, &run, "tokens").await;
    assert_eq!(ended["output"]["tokens"], told.len());

    let whole = server.run_of("story", json!({})).await;
    let ended_whole = server.ended(&whole).await;
    assert_eq!(ended_whole["output"]["stopped"], false);
    assert!(ended_whole["output"]["tokens"].as_u64() > ended["output"]["tokens"].as_u64());
}

#[tokio::test(start_paused = true)]
async fn a_chat_answers_every_message_in_order_until_it_is_cancelled() {
    let server = Server::new();
    let run = server.run_of("chat", json!({})).await;
    let messages: Vec<String> = (0..20).map(|n| format!("message number {n}")).collect();
    for message in &messages {
        server.send(&run, "messages", json!({ "text": message })).await;
        tokio::task::yield_now().await;
    }
    let replies = joined(&parts(&server, &run, "replies").await);
    assert_eq!(replies.lines().collect::<Vec<_>>(), messages);
    server.cancel(&run).await.is(200, json!({ "id": run }));
    server.cancel(&run).await.is(200, json!({ "id": run }));
    let view = server.view(&run).await;
    assert_eq!(
        (&view["status"], &view["isCancelled"], &view["isCompleted"]),
        (&json!("CANCELED"), &json!(true), &json!(false))
    );
}

#[tokio::test]
async fn cancelling_needs_the_right_scope() {
    let server = Server::new();
    let run = server.run_of("chat", json!({})).await;
    let cancel =
        |token: &str| server.ask("POST", format!("/api/v2/runs/{run}/cancel")).token(token).body("{}").answer();
    let reader = server.mint(&[format!("read:runs:{run}")]).await;
    assert_eq!(cancel(&reader).await.status, 403);
    let writer = server.mint(&["write:tasks:chat".to_owned()]).await;
    assert_eq!(cancel(&writer).await.status, 200);
    let missing = server.cancel("run_none").await;
    missing.is(404, json!({ "error": "Resource not found" }));
}
