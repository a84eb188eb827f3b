//! Writing output streams from a task that runs elsewhere. Secret key only, not for browsers.
//!
//! A run that writes says which execution of it that is, and is refused when it does not count any more.
//!
//! Where logs lie at S2, `create` hands a writer what it needs to write there itself. Where they lie here it names no
//! log service, and the official writer then falls back to `ingest`.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde_json::{Value, json, value::RawValue};

use super::engine;
use super::input::record_too_large;
use crate::auth::Caller;
use crate::id;
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::{Append, Appended, RECORD_LIMIT, Run, StreamKey};
use crate::upload::Upload;

const APPEND_LIMIT: usize = 524_288;
const LAST_INDEX: HeaderName = HeaderName::from_static("x-last-chunk-index");

type Target = Path<(String, String, String)>;

/// `PUT /realtime/v1/streams/:run/:target/:key`: declares a stream.
pub(crate) async fn create(
    State(app): State<AppState>,
    Path((run, target, key)): Target,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let run = writable(&app, &run, &target, &headers, "initialize")?;
    let handed_out = app.streams.hand_out(&StreamKey::output(&run.id, &key)).await?;
    app.store.declare_stream(&run.id, &key);
    let mut response = respond::json(StatusCode::ACCEPTED, &json!({ "version": "v2" }));
    response.headers_mut().extend(handed_out);
    Ok(response)
}

/// `POST …/append`: one part, stored as the text it is. A part id that the stream has already is a repeat, and appends
/// nothing.
pub(crate) async fn append(
    State(app): State<AppState>,
    Path((run, target, key)): Target,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    let part = upload.within(APPEND_LIMIT)?;
    let run = writable(&app, &run, &target, &headers, "append to")?;
    let text = Value::from(String::from_utf8_lossy(&part)).to_string();
    let given = header(&headers, "x-part-id");
    let part_id = given.map_or_else(id::part, str::to_owned);
    let append = Append::new(&text, &part_id).once(given);
    match app.streams.append(&StreamKey::output(&run.id, &key), &append).await? {
        Appended::Now | Appended::Before => Ok(respond::json(StatusCode::OK, &json!({ "ok": true }))),
        Appended::TooLarge(size) => Err(record_too_large(size)),
    }
}

/// `POST /realtime/v1/streams/:run/:target/:key`: lines of JSON, appended as they come in. A writer that was cut off
/// asks for the last line with `HEAD` and goes on from `X-Resume-From-Chunk`; a line sent twice is kept once.
pub(crate) async fn ingest(
    State(app): State<AppState>,
    Path((asked, target, key)): Target,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let run = writable(&app, &asked, &target, &headers, "ingest into")?;
    let first = header(&headers, "x-resume-from-chunk").unwrap_or("0");
    let first: u64 = first.parse().map_err(|_| {
        Refusal::Text(StatusCode::BAD_REQUEST, format!("Invalid X-Resume-From-Chunk header value: {first}"))
    })?;
    app.store.declare_stream(&run.id, &key);
    let mut lines = Lines {
        app: &app,
        asked: &asked,
        headers: &headers,
        run: &run.id,
        key: StreamKey::output(&run.id, &key),
        client: header(&headers, "x-client-id").unwrap_or("default"),
        next: first,
        rest: Vec::new(),
    };
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        // What stands on an unfinished line is dropped: the writer sends that line again.
        let chunk = chunk.map_err(|_| Refusal::Text(StatusCode::INTERNAL_SERVER_ERROR, String::new()))?;
        lines.take(&chunk).await?;
    }
    lines.finish().await?;
    Ok(StatusCode::OK.into_response())
}

/// `HEAD` of the same: the index of the last line this client wrote, −1 for none.
pub(crate) async fn last_line(
    State(app): State<AppState>,
    Path((run, target, key)): Target,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    app.store.run(&run).ok_or(Refusal::NotFound { retry: false })?;
    let run = target_of(&app, &run, &target)?;
    let client = header(&headers, "x-client-id").unwrap_or("default");
    let index = app.streams.last_line(&StreamKey::output(&run.id, &key), client).await?;
    let index = index.map_or_else(|| HeaderValue::from_static("-1"), HeaderValue::from);
    Ok((StatusCode::OK, [(LAST_INDEX, index)]).into_response())
}

