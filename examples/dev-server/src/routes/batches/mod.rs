//! Triggering many runs at once: in one request, or in two, of which the second brings the items line by line.

mod items;
mod view;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

use super::handout::{self, Told};
use super::options::{Options, by_request, until};
use super::trigger::{begin_item, prepare};
use super::validate::{mismatch, read_body};
use crate::auth::Caller;
use crate::clock::now_seconds;
use crate::id;
use crate::jwt::Claims;
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::{Batch, BatchItem, BatchPlace, Created, Failure, Replay};
use crate::upload::Upload;

pub(crate) use items::{add, read_only};
pub(crate) use view::retrieve;

const WHOLE_LIMIT: usize = 1_000_000;
const MOST_ITEMS: usize = 500;
const CREATE_LIMIT: usize = 131_072;
const MOST_RUNS: u64 = 1000;
const LONGEST_KEY: usize = 2048;
const KEY_SECONDS: u64 = 24 * 3600;
const TOKEN_SECONDS: i64 = 3600;

/// `POST /api/v2/tasks/batch`
pub(crate) async fn trigger(
    State(app): State<AppState>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Refusal> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        id: &'a str,
        is_cached: bool,
        run_count: u64,
    }
    let caller = Caller::of(&headers, &app.config)?;
    let body = read_body(&upload.within(WHOLE_LIMIT)?)?;
    let items = read_items(&body)?;
    let tasks = tasks_of(items.iter().map(|item| item.task.as_str()));
    if !tasks.iter().all(|task| may_trigger(&caller, Some(task))) {
        return Err(Refusal::MissingScope);
    }
    if items.is_empty() {
        return Err(bad("Batch cannot be triggered with no items".to_owned()));
    }
    if items.len() > MOST_ITEMS {
        let size = items.len();
        return Err(bad(format!("Batch size of {size} is too large. Maximum allowed batch size is {MOST_ITEMS}.")));
    }
    let token = caller.one_time_token();
    let batch = Batch::new(id::batch(), items.len() as u64, None);
    let (id, size) = (batch.id.clone(), batch.size);
    let replays = by_request(&format!("items of {}", tasks.join(" ")), &headers, token).into_iter().collect();
    let id = match app.store.create_batch(batch, replays, token) {
        Created::Now => id,
        Created::Before { id, .. } => id,
        Created::TokenUsed => return Err(token_used("batch trigger")),
    };
    // Of a repeat as well: what ended the first call may have been this server's end, half way.
    for (index, item) in items.into_iter().enumerate() {
        item.trigger(&app, &id, index as u64);
    }
    let size = app.store.batch(&id).map_or(size, |batch| batch.size);
    let response = respond::json(StatusCode::ACCEPTED, &Body { id: &id, is_cached: false, run_count: size });
    Ok(handout::with_token(response, &app, &reading(&app, &id), Told::Nothing))
}

/// `POST /api/v3/batches`: a batch without its items.
pub(crate) async fn create(
    State(app): State<AppState>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Refusal> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        id: &'a str,
        run_count: u64,
        is_cached: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        idempotency_key: Option<&'a str>,
    }
    let caller = Caller::of(&headers, &app.config)?;
    let body = read_body(&upload.within(CREATE_LIMIT)?)?;
    let size = read_size(&body)?;
    let tasks = read_tasks(&body)?;
    let key = read_key(&body)?;
    let named = tasks.as_ref().is_some_and(|tasks| tasks.iter().all(|task| may_trigger(&caller, Some(task))));
    if !named && !may_trigger(&caller, None) && !caller.may("batchTrigger", "batch", None) {
        return Err(Refusal::MissingScope);
    }
    if size > MOST_RUNS {
        return Err(bad(format!("Batch runCount of {size} exceeds maximum allowed of {MOST_RUNS}.")));
    }
    let tasks = tasks.unwrap_or_default().join(" ");
    let token = caller.one_time_token();
    let by_request = by_request(&format!("batch of {tasks}"), &headers, token);
    let by_key = key.clone().map(|key| (Replay::BatchKey { tasks, key }, until(KEY_SECONDS)));
    let new = Batch::new(id::batch(), size, key);
    let (batch, is_cached) =
        match app.store.create_batch(new.clone(), by_request.into_iter().chain(by_key).collect(), token) {
            Created::Now => (new, false),
            Created::Before { id, by } => (app.store.batch(&id).unwrap_or(new), matches!(by, Replay::BatchKey { .. })),
            Created::TokenUsed => return Err(token_used("create batch")),
        };
    let mut claims = reading(&app, &batch.id);
    let is_browser = headers.get("x-trigger-client").is_some_and(|client| client == "browser");
    if is_browser && may_trigger(&caller, None) {
        claims.scopes.push(format!("write:batch:{}", batch.id));
    }
    let idempotency_key = batch.idempotency_key.as_deref().filter(|_| !is_cached);
    let body = Body { id: &batch.id, run_count: batch.size, is_cached, idempotency_key };
    let response = respond::json(if is_cached { StatusCode::OK } else { StatusCode::ACCEPTED }, &body);
    Ok(handout::with_token(response, &app, &claims, Told::Nothing))
}

