//! `progress`: works through a number of steps and says in its metadata how far it is.
//!
//! Payload `{"steps"?: number, "name"?: string, "fail"?: boolean}`: 1 to 1000 steps, 20 unless said otherwise; with `fail` it fails half
//! way. Metadata `{"progress": {"done": number, "total": number}, "label": string, "logs": string[]}`.
//! Output `{"name": string, "steps": number}`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::TaskResult;
use super::context::TaskContext;
use crate::metadata::Operation;

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
    tell(&context, &job, 0, format!("{} begins", job.name))?;
    for done in 1..=job.steps {
        for _ in 0..TOKENS_PER_STEP {
            context.pace().await;
        }
        if job.fail && done * 2 > job.steps {
            return Err(format!("{} failed at step {done} of {}", job.name, job.steps));
        }
        tell(&context, &job, done, format!("Step {done} of {} is done", job.steps))?;
    }
    Ok(json!({ "name": job.name, "steps": job.steps }))
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

fn tell(context: &TaskContext, job: &Job, done: u32, line: String) -> Result<(), String> {
    let label = match done {
        0 => format!("{}: about to begin", job.name),
        _ if done == job.steps => format!("{}: done", job.name),
        _ => format!("{}: step {done} of {}", job.name, job.steps),
    };
    let progress = json!({ "done": done, "total": job.steps });
    context.metadata(&[
        Operation::set("progress", progress),
        Operation::set("label", label),
        Operation::append("logs", line),
    ])
}
