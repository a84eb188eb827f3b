use std::time::Duration;

use serde_json::{Value, json};
use tidegate_dev_server::Config;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::{advance, sleep};

use crate::hand::{Hand, offer};
use crate::support::Server;

const SILENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_run_is_executed_by_a_worker_from_its_trigger_to_its_output() {
    let server = Server::new();
    let body = json!({ "payload": { "n": 1 }, "options": { "tags": ["a"], "maxDuration": 7 } });
    let run = server.trigger("mine", body).await.json()["id"].take();
    let run = run.as_str().unwrap();
    assert_eq!(server.view(run).await["status"], "QUEUED", "there is no worker yet");
    let worker = Hand::new(&server, "a", 1).await;
    let order = worker.order().await;
    let told = ["kind", "attempt", "execution", "payload", "payloadType", "waits"].map(|name| order[name].clone());
    let expected = [json!("start"), json!(1), json!(1), json!(r#"{"n":1}"#), json!("application/json"), json!([])];
    assert_eq!(told, expected);
    let told = ["id", "task", "tags", "maxDuration"].map(|name| order["run"][name].clone());
    assert_eq!(told, [json!(run), json!("mine"), json!(["a"]), json!(7)]);
    assert_eq!(server.view(run).await["status"], "EXECUTING");
    server.complete(run, 1, "done").await.is(200, json!({ "ok": true }));
    let view = server.view(run).await;
    let shown = ["status", "output", "attemptCount", "durationMs"].map(|name| view[name].clone());
    assert_eq!(shown, [json!("COMPLETED"), json!("done"), json!(1), json!(5)]);
}

#[tokio::test]
async fn who_has_no_secret_key_is_no_worker() {
    let server = Server::new();
    let token = server.mint(&["write:runs".to_owned()]).await;
    for path in ["worker/connect", "worker/poll", "worker/leave", "runs/r/complete", "runs/r/fail"] {
        let answer = server.ask("POST", format!("/engine/v1/{path}")).token(&token).body("{}").answer().await;
        assert_eq!(answer.status, 401, "{path}");
    }
    let wrong = json!({ "worker": "a", "protocol": 2, "tasks": [], "concurrency": 1 }).to_string();
    let answer = server.ask("POST", "/engine/v1/worker/connect").body(wrong).answer().await;
    assert_eq!(answer.status, 422);
    assert!(answer.body.contains("of one version"), "{}", answer.body);
}

#[tokio::test]
async fn an_execution_is_a_number_from_one_on() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    let made = server.make_wait(&run, 1, json!({})).await.json();
    let paths = [
        ("POST", format!("/api/v1/runs/{run}/input-streams/wait"), r#"{"streamId":"words"}"#),
        ("POST", format!("/engine/v1/runs/{run}/waitpoints/tokens/{}/wait", made["waitpointId"].as_str().unwrap()), ""),
        ("PUT", format!("/api/v1/runs/{run}/metadata"), r#"{"metadata":{"n":1}}"#),
    ];
    for (method, path, body) in paths {
        for unreadable in ["", "0", "-1", "1.0", "one", "1, 1", "99999999999"] {
            let ask = server.ask(method, path.as_str()).header("x-tidegate-execution", unreadable);
            let answer = ask.body(body).answer().await;
            let error = answer.json()["error"].as_str().unwrap().to_owned();
            assert_eq!(
                (answer.status.as_u16(), error.contains("a whole one from 1 on")),
                (400, true),
                "{path} {error}"
            );
        }
        let stale = server.ask(method, path.as_str()).header("x-tidegate-execution", "2").body(body).answer().await;
        assert!([409, 410].contains(&stale.status.as_u16()), "{path} {}", stale.status);
    }
    for what in ["complete", "fail"] {
        let body = json!({ "execution": 0, "error": { "type": "STRING_ERROR", "raw": "no" } });
        let answer = server.report(&run, what, body).await;
        assert_eq!(answer.status, 400, "{what} {}", answer.body);
    }
    assert_eq!(server.view(&run).await["status"], "EXECUTING");
}

#[tokio::test]
async fn a_run_that_this_server_executes_is_no_workers() {
    let server = Server::new();
    let run = server.run_of("approval", json!({ "topic": "x" })).await;
    let mut result = server.stream(&run, "result").events().await;
    while result.next().await.unwrap().parts() != [json!({ "state": "waiting" })] {}
    let claims = json!([{ "id": run, "execution": 0, "waits": [] }]);
    let (_, kept) = Hand::with(&server, "a", offer(1), claims).await;
    assert_eq!(kept, json!([]));
    let token = server.ask("POST", "/api/v1/waitpoints/tokens").body("{}").answer().await.json();
    let path = format!("/engine/v1/runs/{run}/waitpoints/tokens/{}/wait", token["id"].as_str().unwrap());
    assert_eq!(server.ask("POST", path).body("").answer().await.status, 410);
    assert_eq!(server.view(&run).await["status"], "EXECUTING");
}

#[tokio::test(start_paused = true)]
async fn an_order_is_told_until_it_is_said_to_have_come() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 10).await;
    let run = server.run_of("mine", Value::Null).await;
    let (lost, again) = (worker.poll().await, worker.take().await);
    assert_eq!((lost.len(), &lost[0]["run"]["id"]), (1, &json!(run)));
    assert_eq!(lost, again);
    assert!(worker.take().await.is_empty(), "and then it is held until its time is out");
}

#[tokio::test]
async fn a_large_output_lies_elsewhere_and_a_payload_that_does_is_told_whole() {
    let server = Server::new();
    let large = "x".repeat(600_000);
    let worker = Hand::new(&server, "a", 1).await;
    let run = server.run_of("mine", json!(large)).await;
    let order = worker.order().await;
    assert_eq!(order["payload"], json!(format!("\"{large}\"")));
    server.complete(&run, 1, &large).await.is(200, json!({ "ok": true }));
    assert!(server.view(&run).await["outputPresignedUrl"].is_string());
    let run = worker.begin().await;
    let answer = server.complete(&run, 1, &"x".repeat(11_000_000)).await;
    answer.is(413, json!({ "error": "Request body too large" }));
}

#[tokio::test]
async fn what_fails_is_tried_again_until_its_attempts_are_used_up() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    for attempt in 1..3 {
        let answer = server.fail(&run, attempt).await;
        assert!(answer.json()["retryAt"].is_string(), "{}", answer.body);
        let order = worker.order().await;
        assert_eq!((&order["attempt"], &order["execution"]), (&json!(attempt + 1), &json!(attempt + 1)));
    }
    assert_eq!(server.view(&run).await["error"]["message"], "no", "of the attempt before");
    server.fail(&run, 3).await.is(200, json!({ "ok": true }));
    let view = server.view(&run).await;
    assert_eq!((&view["status"], &view["attemptCount"]), (&json!("FAILED"), &json!(3)));
    assert_eq!(view["error"], json!({ "name": "E", "message": "no", "stackTrace": "" }));
}

