//! Callback addresses: whoever has one may complete its wait token, without a credential.
//!
//! The last part of the path is an HMAC of the token's id with the secret key, so the server keeps no list of
//! addresses.

use axum::http::HeaderMap;
use hmac::Mac;

use crate::jwt::mac;
use crate::origin;
use crate::state::AppState;

/// The address for a wait token, as the client of a request reaches this server, or a task that has no request.
pub(crate) fn url(app: &AppState, waitpoint: &str, request: Option<&HeaderMap>) -> String {
    let origin = origin::of(app, request);
    let hash: String = seal(app, waitpoint).finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{origin}/api/v1/waitpoints/tokens/{waitpoint}/callback/{hash}")
}

/// Whether this hash, in hexadecimal digits, is the one of this wait token.
pub(crate) fn is_hash_of(app: &AppState, waitpoint: &str, hash: &str) -> bool {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = hash.as_bytes().chunks(2).map(digits).collect();
    bytes.is_some_and(|bytes| seal(app, waitpoint).verify_slice(&bytes).is_ok())
}

fn seal(app: &AppState, waitpoint: &str) -> impl Mac {
    mac(waitpoint.trim_start_matches("waitpoint_"), &app.config.secret_key)
}
