//! `GET /api/v1/waitpoints/tokens`: a page of wait tokens, newest first.

use std::collections::HashMap;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::json;

use super::view::Item;
use crate::auth::Caller;
use crate::clock::{self, now_ms};
use crate::respond::{self, Refusal};
use crate::span;
use crate::state::AppState;
use crate::store::{WaitpointPlace as Place, WaitpointQuery as Query, WaitpointState};

const PAGE: usize = 25;
const LARGEST_PAGE: usize = 100;

pub(crate) async fn list(
    State(app): State<AppState>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    #[derive(Serialize)]
    struct Body {
        data: Vec<Item>,
        pagination: Pagination,
    }
    #[derive(Serialize)]
    struct Pagination {
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        previous: Option<String>,
    }
    Caller::backend(&headers, &app.config)?;
    let page = app.store.list_waitpoints(&read(query.as_deref().unwrap_or_default())?);
    let data = page.waitpoints.iter().map(|waitpoint| Item::of(&app, waitpoint, &headers)).collect();
    let pagination = Pagination { next: page.next, previous: page.previous };
    Ok(respond::json(StatusCode::OK, &Body { data, pagination }))
}

fn read(query: &str) -> Result<Query, Refusal> {
    let parameters: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
    let text = |name: &str| parameters.get(name).map(AsRef::<str>::as_ref).filter(|text| !text.is_empty());
    let texts = |name: &str| text(name).map(|list| list.split(',').map(str::to_owned).collect()).unwrap_or_default();
    let before = text("page[before]").map(|id| Place::Before(id.to_owned()));
    let since = text("filter[createdAt][period]").and_then(span::seconds);
    let since = since.map(|seconds| now_ms().saturating_sub(seconds.unsigned_abs().saturating_mul(1000)));
    Ok(Query {
        size: text("page[size]").map_or(Ok(PAGE), size)?,
        from: before.or_else(|| text("page[after]").map(|id| Place::After(id.to_owned()))),
        states: states(text("filter[status]"))?,
        key: text("filter[idempotencyKey]").map(str::to_owned),
        tags: texts("filter[tags]"),
        created_from: since.max(date("filter[createdAt][from]", text("filter[createdAt][from]"))?),
        created_to: date("filter[createdAt][to]", text("filter[createdAt][to]"))?,
    })
}

fn size(text: &str) -> Result<usize, Refusal> {
    let whole = text.parse::<usize>().ok().filter(|size| (1..=LARGEST_PAGE).contains(size));
    whole.ok_or_else(|| bad("page[size]", &format!("Expected a whole number from 1 to {LARGEST_PAGE}")))
}

fn states(text: Option<&str>) -> Result<Vec<WaitpointState>, Refusal> {
    let names = text.into_iter().flat_map(|list| list.split(','));
    let known = |name: &&str| WaitpointState::ALL.into_iter().find(|state| state.name() == *name);
    let (known, unknown): (Vec<_>, Vec<_>) =
        names.map(|name| (name, known(&name))).partition(|(_, state)| state.is_some());
    if unknown.is_empty() {
        return Ok(known.into_iter().filter_map(|(_, state)| state).collect());
    }
    let names: Vec<&str> = unknown.into_iter().map(|(name, _)| name).collect();
    Err(bad("filter[status]", &format!("Invalid status values: {}", names.join(", "))))
}

/// An ISO date or milliseconds since the epoch.
fn date(name: &str, text: Option<&str>) -> Result<Option<u64>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    match text.parse().ok().or_else(|| clock::from_iso(text)) {
        Some(date) => Ok(Some(date)),
        None => Err(bad(name, "Invalid date")),
    }
}

fn bad(parameter: &str, message: &str) -> Refusal {
    let detail = json!({ "code": "custom", "message": message, "path": [parameter] });
    Refusal::Json(StatusCode::BAD_REQUEST, json!({ "error": "Query Error", "details": [detail] }))
}