#[tokio::test]
async fn an_attempt_that_is_between_two_is_shown_as_such_and_its_error_goes_with_success() {
    let server = Server::new();
    let mut offer = offer(1);
    offer["tasks"][0]["retry"] = json!({ "minTimeoutInMs": 50, "maxTimeoutInMs": 50, "randomize": false });
    let (worker, _) = Hand::with(&server, "a", offer, json!([])).await;
    let run = worker.begin().await;
    server.fail(&run, 1).await;
    let feed = server.ask("GET", format!("/realtime/v1/runs/{run}?offset=-1")).answer().await.json();
    assert_eq!(feed[0]["value"]["status"], "RETRYING_AFTER_FAILURE");
    assert_eq!(server.view(&run).await["status"], "EXECUTING");
    worker.order().await;
    server.complete(&run, 2, "done").await;
    let view = server.view(&run).await;
    assert_eq!((&view["status"], view.get("error")), (&json!("COMPLETED"), None));
}

#[tokio::test]
async fn some_failures_are_final() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let once = json!({ "options": { "maxAttempts": 1 } });
    let run = server.trigger("mine", once).await.json()["id"].as_str().unwrap().to_owned();
    worker.order().await;
    server.fail(&run, 1).await;
    assert_eq!(server.view(&run).await["status"], "FAILED");

    let run = worker.begin().await;
    let error = json!({ "type": "STRING_ERROR", "raw": "enough" });
    server.report(&run, "fail", json!({ "execution": 1, "error": error, "isFinal": true })).await;
    assert_eq!(server.view(&run).await["error"]["message"], "enough");

    let run = worker.begin().await;
    let error = json!({ "type": "INTERNAL_ERROR", "code": "MAX_DURATION_EXCEEDED" });
    server.report(&run, "fail", json!({ "execution": 1, "error": error })).await;
    assert_eq!(server.view(&run).await["status"], "TIMED_OUT");
    let refused = server.trigger("mine", json!({ "options": { "maxAttempts": 0 } })).await;
    assert_eq!(refused.status, 422);
}

