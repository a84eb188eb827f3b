use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tidegate_dev_server::Config;

use crate::support::Server;

async fn run_with(server: &Server, task: &str, options: Value) -> String {
    let run = server.trigger(task, json!({ "payload": {}, "options": options })).await;
    run.json()["id"].as_str().unwrap_or_else(|| panic!("{}", run.body)).to_owned()
}

async fn until(server: &Server, run: &str, status: &str) -> Value {
    loop {
        let view = server.view(run).await;
        if view["status"] == status {
            return view;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn reschedule(server: &Server, run: &str, delay: &str) -> crate::support::Answer {
    let body = json!({ "delay": delay }).to_string();
    server.ask("POST", format!("/api/v1/runs/{run}/reschedule")).body(body).answer().await
}

/// So many milliseconds from now, as a text.
fn soon(ms: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64 + ms;
    let (seconds, millis) = (now / 1000 % 86_400, now % 1000);
    // The day is taken from the server, which writes dates itself.
    format!("{:02}:{:02}:{:02}.{millis:03}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[tokio::test]
async fn a_delayed_run_waits_for_its_time() {
    let server = Server::new();
    let run = run_with(&server, "story", json!({ "delay": "1h" })).await;
    let view = server.view(&run).await;
    assert_eq!((&view["status"], &view["isQueued"]), (&json!("DELAYED"), &json!(true)));
    assert!(view.get("startedAt").is_none());
    let day = view["createdAt"].as_str().unwrap()[..11].to_owned();
    let put_off = reschedule(&server, &run, &format!("{day}{}", soon(50))).await;
    assert_eq!(put_off.status, 200, "{}", put_off.body);
    until(&server, &run, "EXECUTING").await;
    reschedule(&server, &run, "1h").await.is(422, json!({ "error": "Cannot reschedule a run that is not delayed" }));
}

#[tokio::test]
async fn a_delay_can_be_cancelled_and_must_be_one() {
    let server = Server::new();
    let run = run_with(&server, "story", json!({ "delay": "1h30m" })).await;
    server.cancel(&run).await;
    assert_eq!(server.view(&run).await["status"], "CANCELED");
    let wrong = server.trigger("t", json!({ "options": { "delay": "tomorrow" } })).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("30s"), "{}", wrong.body);
    let past = run_with(&server, "nobody", json!({ "delay": "2020-01-01T00:00:00.000Z" })).await;
    assert_eq!(server.view(&past).await["status"], "QUEUED");
    reschedule(&server, "run_unknown", "1h").await.is(404, json!({ "error": "Run not found" }));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_nobody_starts_expires() {
    let server = Server::new();
    let run = run_with(&server, "nobody", json!({ "ttl": "10m" })).await;
    let for_ever = server.idle_run().await;
    for (ttl, said) in [(json!("soon"), "soon"), (json!(1.5), "1.5s")] {
        let error = format!("Invalid ttl {said:?}: give a span such as 10m or 1h30m, or whole seconds");
        let refused = server.trigger("nobody", json!({ "options": { "ttl": ttl } })).await;
        refused.is(422, json!({ "error": error }));
    }
    let started = run_with(&server, "chat", json!({ "ttl": 1 })).await;
    tokio::time::sleep(Duration::from_secs(599)).await;
    assert_eq!(server.view(&run).await["status"], "QUEUED");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let view = server.view(&run).await;
    assert_eq!(
        (&view["status"], &view["isFailed"], &view["isCompleted"]),
        (&json!("EXPIRED"), &json!(true), &json!(true))
    );
    assert!(view["expiredAt"].is_string() && view["finishedAt"].is_string());
    assert_eq!(view["error"]["message"], "Run expired because the TTL (10m) was reached");
    assert_eq!(server.view(&for_ever).await["status"], "QUEUED");
    assert_eq!(server.view(&started).await["status"], "EXECUTING");
}

#[tokio::test]
async fn every_status_has_its_public_name_and_its_flags() {
    let server = Server::with(Config { faults: true, ..Config::default() });
    let flags = ["isQueued", "isWaiting", "isExecuting", "isFailed", "isSuccess", "isCompleted", "isCancelled"];
    for (status, public, is) in [
        ("DELAYED", "DELAYED", "isQueued"),
        ("WAITING_FOR_DEPLOY", "PENDING_VERSION", "isQueued"),
        ("PENDING_VERSION", "PENDING_VERSION", "isQueued"),
        ("PENDING", "QUEUED", "isQueued"),
        ("DEQUEUED", "DEQUEUED", "isExecuting"),
        ("EXECUTING", "EXECUTING", "isExecuting"),
        ("RETRYING_AFTER_FAILURE", "EXECUTING", "isExecuting"),
        ("PAUSED", "WAITING", "isWaiting"),
        ("WAITING_TO_RESUME", "WAITING", "isWaiting"),
        ("COMPLETED_SUCCESSFULLY", "COMPLETED", "isSuccess isCompleted"),
        ("COMPLETED_WITH_ERRORS", "FAILED", "isFailed isCompleted"),
        ("INTERRUPTED", "FAILED", "isFailed isCompleted"),
        ("CANCELED", "CANCELED", "isCancelled"),
        ("CRASHED", "CRASHED", "isFailed isCompleted"),
        ("SYSTEM_FAILURE", "SYSTEM_FAILURE", "isFailed isCompleted"),
        ("EXPIRED", "EXPIRED", "isFailed isCompleted"),
        ("TIMED_OUT", "TIMED_OUT", "isFailed isCompleted"),
    ] {
        let run = server.idle_run().await;
        let report = server.ask("PUT", format!("/dev/runs/{run}")).body(json!({ "status": status }).to_string());
        assert_eq!(report.answer().await.status, 200);
        let view = server.view(&run).await;
        assert_eq!(view["status"], public);
        let set: Vec<_> = flags.into_iter().filter(|flag| view[*flag] == true).collect();
        assert_eq!(set.join(" "), is, "{status}");
        let is_over = is.contains("isCompleted") || is == "isCancelled";
        assert_eq!(view.get("finishedAt").is_some(), is_over, "{status}");
    }
    for (body, status) in [(r#"{"status":"DONE"}"#, 400), (r#"{"state":"PENDING"}"#, 400)] {
        let run = server.idle_run().await;
        assert_eq!(server.ask("PUT", format!("/dev/runs/{run}")).body(body).answer().await.status, status);
    }
    assert_eq!(server.ask("PUT", "/dev/runs/run_unknown").body("{}").answer().await.status, 404);
}

#[tokio::test]
async fn a_list_goes_page_by_page() {
    let server = Server::new();
    let mut runs = Vec::new();
    for n in 0..5 {
        runs.insert(0, run_with(&server, "listed", json!({ "tags": [format!("n{n}")] })).await);
    }
    server.idle_run().await;
    let page = async |query: &str| {
        let path = format!("/api/v1/runs?page%5Bsize%5D=2&filter%5BtaskIdentifier%5D=listed{query}");
        let page = server.ask("GET", path).answer().await.json();
        let ids: Vec<String> =
            page["data"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect();
        (ids, page["pagination"].clone())
    };
    let (first, links) = page("").await;
    assert_eq!(first, runs[..2]);
    assert!(links.get("previous").is_none());
    let (second, links) = page(&format!("&page%5Bafter%5D={}", links["next"].as_str().unwrap())).await;
    assert_eq!(second, runs[2..4]);
    let (back, _) = page(&format!("&page%5Bbefore%5D={}", links["previous"].as_str().unwrap())).await;
    assert_eq!(back, runs[..2]);
    let (last, links) = page(&format!("&page%5Bafter%5D={}", links["next"].as_str().unwrap())).await;
    assert_eq!(last, runs[4..]);
    assert!(links.get("next").is_none());

    assert_eq!(page("&filter%5Btag%5D=n1,n3").await.0, [runs[1].clone(), runs[3].clone()]);
    let (first, links) = page("&filter%5Bstatus%5D=QUEUED").await;
    assert_eq!(first, runs[..2]);
    // The place stays one when what stood there is not wanted any more.
    server.cancel(&runs[1]).await;
    let after = format!("&filter%5Bstatus%5D=QUEUED&page%5Bafter%5D={}", links["next"].as_str().unwrap());
    assert_eq!(page(&after).await.0, runs[2..4]);
    server.cancel(&runs[2]).await;
    assert_eq!(page("&filter%5Bstatus%5D=CANCELED,FAILED").await.0, runs[1..3]);
    assert_eq!(page("&filter%5BcreatedAt%5D%5Bperiod%5D=1h").await.0, runs[..2]);
    assert_eq!(page("&filter%5BcreatedAt%5D%5Bto%5D=1000").await.0, Vec::<String>::new());
    assert_eq!(page("&filter%5BisTest%5D=true").await.0, Vec::<String>::new());

    for (scope, path, status) in [
        ("read:runs", "/api/v1/runs", 200),
        ("read:tasks:listed", "/api/v1/runs?filter%5BtaskIdentifier%5D=listed", 200),
        ("read:tasks:listed", "/api/v1/runs", 403),
        ("read:runs:run_1", "/api/v1/runs", 403),
    ] {
        let token = server.mint(&[scope.to_owned()]).await;
        assert_eq!(server.ask("GET", path).token(&token).answer().await.status, status, "{scope} {path}");
    }
}

#[tokio::test]
async fn a_page_may_cancel_a_run_that_its_token_may_write() {
    let server = Server::new();
    let (run, other) = (server.idle_run().await, server.idle_run().await);
    let token = server.mint(&[format!("write:runs:{run}")]).await;
    let cancel = |run: &str| {
        let ask = server.ask("POST", format!("/api/v2/runs/{run}/cancel")).token(&token).body("{}");
        ask.header("origin", "https://app.example.com").answer()
    };
    let canceled = cancel(&run).await;
    assert_eq!(canceled.header("access-control-allow-origin"), Some("https://app.example.com"));
    canceled.is(200, json!({ "id": run }));
    assert_eq!(cancel(&other).await.status, 403);
    let view = server.view(&run).await;
    assert_eq!(view["error"], json!({ "message": "Canceled by user" }));
    let preflight = server.ask("OPTIONS", format!("/api/v2/runs/{run}/cancel")).anonymous();
    preflight.header("origin", "https://app.example.com").answer().await.is(200, json!({}));
}

#[tokio::test]
async fn tags_are_added_once_and_ten_at_most() {
    let server = Server::new();
    let run = run_with(&server, "nobody", json!({ "tags": ["a"] })).await;
    let add = |tags: Value| {
        let body = json!({ "tags": tags }).to_string();
        server.ask("POST", format!("/api/v1/runs/{run}/tags")).body(body).answer()
    };
    add(json!(["a", "b", "c", "b"])).await.is(200, json!({ "message": "Successfully set 2 new tags." }));
    add(json!("b")).await.is(200, json!({ "message": "No new tags to add" }));
    assert_eq!(server.view(&run).await["tags"], json!(["a", "b", "c"]));
    let many: Vec<String> = (0..8).map(|n| format!("n{n}")).collect();
    add(json!(many)).await.is(422, json!({ "error": "Runs can only have 10 tags, you're trying to set 11." }));
    for tags in [json!(5), json!("x".repeat(129))] {
        add(tags).await.is(400, json!({ "error": "Invalid request body" }));
    }
    assert_eq!(server.view(&run).await["tags"], json!(["a", "b", "c"]));
    let unknown = server.ask("POST", "/api/v1/runs/run_unknown/tags").body(r#"{"tags":"a"}"#).answer().await;
    unknown.is(404, json!({ "error": "Run not found" }));
}

#[tokio::test]
async fn progress_says_how_far_it_is() {
    let server = Server::new();
    let run = server.run_of("progress", json!({ "steps": 3, "name": "Import" })).await;
    let view = server.ended(&run).await;
    assert_eq!((&view["status"], &view["output"]), (&json!("COMPLETED"), &json!({ "done": 3, "total": 3 })));
    let metadata = &view["metadata"];
    assert_eq!(metadata["progress"], json!({ "done": 3, "total": 3 }));
    assert_eq!(metadata["label"], "Import: done");
    let logs = ["Import begins", "Step 1 of 3 is done", "Step 2 of 3 is done", "Step 3 of 3 is done"];
    assert_eq!(metadata["logs"], json!(logs));
}

#[tokio::test(start_paused = true)]
async fn progress_fails_when_it_is_told_to_and_stops_when_it_is_cancelled() {
    let server = Server::new();
    let run = server.run_of("progress", json!({ "steps": 4, "fail": true })).await;
    let view = server.ended(&run).await;
    assert_eq!((&view["status"], &view["error"]["message"]), (&json!("FAILED"), &json!("a job failed at step 3 of 4")));
    assert_eq!(view["metadata"]["progress"]["done"], 2);

    let run = server.run_of("progress", json!({ "steps": 1000 })).await;
    until(&server, &run, "EXECUTING").await;
    server.cancel(&run).await;
    let canceled = server.view(&run).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(server.view(&run).await, canceled, "nothing goes on");

    for payload in [
        json!({ "steps": 0 }),
        json!({ "steps": 5000 }),
        json!({ "steps": "many" }),
        json!("x"),
        json!({ "name": "x".repeat(201) }),
    ] {
        let run = server.run_of("progress", payload.clone()).await;
        let view = server.ended(&run).await;
        assert_eq!(view["status"], "FAILED", "{payload}");
        assert!(view["error"]["message"].as_str().unwrap().contains(r#""steps": 20"#));
    }
    let run = server.trigger("progress", json!({})).await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(server.ended(&run).await["output"]["total"], 20, "without a payload");
}

#[tokio::test(start_paused = true)]
async fn progress_stops_in_good_order_when_it_is_told_to() {
    let server = Server::new();
    for data in [json!({ "reason": "enough" }), Value::Null] {
        let run = server.run_of("progress", json!({ "steps": 1000, "name": "Import" })).await;
        while server.view(&run).await["metadata"]["progress"]["done"].as_u64() < Some(3) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.send(&run, "cancel", data).await.is(200, json!({ "ok": true }));
        let view = server.ended(&run).await;
        assert_eq!((&view["status"], &view["output"]["total"]), (&json!("COMPLETED"), &json!(1000)));
        let done = view["output"]["done"].as_u64().unwrap();
        assert!((3..6).contains(&done), "at once: {done}");
        let metadata = &view["metadata"];
        assert_eq!(metadata["progress"], view["output"]);
        assert_eq!(metadata["label"], format!("Import: stopped after {done} of 1000 steps"));
        assert_eq!(metadata["logs"].as_array().unwrap().last().unwrap(), "Import was told to stop");
    }
}

#[tokio::test(start_paused = true)]
async fn progress_that_is_told_to_stop_before_it_begins_does_nothing() {
    let server = Server::new();
    let body = json!({ "payload": { "steps": 5, "fail": true }, "options": { "delay": "1h" } });
    let run = server.trigger("progress", body).await.json()["id"].as_str().unwrap().to_owned();
    server.send(&run, "cancel", json!(true)).await.is(200, json!({ "ok": true }));
    let until = json!({ "delay": "0s" }).to_string();
    server.ask("POST", format!("/api/v1/runs/{run}/reschedule")).body(until).answer().await;
    let view = server.ended(&run).await;
    assert_eq!((&view["status"], &view["output"]), (&json!("COMPLETED"), &json!({ "done": 0, "total": 5 })));
    assert_eq!(view["metadata"]["logs"], json!(["a job begins", "a job was told to stop"]));
}
