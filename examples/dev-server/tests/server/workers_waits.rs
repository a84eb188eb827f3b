use serde_json::{Value, json};

use crate::hand::Hand;
use crate::support::Server;

#[tokio::test]
async fn a_run_that_waits_has_no_slot_and_goes_on_with_the_next_record() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    let wait = server.wait(&run, 1, json!({})).await;
    assert_eq!(server.view(&run).await["status"], "WAITING");
    let second = worker.begin().await;
    let third = server.run_of("mine", Value::Null).await;
    server.send(&run, "words", json!({ "yes": true })).await;
    assert_eq!(server.view(&run).await["status"], "WAITING", "there is no slot");
    server.complete(&second, 1, "done").await;
    let order = worker.order().await;
    assert_eq!((&order["kind"], &order["run"]), (&json!("resume"), &json!(run)), "before the third, which is new");
    let end = json!({
        "waitpoint": wait, "streamId": "words", "seqNum": 0, "ok": true, "output": r#"{"yes":true}"#,
        "outputType": "application/json",
    });
    assert_eq!(order["wait"], end);
    assert_eq!(server.view(&run).await["status"], "EXECUTING");
    assert_eq!(server.view(&third).await["status"], "QUEUED");
    let token = server.ask("GET", format!("/api/v1/waitpoints/tokens/{wait}")).answer().await.json();
    assert_eq!((&token["status"], &token["output"]), (&json!("COMPLETED"), &json!(r#"{"yes":true}"#)));
}

#[tokio::test]
async fn a_record_that_is_there_ends_the_wait_at_once() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    for word in ["one", "two", "three"] {
        server.send(&run, "words", json!(word)).await;
    }
    for (last, word) in [(Value::Null, "one"), (json!(0), "two"), (json!(1), "three")] {
        let made = server.make_wait(&run, 1, json!({ "lastSeqNum": last })).await.json();
        let answer = server.suspend(&run, 1, made["waitpointId"].as_str().unwrap()).await.json();
        assert_eq!(answer["wait"]["output"], json!(format!("\"{word}\"")));
    }
    assert_eq!(server.view(&run).await["status"], "EXECUTING");
    server.wait(&run, 1, json!({ "lastSeqNum": 3 })).await;
    server.send(&run, "words", json!("four")).await;
    assert_eq!(server.view(&run).await["status"], "WAITING", "it comes before what is waited for");
    server.send(&run, "words", json!("five")).await;
    assert_eq!(worker.order().await["wait"]["seqNum"], 4);
}

#[tokio::test]
async fn what_comes_between_the_two_steps_is_not_missed() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    let made = server.make_wait(&run, 1, json!({})).await.json();
    server.send(&run, "words", json!(1)).await;
    let answer = server.suspend(&run, 1, made["waitpointId"].as_str().unwrap()).await.json();
    assert_eq!((&answer["wait"]["seqNum"], &answer["wait"]["output"]), (&json!(0), &json!("1")));
}

#[tokio::test]
async fn one_record_ends_one_wait_and_the_next_stays_registered() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    for n in 0..3 {
        let last = if n == 0 { Value::Null } else { json!(n - 1) };
        server.wait(&run, 1, json!({ "lastSeqNum": last })).await;
        server.send(&run, "words", json!(n)).await;
        let order = worker.order().await;
        assert_eq!((&order["wait"]["seqNum"], &order["wait"]["output"]), (&json!(n), &json!(n.to_string())));
    }
}

#[tokio::test]
async fn a_record_without_data_ends_a_wait_with_nothing() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    server.wait(&run, 1, json!({})).await;
    server.ask("POST", format!("/realtime/v1/streams/{run}/input/words")).body("{}").answer().await;
    let end = worker.order().await["wait"].take();
    assert_eq!((&end["ok"], end.get("output"), &end["seqNum"]), (&json!(true), None, &json!(0)));
}

#[tokio::test]
async fn a_wait_may_run_out_of_time() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    let wait = server.wait(&run, 1, json!({ "timeout": "1s" })).await;
    let end = worker.order().await["wait"].take();
    assert_eq!((&end["ok"], &end["waitpoint"]), (&json!(false), &json!(wait)));
    assert!(end["output"].as_str().unwrap().contains("Waitpoint timed out at"), "{end}");
    let token = server.ask("GET", format!("/api/v1/waitpoints/tokens/{wait}")).answer().await.json();
    assert_eq!(token["status"], "TIMED_OUT");
    server.send(&run, "words", json!("late")).await;
    let made = server.make_wait(&run, 1, json!({})).await.json();
    let next = server.suspend(&run, 1, made["waitpointId"].as_str().unwrap()).await.json();
    assert_eq!(next["wait"]["output"], r#""late""#);
}

#[tokio::test]
async fn a_wait_until_a_time_that_is_past_is_over_at_once() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    let made = server.make_wait(&run, 1, json!({ "timeout": "2001-01-01T00:00:00Z" })).await.json();
    let answer = server.suspend(&run, 1, made["waitpointId"].as_str().unwrap()).await.json();
    assert_eq!(answer["wait"]["ok"], json!(false), "{answer}");
    assert_eq!(server.view(&run).await["status"], "EXECUTING");
}

