//! Stands before everything else and lets go wrong what is to go wrong.

use std::future::pending;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CONTENT_LENGTH, ORIGIN};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::sleep;

use super::rules::{Answer, Fault};
use super::tamper;
use crate::cors;
use crate::respond::Refusal;
use crate::routes::REQUEST_KEY;
use crate::state::AppState;
use crate::wire::Plug;

/// Found on a request to a feed that is to end with a 409.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MustRefetch;

pub(crate) async fn inject(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().as_str(), request.uri().path());
    let key = request.headers().get(REQUEST_KEY).and_then(|value| value.to_str().ok());
    let number = app.faults.requests().add(method, path, key);
    let fault = app.faults.take(method, path);
    let (response, is_seen) = apply(fault, request, next).await;
    if is_seen {
        app.faults.requests().answered(number, response.status().as_u16());
    }
    response
}

/// The answer, and whether the client will see any of it.
async fn apply(fault: Fault, mut request: Request, next: Next) -> (Response, bool) {
    let response = match fault {
        Fault::Pass => next.run(request).await,
        Fault::Answer(answer) => give(&answer, request).await,
        Fault::Opaque => undress(next.run(request).await),
        Fault::Delay { ms } => {
            sleep(Duration::from_millis(ms)).await;
            next.run(request).await
        }
        Fault::Hang { committed } => {
            settle(request, next, committed).await;
            pending().await
        }
        Fault::Drop { committed } => {
            let Some(ConnectInfo(plug)) = request.extensions().get::<ConnectInfo<Plug>>().cloned() else {
                let words = "This server cannot drop connections: start it with `serve`";
                return (Refusal::Error(StatusCode::INTERNAL_SERVER_ERROR, words.to_owned()).into_response(), true);
            };
            settle(request, next, committed).await;
            plug.pull();
            return (Response::default(), false);
        }
        Fault::MustRefetch => {
            request.extensions_mut().insert(MustRefetch);
            next.run(request).await
        }
        Fault::Cut { bytes } => next.run(request).await.map(|body| tamper::end(body, bytes, tamper::End::Broken)),
        Fault::Stall { bytes } => next.run(request).await.map(|body| tamper::end(body, bytes, tamper::End::Silent)),
        Fault::Split => next.run(request).await.map(tamper::split),
        Fault::Duplicate => {
            let mut response = next.run(request).await.map(tamper::duplicate);
            response.headers_mut().remove(CONTENT_LENGTH);
            response
        }
    };
    (response, true)
}

/// Carries the request out, or takes its body and does nothing.
async fn settle(request: Request, next: Next, committed: bool) {
    if committed {
        next.run(request).await;
    } else {
        drain(request).await;
    }
}

/// A browser whose upload is cut off sees a network failure and not the answer.
async fn drain(request: Request) {
    let _ = to_bytes(request.into_body(), usize::MAX).await;
}

async fn give(answer: &Answer, request: Request) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    drain(request).await;
    let mut response = Response::new(Body::from(answer.body.clone()));
    // Checked when the rule came, as are the headers.
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
    for (name, value) in answer.headers() {
        response.headers_mut().insert(name, value);
    }
    if answer.cors {
        cors::dress(response.headers_mut(), origin);
    }
    response
}

fn undress(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let names: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
    for name in names {
        headers.remove(name);
    }
    response
}

impl Answer {
    /// What is wrong with it.
    pub(super) fn problem(&self) -> Option<String> {
        if !(200..600).contains(&self.status) {
            return Some(format!("{} is no status of an answer", self.status));
        }
        let count = self.headers().count();
        (count < self.headers.len()).then(|| "a header has a name or a value that no header has".to_owned())
    }

    fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        self.headers.iter().filter_map(|(name, value)| {
            Some((HeaderName::try_from(name.as_str()).ok()?, HeaderValue::try_from(value.as_str()).ok()?))
        })
    }
}
