//! A small S2: the routes that the server uses, with what can go wrong there.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::{Body, to_bytes};
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream;
use serde_json::{Value, json};
use tidegate_dev_server::{S2Config, StreamEngine};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub(crate) const BASIN: &str = "fake-basin";

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// It is refused with this status and code.
    Answer(u16, &'static str),
    /// It is refused with 429, to be asked again after so many seconds.
    Busy(u64),
    /// It is carried out, and the answer breaks off.
    Lost,
    /// It is not carried out, and the answer breaks off.
    Dropped,
    /// The answer breaks off, and what was asked arrives just before the next request of its kind. For appends.
    Delayed,
    /// Somebody else writes first. For appends.
    Overtaken,
    /// It is carried out when the gate opens.
    Held,
}

#[derive(Clone)]
pub(crate) struct FakeS2(Arc<Mutex<Inner>>, SocketAddr);

#[derive(Default)]
struct Inner {
    basins: BTreeSet<String>,
    streams: HashMap<String, Log>,
    creates_on_append: bool,
    issued: usize,
    issues_tokens: bool,
    faults: HashMap<&'static str, VecDeque<Fault>>,
    requests: Vec<Asked>,
    /// The bodies of the records that were not appended.
    dropped: Vec<String>,
    /// Reads that wait for a record.
    held: watch::Sender<usize>,
    delayed: Vec<(String, Value)>,
    gate: watch::Sender<bool>,
    asked: watch::Sender<()>,
}

#[derive(Default)]
struct Log {
    records: Vec<Value>,
    grown: watch::Sender<()>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) what: &'static str,
    pub(crate) authorization: Option<String>,
}

impl FakeS2 {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self(Arc::default(), listener.local_addr().unwrap());
        fake.inner().creates_on_append = true;
        fake.serve(listener);
        fake
    }

    fn serve(&self, listener: TcpListener) {
        let router = Router::new()
            .route("/v1/basins", post(create_basin))
            .route("/v1/access-tokens", post(issue))
            .route("/v1/streams", post(create_stream))
            .route("/v1/streams/{stream}/records", get(read).post(append))
            .route("/v1/streams/{stream}/records/tail", get(tail))
            .layer(from_fn_with_state(self.clone(), misbehave))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub(crate) fn engine(&self, token: Option<&str>) -> StreamEngine {
        let endpoint = format!("http://{}", self.1);
        StreamEngine::S2(S2Config::new(Some(&endpoint), BASIN, token).unwrap())
    }

    pub(crate) fn forget_faults(&self) {
        self.inner().faults.clear();
    }

    /// What becomes of the next requests of this kind, one after the other.
    pub(crate) fn will(&self, what: &'static str, faults: &[Fault]) {
        self.inner().faults.entry(what).or_default().extend(faults);
    }

    pub(crate) fn issues_tokens(&self) {
        self.inner().issues_tokens = true;
    }

    pub(crate) fn creates_no_streams(&self) {
        self.inner().creates_on_append = false;
    }

    pub(crate) fn dropped(&self) -> Vec<String> {
        self.inner().dropped.clone()
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.inner().requests.clone()
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.inner().requests.iter().filter(|asked| asked.what == what).count()
    }

    /// Waits until so many reads wait for a record.
    pub(crate) async fn holds(&self, count: usize) {
        let mut held = self.inner().held.subscribe();
        held.wait_for(|held| *held == count).await.unwrap();
    }

    /// Waits until so many requests of this kind have come.
    pub(crate) async fn reached(&self, what: &str, count: usize) {
        let mut asked = self.inner().asked.subscribe();
        while self.count(what) < count {
            asked.changed().await.unwrap();
        }
    }

    pub(crate) fn open_gate(&self) {
        self.inner().gate.send_replace(true);
    }

    /// The bodies of the log whose name ends like this.
    pub(crate) fn bodies(&self, end: &str) -> Vec<Value> {
        let inner = self.inner();
        let log = inner.streams.iter().find(|(name, _)| name.ends_with(end));
        let records = log.map(|(_, log)| log.records.clone()).unwrap_or_default();
        records.iter().map(|record| serde_json::from_str(record["body"].as_str().unwrap()).unwrap()).collect()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.inner().streams.keys().cloned().collect()
    }

    /// What a writer appends that does not ask this server.
    pub(crate) fn write(&self, end: &str, body: &str) {
        let mut inner = self.inner();
        let name = inner.streams.keys().find(|name| name.ends_with(end)).unwrap().clone();
        push(inner.streams.get_mut(&name).unwrap(), body, &json!([]));
    }
}

fn push(log: &mut Log, body: &str, headers: &Value) {
    let seq_num = log.records.len();
    log.records.push(json!({ "seq_num": seq_num, "timestamp": 1_795_000_000_000_u64 + seq_num as u64, "body": body, "headers": headers }));
    log.grown.send_replace(());
}

