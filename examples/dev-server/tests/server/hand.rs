//! A worker, whose hands the test is.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::support::{Answer, Server};

pub(crate) struct Hand<'a> {
    server: &'a Server,
    id: &'static str,
    session: String,
    seen: AtomicU64,
}

/// Three attempts without pauses worth mentioning.
pub(crate) fn offer(concurrency: u32) -> Value {
    let retry = json!({ "maxAttempts": 3, "minTimeoutInMs": 1, "maxTimeoutInMs": 1 });
    json!({ "protocol": 1, "concurrency": concurrency, "tasks": [{ "id": "mine", "retry": retry }] })
}

impl<'a> Hand<'a> {
    pub(crate) async fn new(server: &'a Server, id: &'static str, concurrency: u32) -> Self {
        Self::with(server, id, offer(concurrency), json!([])).await.0
    }

    /// One that says it holds runs, and which of them the server lets it have.
    pub(crate) async fn with(server: &'a Server, id: &'static str, mut offer: Value, runs: Value) -> (Self, Value) {
        (offer["worker"], offer["runs"]) = (json!(id), runs);
        let answer = server.ask("POST", "/engine/v1/worker/connect").body(offer.to_string()).answer().await;
        let connected = answer.json();
        let session = connected["session"].as_str().unwrap().to_owned();
        (Self { server, id, session, seen: AtomicU64::new(0) }, connected["runs"].clone())
    }

    pub(crate) async fn ask(&self, what: &str, more: Value) -> Answer {
        let mut body = json!({ "worker": self.id, "session": self.session });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.server.ask("POST", format!("/engine/v1/worker/{what}")).body(body.to_string()).answer().await
    }

    /// The orders that it has not said to have seen.
    pub(crate) async fn poll(&self) -> Vec<Value> {
        let answer = self.ask("poll", json!({ "seen": self.seen.load(Ordering::Relaxed) })).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["orders"].as_array().unwrap().clone()
    }

    /// The same, said to have been seen.
    pub(crate) async fn take(&self) -> Vec<Value> {
        let orders = self.poll().await;
        if let Some(order) = orders.last() {
            self.seen.store(order["seq"].as_u64().unwrap(), Ordering::Relaxed);
        }
        orders
    }

    /// The one order that there is.
    pub(crate) async fn order(&self) -> Value {
        let mut orders = self.take().await;
        assert_eq!(orders.len(), 1, "{orders:?}");
        orders.remove(0)
    }

    /// Takes up a run of its task, which is triggered for that.
    pub(crate) async fn begin(&self) -> String {
        let run = self.server.run_of("mine", Value::Null).await;
        let order = self.order().await;
        assert_eq!((&order["kind"], &order["run"]["id"]), (&json!("start"), &json!(run)));
        run
    }
}

impl Server {
    pub(crate) async fn report(&self, run: &str, what: &str, body: Value) -> Answer {
        self.ask("POST", format!("/engine/v1/runs/{run}/{what}")).body(body.to_string()).answer().await
    }

    pub(crate) async fn complete(&self, run: &str, execution: u32, output: &str) -> Answer {
        let body = json!({ "execution": execution, "output": output, "outputType": "text/plain", "usageMs": 5 });
        self.report(run, "complete", body).await
    }

    pub(crate) async fn fail(&self, run: &str, execution: u32) -> Answer {
        let error = json!({ "type": "BUILT_IN_ERROR", "name": "E", "message": "no", "stackTrace": "" });
        self.report(run, "fail", json!({ "execution": execution, "error": error })).await
    }

    pub(crate) async fn make_wait(&self, run: &str, execution: u32, mut body: Value) -> Answer {
        body["streamId"] = json!("words");
        let ask = self.ask("POST", format!("/api/v1/runs/{run}/input-streams/wait"));
        ask.header("x-tidegate-execution", &execution.to_string()).body(body.to_string()).answer().await
    }

    pub(crate) async fn suspend(&self, run: &str, execution: u32, waitpoint: &str) -> Answer {
        let ask = self.ask("POST", format!("/engine/v1/runs/{run}/waitpoints/tokens/{waitpoint}/wait"));
        ask.header("x-tidegate-execution", &execution.to_string()).body("").answer().await
    }

    /// Has a run wait for input, and gives the id of the wait.
    pub(crate) async fn wait(&self, run: &str, execution: u32, body: Value) -> String {
        let made = self.make_wait(run, execution, body).await.json();
        let id = made["waitpointId"].as_str().unwrap().to_owned();
        self.suspend(run, execution, &id).await.is(200, json!({ "success": true }));
        id
    }
}
