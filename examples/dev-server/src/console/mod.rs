//! The console: a page of this server for its own runs, and the few things that this page asks for besides the wire.
//!
//! Its files are built elsewhere and lie in a folder; what a page does with the wire, this one does through the wire as
//! well.

mod access;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path as Named, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use futures_util::future::try_join_all;
use serde_json::json;
use tower_http::services::{ServeDir, ServeFile};

use crate::auth::Caller;
use crate::clock::now_seconds;
use crate::jwt::{self, Claims};
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::StreamKey;
use crate::tasks;

/// What the page may do: see every run with its streams, trigger one, send into it and cancel it.
const SCOPES: [&str; 4] = ["read:runs", "write:inputStreams", "write:runs", "trigger:tasks"];
/// The page asks for the next one by itself, so what leaks is soon worth nothing.
const TOKEN_SECONDS: i64 = 300;

/// Nothing from elsewhere and nothing inline; the core of Tidegate is compiled in the page, which a browser calls
/// `wasm-unsafe-eval`.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page that shows the runs of this server, at `/console`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Console {
    /// The folder with the built page. Default `target/console`. When nothing is there, `/console` says how to build
    /// it.
    pub files: PathBuf,
    /// Names, with a port or for any, by which the page may be opened besides those of this machine (`localhost`,
    /// `127.0.0.1`, `[::1]`). Whoever reaches the server by one of them sees every run and can trigger, send and
    /// cancel, without a credential. Default: none.
    pub hosts: Vec<String>,
}

impl Default for Console {
    fn default() -> Self {
        Self { files: "target/console".into(), hosts: Vec::new() }
    }
}

/// The routes of the console, every answer with the headers of its pages.
pub(crate) fn routes(console: &Console) -> Router<AppState> {
    let files = &console.files;
    let index = files.join("index.html");
    let to_page = get(async || Redirect::temporary("/console"));
    Router::new()
        .route("/", to_page.clone())
        .route("/console/", to_page)
        .route("/console", get(async move |request: Request| page(&index, request).await))
        .nest_service("/console/assets", ServeDir::new(files.join("assets")))
        .route_service("/console/icon.svg", ServeFile::new(files.join("icon.svg")))
        .route("/console/api/token", post(token))
        .route("/console/api/tasks", get(known_tasks))
        .route("/console/api/runs/{run}/streams", get(streams))
        .layer(from_fn(dress))
}

/// `GET /console`
async fn page(index: &Path, request: Request) -> Response {
    match ServeFile::new(index).try_call(request).await {
        Ok(response) if response.status() != StatusCode::NOT_FOUND => response.map(Body::new),
        Ok(_) => not_built(index),
        Err(error) => {
            let message = format!("The console at {} cannot be read: {error}", index.display());
            Refusal::Text(StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
        }
    }
}

fn not_built(index: &Path) -> Response {
    let message = format!(
        "The console has not been built yet: there is no {}.\n\nBuild it with `make console` in the repository of Tidegate and reload \
         this page; the server need not be started again. `--console DIR` names another folder.\n",
        index.display()
    );
    respond::text(StatusCode::NOT_FOUND, message)
}

/// `POST /console/api/token`: what the page comes with when it asks for anything else.
async fn token(State(app): State<AppState>, headers: HeaderMap) -> Result<Response, Refusal> {
    let console = app.config.console.as_ref().ok_or(Refusal::NoResource)?;
    access::check(&headers, &console.hosts, app.is_reached_from_afar.load(Ordering::Relaxed))?;
    let scopes = SCOPES.map(str::to_owned).to_vec();
    let claims = Claims::new(&app.config.environment_id, scopes, now_seconds(), TOKEN_SECONDS);
    Ok(respond::json(StatusCode::OK, &json!({ "accessToken": jwt::sign(&claims, &app.config.secret_key) })))
}

/// `GET /console/api/tasks`: the tasks that this server brings, each with a payload to try and what it listens to.
async fn known_tasks(State(app): State<AppState>, headers: HeaderMap) -> Result<Response, Refusal> {
    Caller::of(&headers, &app.config)?;
    Ok(respond::json(StatusCode::OK, &tasks::SAMPLES))
}

/// `GET /console/api/runs/:run/streams`: the streams that a run has so far, with the number of their records, and for
/// inputs whether the task waits for the next one. The wire tells of outputs only.
async fn streams(
    State(app): State<AppState>,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = Caller::of(&headers, &app.config)?;
    let run = app.store.run(&id).ok_or(Refusal::NotFound { retry: false })?;
    caller.must_read(&run)?;
    let count = async |key| Ok::<_, Refusal>((app.streams.length(&key).await?, key));
    let streams = try_join_all(app.store.streams_of(&run.id).into_iter().map(count)).await?;
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for (records, key) in streams {
        let is_awaited = app.store.is_awaited(&key);
        match key {
            StreamKey::Input { stream, .. } if records > 0 || is_awaited => {
                inputs.push(json!({ "id": stream, "records": records, "isAwaited": is_awaited }));
            }
            StreamKey::Output { stream, .. } if records > 0 || run.streams.contains(&stream) => {
                outputs.push(json!({ "key": stream, "records": records }));
            }
            // Somebody reads it, and nothing is there.
            StreamKey::Input { .. } | StreamKey::Output { .. } => {}
        }
    }
    Ok(respond::json(StatusCode::OK, &json!({ "inputs": inputs, "outputs": outputs })))
}

/// What a browser is told of everything under `/console`.
async fn dress(request: Request, next: Next) -> Response {
    let is_asset = request.uri().path().starts_with("/console/assets/");
    let is_answer = request.uri().path().starts_with("/console/api/");
    let mut response = next.run(request).await;
    // The name of an asset changes with what is in it.
    let keep = match response.status() {
        _ if is_answer => "no-store",
        status if is_asset && status.is_success() => "public, max-age=31536000, immutable",
        _ => "no-cache",
    };
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(CACHE_CONTROL, keep);
    set(CONTENT_SECURITY_POLICY, POLICY);
    set(REFERRER_POLICY, "no-referrer");
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}
