//! `GET /api/v1/waitpoints/tokens`: a page of wait tokens, newest first.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::super::query::{Query, refuse, time};
use super::view::Item;
use crate::auth::Caller;
use crate::respond::{self, Refusal};
use crate::state::AppState;
use crate::store::{Place, WaitpointQuery as Wanted, WaitpointState};

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
    let page = app.store.list_waitpoints(&read(&Query::read(query.as_deref()))?);
    let data = page.waitpoints.iter().map(|waitpoint| Item::of(&app, waitpoint, &headers)).collect();
    let pagination = Pagination { next: page.next, previous: page.previous };
    Ok(respond::json(StatusCode::OK, &Body { data, pagination }))
}

fn read(query: &Query) -> Result<Wanted, Refusal> {
    let text = |name: &str| query.get(name).filter(|text| !text.is_empty());
    let date = |name: &str| match text(name) {
        Some(given) => time(given).map(Some).ok_or_else(|| refuse(name, "Invalid date")),
        None => Ok(None),
    };
    let before = text("page[before]").map(|id| Place::Before(id.to_owned()));
    Ok(Wanted {
        size: text("page[size]").map_or(Ok(PAGE), size)?,
        from: before.or_else(|| text("page[after]").map(|id| Place::After(id.to_owned()))),
        states: states(query.list("filter[status]"))?,
        key: text("filter[idempotencyKey]").map(str::to_owned),
        tags: query.list("filter[tags]").into_iter().map(str::to_owned).collect(),
        created_from: query.since("filter[createdAt][period]").max(date("filter[createdAt][from]")?),
        created_to: date("filter[createdAt][to]")?,
    })
}

fn size(text: &str) -> Result<usize, Refusal> {
    let whole = text.parse::<usize>().ok().filter(|size| (1..=LARGEST_PAGE).contains(size));
    whole.ok_or_else(|| refuse("page[size]", &format!("Expected a whole number from 1 to {LARGEST_PAGE}")))
}

fn states(names: Vec<&str>) -> Result<Vec<WaitpointState>, Refusal> {
    let known = |name: &&str| WaitpointState::ALL.into_iter().find(|state| state.name() == *name);
    let (known, unknown): (Vec<_>, Vec<_>) =
        names.into_iter().map(|name| (name, known(&name))).partition(|(_, state)| state.is_some());
    if unknown.is_empty() {
        return Ok(known.into_iter().filter_map(|(_, state)| state).collect());
    }
    let names: Vec<&str> = unknown.into_iter().map(|(name, _)| name).collect();
    Err(refuse("filter[status]", &format!("Invalid status values: {}", names.join(", "))))
}
