//! How this server is reached.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderName};

use crate::state::AppState;

/// Of a server that was not given a port by [`serve`](crate::serve), and by no request with a `Host`.
const DEFAULT: &str = "http://127.0.0.1:3030";
const FORWARDED_SCHEME: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// `scheme://host:port`, as the client of a request reaches this server, or a task that has no request.
pub(crate) fn of(app: &AppState, request: Option<&HeaderMap>) -> String {
    let header = |name: HeaderName| request.and_then(|headers| headers.get(name)?.to_str().ok());
    match header(HOST) {
        Some(host) => format!("{}://{host}", header(FORWARDED_SCHEME).unwrap_or("http")),
        None => app.origin.get().map_or(DEFAULT, String::as_str).to_owned(),
    }
}

/// What a listener's address is to a client on the same machine.
pub(crate) fn listening(on: SocketAddr) -> String {
    let host = match on.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(ip) if ip.is_unspecified() => "[::1]".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    format!("http://{host}:{}", on.port())
}