/// One run to be.
struct Item {
    task: String,
    body: Value,
}

impl Item {
    fn read(body: Value, path: &str) -> Result<Self, Refusal> {
        if !body.is_object() {
            return Err(mismatch("object", &body, path.trim_end_matches('.')));
        }
        match body.get("task") {
            Some(Value::String(task)) => Ok(Self { task: task.clone(), body }),
            Some(other) => Err(mismatch("string", other, &format!("{path}task"))),
            None => Err(required(&format!("{path}task"))),
        }
    }

    /// Triggers it as the item of this index, unless there is one already: then `false`. One that cannot be triggered
    /// is noted in the batch.
    fn trigger(self, app: &AppState, batch: &str, index: u64) -> bool {
        if app.store.reserve_item(batch, index) != BatchPlace::Free {
            return false;
        }
        let options = Options::read(app, &self.body, &HeaderMap::new());
        let started = options.and_then(|options| {
            let key = options.by_key(&self.task);
            let run = prepare(app, &self.task, &self.body, options, Some(batch))?;
            begin_item(app, run, index, key.into_iter().collect());
            Ok(())
        });
        let error = match started {
            Ok(()) => return true,
            Err(Refusal::Error(_, error)) => error,
            Err(refusal) => format!("This item cannot be triggered: {refusal:?}"),
        };
        app.store.settle_item(batch, index, BatchItem::Failed(Failure { task: self.task, error, code: None }));
        true
    }
}

/// Whether the caller may trigger runs of a task in batches; of every task, when none is named. Who may write may
/// trigger.
fn may_trigger(caller: &Caller, task: Option<&str>) -> bool {
    caller.may("batchTrigger", "tasks", task) || caller.may("write", "tasks", task)
}

fn reading(app: &AppState, batch: &str) -> Claims {
    let scopes = vec![format!("read:batch:{batch}")];
    Claims::new(&app.config.environment_id, scopes, now_seconds(), TOKEN_SECONDS)
}

fn tasks_of<'a>(tasks: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut tasks: Vec<&str> = tasks.collect();
    tasks.sort_unstable();
    tasks.dedup();
    tasks
}

fn read_items(body: &Value) -> Result<Vec<Item>, Refusal> {
    match body.get("items") {
        Some(Value::Array(items)) => {
            let read = |(index, item): (usize, &Value)| Item::read(item.clone(), &format!("items[{index}]."));
            items.iter().enumerate().map(read).collect()
        }
        Some(other) => Err(mismatch("array", other, "items")),
        None => Err(required("items")),
    }
}

fn read_size(body: &Value) -> Result<u64, Refusal> {
    let at = |message: &str| bad(format!("Validation error: {message} at \"runCount\""));
    match body.get("runCount") {
        Some(Value::Number(number)) if number.as_f64().is_some_and(|number| number.fract() != 0.0) => {
            Err(at("Expected integer, received float"))
        }
        Some(Value::Number(number)) if number.as_f64().is_some_and(|number| number <= 0.0) => {
            Err(at("Number must be greater than 0"))
        }
        Some(Value::Number(number)) => Ok(number.as_f64().unwrap_or(f64::MAX) as u64),
        Some(other) => Err(mismatch("number", other, "runCount")),
        None => Err(required("runCount")),
    }
}

fn read_tasks(body: &Value) -> Result<Option<Vec<&str>>, Refusal> {
    let at = |message: &str| bad(format!("Validation error: {message} at \"taskIdentifiers\""));
    match body.get("taskIdentifiers") {
        None => Ok(None),
        Some(Value::Array(tasks)) if tasks.is_empty() => Err(at("Array must contain at least 1 element(s)")),
        Some(Value::Array(tasks)) => {
            let names = tasks.iter().enumerate().map(|(index, task)| {
                task.as_str().ok_or_else(|| mismatch("string", task, &format!("taskIdentifiers[{index}]")))
            });
            Ok(Some(tasks_of(names.collect::<Result<Vec<_>, _>>()?.into_iter())))
        }
        Some(other) => Err(mismatch("array", other, "taskIdentifiers")),
    }
}

fn read_key(body: &Value) -> Result<Option<String>, Refusal> {
    match body.get("idempotencyKey") {
        None => Ok(None),
        Some(Value::String(key)) if key.encode_utf16().count() > LONGEST_KEY => {
            let message = format!("idempotencyKey must be {LONGEST_KEY} characters or less at \"idempotencyKey\"");
            Err(bad(format!("Validation error: {message}")))
        }
        Some(Value::String(key)) => Ok(Some(key.clone()).filter(|key| !key.is_empty())),
        Some(other) => Err(mismatch("string", other, "idempotencyKey")),
    }
}

fn required(path: &str) -> Refusal {
    bad(format!("Validation error: Required at \"{path}\""))
}

const fn bad(message: String) -> Refusal {
    Refusal::Error(StatusCode::BAD_REQUEST, message)
}

fn token_used(verb: &str) -> Refusal {
    let message = format!("Cannot {verb} with a one-time use token as it has already been used.");
    Refusal::Error(StatusCode::UNPROCESSABLE_ENTITY, message)
}
