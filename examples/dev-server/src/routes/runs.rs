//! Looking at runs, and what is done to one from outside.

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

use super::options::{MOST_TAGS, delay_until, fits, too_many_tags};
use super::query::{Query, time};
use super::view::{Line, View};
use crate::auth::Caller;
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::{Place, Run};
use crate::tasks;
use crate::upload::Upload;

const BODY_LIMIT: usize = 1_048_576;
const PAGE: usize = 25;
const LARGEST_PAGE: usize = 100;

/// `GET /api/v3/runs/:run`
pub(crate) async fn retrieve(
    State(app): State<AppState>,
    Path(run): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = Caller::of(&headers, &app.config)?;
    let run = app.store.run(&run).ok_or(Refusal::NotFound { retry: true })?;
    caller.must_read(&run)?;
    Ok(respond::json(StatusCode::OK, &View::of(&run, &app, &headers)))
}

/// `POST /api/v2/runs/:run/cancel`. Cancelling a run that has ended changes nothing and succeeds.
pub(crate) async fn cancel(
    State(app): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = Caller::of(&headers, &app.config)?;
    let run = app.store.run(&id);
    let task = run.as_ref().map_or("", |run| &run.task);
    caller.must(&[("write", "runs", &id), ("write", "tasks", task)])?;
    let run = run.ok_or(Refusal::NoResource)?;
    tasks::cancel(&app, &run.id);
    Ok(respond::json(StatusCode::OK, &json!({ "id": run.id })))
}

/// `POST /api/v1/runs/:run/tags` `{"tags": string | string[]}`. Secret key only.
pub(crate) async fn add_tags(
    State(app): State<AppState>,
    Path(run): Path<String>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    let body: Value = serde_json::from_slice(&upload.within(BODY_LIMIT)?).unwrap_or_default();
    let tags: Option<Vec<String>> = match &body["tags"] {
        Value::String(tag) => Some(vec![tag.clone()]),
        Value::Array(tags) => tags.iter().map(|tag| tag.as_str().map(str::to_owned)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    };
    let error = |status, message: &str| Refusal::Error(status, message.to_owned());
    let tags = tags
        .filter(|tags| tags.iter().all(|tag| fits(tag)))
        .ok_or_else(|| error(StatusCode::BAD_REQUEST, "Invalid request body"))?;
    match app.store.tag_run(&run, &tags, MOST_TAGS) {
        None => Err(error(StatusCode::NOT_FOUND, "Run not found")),
        Some(Err(many)) => Err(too_many_tags("Runs", many)),
        Some(Ok(0)) => Ok(respond::json(StatusCode::OK, &json!({ "message": "No new tags to add" }))),
        Some(Ok(new)) => {
            let message = format!("Successfully set {new} new tags.");
            Ok(respond::json(StatusCode::OK, &json!({ "message": message })))
        }
    }
}

/// `POST /api/v1/runs/:run/reschedule` `{"delay": span or time}`: puts a delayed run off. Secret key only.
pub(crate) async fn reschedule(
    State(app): State<AppState>,
    Path(run): Path<String>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    let error = |status, message: &str| Refusal::Error(status, message.to_owned());
    let body: Value = serde_json::from_slice(&upload.within(BODY_LIMIT)?)
        .map_err(|_| error(StatusCode::BAD_REQUEST, "Invalid request body"))?;
    let delay = body["delay"].as_str().ok_or_else(|| error(StatusCode::BAD_REQUEST, "Invalid request body"))?;
    let until = delay_until(delay)?;
    if app.store.run(&run).is_none() {
        return Err(error(StatusCode::NOT_FOUND, "Run not found"));
    }
    if !app.store.delay_run(&run, until) {
        return Err(error(StatusCode::UNPROCESSABLE_ENTITY, "Cannot reschedule a run that is not delayed"));
    }
    let run = app.store.run(&run).ok_or(Refusal::NoResource)?;
    Ok(respond::json(StatusCode::OK, &View::of(&run, &app, &headers)))
}

/// `GET /api/v1/runs/:run/result`. The original keeps results for the runs of its older engine only, so that it answers
/// this for every run that can be triggered today, a finished one included.
pub(crate) async fn result(State(app): State<AppState>, headers: HeaderMap) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    Err(Refusal::Error(StatusCode::NOT_FOUND, "Run either doesn't exist or is not finished".to_owned()))
}