/// `GET` of the same.
pub(crate) async fn head_only(State(app): State<AppState>, headers: HeaderMap) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    Err(Refusal::Text(StatusCode::METHOD_NOT_ALLOWED, "Only HEAD requests are allowed for this endpoint".to_owned()))
}

/// The run that a backend may write to. `verb` completes "Cannot … a realtime stream on a completed run".
fn writable(app: &AppState, run: &str, target: &str, headers: &HeaderMap, verb: &str) -> Result<Run, Refusal> {
    Caller::backend(headers, &app.config)?;
    engine::check_counts(app, run, headers)?;
    let run = target_of(app, run, target)?;
    if run.is_over() {
        let message = format!("Cannot {verb} a realtime stream on a completed run");
        return Err(Refusal::Text(StatusCode::BAD_REQUEST, message));
    }
    Ok(run)
}

/// The run itself, or the one above it that is meant.
fn target_of(app: &AppState, run: &str, target: &str) -> Result<Run, Refusal> {
    check_target(target)?;
    let not_found = |what: &str| Refusal::Text(StatusCode::NOT_FOUND, format!("{what} not found"));
    let run = app.store.run(run).ok_or_else(|| not_found("Run"))?;
    let above = match target {
        "parent" => run.parent,
        "root" => run.root,
        _ => return Ok(run),
    };
    above.and_then(|id| app.store.run(&id)).ok_or_else(|| not_found("Target"))
}

fn check_target(target: &str) -> Result<(), Refusal> {
    const TARGETS: [&str; 3] = ["self", "parent", "root"];
    if TARGETS.contains(&target) {
        return Ok(());
    }
    let detail = json!({
        "received": target, "code": "invalid_enum_value", "options": TARGETS, "path": ["target"],
        "message": format!("Invalid enum value. Expected 'self' | 'parent' | 'root', received '{target}'"),
    });
    Err(Refusal::Json(StatusCode::BAD_REQUEST, json!({ "error": "Params Error", "details": [detail] })))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().filter(|value| !value.is_empty())
}

/// One writer's lines on their way into the log.
struct Lines<'a> {
    app: &'a AppState,
    /// The run in the address, and what came with that.
    asked: &'a str,
    headers: &'a HeaderMap,
    /// The run that is written to.
    run: &'a str,
    key: StreamKey,
    client: &'a str,
    next: u64,
    rest: Vec<u8>,
}

impl Lines<'_> {
    async fn take(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        self.rest.extend_from_slice(chunk);
        let rest = std::mem::take(&mut self.rest);
        let mut lines = rest.split(|byte| *byte == b'\n');
        let unfinished = lines.next_back().unwrap_or_default();
        self.append(lines).await?;
        self.rest = unfinished.to_vec();
        if self.rest.len() > RECORD_LIMIT { Err(record_too_large(self.rest.len())) } else { Ok(()) }
    }

    async fn finish(mut self) -> Result<(), Refusal> {
        let last = std::mem::take(&mut self.rest);
        self.append([last.as_slice()].into_iter()).await
    }

    /// A line that is no JSON is kept as a text, which is how readers take it.
    async fn append(&mut self, lines: impl Iterator<Item = &[u8]>) -> Result<(), Refusal> {
        let mut appends = Vec::new();
        for line in lines {
            let line = String::from_utf8_lossy(line);
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let is_json = serde_json::from_str::<&RawValue>(line).is_ok();
            let json = if is_json { line.to_owned() } else { Value::from(line).to_string() };
            appends.push(Append::new(json, id::part()).line(self.client.to_owned(), self.next));
            self.next = self.next.saturating_add(1);
        }
        if appends.is_empty() {
            return Ok(());
        }
        // What comes may take its time, and much may have happened since it began.
        engine::check_counts(self.app, self.asked, self.headers)?;
        if self.app.store.run(self.run).is_none_or(|run| run.is_over()) {
            let message = "Cannot ingest into a realtime stream on a completed run".to_owned();
            return Err(Refusal::Text(StatusCode::BAD_REQUEST, message));
        }
        match self.app.streams.append_all(&self.key, appends).await? {
            Appended::Now | Appended::Before => Ok(()),
            Appended::TooLarge(size) => Err(record_too_large(size)),
        }
    }
}
