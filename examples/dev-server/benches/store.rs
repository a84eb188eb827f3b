//! What it costs to keep everything in a file: sends and readers, in memory and on disk, without sockets in between.
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
use tidegate_dev_server::{AppState, Config, DEFAULT_SECRET_KEY, app};
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
    }
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
    match file {
        Some(file) => AppState::open(Config::default(), file).unwrap(),
        None => AppState::new(Config::default()),
    }
}

async fn ask(router: &Router, method: &str, path: &str, body: &'static str) -> Response<Body> {
    let request = Request::builder().method(method).uri(path).header("content-length", body.len());
    let request = request.header("authorization", format!("Bearer {DEFAULT_SECRET_KEY}"));
    let response = router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response
}

async fn run(router: &Router) -> String {
    let body = ask(router, "POST", "/api/v1/tasks/nobody/trigger", "{}").await.into_body();
    let body: serde_json::Value = serde_json::from_slice(&to_bytes(body, usize::MAX).await.unwrap()).unwrap();
    body["id"].as_str().unwrap().to_owned()
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
