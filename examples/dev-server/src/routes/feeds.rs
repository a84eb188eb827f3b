//! Feeds of runs: one run, the runs with some tags, the runs of a batch.
//!
//! A reader asks first for what there is, then again and again, `live`, for what has changed since; such a request is
//! held until something does. An offset says all that the server must know of a reader, so none is remembered.

use std::time::Duration;

use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::query::{Query, refuse};
use crate::auth::Caller;
use crate::clock::now_ms;
use crate::faults::MustRefetch;
use crate::feed::{FeedDialect, Offset, Selection, Writer, must_refetch};
use crate::id;
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::Shape;

const MOST_ROWS: usize = 1000;
const LONGEST_LOOK_BACK_MS: u64 = 86_400_000;
const MINUTE_MS: u64 = 60_000;
/// Of the time that a live request is held, in per cent, to either side.
const JITTER: f64 = 15.0;
/// The first version of the API whose clients know the status `DEQUEUED`.
const KNOWS_DEQUEUED: &str = "2025-07-16";

type Refetch = Option<Extension<MustRefetch>>;

/// `GET /realtime/v1/runs/:run`
pub(crate) async fn run(
    State(app): State<AppState>,
    Path(run): Path<String>,
    RawQuery(query): RawQuery,
    refetch: Refetch,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = Caller::of(&headers, &app.config)?;
    let query = Query::read(query.as_deref());
    let run = app.store.run(&run).ok_or(Refusal::NotFound { retry: false })?;
    caller.must_read(&run)?;
    let handle = format!("run-{}", run.internal_id());
    Request::new(&app, &caller, query, &headers, refetch).answer(Shape::Run(run.id), handle).await
}

/// `GET /realtime/v1/runs?tags=…&createdAt=…`: runs that carry all the tags, from at most a day back.
pub(crate) async fn tagged(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
    refetch: Refetch,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = Caller::of(&headers, &app.config)?;
    let query = Query::read(query.as_deref());
    let tags = tags_of(&query)?;
    let mut any_of = vec![("read", "runs", None), ("read", "tags", None)];
    any_of.extend(tags.iter().map(|tag| ("read", "tags", Some(tag.as_str()))));
    caller.must_any(&any_of)?;
    let created_from = created_from(&query);
    let handle = format!("runs_{created_from}_{}", id::handle());
    Request::new(&app, &caller, query, &headers, refetch).answer(Shape::Tagged { tags, created_from }, handle).await
}

/// `GET /realtime/v1/batches/:batch`
pub(crate) async fn batch(
    State(app): State<AppState>,
    Path(batch): Path<String>,
    RawQuery(query): RawQuery,
    refetch: Refetch,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = Caller::of(&headers, &app.config)?;
    let query = Query::read(query.as_deref());
    let batch = app.store.batch(&batch).ok_or(Refusal::NotFound { retry: true })?.id;
    caller.must_read_batch(&batch)?;
    let handle = format!("{batch}_{}", id::handle());
    Request::new(&app, &caller, query, &headers, refetch).answer(Shape::Batch(batch), handle).await
}

/// Handles were called shape ids once.
fn handle_of(query: &Query) -> Option<&str> {
    query.get("handle").or_else(|| query.get("shape_id")).filter(|handle| !handle.is_empty())
}

fn tags_of(query: &Query) -> Result<Vec<String>, Refusal> {
    let Some(tags) = query.get("tags") else { return Ok(Vec::new()) };
    let is_bad = |tag: &&str| tag.is_empty() || tag.contains(|c: char| c.is_ascii_control() || matches!(c, '"' | '\\'));
    match tags.split(',').find(is_bad) {
        Some(bad) => Err(refuse("tags", &format!("Invalid tag: {}", Value::from(bad)))),
        None => Ok(tags.split(',').map(str::to_owned).collect()),
    }
}

/// The time from which on runs are shown. It is fixed at the first request: the handle holds it.
fn created_from(query: &Query) -> u64 {
    let fixed = handle_of(query).and_then(|handle| handle.strip_prefix("runs_")?.split('_').next()?.parse().ok());
    let earliest = now_ms().saturating_sub(LONGEST_LOOK_BACK_MS);
    fixed.unwrap_or_else(|| {
        query.since("createdAt").map_or(earliest, |asked| asked.max(earliest)) / MINUTE_MS * MINUTE_MS
    })
}

/// One request, when it is known that it may be answered.
struct Request<'a> {
    app: &'a AppState,
    query: Query,
    writer: Writer,
    has_new_headers: bool,
    must_refetch: bool,
}

impl<'a> Request<'a> {
    fn new(app: &'a AppState, caller: &Caller, query: Query, headers: &HeaderMap, refetch: Refetch) -> Self {
        let asked = query.get("skipColumns").unwrap_or_default();
        let claimed = caller.realtime_claim().map(|claim| &claim["skipColumns"]).and_then(Value::as_array);
        let selection = match claimed {
            Some(claimed) => Selection::without(claimed.iter().filter_map(Value::as_str)),
            None => Selection::without(asked.split(',').map(str::trim)),
        };
        let knows_dequeued = headers.get("x-trigger-api-version").is_some_and(|version| version == KNOWS_DEQUEUED);
        let has_new_headers = headers.contains_key("x-trigger-electric-version");
        let writer = Writer { dialect: app.config.feeds, selection, knows_dequeued };
        Self { app, query, writer, has_new_headers, must_refetch: refetch.is_some() }
    }

