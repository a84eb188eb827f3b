//! Large payloads and outputs, which stand beside the runs, and the store that they lie in.
//!
//! The original gives presigned addresses of an object store. Here the store is this server: an address holds a
//! signature over what may be done with which object, and needs no other credentials.

use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::auth::Caller;
use crate::jwt;
use crate::origin;
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::{Object, Packet};

const LARGEST: usize = 64 * 1024 * 1024;

/// `GET /api/v1/packets/:path`: where to get it. Any token of the environment will do.
pub(crate) async fn download(
    State(app): State<AppState>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    Caller::of(&headers, &app.config)?;
    let url = presigned_get(&app, &headers, checked(&path)?);
    Ok(respond::json(StatusCode::OK, &json!({ "presignedUrl": url })))
}

/// `GET /api/v1/runs/:run/packets/:field`: where to get the run's `payload` or `output`, for who may read the run.
/// Clients since 4.8 ask here, and at the older route when this one says that there is nothing.
pub(crate) async fn of_run(
    State(app): State<AppState>,
    Path((run, field)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = Caller::of(&headers, &app.config)?;
    let run = app.store.run(&run).ok_or(Refusal::NotFound { retry: false })?;
    caller.must_read(&run)?;
    let packet = match field.as_str() {
        "payload" => &run.payload,
        "output" => &run.output,
        _ => return Err(Refusal::NotFound { retry: false }),
    };
    let path = packet.data.as_deref().filter(|_| packet.kind == Packet::STORE);
    let path = path.ok_or(Refusal::NotFound { retry: false })?;
    Ok(respond::json(StatusCode::OK, &json!({ "presignedUrl": presigned_get(&app, &headers, path) })))
}

/// `PUT /api/v2/packets/:path`: where to put it. Secret key only.
pub(crate) async fn upload(
    State(app): State<AppState>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    let path = checked(&path)?;
    let url = presigned(&app, &headers, "PUT", path);
    Ok(respond::json(StatusCode::OK, &json!({ "presignedUrl": url, "storagePath": path })))
}

/// `GET /objects/:signature/:path`
pub(crate) async fn get(
    State(app): State<AppState>,
    Path((signature, path)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    check_signature(&app, "GET", &path, &signature)?;
    let object = app.store.object(&path).ok_or_else(|| Refusal::Text(StatusCode::NOT_FOUND, "NoSuchKey".to_owned()));
    let object = match object {
        Ok(object) => object,
        Err(refusal) => return Ok(open(refusal.into_response())),
    };
    let mut response = Response::new(Body::from(object.bytes));
    if let Ok(kind) = HeaderValue::try_from(object.kind) {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    Ok(open(response))
}

/// `PUT /objects/:signature/:path`
pub(crate) async fn put(
    State(app): State<AppState>,
    Path((signature, path)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    check_signature(&app, "PUT", &path, &signature)?;
    let bytes = to_bytes(body, LARGEST).await.map_err(|_| Refusal::BodyTooLarge)?;
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or(Packet::JSON).to_owned();
    app.store.put_object(&path, Object { bytes, kind });
    Ok(open(StatusCode::OK.into_response()))
}

/// What a bucket says to a page that asks first: it may get, with no headers of its own.
pub(crate) async fn preflight(headers: HeaderMap) -> Response {
    let is_get = headers.get(ACCESS_CONTROL_REQUEST_METHOD).is_some_and(|method| method == "GET");
    let has_headers = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).is_some_and(|names| !names.is_empty());
    if !is_get || has_headers {
        let words = "CORSResponse: This CORS request is not allowed.";
        return respond::text(StatusCode::FORBIDDEN, words);
    }
    let mut response = open(StatusCode::OK.into_response());
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET"));
    response
}

/// Where anyone may get an object who is told this address.
pub(super) fn presigned_get(app: &AppState, headers: &HeaderMap, path: &str) -> String {
    presigned(app, headers, "GET", path)
}

fn presigned(app: &AppState, headers: &HeaderMap, method: &str, path: &str) -> String {
    let origin = origin::of(app, Some(headers));
    let escaped: Vec<String> =
        path.split('/').map(|segment| form_urlencoded::byte_serialize(segment.as_bytes()).collect()).collect();
    format!("{origin}/objects/{}/{}", signature(app, method, path), escaped.join("/").replace('+', "%20"))
}

fn signature(app: &AppState, method: &str, path: &str) -> String {
    jwt::authenticator(&format!("object {method} {path}"), &app.config.secret_key)
}

fn check_signature(app: &AppState, method: &str, path: &str, signature: &str) -> Result<(), Refusal> {
    if jwt::is_authenticator(signature, &format!("object {method} {path}"), &app.config.secret_key) {
        return Ok(());
    }
    Err(Refusal::Text(StatusCode::FORBIDDEN, "SignatureDoesNotMatch".to_owned()))
}

fn open(mut response: Response) -> Response {
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// The path without the protocol it may begin with.
fn checked(path: &str) -> Result<&str, Refusal> {
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    let leads_out = path.split('/').any(|segment| matches!(segment, "" | "." | "..")) || path.contains(['\\', '%']);
    if leads_out {
        return Err(Refusal::Error(StatusCode::BAD_REQUEST, "Invalid packet storage path".to_owned()));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn a_path_stays_within_the_store() {
        assert_eq!(checked("run_1/payload.json").ok(), Some("run_1/payload.json"));
        assert_eq!(checked("s3://run_1/payload.json").ok(), Some("run_1/payload.json"));
        for path in ["", "/a", "a//b", "../a", "a/../b", "a/.", "a\\b", "a/%2e%2e/b", "s3:///a"] {
            assert!(checked(path).is_err(), "{path}");
        }
    }
}