fn end(log: Option<&Log>) -> Value {
    let records = log.map(|log| log.records.as_slice()).unwrap_or_default();
    json!({ "seq_num": records.len(), "timestamp": records.last().map_or(json!(0), |record| record["timestamp"].clone()) })
}

fn error(status: u16, code: &str) -> Response {
    let body = json!({ "code": code, "message": format!("so says {code}") });
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}

fn kind(request: &Request) -> &'static str {
    let path = request.uri().path();
    match (request.method().as_str(), path.rsplit('/').next().unwrap()) {
        ("POST", "basins") => "basin",
        ("POST", "access-tokens") => "issue",
        ("POST", "streams") => "stream",
        ("POST", "records") => "append",
        ("GET", "tail") => "tail",
        _ if request.headers().get("accept").is_some_and(|accept| accept == "text/event-stream") => "events",
        _ => "read",
    }
}

async fn misbehave(State(fake): State<FakeS2>, request: Request, next: Next) -> Response {
    let what = kind(&request);
    let (authorization, basin) = {
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        (header("authorization"), header("s2-basin"))
    };
    let (fault, is_there) = {
        let mut inner = fake.inner();
        inner.requests.push(Asked { what, authorization });
        inner.asked.send_replace(());
        if what == "append" {
            for (name, asked) in std::mem::take(&mut inner.delayed) {
                // Nobody hears what comes of it.
                let _ = take(&mut inner, name, &asked);
            }
        }
        let fault = inner.faults.get_mut(what).and_then(VecDeque::pop_front);
        (fault, basin.is_some_and(|basin| inner.basins.contains(&basin)))
    };
    let broken = || {
        let broken = stream::iter([Ok("{"), Err(std::io::Error::other("broken off"))]);
        Body::from_stream(broken).into_response()
    };
    match fault {
        Some(Fault::Answer(status, code)) => error(status, code),
        Some(Fault::Busy(seconds)) => {
            let mut refused = error(429, "rate_limited");
            refused.headers_mut().insert("retry-after", seconds.into());
            refused
        }
        Some(Fault::Dropped) => {
            let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
            let asked: Value = serde_json::from_slice(&body).unwrap();
            fake.inner().dropped.push(asked["records"][0]["body"].as_str().unwrap().to_owned());
            broken()
        }
        Some(Fault::Lost) => {
            next.run(request).await;
            broken()
        }
        Some(Fault::Delayed) => {
            let name = stream_of(&request);
            let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
            fake.inner().delayed.push((name, serde_json::from_slice(&body).unwrap()));
            broken()
        }
        Some(Fault::Overtaken) => {
            let theirs = json!({ "records": [{ "body": r#"{"data":"theirs","id":"7654321"}"# }] });
            let _ = take(&mut fake.inner(), stream_of(&request), &theirs);
            next.run(request).await
        }
        Some(Fault::Held) => {
            let mut gate = fake.inner().gate.subscribe();
            gate.wait_for(|is_open| *is_open).await.unwrap();
            next.run(request).await
        }
        None if !is_there && !["basin", "issue"].contains(&what) => error(404, "basin_not_found"),
        None => next.run(request).await,
    }
}

async fn create_basin(State(fake): State<FakeS2>, Json(asked): Json<Value>) -> Response {
    let is_new = fake.inner().basins.insert(asked["basin"].as_str().unwrap().to_owned());
    if is_new { (StatusCode::CREATED, Json(json!({}))).into_response() } else { error(409, "resource_already_exists") }
}

async fn issue(State(fake): State<FakeS2>, Json(asked): Json<Value>) -> Response {
    let mut inner = fake.inner();
    if !inner.issues_tokens {
        return error(501, "not_implemented");
    }
    assert_eq!(asked["scope"]["basins"], json!({ "exact": BASIN }));
    assert_eq!(asked["scope"]["ops"], json!(["append", "create-stream", "trim"]));
    assert_eq!(asked["auto_prefix_streams"], true);
    assert!(asked["expires_at"].as_str().unwrap().ends_with('Z'));
    inner.issued += 1;
    let token = format!("for {} number {}", asked["scope"]["streams"]["prefix"].as_str().unwrap(), inner.issued);
    (StatusCode::CREATED, Json(json!({ "access_token": token }))).into_response()
}

async fn create_stream(State(fake): State<FakeS2>, Json(asked): Json<Value>) -> Response {
    let name = asked["stream"].as_str().unwrap().to_owned();
    let mut inner = fake.inner();
    if inner.streams.contains_key(&name) {
        return error(409, "resource_already_exists");
    }
    inner.streams.insert(name, Log::default());
    (StatusCode::CREATED, Json(json!({}))).into_response()
}

fn stream_of(request: &Request) -> String {
    let segment = format!("name={}", request.uri().path().split('/').nth(3).unwrap());
    form_urlencoded::parse(segment.as_bytes()).next().unwrap().1.into_owned()
}

async fn append(State(fake): State<FakeS2>, Path(name): Path<String>, Json(asked): Json<Value>) -> Response {
    take(&mut fake.inner(), name, &asked)
}

fn take(inner: &mut Inner, name: String, asked: &Value) -> Response {
    let records = asked["records"].as_array().unwrap();
    assert!((1..=1000).contains(&records.len()), "{} records at once", records.len());
    let size: usize = records.iter().map(|record| record["body"].as_str().unwrap().len() + 8).sum();
    assert!(size <= 1_048_576, "{size} bytes at once");
    if !inner.creates_on_append && !inner.streams.contains_key(&name) {
        return error(404, "stream_not_found");
    }
    let log = inner.streams.entry(name).or_default();
    let at = log.records.len() as u64;
    if asked["match_seq_num"].as_u64().is_some_and(|wanted| wanted != at) {
        return (StatusCode::PRECONDITION_FAILED, Json(json!({ "seq_num_mismatch": at }))).into_response();
    }
    let start = end(Some(log));
    for record in records {
        push(log, record["body"].as_str().unwrap(), &json!([]));
    }
    Json(json!({ "start": start, "end": end(Some(log)), "tail": end(Some(log)) })).into_response()
}

async fn tail(State(fake): State<FakeS2>, Path(name): Path<String>) -> Response {
    let mut inner = fake.inner();
    if !inner.creates_on_append && !inner.streams.contains_key(&name) {
        return error(404, "stream_not_found");
    }
    let log = inner.streams.entry(name).or_default();
    Json(json!({ "tail": end(Some(log)) })).into_response()
}

async fn read(
    State(fake): State<FakeS2>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    let query: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
    let number = |name: &str| query.get(name).map(|text| text.parse::<usize>().unwrap());
    let (from, found) = {
        let mut inner = fake.inner();
        if !inner.creates_on_append && !inner.streams.contains_key(&name) {
            return error(404, "stream_not_found");
        }
        let records = &inner.streams.entry(name.clone()).or_default().records;
        let from = number("seq_num").unwrap_or(records.len()).min(records.len());
        (from, records[from..].to_vec())
    };
    if headers.get("accept").is_some_and(|accept| accept == "text/event-stream") {
        return events(&fake, name, from, query["wait"] != "0");
    }
    let seconds = number("wait").unwrap_or_default();
    if !found.is_empty() {
        let records: Vec<Value> = found.into_iter().take(number("count").unwrap_or(1000)).collect();
        return Json(json!({ "records": records })).into_response();
    }
    if seconds > 0 {
        return once_there_is_one(&fake, name, from, seconds).await;
    }
    let tail = end(fake.inner().streams.get(&name));
    (StatusCode::RANGE_NOT_SATISFIABLE, Json(json!({ "tail": tail }))).into_response()
}

/// What is there as soon as there is something, or nothing after so many seconds.
async fn once_there_is_one(fake: &FakeS2, name: String, from: usize, seconds: usize) -> Response {
    /// Also when nobody waits any more.
    struct Held<'a>(&'a FakeS2);
    impl Drop for Held<'_> {
        fn drop(&mut self) {
            self.0.inner().held.send_modify(|held| *held -= 1);
        }
    }
    let mut grown = {
        let inner = fake.inner();
        inner.held.send_modify(|held| *held += 1);
        inner.streams[&name].grown.subscribe()
    };
    let _held = Held(fake);
    let is_there = async {
        while fake.inner().streams[&name].records.len() <= from {
            grown.changed().await.unwrap();
        }
    };
    let _ = tokio::time::timeout(std::time::Duration::from_secs(seconds as u64), is_there).await;
    let records = fake.inner().streams[&name].records[from..].to_vec();
    Json(json!({ "records": records })).into_response()
}

/// What is there, a ping, then each record as it comes; no end but at once, where no waiting is wanted.
fn events(fake: &FakeS2, name: String, from: usize, waits: bool) -> Response {
    let grown = fake.inner().streams[&name].grown.subscribe();
    let state = (fake.clone(), name, from, grown, false);
    let events = stream::unfold(state, move |(fake, name, next, mut grown, is_live)| async move {
        loop {
            let (records, tail) = {
                let inner = fake.inner();
                let log = &inner.streams[&name];
                (log.records[next..].to_vec(), end(Some(log)))
            };
            let count = next + records.len();
            if !records.is_empty() {
                let data = json!({ "records": records });
                let event = format!("event: batch\nid: {},{count},0\ndata: {data}\n\n", count - 1);
                return Some((Ok::<_, Infallible>(event), (fake, name, count, grown, is_live)));
            }
            if !waits {
                // An end is an event, and then nothing.
                let event = "data: [DONE]\n\n".to_owned();
                return (!is_live).then_some((Ok(event), (fake, name, count, grown, true)));
            }
            if !is_live {
                let event = format!("event: ping\ndata: {}\n\n", json!({ "timestamp": 1, "tail": tail }));
                return Some((Ok(event), (fake, name, count, grown, true)));
            }
            grown.changed().await.unwrap();
        }
    });
    ([("content-type", "text/event-stream")], Body::from_stream(events)).into_response()
}
