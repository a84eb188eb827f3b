//! A wait token as a backend sees it.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use crate::auth::Caller;
use crate::callback;
use crate::clock::iso;
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::{Packet, Waitpoint};

/// `GET /api/v1/waitpoints/tokens/:waitpoint`. The original answers 500 for an id that it does not know, which clients
/// take for something that may pass.
pub(crate) async fn retrieve(
    State(app): State<AppState>,
    Path(waitpoint): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    Caller::backend(&headers, &app.config)?;
    let waitpoint = app.store.waitpoint(&waitpoint).ok_or(Refusal::NotFound { retry: false })?;
    let output = waitpoint.completion.as_ref().map_or(Packet::EMPTY, |completion| completion.output.clone());
    let whole = Whole {
        r#type: "MANUAL",
        user_provided_idempotency_key: waitpoint.key.is_chosen,
        output: output.data,
        output_type: output.kind,
        output_is_error: waitpoint.completion.as_ref().is_some_and(|completion| completion.is_error),
        item: Item { idempotency_key: Some(waitpoint.key.text.clone()), ..Item::of(&app, &waitpoint, &headers) },
    };
    Ok(respond::json(StatusCode::OK, &whole))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole {
    r#type: &'static str,
    #[serde(flatten)]
    item: Item,
    user_provided_idempotency_key: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Arc<str>>,
    output_type: Cow<'static, str>,
    output_is_error: bool,
}

/// What a list tells of each. Times are ISO texts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    id: String,
    url: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_at: Option<String>,
    /// The older name of the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key_expires_at: Option<String>,
    tags: Vec<String>,
    created_at: String,
}

impl Item {
    pub(super) fn of(app: &AppState, waitpoint: &Waitpoint, request: &HeaderMap) -> Self {
        let mut tags = waitpoint.tags.clone();
        tags.sort();
        Self {
            id: waitpoint.id.clone(),
            url: callback::url(app, &waitpoint.id, Some(request)),
            status: waitpoint.state().name(),
            completed_at: waitpoint.completion.as_ref().map(|completion| iso(completion.at)),
            timeout_at: waitpoint.timeout_at.map(iso),
            completed_after: waitpoint.timeout_at.map(iso),
            idempotency_key: waitpoint.key.is_chosen.then(|| waitpoint.key.text.clone()),
            idempotency_key_expires_at: waitpoint.key.expires_at.map(iso),
            tags,
            created_at: iso(waitpoint.created_at),
        }
    }
}
