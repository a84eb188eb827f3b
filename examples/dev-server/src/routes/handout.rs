//! The public access token that an answer brings along, in two headers: ready to use, and as claims for a backend that
//! signs itself.

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

use crate::jwt::{self, Claims};
use crate::state::AppState;

const TOKEN: HeaderName = HeaderName::from_static("x-trigger-jwt");
const TOKEN_CLAIMS: HeaderName = HeaderName::from_static("x-trigger-jwt-claims");

/// What the header of claims tells besides the environment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Scopes,
    Nothing,
}

pub(super) fn with_token(mut response: Response, app: &AppState, claims: &Claims, told: Told) -> Response {
    #[derive(Serialize)]
    struct Public<'a> {
        sub: &'a str,
        r#pub: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        scopes: Option<&'a [String]>,
        #[serde(skip_serializing_if = "Option::is_none")]
        realtime: Option<&'a Value>,
    }
    let tells = told == Told::Scopes;
    let public = Public {
        sub: &app.config.environment_id,
        r#pub: true,
        scopes: tells.then_some(&claims.scopes),
        realtime: claims.realtime.as_ref().filter(|_| tells),
    };
    let public = serde_json::to_string(&public).unwrap_or_default();
    for (name, value) in [(TOKEN, jwt::sign(claims, &app.config.secret_key)), (TOKEN_CLAIMS, public)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
