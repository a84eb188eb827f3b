//! `progress`: works through a number of steps and says in its metadata how far it is, until it is done or until input
//! `cancel` gets a record.
//!
//! Payload `{"name"?: string, "steps"?: number, "fail"?: boolean}`: 1 to 1000 steps, 20 unless said otherwise; with
//! `fail` it fails half way. Metadata `{"progress": {"done": number, "total": number}, "label": string, "logs":
//! string[]}`. Output `{"done": number, "total": number}`, with `done` below `total` when it was told to stop. An
//! attempt after the first goes on behind the step that the metadata names.

use std::pin::pin;

use serde::Deserialize;
use serde_json::{Value, json};

use super::TaskResult;
use super::context::TaskContext;
use crate::metadata::{self, Document, Json};

const MOST_STEPS: u32 = 1000;
const LONGEST_NAME: usize = 200;
/// A step takes as long as so many tokens.
const TOKENS_PER_STEP: u32 = 10;

#[derive(Deserialize)]
#[serde(default)]
struct Job {
    steps: u32,
    name: String,
    fail: bool,
}

impl Default for Job {
    fn default() -> Self {
        Self { steps: 20, name: "a job".to_owned(), fail: false }
    }
}

pub(super) async fn run(context: TaskContext, payload: Value) -> TaskResult {
    let job = job_of(payload)?;
    let mut cancel = context.input("cancel");
    let mut cancelled = pin!(cancel.next());
    let before = context.is_repeated().then(|| context.document()).and_then(|document| job.done_by(&document));
    if before.is_none() {
        job.tell(&context, 0, &job.label(0), format!("{} begins", job.name))?;
    }
    for done in before.unwrap_or(0)..job.steps {
        tokio::select! {
            biased;
            told = &mut cancelled => {
                told?;
                let label = format!("{}: stopped after {done} of {} steps", job.name, job.steps);
                job.tell(&context, done, &label, format!("{} was told to stop", job.name))?;
                return Ok(job.progress(done));
            }
            () = step(&context) => {}
        }
        let done = done + 1;
        if job.fail && done * 2 > job.steps {
            return Err(format!("{} failed at step {done} of {}", job.name, job.steps));
        }
        job.tell(&context, done, &job.label(done), format!("Step {done} of {} is done", job.steps))?;
    }
    Ok(job.progress(job.steps))
}

async fn step(context: &TaskContext) {
    for _ in 0..TOKENS_PER_STEP {
        context.pace().await;
    }
}

fn job_of(payload: Value) -> Result<Job, String> {
    let wanted = r#"progress wants a payload like {"steps": 20, "name": "a job", "fail": false}"#;
    let payload = if payload.is_null() { json!({}) } else { payload };
    let job: Job = serde_json::from_value(payload).map_err(|error| format!("{wanted}: {error}"))?;
    let is_fine = (1..=MOST_STEPS).contains(&job.steps) && job.name.chars().count() <= LONGEST_NAME;
    is_fine.then_some(job).ok_or_else(|| {
        format!("{wanted}, with 1 to {MOST_STEPS} steps and a name of {LONGEST_NAME} characters at most")
    })
}

impl Job {
    /// How many steps a document says are done.
    fn done_by(&self, document: &Document) -> Option<u32> {
        let Json::Object(progress) = document.get("progress")? else { return None };
        let Json::Number(done) = progress.get("done")? else { return None };
        (0..=self.steps).find(|step| f64::from(*step) == *done)
    }

    fn progress(&self, done: u32) -> Value {
        json!({ "done": done, "total": self.steps })
    }

    fn label(&self, done: u32) -> String {
        match done {
            0 => format!("{}: about to begin", self.name),
            _ if done == self.steps => format!("{}: done", self.name),
            _ => format!("{}: step {done} of {}", self.name, self.steps),
        }
    }

    fn tell(&self, context: &TaskContext, done: u32, label: &str, line: String) -> Result<(), String> {
        context.metadata(&[
            metadata::set("progress", self.progress(done)),
            metadata::set("label", label),
            metadata::append("logs", line),
        ])
    }
}
