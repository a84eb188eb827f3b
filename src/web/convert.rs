//! The only place that turns the core's words into JavaScript's: payloads as text, everything else as numbers and names.

use wasm_bindgen::JsValue;

use super::host::Host;
#[cfg(feature = "runs")]
use crate::proto::call::CallOutcome;
use crate::proto::error::{ErrorCode, Problem};
use crate::proto::intake::Parts;
use crate::proto::output::Event;
use crate::proto::send::{SendChanged, SendState};
#[cfg(feature = "runs")]
use crate::proto::shape::Rows;
use crate::proto::status::StreamStatus;

/// Hands an event to the application.
pub(super) fn deliver(host: &Host, event: &Event) {
    match event {
        Event::TokenNeeded(principal) => host.tell_token_needed(principal.number()),
        Event::Send(change) => deliver_send(host, change),
        Event::Stream(id, status) | Event::Feed(id, status) => {
            deliver_status(host, matches!(event, Event::Feed(..)), id.number(), status);
        }
        #[cfg(feature = "runs")]
        Event::Rows(feed, Rows { text, schema, fresh, complete }) => {
            host.tell_rows(feed.number(), text, schema.as_deref(), *fresh, *complete);
        }
        #[cfg(feature = "runs")]
        Event::Call(call, outcome) => {
            let (text, token, unknown, error) = match outcome {
                CallOutcome::Answered { text, token } => (&**text, &**token, false, JsValue::UNDEFINED),
                CallOutcome::Failed { unknown, problem } => ("", "", *unknown, convert_problem(host, problem)),
            };
            host.tell_call(call.number(), text, token, unknown, error);
        }
        #[cfg(not(feature = "runs"))]
        Event::Rows(..) | Event::Call(..) => {}
        Event::Parts(subscription, Parts { text, form, last_event_id }) => {
            host.tell_parts(subscription.number(), text, last_event_id, *form as u32);
        }
        Event::Unreadable { subscription, id, reason } => host.tell_unreadable(subscription.number(), id, reason),
    }
}

fn deliver_send(host: &Host, change: &SendChanged) {
    // By number, and named in `host.js`: a text costs more than all else that is told.
    let (standing, problem) = match &change.state {
        SendState::Queued(hold) => (*hold as u32, None),
        SendState::Sending => (4, None),
        SendState::Accepted => (5, None),
        SendState::Rejected(problem) => (6, Some(problem)),
        SendState::Unknown(problem) => (7, Some(problem)),
        SendState::Cancelled => (8, None),
    };
    let error = problem.map_or(JsValue::UNDEFINED, |problem| convert_problem(host, problem));
    host.tell_send(change.send.number(), standing, change.attempt, error);
}

fn deliver_status(host: &Host, is_feed: bool, subscription: u32, status: &StreamStatus) {
    let (standing, attempt, retry_in_ms, problem) = match status {
        StreamStatus::Connecting => (0, 0, None, None),
        StreamStatus::Live => (1, 0, None, None),
        StreamStatus::Reconnecting { attempt, retry_in_ms, problem } => {
            (2, *attempt, Some(*retry_in_ms as f64), Some(problem))
        }
        StreamStatus::Paused => (3, 0, None, None),
        StreamStatus::Ended => (4, 0, None, None),
        StreamStatus::Failed(problem) => (failed(problem), 0, None, Some(problem)),
    };
    let error = problem.map_or(JsValue::UNDEFINED, |problem| convert_problem(host, problem));
    host.tell_stream(is_feed, subscription, standing, attempt, retry_in_ms, error);
}

/// The standing that says why.
fn failed(problem: &Problem) -> u32 {
    if problem.status == Some(410) {
        5
    } else if problem.code == ErrorCode::NotFound {
        6
    } else if problem.code == ErrorCode::Forbidden {
        7
    } else if problem.code.concerns_token() {
        8
    } else {
        9
    }
}

fn convert_problem(host: &Host, problem: &Problem) -> JsValue {
    host.problem(
        problem.code.as_str(),
        problem.code.retryable(),
        problem.status,
        problem.server_message.as_deref(),
        problem.subject,
        problem.missing_scope.as_deref(),
        problem.size.map(|size| size.limit as u32),
        problem.size.map(|size| size.actual as u32),
        problem.expired_at.map(|at| at.as_millis() as f64),
    )
}