#[tokio::test(start_paused = true)]
async fn runs_of_a_silent_worker_get_another_attempt_and_what_it_says_later_does_not_count() {
    let server = Server::new();
    let silent = Hand::new(&server, "silent", 1).await;
    let run = silent.begin().await;
    silent.take().await;
    let other = Hand::new(&server, "other", 1).await;
    assert!(other.take().await.is_empty());
    let order = async {
        loop {
            if let [order] = &other.take().await[..] {
                return order.clone();
            }
        }
    };
    let order = order.await;
    assert_eq!((&order["run"]["id"], &order["attempt"], &order["execution"]), (&json!(run), &json!(2), &json!(2)));

    assert_eq!(silent.ask("poll", json!({})).await.status, 410);
    assert_eq!(server.complete(&run, 1, "late").await.status, 410);
    assert_eq!(server.fail(&run, 1).await.status, 410);
    assert_eq!(server.make_wait(&run, 1, json!({})).await.status, 410);
    let (_, kept) = Hand::with(&server, "silent", offer(1), json!([{ "id": run, "execution": 1 }])).await;
    assert_eq!(kept, json!([]), "it is not its own any more");
    server.complete(&run, 2, "done").await.is(200, json!({ "ok": true }));
    assert_eq!(server.view(&run).await["output"], "done");
}

#[tokio::test]
async fn an_execution_that_does_not_count_any_more_changes_no_metadata() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let parent = server.idle_run().await;
    let body = json!({ "options": { "parentRunId": parent } });
    let run = server.trigger("mine", body).await.json()["id"].take();
    let run = run.as_str().unwrap();
    worker.order().await;
    server.fail(run, 1).await;
    worker.order().await;
    let count = async |execution: u32, key: &str| {
        let one = json!([{ "type": "increment", "key": "n", "value": 1 }]);
        let body = json!({ "operations": one, "parentOperations": one }).to_string();
        let ask = server.ask("PUT", format!("/api/v1/runs/{run}/metadata")).body(body);
        let ask = ask.header("x-tidegate-execution", &execution.to_string());
        ask.header("x-trigger-request-idempotency-key", key).answer().await.status
    };
    assert_eq!(count(1, "late").await, 410);
    assert_eq!(count(2, "once").await, 200);
    server.complete(run, 2, "done").await;
    assert_eq!(count(2, "after its end").await, 410);
    assert_eq!(count(2, "once").await, 200, "the repeat of what was done while it counted");
    for run in [run, &parent] {
        assert_eq!(server.view(run).await["metadata"], json!({ "n": 1 }));
    }
}

#[tokio::test]
async fn an_execution_that_does_not_count_any_more_writes_to_no_stream() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let other = server.idle_run().await;
    let run = worker.begin().await;
    server.fail(&run, 1).await;
    worker.order().await;
    let ask = |method: &'static str, to: &str, execution: u32| {
        let ask = server.ask(method, format!("/realtime/v1/streams/{to}/self/steps"));
        ask.header("x-tidegate-execution", &execution.to_string()).header("x-tidegate-run", &run)
    };
    for to in [&run, &other] {
        for (method, done) in [("PUT", 202), ("POST", 200)] {
            assert_eq!(ask(method, to, 1).body("1\n").answer().await.status, 410, "{method}");
            assert_eq!(ask(method, to, 2).body("2\n").answer().await.status, done, "{method}");
        }
    }
    server.complete(&run, 2, "done").await;
    assert_eq!(ask("PUT", &run, 2).body("").answer().await.status, 410);
}

#[tokio::test]
async fn an_execution_that_is_over_in_the_middle_of_what_it_writes_writes_nothing_more() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    let (write, lines) = unbounded_channel();
    let ask = server.ask("POST", format!("/realtime/v1/streams/{run}/self/steps")).piecemeal(lines);
    let written = ask.header("x-tidegate-execution", "1").answer();
    let meanwhile = async {
        let mut read = server.stream(&run, "steps").events().await;
        write.send("1\n").unwrap();
        while read.next().await.unwrap().parts() != [json!(1)] {}
        server.fail(&run, 1).await;
        write.send("2\n").unwrap();
        drop(write);
    };
    let (written, ()) = tokio::join!(written, meanwhile);
    assert_eq!(written.status, 410);
    let read = server.stream(&run, "steps").header("timeout-seconds", "0").events().await;
    assert_eq!(read.parts().await, [json!(1)]);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_last_attempt_vanishes_fails_with_its_worker() {
    let server = Server::new();
    let mut offer = offer(1);
    offer["tasks"][0]["retry"]["maxAttempts"] = json!(1);
    let (worker, _) = Hand::with(&server, "a", offer, json!([])).await;
    let run = worker.begin().await;
    worker.take().await;
    advance(SILENCE).await;
    let view = server.ended(&run).await;
    assert_eq!((&view["status"], &view["attemptCount"]), (&json!("SYSTEM_FAILURE"), &json!(1)));
    assert_eq!(view["error"]["message"], "trigger.dev internal error (TASK_RUN_STALLED_EXECUTING)");
}

