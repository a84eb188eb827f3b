//! The only place that turns the core's words into JavaScript values: small ones as objects, payloads as text.

use serde::Serialize;
use wasm_bindgen::JsValue;

use super::bindings::Sink;
use crate::proto::error::{ErrorCode, Problem};
use crate::proto::output::Event;
use crate::proto::send::{Hold, SendChanged, SendState};
use crate::proto::subscription::StreamStatus;
use crate::proto::time::{UnixTime, millis};

/// Hands an event to the sink.
pub(super) fn deliver(sink: &Sink, event: Event) -> Result<(), JsValue> {
    let view = match event {
        Event::Parts { subscription, json, last_event_id } => {
            return sink.parts(subscription.number(), &json, &last_event_id.unwrap_or_default());
        }
        Event::TokenNeeded(principal) => EventView::TokenNeeded { principal: principal.number() },
        Event::Send(change) => send_view(&change),
        Event::Stream(subscription, status) => stream_view(subscription.number(), &status),
        Event::Unreadable { subscription, id, reason } => {
            EventView::RecordUnreadable { subscription: subscription.number(), id, reason }
        }
    };
    sink.event(serde_wasm_bindgen::to_value(&view)?)
}

/// The shapes of `types.d.ts`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
enum EventView {
    TokenNeeded {
        principal: u32,
    },
    SendChanged {
        send: u32,
        state: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        waiting_for: Option<&'static str>,
        attempt: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<ProblemView>,
    },
    StreamChanged {
        subscription: u32,
        status: &'static str,
        attempt: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_in_ms: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        end_reason: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<ProblemView>,
    },
    RecordUnreadable {
        subscription: u32,
        id: String,
        reason: &'static str,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProblemView {
    code: &'static str,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual_bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expired_at_ms: Option<f64>,
}

fn send_view(change: &SendChanged) -> EventView {
    let (state, waiting_for, error) = match &change.state {
        SendState::Queued(hold) => ("queued", Some(hold_name(*hold)), None),
        SendState::Sending => ("sending", None, None),
        SendState::Accepted => ("accepted", None, None),
        SendState::Rejected(problem) => ("rejected", None, Some(problem)),
        SendState::Unknown(problem) => ("unknown", None, Some(problem)),
        SendState::Cancelled => ("cancelled", None, None),
    };
    EventView::SendChanged {
        send: change.send.number(),
        state,
        waiting_for,
        attempt: change.attempt,
        error: error.map(problem_view),
    }
}

const fn hold_name(hold: Hold) -> &'static str {
    match hold {
        Hold::Turn => "turn",
        Hold::Token => "token",
        Hold::Online => "online",
        Hold::Backoff => "backoff",
    }
}

fn stream_view(subscription: u32, status: &StreamStatus) -> EventView {
    let (name, attempt, retry_in_ms, error) = match status {
        StreamStatus::Connecting => ("connecting", 0, None, None),
        StreamStatus::Live => ("live", 0, None, None),
        StreamStatus::Reconnecting { attempt, retry_in, problem } => {
            let ms = u32::try_from(millis(*retry_in)).unwrap_or(u32::MAX);
            ("reconnecting", *attempt, Some(ms), Some(problem))
        }
        StreamStatus::Paused => ("paused", 0, None, None),
        StreamStatus::Failed(problem) => ("failed", 0, None, Some(problem)),
    };
    let end_reason = match status {
        StreamStatus::Failed(problem) => Some(end_reason(problem)),
        StreamStatus::Connecting | StreamStatus::Live | StreamStatus::Reconnecting { .. } | StreamStatus::Paused => {
            None
        }
    };
    EventView::StreamChanged {
        subscription,
        status: name,
        attempt,
        retry_in_ms,
        end_reason,
        error: error.map(problem_view),
    }
}

fn end_reason(problem: &Problem) -> &'static str {
    if problem.status == Some(410) {
        "gone"
    } else if problem.code == ErrorCode::NotFound {
        "not-found"
    } else if problem.code == ErrorCode::Forbidden {
        "forbidden"
    } else if problem.code.concerns_token() {
        "unauthorized"
    } else {
        "refused"
    }
}

fn problem_view(problem: &Problem) -> ProblemView {
    ProblemView {
        code: problem.code.as_str(),
        retryable: problem.code.retryable(),
        status: problem.status,
        server_message: problem.server_message.clone(),
        missing_scope: problem.missing_scope.clone(),
        limit_bytes: problem.size.map(|size| size.limit),
        actual_bytes: problem.size.map(|size| size.actual),
        expired_at_ms: problem.expired_at.map(UnixTime::as_millis).map(|ms| ms as f64),
    }
}
