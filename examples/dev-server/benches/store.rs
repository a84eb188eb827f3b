//! What it costs to keep everything in a file: sends, readers, waits, looks at a run and what is dropped, in memory and
//! on disk, without sockets in between.
//!
//! `cargo bench -p tidegate-dev-server`; with a number behind `--`, as many seconds for each line.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "it prints a table, and what is not there ends it")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tidegate_dev_server::{AppState, Config, DEFAULT_SECRET_KEY, Keep, app};
use tokio::task::JoinSet;
use tower::ServiceExt;

const READERS: usize = 2000;
const PARTS: usize = 100;

#[tokio::main]
async fn main() {
    let seconds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(2);
    let folder = std::env::temp_dir().join(format!("tidegate-bench-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    for (name, file) in [("memory", None), ("file", Some(folder.join("dev.db")))] {
        let router = app(open(file.as_deref()));
        for at_once in [1, 16, 256, 2048] {
            sends(name, &router, at_once, Duration::from_secs(seconds)).await;
        }
        readers(name, &router).await;
        for count in [1000, 10_000] {
            let file = file.as_ref().map(|_| folder.join(format!("{count}.db")));
            waits(name, &app(open(file.as_deref())), count).await;
        }
    }
    for others in [1000, 20_000] {
        look(&app(open(None)), others).await;
    }
    drops(&folder.join("dropped.db"), 20_000).await;
    let start = Instant::now();
    let state = open(Some(&folder.join("again.db")));
    drop(state);
    println!("an empty file opens in {:.1} ms", start.elapsed().as_secs_f64() * 1000.0);
    let size = std::fs::metadata(folder.join("dev.db")).unwrap().len();
    let start = Instant::now();
    let state = open(Some(&folder.join("dev.db")));
    println!("{:.0} MB open in {:.0} ms", size as f64 / 1e6, start.elapsed().as_secs_f64() * 1000.0);
    drop(state);
    std::fs::remove_dir_all(folder).unwrap();
}

fn open(file: Option<&Path>) -> AppState {
    // The worker here is busy and says nothing else.
    let config = Config { worker_silence: Duration::from_secs(3600), ..Config::default() };
    match file {
        Some(file) => AppState::open(config, file).unwrap(),
        None => AppState::new(config),
    }
}

async fn ask(router: &Router, method: &str, path: &str, body: impl Into<String>) -> Response<Body> {
    let body = body.into();
    let request = Request::builder().method(method).uri(path).header("content-length", body.len());
    let request = request.header("authorization", format!("Bearer {DEFAULT_SECRET_KEY}"));
    let response = router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response
}

async fn tell(router: &Router, path: &str, body: impl Into<String>) -> Value {
    let body = ask(router, "POST", path, body).await.into_body();
    serde_json::from_slice(&to_bytes(body, usize::MAX).await.unwrap()).unwrap()
}

async fn run(router: &Router) -> String {
    tell(router, "/api/v1/tasks/nobody/trigger", "{}").await["id"].as_str().unwrap().to_owned()
}

/// As many senders as there are at once, each with a run of its own and its next send when the last was answered.
async fn sends(name: &str, router: &Router, at_once: usize, time: Duration) {
    let mut senders = JoinSet::new();
    let end = Instant::now() + time;
    for _ in 0..at_once {
        let router = router.clone();
        let path = format!("/realtime/v1/streams/{}/input/words", run(&router).await);
        senders.spawn(async move {
            let mut took = Vec::new();
            while Instant::now() < end {
                let start = Instant::now();
                ask(
                    &router,
                    "POST",
                    &path,
                    r#"{"data":{"approved":true,"note":"a line of text as a person writes it"}}"#,
                )
                .await;
                took.push(start.elapsed());
            }
            took
        });
    }
    let mut took: Vec<Duration> = senders.join_all().await.into_iter().flatten().collect();
    took.sort_unstable();
    let at = |share: f64| took[(took.len() as f64 * share) as usize].as_secs_f64() * 1000.0;
    let rate = took.len() as f64 / time.as_secs_f64();
    println!(
        "{name:<6} {at_once:>5} at once: {rate:>7.0} sends/s, half within {:>6.2} ms, 99 % within {:>6.2} ms",
        at(0.5),
        at(0.99)
    );
}

/// How long it takes until everyone who reads a stream has all that is appended to it.
async fn readers(name: &str, router: &Router) {
    let run = run(router).await;
    let (read, append) =
        (format!("/realtime/v1/streams/{run}/parts"), format!("/realtime/v1/streams/{run}/self/parts/append"));
    let seen = Arc::new(AtomicU64::new(0));
    let mut all = JoinSet::new();
    for _ in 0..READERS {
        let mut chunks = ask(router, "GET", &read, "").await.into_body().into_data_stream();
        chunks.next().await.unwrap().unwrap();
        let seen = Arc::clone(&seen);
        all.spawn(async move {
            let mut own = 0;
            while own < PARTS {
                let chunk = chunks.next().await.unwrap().unwrap();
                own += String::from_utf8_lossy(&chunk).matches(r#""seq_num""#).count().saturating_sub(1);
            }
            seen.fetch_add(1, Ordering::Relaxed);
        });
    }
    let start = Instant::now();
    for _ in 0..PARTS {
        ask(router, "POST", &append, "a token").await;
    }
    all.join_all().await;
    assert_eq!(seen.load(Ordering::Relaxed), READERS as u64);
    let seconds = start.elapsed().as_secs_f64();
    let rate = (READERS * PARTS) as f64 / seconds;
    println!("{name:<6} {READERS} readers of {PARTS} parts: {seconds:.2} s, {rate:.0} parts/s");
}

/// So many waits of one run, one after the other, and what its next execution is told of them. Each should cost the
/// same, however many.
async fn waits(name: &str, router: &Router, count: usize) {
    let run = run(router).await;
    let connect = json!({ "worker": "w", "protocol": 1, "tasks": [{ "id": "nobody" }], "concurrency": 1, "runs": [] })
        .to_string();
    let connected = tell(router, "/engine/v1/worker/connect", &connect).await;
    let poll = json!({ "worker": "w", "session": connected["session"], "seen": 0 }).to_string();
    assert_eq!(tell(router, "/engine/v1/worker/poll", poll).await["orders"][0]["run"]["id"], json!(run));
    let (send, make) =
        (format!("/realtime/v1/streams/{run}/input/waited"), format!("/api/v1/runs/{run}/input-streams/wait"));
    let start = Instant::now();
    for n in 0..count {
        tell(router, &send, r#"{"data":1}"#).await;
        let last = n.checked_sub(1);
        let made = tell(router, &make, json!({ "streamId": "waited", "lastSeqNum": last }).to_string()).await;
        let waitpoint = made["waitpointId"].as_str().unwrap();
        let ended = tell(router, &format!("/engine/v1/runs/{run}/waitpoints/tokens/{waitpoint}/wait"), "").await;
        assert_eq!(ended["wait"]["seqNum"], n);
    }
    let each = start.elapsed().as_secs_f64() * 1e6 / count as f64;
    // It holds nothing now, so the run begins from the top.
    let start = Instant::now();
    let connected = tell(router, "/engine/v1/worker/connect", &connect).await;
    let poll = json!({ "worker": "w", "session": connected["session"], "seen": 0 }).to_string();
    let orders = tell(router, "/engine/v1/worker/poll", poll).await;
    assert_eq!(orders["orders"][0]["waits"].as_array().unwrap().len(), count);
    let again = start.elapsed().as_secs_f64() * 1e6 / count as f64;
    ask(router, "POST", &format!("/api/v2/runs/{run}/cancel"), "{}").await;
    println!("{name:<6} {count} waits of one run: {each:.0} us each, {again:.1} us each to begin anew");
}

/// The streams of one run among those of many others.
async fn look(router: &Router, others: usize) {
    for _ in 0..others {
        let other = run(router).await;
        ask(router, "POST", &format!("/realtime/v1/streams/{other}/input/words"), r#"{"data":1}"#).await;
    }
    let path = format!("/console/api/runs/{}/streams", run(router).await);
    let start = Instant::now();
    for _ in 0..100 {
        ask(router, "GET", &path, "").await;
    }
    println!("the streams of a run among {others}: {:.0} us", start.elapsed().as_secs_f64() * 1e4);
}

/// How long it takes to open a file whose runs have all ended long ago, and what is left of it.
async fn drops(file: &Path, count: usize) {
    {
        let router = app(open(Some(file)));
        for _ in 0..count {
            let run = run(&router).await;
            ask(&router, "POST", &format!("/realtime/v1/streams/{run}/input/words"), r#"{"data":1}"#).await;
            ask(&router, "POST", &format!("/api/v2/runs/{run}/cancel"), "{}").await;
        }
    }
    let size = || std::fs::metadata(file).unwrap().len() as f64 / 1e6;
    let full = size();
    let time = |keep| {
        let start = Instant::now();
        let state = AppState::open(Config { keep, ..Config::default() }, file).unwrap();
        (start.elapsed().as_secs_f64() * 1000.0, state)
    };
    let (kept, state) = time(Keep::All);
    drop(state);
    let (dropped, state) = time(Keep::For(Duration::ZERO));
    let start = Instant::now();
    let look = rusqlite::Connection::open(file).unwrap();
    let left = "SELECT (SELECT count(*) FROM records) + (SELECT freelist_count FROM pragma_freelist_count)";
    while look.query_row(left, [], |row| row.get::<_, i64>(0)).unwrap() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let cleared = start.elapsed().as_secs_f64();
    // The file shrinks when what was written is put into it, at the latest when it is closed.
    drop((look, state));
    println!("{count} runs open in {kept:.0} ms, and in {dropped:.0} ms when all are dropped");
    println!("{cleared:.1} s later their {full:.1} MB are {:.1}", size());
}