#[tokio::test]
async fn what_never_reached_its_worker_is_no_attempt() {
    let server = Server::with(Config { worker_silence: Duration::from_millis(60), ..Config::default() });
    let gone = Hand::new(&server, "gone", 1).await;
    let run = {
        let poll = gone.take();
        tokio::pin!(poll);
        let run = tokio::select! {
            biased;
            _ = &mut poll => unreachable!("there is nothing to do"),
            run = server.run_of("mine", Value::Null) => run,
        };
        assert_eq!(server.view(&run).await["status"], "EXECUTING", "given to the poll that is now cut off");
        run
    };
    let other = Hand::new(&server, "other", 1).await;
    let mut orders = other.take().await;
    while orders.is_empty() {
        orders = other.take().await;
    }
    assert_eq!((&orders[0]["run"]["id"], &orders[0]["attempt"]), (&json!(run), &json!(1)));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_leaves_gives_back_what_it_has() {
    let server = Server::new();
    let leaving = Hand::new(&server, "leaving", 2).await;
    let (executing, waiting) = (leaving.begin().await, leaving.begin().await);
    server.wait(&waiting, 1, json!({})).await;
    assert!(leaving.ask("poll", json!({ "seen": 2, "isLeaving": true })).await.json()["orders"] == json!([]));
    server.run_of("mine", Value::Null).await;
    let other = Hand::new(&server, "other", 10).await;
    assert_eq!(other.take().await.len(), 1, "the new one, and not that which executes elsewhere");
    server.send(&waiting, "words", json!(1)).await;
    let order = other.order().await;
    assert_eq!((&order["run"]["id"], &order["attempt"], &order["execution"]), (&json!(waiting), &json!(1), &json!(2)));
    leaving.ask("leave", json!({})).await;
    let order = other.order().await;
    assert_eq!((&order["run"]["id"], &order["attempt"]), (&json!(executing), &json!(1)));
    assert_eq!(leaving.ask("poll", json!({})).await.status, 410);
    assert_eq!(server.complete(&executing, 1, "late").await.status, 410);
}

#[tokio::test]
async fn a_worker_is_told_when_a_run_is_cancelled() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    let next = server.run_of("mine", Value::Null).await;
    server.cancel(&run).await;
    let orders = worker.take().await;
    let told: Vec<_> = orders.iter().map(|order| (&order["kind"], &order["run"])).collect();
    assert_eq!(told[0], (&json!("cancel"), &json!(run)));
    assert_eq!((told[1].0, &told[1].1["id"]), (&json!("start"), &json!(next)), "there is room again");
    assert_eq!(server.complete(&run, 1, "late").await.status, 410);
    assert_eq!(server.view(&run).await["status"], "CANCELED");
}

#[tokio::test]
async fn a_worker_gets_no_more_than_it_has_room_for_and_others_get_the_rest() {
    let server = Server::new();
    for _ in 0..5 {
        server.run_of("mine", Value::Null).await;
    }
    let other = server.run_of("other", Value::Null).await;
    let (small, large) = (Hand::new(&server, "small", 2).await, Hand::new(&server, "large", 10).await);
    assert_eq!((small.take().await.len(), large.take().await.len()), (2, 3));
    assert_eq!(server.view(&other).await["status"], "QUEUED");
}

#[tokio::test(start_paused = true)]
async fn a_poll_counts_as_a_sign_of_life() {
    let server = Server::new();
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    for _ in 0..10 {
        assert!(worker.take().await.is_empty());
    }
    server.complete(&run, 1, "done").await.is(200, json!({ "ok": true }));
    sleep(SILENCE + Duration::from_secs(1)).await;
    assert_eq!(worker.ask("poll", json!({})).await.status, 410);
}
