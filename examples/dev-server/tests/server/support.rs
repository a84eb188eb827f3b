//! One server, and requests to it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tidegate_dev_server::{AppState, Config, S2Config, StreamEngine, app, serve};
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tower::ServiceExt;

pub(crate) const KEY: &str = "tr_dev_test";

pub(crate) struct Server {
    router: Router,
    state: AppState,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, body: Value) {
        assert_eq!((self.status.as_u16(), self.json()), (status, body));
    }

    #[track_caller]
    pub(crate) fn is_text(&self, status: u16, body: &str) {
        assert_eq!((self.status.as_u16(), self.body.as_str()), (status, body));
    }
}

/// A request under way to being sent. Carries the secret key unless told otherwise.
pub(crate) struct Ask<'a> {
    server: &'a Server,
    method: &'a str,
    path: String,
    headers: Vec<(&'a str, String)>,
    key: Option<String>,
    body: Option<Vec<u8>>,
    pieces: Option<Body>,
    announced: bool,
}

impl<'a> Ask<'a> {
    pub(crate) fn header(mut self, name: &'a str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn token(mut self, token: &str) -> Self {
        self.key = Some(token.to_owned());
        self
    }

    pub(crate) fn anonymous(mut self) -> Self {
        self.key = None;
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// A body that comes piece by piece, until its sender is dropped.
    pub(crate) fn piecemeal(mut self, pieces: UnboundedReceiver<&'static str>) -> Self {
        let pieces =
            stream::unfold(pieces, async |mut pieces| Some((Ok::<_, Infallible>(pieces.recv().await?), pieces)));
        self.pieces = Some(Body::from_stream(pieces));
        self
    }

    /// Leaves the length out, as chunked transfer coding does.
    pub(crate) fn unannounced(mut self) -> Self {
        self.announced = false;
        self
    }

    async fn response(self) -> axum::response::Response {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let (true, Some(body)) = (self.announced, &self.body) {
            request = request.header("content-length", body.len());
        }
        let body = self.pieces.unwrap_or_else(|| Body::from(self.body.unwrap_or_default()));
        let request = request.body(body).unwrap();
        self.server.router.clone().oneshot(request).await.unwrap()
    }

    /// The whole answer. Not for a stream that nothing ends.
    pub(crate) async fn answer(self) -> Answer {
        let (parts, body) = self.response().await.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// The events of a stream, as they come.
    pub(crate) async fn events(self) -> Events {
        let response = self.response().await;
        assert_eq!(response.status(), StatusCode::OK);
        Events { chunks: response.into_body().into_data_stream(), text: String::new() }
    }
}

pub(crate) struct Events {
    chunks: BodyDataStream,
    /// What has come and was not given yet.
    text: String,
}

impl Events {
    /// The next event; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let event = Event::read(&self.text[..end + 2]);
                self.text.drain(..end + 2);
                return Some(event);
            }
            let chunk = self.chunks.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The data of the parts until the stream ends, as the reader of an output stream gets them.
    pub(crate) async fn parts(mut self) -> Vec<Value> {
        let mut parts = Vec::new();
        while let Some(event) = self.next().await {
            parts.extend(event.parts());
        }
        parts
    }
}

#[derive(Debug, Default)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) data: Value,
    pub(crate) is_end: bool,
}

impl Event {
    fn read(text: &str) -> Self {
        let mut event = Self::default();
        for line in text.strip_suffix("\n\n").expect("one whole event a chunk").split('\n') {
            match line.split_once(": ").expect("a field") {
                ("event", kind) => event.kind = kind.to_owned(),
                ("id", id) => event.id = id.to_owned(),
                ("data", "[DONE]") => event.is_end = true,
                ("data", data) => event.data = serde_json::from_str(data).unwrap(),
                other => panic!("{other:?}"),
            }
        }
        event
    }

    pub(crate) fn parts(&self) -> Vec<Value> {
        let records = self.data["records"].as_array().cloned().unwrap_or_default();
        let body = |record: Value| serde_json::from_str::<Value>(record["body"].as_str().unwrap()).unwrap();
        records.into_iter().map(|record| body(record)["data"].clone()).collect()
    }
}