/// `GET /api/v1/runs`: newest first, page by page. Filters `taskIdentifier`, `status`, `tag`, `batch`, `isTest` and
/// `createdAt` (`from`, `to`, `period`), each as `filter[…]`; `page[size]`, `page[after]`, `page[before]`.
pub(crate) async fn list(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = Caller::of(&headers, &app.config)?;
    let query = Query::read(query.as_deref());
    let filter = Filter::read(&query);
    let tasks: Vec<_> = filter.tasks.iter().map(|task| ("read", "tasks", Some(*task))).collect();
    caller.must_any(&[&[("read", "runs", None), ("read", "tasks", None)], tasks.as_slice()].concat())?;

    let size = query.get("page[size]").and_then(|size| size.parse().ok()).unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    let after = query.get("page[after]").and_then(read_cursor).map(Place::After);
    let place = after.or_else(|| query.get("page[before]").and_then(read_cursor).map(Place::Before));
    let page = app.store.list_runs(place.as_ref(), size, |run| filter.wants(run));
    let mut pagination = json!({});
    if let Some(last) = page.items.last().filter(|_| page.has_older) {
        pagination["next"] = cursor(last).into();
    }
    if let Some(first) = page.items.first().filter(|_| page.has_newer) {
        pagination["previous"] = cursor(first).into();
    }
    let lines: Vec<Line<'_>> = page.items.iter().map(|run| Line::of(run, &app)).collect();
    Ok(respond::json(StatusCode::OK, &json!({ "data": lines, "pagination": pagination })))
}

/// What a list shall show. An absent condition is fulfilled.
struct Filter<'a> {
    tasks: Vec<&'a str>,
    statuses: Vec<&'a str>,
    tags: Vec<&'a str>,
    batch: Option<&'a str>,
    is_test: Option<bool>,
    from: Option<u64>,
    to: Option<u64>,
}

impl<'a> Filter<'a> {
    fn read(query: &'a Query) -> Self {
        let time = |name: &str| query.get(name).and_then(time);
        Self {
            tasks: query.list("filter[taskIdentifier]"),
            statuses: query.list("filter[status]"),
            tags: query.list("filter[tag]"),
            batch: query.get("filter[batch]"),
            is_test: query.get("filter[isTest]").and_then(|value| value.parse().ok()),
            from: time("filter[createdAt][from]").or_else(|| query.since("filter[createdAt][period]")),
            to: time("filter[createdAt][to]"),
        }
    }

    fn wants(&self, run: &Run) -> bool {
        let is_among = |names: &[&str], name: &str| names.is_empty() || names.contains(&name);
        is_among(&self.tasks, &run.task)
            && is_among(&self.statuses, run.status.public())
            && (self.tags.is_empty() || run.tags.iter().any(|tag| self.tags.contains(&tag.as_str())))
            && self.batch.is_none_or(|batch| run.batch.as_deref() == Some(batch))
            && self.is_test.is_none_or(|is_test| run.is_test == is_test)
            && self.from.is_none_or(|from| run.created_at >= from)
            && self.to.is_none_or(|to| run.created_at <= to)
    }
}

/// A place in a list, as the original writes it: when the run was created, in microseconds, and its id.
fn cursor(run: &Run) -> String {
    Base64UrlUnpadded::encode_string(
        json!({ "c": run.created_at * 1000, "r": run.internal_id() }).to_string().as_bytes(),
    )
}

fn read_cursor(text: &str) -> Option<String> {
    let json: Value = serde_json::from_slice(&Base64UrlUnpadded::decode_vec(text).ok()?).ok()?;
    Some(json["r"].as_str()?.to_owned())
}
