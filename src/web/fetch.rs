//! Makes one request of the core's and tells what comes of it, piece by piece.

use core::time::Duration;

use gloo_net::http::{Headers, Method, RequestBuilder};
use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, AbortSignal, ReadableStreamDefaultReader, Response};

use crate::proto::http::{OutgoingRequest, RequestFailure, RequestKind, ResponseHead, StreamVersion};

/// What comes of a request, in order: a head, then either one body or chunks and their end. Or a failure at any point.
pub(super) enum News<'a> {
    Head(ResponseHead),
    Body(&'a str),
    Chunk(&'a [u8]),
    End,
    Failed(RequestFailure),
}

/// Gives the request up when it is dropped.
pub(super) struct InFlight(AbortController);

impl InFlight {
    pub(super) fn new() -> Option<Self> {
        AbortController::new().ok().map(Self)
    }

    pub(super) fn signal(&self) -> AbortSignal {
        self.0.signal()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[wasm_bindgen]
extern "C" {
    // The global one: pages, workers and Node have it.
    fn fetch(request: &web_sys::Request) -> Promise;

    #[wasm_bindgen(extends = js_sys::Object)]
    type ReadResult;

    #[wasm_bindgen(method, getter)]
    fn done(this: &ReadResult) -> bool;

    #[wasm_bindgen(method, getter)]
    fn value(this: &ReadResult) -> Uint8Array;
}

/// Makes the request and tells everything, up to the end or the failure.
pub(super) async fn perform(request: OutgoingRequest, signal: AbortSignal, mut tell: impl FnMut(News<'_>)) {
    let streaming = matches!(request.kind, RequestKind::Stream { .. });
    let Ok(request) = build(request, &signal) else {
        return tell(News::Failed(RequestFailure::NotSent));
    };
    // gloo's own `send` panics on a rejection that is no `Error`; `fetch` may reject with anything.
    let Ok(response) = JsFuture::from(fetch(&request.into())).await else {
        return tell(News::Failed(RequestFailure::Network));
    };
    let response: Response = response.unchecked_into();
    let head = read_head(&response);
    tell(News::Head(head));
    let read = if streaming && response.ok() {
        read_chunks(&response, &mut tell).await
    } else {
        read_text(&response, &mut tell).await
    };
    if read.is_err() {
        tell(News::Failed(RequestFailure::Network));
    }
}

fn build(request: OutgoingRequest, signal: &AbortSignal) -> Result<gloo_net::http::Request, gloo_net::Error> {
    let headers = Headers::new();
    headers.set("authorization", &["Bearer ", request.token.reveal()].concat());
    if let Some(branch) = &request.branch {
        headers.set("x-trigger-branch", branch);
    }
    let builder = RequestBuilder::new(&request.url).abort_signal(Some(signal));
    match request.kind {
        RequestKind::Send { body, idempotency_key } => {
            headers.set("content-type", "application/json");
            headers.set("x-trigger-request-idempotency-key", &idempotency_key);
            builder.method(Method::POST).headers(headers).body(body)
        }
        RequestKind::Stream { last_event_id, timeout_seconds } => {
            headers.set("accept", "text/event-stream");
            if let Some(id) = &last_event_id {
                headers.set("last-event-id", id);
            }
            if let Some(seconds) = timeout_seconds {
                headers.set("timeout-seconds", &seconds.to_string());
            }
            builder.headers(headers).build()
        }
    }
}

fn read_head(response: &Response) -> ResponseHead {
    let headers = Headers::from_raw(response.headers());
    let retry_after = headers.get("retry-after").and_then(|text| text.trim().parse().ok());
    let version = match headers.get("x-stream-version").as_deref() {
        Some("v2") => StreamVersion::V2,
        _ => StreamVersion::V1,
    };
    ResponseHead {
        status: response.status(),
        retry_after: retry_after.map(Duration::from_secs),
        version,
        idempotent: headers.get("x-tidegate-idempotent").as_deref() == Some("1"),
    }
}

async fn read_text(response: &Response, tell: &mut impl FnMut(News<'_>)) -> Result<(), JsValue> {
    let text = JsFuture::from(response.text()?).await?;
    tell(News::Body(&text.as_string().unwrap_or_default()));
    Ok(())
}

async fn read_chunks(response: &Response, tell: &mut impl FnMut(News<'_>)) -> Result<(), JsValue> {
    if let Some(body) = response.body() {
        let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
        loop {
            let result: ReadResult = JsFuture::from(reader.read()).await?.unchecked_into();
            if result.done() {
                break;
            }
            tell(News::Chunk(&result.value().to_vec()));
        }
    }
    tell(News::End);
    Ok(())
}
