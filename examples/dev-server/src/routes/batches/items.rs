//! `POST /api/v3/batches/:batch/items`: the items of a batch, one JSON document a line.
//!
//! An upload is taken whole or not at all, and may be repeated: an item whose index has come before is not triggered
//! again. The original has no CORS headers here, so there pages on another origin cannot do what it hands them a token
//! for.

use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

use super::{Item, bad, may_trigger};
use crate::auth::Caller;
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::{BatchItem, BatchPlace, Failure};
use crate::upload::LongUpload;

const ITEM_LIMIT: usize = 3_145_728;

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    id: String,
    items_accepted: u64,
    items_deduplicated: u64,
    sealed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    enqueued_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_count: Option<u64>,
    run_count: u64,
}

pub(crate) async fn add(
    State(app): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    upload: LongUpload,
) -> Result<Response, Refusal> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !["application/x-ndjson", "application/ndjson"].iter().any(|known| content_type.contains(known)) {
        let message = "Content-Type must be application/x-ndjson or application/ndjson".to_owned();
        return Err(Refusal::Error(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let caller = Caller::of(&headers, &app.config)?;
    let lines = read(&upload.0)?;
    let may_write = caller.may("write", "batch", Some(&id));
    let may_each = !lines.is_empty() && lines.iter().all(|line| may_trigger(&caller, Some(&line.item.task)));
    if !may_write && !may_each {
        return Err(Refusal::Error(StatusCode::FORBIDDEN, "Unauthorized".to_owned()));
    }
    let refuse = |message: String| Refusal::Error(StatusCode::UNPROCESSABLE_ENTITY, message);
    let batch = app.store.batch(&id).ok_or_else(|| refuse(format!("Batch {id} not found")))?;
    let size = batch.size;
    let answer = Answer { id, run_count: size, ..Answer::default() };
    if batch.sealed_at.is_some() {
        return Ok(respond::json(StatusCode::OK, &Answer { sealed: true, ..answer }));
    }
    if let Some(line) = lines.iter().find(|line| line.index >= size) {
        return Err(refuse(format!("Item index {} exceeds batch runCount {size}", line.index)));
    }
    let sent = lines.len() as u64;
    let accepted = lines.into_iter().filter_map(|line| line.trigger(&app, &answer.id).then_some(())).count() as u64;
    let now = app.store.batch(&answer.id).unwrap_or(batch);
    let sealed = now.sealed_at.is_some();
    let answer = Answer {
        items_accepted: accepted,
        items_deduplicated: sent - accepted,
        sealed,
        enqueued_count: (!sealed).then_some(now.items.len() as u64),
        expected_count: (!sealed).then_some(size),
        ..answer
    };
    Ok(respond::json(StatusCode::OK, &answer))
}

/// `GET` of the same.
pub(crate) async fn read_only() -> Refusal {
    let message = "Method not allowed. Use POST to stream batch items.".to_owned();
    Refusal::Error(StatusCode::METHOD_NOT_ALLOWED, message)
}

struct Line {
    index: u64,
    item: Item,
    bytes: usize,
}

impl Line {
    /// Whether it was new. One that is too large counts, and fails alone.
    fn trigger(self, app: &AppState, batch: &str) -> bool {
        if self.bytes <= ITEM_LIMIT {
            return self.item.trigger(app, batch, self.index);
        }
        let is_new = app.store.reserve_item(batch, self.index) == BatchPlace::Free;
        if is_new {
            let kib = |bytes: usize| bytes as f64 / 1024.0;
            let error = format!(
                "Batch item payload is too large ({:.1} KB). Maximum allowed size is {:.1} KB. Reduce the payload size or \
                 offload large data to external storage.",
                kib(self.bytes),
                kib(ITEM_LIMIT)
            );
            let failure = Failure { task: self.item.task, error, code: Some("PAYLOAD_TOO_LARGE".into()) };
            app.store.settle_item(batch, self.index, BatchItem::Failed(failure));
        }
        is_new
    }
}

fn read(bytes: &[u8]) -> Result<Vec<Line>, Refusal> {
    let mut lines = Vec::new();
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let number = number + 1;
        let body: Value =
            serde_json::from_slice(line).map_err(|error| bad(format!("Invalid JSON at line {number}: {error}")))?;
        let index = body["index"].as_u64();
        let item = Item::read(body, "").ok().zip(index);
        let (item, index) = item.ok_or_else(|| {
            let wanted = r#"an item is like {"index": 0, "task": "my-task", "payload": {}}"#;
            Refusal::Error(StatusCode::UNPROCESSABLE_ENTITY, format!("Invalid item at line {number}: {wanted}"))
        })?;
        lines.push(Line { index, item, bytes: line.len() });
    }
    Ok(lines)
}
