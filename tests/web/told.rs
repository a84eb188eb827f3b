//! What a sink is told, read as strictly as `types.d.ts` says it.

use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    Event(Event),
    Parts(Parts),
    Rows(Rows),
    Crashed(String),
    /// Not what the types say.
    Wrong(String),
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(crate) enum Event {
    TokenNeeded { principal: u32 },
    SendChanged(SendChanged),
    StreamChanged(StreamChanged),
    RecordUnreadable { subscription: u32, id: String, reason: String },
    FeedChanged(FeedChanged),
    CallAnswered { call: u32, text: String, token: Option<String> },
    CallFailed { call: u32, unknown: bool, error: Problem },
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SendChanged {
    pub(crate) send: u32,
    pub(crate) state: String,
    pub(crate) waiting_for: Option<String>,
    pub(crate) attempt: u32,
    pub(crate) error: Option<Problem>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct StreamChanged {
    pub(crate) subscription: u32,
    pub(crate) status: String,
    pub(crate) attempt: u32,
    pub(crate) retry_in_ms: Option<f64>,
    pub(crate) end_reason: Option<String>,
    pub(crate) error: Option<Problem>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FeedChanged {
    pub(crate) feed: u32,
    pub(crate) status: String,
    pub(crate) attempt: u32,
    pub(crate) retry_in_ms: Option<f64>,
    pub(crate) end_reason: Option<String>,
    pub(crate) error: Option<Problem>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Problem {
    pub(crate) code: String,
    pub(crate) retryable: bool,
    pub(crate) status: Option<u16>,
    pub(crate) server_message: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) missing_scope: Option<String>,
    pub(crate) limit_bytes: Option<u32>,
    pub(crate) actual_bytes: Option<u32>,
    pub(crate) expired_at_ms: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parts {
    pub(crate) subscription: u32,
    pub(crate) text: String,
    pub(crate) last_event_id: String,
    pub(crate) form: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rows {
    pub(crate) feed: u32,
    pub(crate) text: String,
    pub(crate) schema: Option<String>,
    pub(crate) fresh: bool,
    pub(crate) complete: bool,
}

impl Told {
    pub(crate) fn event(value: JsValue) -> Self {
        serde_wasm_bindgen::from_value(value).map_or_else(|error| Self::Wrong(error.to_string()), Self::Event)
    }
}

impl Parts {
    /// The parts, which are texts everywhere here: a batch of them, or one in its envelope.
    pub(crate) fn texts(&self) -> Vec<String> {
        let parsed = js_sys::JSON::parse(&self.text).expect("parts are JSON");
        let array = match self.form {
            0 => parsed.dyn_into().expect("parts are an array"),
            2 => js_sys::Array::of1(&js_sys::Reflect::get(&parsed, &"data".into()).expect("an envelope is an object")),
            form => panic!("not due: form {form} of {}", self.text),
        };
        serde_wasm_bindgen::from_value(array.into()).expect("the parts are texts")
    }

    /// Where it ends, as the number of the v2 format.
    pub(crate) fn position(&self) -> u64 {
        self.last_event_id.parse().expect("a sequence number")
    }
}