/// Streams are kept at S2 where the environment says so, as `make s2` does. What is on a network has a time of its own,
/// so the clock of the test goes as others do.
fn at_s2(config: Config) -> Config {
    let named = |name| std::env::var(name).ok();
    if named("TIDEGATE_STREAMS").as_deref() != Some("s2") || !matches!(config.streams, StreamEngine::Own) {
        return config;
    }
    let (endpoint, basin) = (named("TIDEGATE_S2_ENDPOINT"), named("TIDEGATE_S2_BASIN"));
    let s2 = S2Config::new(endpoint.as_deref(), &basin.unwrap_or_default(), None).unwrap();
    let before = tokio::time::Instant::now();
    std::thread::sleep(Duration::from_millis(1));
    if before == tokio::time::Instant::now() {
        tokio::time::resume();
    }
    Config { streams: StreamEngine::S2(s2), ..config }
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    /// With this configuration, but for the key and the pace.
    pub(crate) fn with(config: Config) -> Self {
        Self::of(AppState::new(Config { secret_key: KEY.to_owned(), token_pace_ms: 1..=1, ..at_s2(config) }))
    }

    /// One that keeps everything in this file, and whose tasks take so long for a token.
    pub(crate) fn on(file: &Path, pace_ms: u64) -> Self {
        let config = Config { secret_key: KEY.to_owned(), token_pace_ms: pace_ms..=pace_ms, ..Config::default() };
        Self::of(AppState::open(config, file).unwrap())
    }

    /// The same, with this configuration, but for the key.
    pub(crate) fn on_with(file: &Path, config: Config) -> Self {
        Self::of(AppState::open(Config { secret_key: KEY.to_owned(), ..config }, file).unwrap())
    }

    pub(crate) async fn prepare(&self) -> Result<(), String> {
        self.state.prepare().await
    }

    fn of(state: AppState) -> Self {
        Self { router: app(state.clone()), state }
    }

    /// The same server on a port of its own, for what needs a connection.
    pub(crate) async fn listen(&self) -> SocketAddr {
        self.listen_at("127.0.0.1:0").await
    }

    pub(crate) async fn listen_at(&self, address: &str) -> SocketAddr {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, self.state.clone()));
        address
    }

    pub(crate) fn ask<'a>(&'a self, method: &'a str, path: impl Into<String>) -> Ask<'a> {
        Ask {
            server: self,
            method,
            path: path.into(),
            headers: Vec::new(),
            key: Some(KEY.to_owned()),
            body: None,
            pieces: None,
            announced: true,
        }
    }

    pub(crate) async fn trigger(&self, task: &str, body: Value) -> Answer {
        self.ask("POST", format!("/api/v1/tasks/{task}/trigger")).body(body.to_string()).answer().await
    }

    /// A run that nothing executes, so that a test has it to itself.
    pub(crate) async fn idle_run(&self) -> String {
        self.run_of("nobody-has-this-task", json!({})).await
    }

    pub(crate) async fn run_of(&self, task: &str, payload: Value) -> String {
        self.trigger(task, json!({ "payload": payload })).await.json()["id"].as_str().unwrap().to_owned()
    }

    /// A batch of these items, and its runs.
    pub(crate) async fn batch(&self, items: Value) -> (String, Vec<String>) {
        let body = json!({ "items": items }).to_string();
        let batch = self.ask("POST", "/api/v2/tasks/batch").body(body).answer().await.json();
        let id = batch["id"].as_str().unwrap().to_owned();
        let view = self.ask("GET", format!("/api/v2/batches/{id}")).answer().await.json();
        (id, serde_json::from_value(view["runs"].clone()).unwrap())
    }

    pub(crate) async fn mint(&self, scopes: &[String]) -> String {
        let body = json!({ "scopes": scopes }).to_string();
        let answer = self.ask("POST", "/api/v1/auth/public-tokens").body(body).answer().await;
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn send(&self, run: &str, stream: &str, data: Value) -> Answer {
        let body = json!({ "data": data }).to_string();
        self.ask("POST", format!("/realtime/v1/streams/{run}/input/{stream}")).body(body).answer().await
    }

    pub(crate) async fn append(&self, run: &str, key: &str, text: &str) -> Answer {
        self.ask("POST", format!("/realtime/v1/streams/{run}/self/{key}/append")).body(text).answer().await
    }

    pub(crate) async fn cancel(&self, run: &str) -> Answer {
        self.ask("POST", format!("/api/v2/runs/{run}/cancel")).body("{}").answer().await
    }

    pub(crate) async fn view(&self, run: &str) -> Value {
        self.ask("GET", format!("/api/v3/runs/{run}")).answer().await.json()
    }

    /// The run once it has ended.
    pub(crate) async fn ended(&self, run: &str) -> Value {
        loop {
            let view = self.view(run).await;
            if view.get("finishedAt").is_some() {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) fn stream<'a>(&'a self, run: &str, key: &str) -> Ask<'a> {
        self.ask("GET", format!("/realtime/v1/streams/{run}/{key}"))
    }
}