#[tokio::test]
async fn a_key_names_one_wait_and_a_repeated_request_makes_none() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    let body = json!({ "idempotencyKey": "k" });
    let (first, again) =
        (server.make_wait(&run, 1, body.clone()).await.json(), server.make_wait(&run, 1, body).await.json());
    assert_eq!((&first["isCached"], &again["isCached"]), (&json!(false), &json!(true)));
    assert_eq!(first["waitpointId"], again["waitpointId"]);
    let ask = async || {
        let ask = server.ask("POST", format!("/api/v1/runs/{run}/input-streams/wait"));
        ask.header("x-trigger-request-idempotency-key", "r").body(r#"{"streamId":"words"}"#).answer().await.json()
    };
    assert_eq!(ask().await, ask().await);
}

#[tokio::test]
async fn what_cannot_be_waited_for_is_refused_in_the_words_of_the_original() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    server.make_wait("run_1", 1, json!({})).await.is(404, json!({ "error": "Run not found" }));
    let tags: Vec<String> = (0..11).map(|n| n.to_string()).collect();
    let text = "Waitpoints can only have 10 tags, you're trying to set 11.";
    server.make_wait(&run, 1, json!({ "tags": tags })).await.is(422, json!({ "error": text }));
    server.suspend(&run, 1, "waitpoint_1").await.is(404, json!({ "error": "Waitpoint not found" }));
    let token = server.mint(&[format!("write:runs:{run}")]).await;
    let ask = server.ask("POST", format!("/api/v1/runs/{run}/input-streams/wait")).token(&token);
    assert_eq!(ask.body(r#"{"streamId":"words"}"#).answer().await.status, 401);
}

#[tokio::test]
async fn several_runs_may_wait_for_one_token() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let token = server.ask("POST", "/api/v1/waitpoints/tokens").body("{}").answer().await.json();
    let token = token["id"].as_str().unwrap();
    let (first, second) = (worker.begin().await, async {
        let run = worker.begin().await;
        server.suspend(&run, 1, token).await.is(200, json!({ "success": true }));
        run
    });
    server.suspend(&first, 1, token).await.is(200, json!({ "success": true }));
    let second = second.await;
    server.ask("POST", format!("/api/v1/waitpoints/tokens/{token}/complete")).body(r#"{"data":"go"}"#).answer().await;
    let order = worker.order().await;
    assert_eq!((&order["run"], &order["wait"]["output"]), (&json!(first), &json!("go")));
    assert_eq!(order["wait"].get("streamId"), None);
    server.complete(&first, 1, "done").await;
    assert_eq!(worker.order().await["run"], json!(second));
    let answer = server.suspend(&second, 1, token).await.json();
    assert_eq!(answer["wait"]["output"], "go", "and again");
}

#[tokio::test]
async fn a_cancelled_run_waits_for_nothing() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    let wait = server.wait(&run, 1, json!({})).await;
    server.cancel(&run).await;
    assert_eq!(worker.order().await["kind"], "cancel");
    assert_eq!(server.suspend(&run, 1, &wait).await.status, 410);
    server.ask("POST", format!("/api/v1/waitpoints/tokens/{wait}/complete")).body(r#"{"data":1}"#).answer().await;
    let next = worker.begin().await;
    assert_eq!(server.view(&next).await["status"], "EXECUTING", "and nothing else was ordered");
}

/// A wait token that times out after that.
async fn token(server: &Server, timeout: &str) -> String {
    let ask = server.ask("POST", "/api/v1/waitpoints/tokens").body(json!({ "timeout": timeout }).to_string());
    ask.answer().await.json()["id"].as_str().unwrap().to_owned()
}

async fn end(server: &Server, token: &str) {
    server.ask("POST", format!("/api/v1/waitpoints/tokens/{token}/complete")).body(r#"{"data":1}"#).answer().await;
}

#[tokio::test]
async fn waits_that_end_together_while_there_is_no_slot_share_the_one_that_comes() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    let (first, second) = (token(&server, "1h").await, token(&server, "1h").await);
    for token in [&first, &second] {
        server.suspend(&run, 1, token).await.is(200, json!({ "success": true }));
    }
    let busy = worker.begin().await;
    end(&server, &first).await;
    end(&server, &second).await;
    server.complete(&busy, 1, "done").await;
    let ended: Vec<_> = worker.take().await.iter().map(|order| order["wait"]["waitpoint"].clone()).collect();
    assert_eq!(ended, [json!(first), json!(second)]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_after_the_end_wakes_nobody_from_the_next_wait() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    let (first, second) = (token(&server, "2s").await, token(&server, "1h").await);
    server.suspend(&run, 1, &first).await;
    let busy = worker.begin().await;
    end(&server, &first).await;
    assert!(worker.take().await.is_empty(), "there is no slot until the deadline is over");
    server.complete(&busy, 1, "done").await;
    assert_eq!(worker.order().await["wait"]["waitpoint"], json!(first));
    server.suspend(&run, 1, &second).await.is(200, json!({ "success": true }));
    worker.begin().await;
    assert_eq!(server.view(&run).await["status"], "WAITING");
}