    /// `fresh`: the handle of a reader who has none.
    async fn answer(self, shape: Shape, fresh: String) -> Result<Response, Refusal> {
        match self.app.config.feeds {
            FeedDialect::Native => self.answer_natively(&shape, &fresh).await,
            FeedDialect::Electric => self.answer_as_electric(&shape).await,
        }
    }

    async fn answer_natively(&self, shape: &Shape, fresh: &str) -> Result<Response, Refusal> {
        if self.must_refetch {
            return Ok(self.gone(&format!("{fresh}-{}", id::part())));
        }
        let handle = handle_of(&self.query).unwrap_or(fresh);
        match self.offset() {
            Some(offset) if self.is_live() => {
                let changes = self.changes(shape, handle, offset, true).await;
                Ok(changes.unwrap_or_else(|| self.gone(&format!("{fresh}-{}", id::part()))))
            }
            Some(_) | None => Ok(self.snapshot(shape, handle)),
        }
    }

    /// A shape has one handle for all its readers, and any other is one that was forgotten.
    async fn answer_as_electric(&self, shape: &Shape) -> Result<Response, Refusal> {
        let definition = format!("{shape:?} {:?}", self.writer.selection);
        if self.must_refetch {
            return Ok(self.gone(&self.app.handles.renew(&definition)));
        }
        let handle = self.app.handles.of(&definition);
        let Some(offset) = self.offset() else { return Ok(self.snapshot(shape, &handle)) };
        if handle_of(&self.query) != Some(&handle) {
            return Ok(self.gone(&handle));
        }
        let changes = self.changes(shape, &handle, offset, self.is_live()).await;
        Ok(changes.unwrap_or_else(|| self.gone(&self.app.handles.renew(&definition))))
    }

    fn is_live(&self) -> bool {
        self.query.get("live") == Some("true")
    }

    fn offset(&self) -> Option<Offset> {
        Offset::read(self.query.get("offset")?)
    }

    fn snapshot(&self, shape: &Shape, handle: &str) -> Response {
        let reading = self.app.store.snapshot(shape, MOST_ROWS);
        let newest_ms = reading.items.iter().map(|run| run.updated_at).max().unwrap_or(0);
        let messages = reading.items.iter().map(|run| self.writer.insert(run)).collect();
        let offset = Offset { newest_ms, seen: reading.sequence };
        let body = self.writer.body(messages, reading.sequence);
        self.respond(StatusCode::OK, body, handle, Some((offset, true)))
    }

    /// What has changed since the offset; when nothing has, what does while the request is held. `None` for a reader
    /// who may have rows that were dropped.
    async fn changes(&self, shape: &Shape, handle: &str, offset: Offset, hold: bool) -> Option<Response> {
        let until = Instant::now() + if hold { self.hold() } else { Duration::ZERO };
        // Watched first and looked second: a change in between is seen by the look or wakes the wait.
        let mut changed = self.app.store.watch_runs(shape);
        let mut seen = offset.seen;
        loop {
            let reading = self.app.store.changes(shape, seen)?;
            if seen > reading.sequence {
                // Said by a server that has been started anew since.
                seen = 0;
                continue;
            }
            let told = |change| self.writer.change(change, reading.sequence);
            let messages: Vec<Value> = reading.items.iter().filter_map(told).collect();
            if !messages.is_empty() {
                let newest_ms = reading.items.iter().map(|change| change.run.updated_at).max().unwrap_or(0);
                let offset = Offset { newest_ms: newest_ms.max(offset.newest_ms), seen: reading.sequence };
                let body = self.writer.body(messages, reading.sequence);
                return Some(self.respond(StatusCode::OK, body, handle, Some((offset, !self.is_live()))));
            }
            seen = reading.sequence;
            // The store outlives every request, so a change is all that can end this early.
            if timeout_at(until, changed.changed()).await.is_err() {
                let body = self.writer.body(Vec::new(), reading.sequence);
                return Some(self.respond(StatusCode::OK, body, handle, Some((offset, !self.is_live()))));
            }
        }
    }

    fn hold(&self) -> Duration {
        let spread = JITTER / 100.0 * (2.0 * fastrand::f64() - 1.0);
        self.app.config.hold.mul_f64(1.0 + spread)
    }

    fn gone(&self, next: &str) -> Response {
        self.respond(StatusCode::CONFLICT, must_refetch(), next, None)
    }

    /// `place`: how far the reader has come with this, and whether it is told the types of the columns.
    fn respond(&self, status: StatusCode, body: String, handle: &str, place: Option<(Offset, bool)>) -> Response {
        const NAMES: [&str; 2] = ["electric-handle", "electric-offset"];
        const OLD_NAMES: [&str; 2] = ["electric-shape-id", "electric-chunk-last-offset"];
        let mut response = respond::with_type(status, "application/json; charset=utf-8", body);
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let mut set = |name: &'static str, value: String| {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        let [handle_name, offset_name] = if self.has_new_headers { NAMES } else { OLD_NAMES };
        set(handle_name, handle.to_owned());
        if let Some((offset, with_schema)) = place {
            set(offset_name, offset.to_string());
            if with_schema {
                set("electric-schema", self.writer.selection.schema());
            }
            if self.is_live() {
                set("electric-cursor", self.app.handles.cursor().to_string());
            }
            if self.writer.dialect == FeedDialect::Electric {
                set("electric-up-to-date", String::new());
            }
        }
        response
    }
}
