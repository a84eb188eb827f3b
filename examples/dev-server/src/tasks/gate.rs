//! `gate`: waits for a wait token, which a person completes on a page or a machine through the callback address.
//!
//! Payload `{"question"?: string, "timeout"?: string}`, the time-out as a duration such as `10m` or an ISO date;
//! default: none. Stream `gate`: `{"id": string, "publicAccessToken": string, "url": string, "question"?: string}`.
//! Output: what the token was completed with.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::TaskResult;
use super::context::TaskContext;
use crate::clock::now_ms;
use crate::span;

#[derive(Default, Deserialize)]
struct Payload {
    question: Option<String>,
    timeout: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Gate {
    id: String,
    public_access_token: String,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    question: Option<String>,
}

pub(super) async fn run(context: TaskContext, payload: Value) -> TaskResult {
    let unreadable = || {
        let wanted = r#"gate wants a payload like {"question": "May it open?", "timeout": "10m"}"#;
        format!("{wanted}; the time-out is a duration or an ISO date")
    };
    let payload: Option<Payload> = serde_json::from_value(payload).map_err(|_| unreadable())?;
    let Payload { question, timeout } = payload.unwrap_or_default();
    let end = |text: String| span::end(&text, now_ms()).ok_or_else(unreadable);
    let timeout_at = timeout.map(end).transpose()?;
    let token = context.create_token("gate", timeout_at);
    let gate = Gate { id: token.id, public_access_token: token.public_access_token, url: token.url, question };
    context.append("gate", &gate).await?;
    context.wait_for_token(&gate.id).await
}
