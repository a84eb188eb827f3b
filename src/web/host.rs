//! The face of what is JavaScript: `host.js`.

use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("types.d.ts");

#[wasm_bindgen(module = "/src/web/host.js")]
extern "C" {
    /// Makes the requests, keeps the timer and tells the application, whose listeners may call the engine.
    pub type Host;

    #[wasm_bindgen(method)]
    pub(super) fn send(
        this: &Host,
        id: u32,
        url: &str,
        token: &str,
        branch: &str,
        body: &str,
        key: &str,
        is_call: bool,
    );

    #[wasm_bindgen(method)]
    pub(super) fn read(
        this: &Host,
        id: u32,
        url: &str,
        token: &str,
        branch: &str,
        last_event_id: &str,
        timeout_seconds: u32,
    );

    #[wasm_bindgen(method)]
    pub(super) fn get(this: &Host, id: u32, url: &str, token: &str, branch: &str, is_feed: bool);

    #[wasm_bindgen(method)]
    pub(super) fn abort(this: &Host, id: u32);

    #[wasm_bindgen(method, js_name = setReading)]
    pub(super) fn set_reading(this: &Host, id: u32, wanted: bool);

    #[wasm_bindgen(method)]
    pub(super) fn arm(this: &Host, at: Option<f64>);

    #[wasm_bindgen(method)]
    pub(super) fn problem(
        this: &Host,
        code: &str,
        retryable: bool,
        status: Option<u16>,
        server_message: Option<&str>,
        subject: Option<&str>,
        missing_scope: Option<&str>,
        limit_bytes: Option<u32>,
        actual_bytes: Option<u32>,
        expired_at_ms: Option<f64>,
    ) -> JsValue;

    #[wasm_bindgen(method, js_name = tellTokenNeeded)]
    pub(super) fn tell_token_needed(this: &Host, principal: u32);

    #[wasm_bindgen(method, js_name = tellSend)]
    pub(super) fn tell_send(this: &Host, send: u32, standing: u32, attempt: u32, error: JsValue);

    #[wasm_bindgen(method, js_name = tellStream)]
    pub(super) fn tell_stream(
        this: &Host,
        is_feed: bool,
        subscription: u32,
        standing: u32,
        attempt: u32,
        retry_in_ms: Option<f64>,
        error: JsValue,
    );

    #[wasm_bindgen(method, js_name = tellUnreadable)]
    pub(super) fn tell_unreadable(this: &Host, subscription: u32, id: &str, reason: &str);

    #[cfg(feature = "runs")]
    #[wasm_bindgen(method, js_name = tellRows)]
    pub(super) fn tell_rows(this: &Host, feed: u32, text: &str, schema: Option<&str>, fresh: bool, complete: bool);

    #[cfg(feature = "runs")]
    #[wasm_bindgen(method, js_name = tellCall)]
    pub(super) fn tell_call(this: &Host, call: u32, text: &str, token: &str, unknown: bool, error: JsValue);

    #[wasm_bindgen(method, js_name = tellParts)]
    pub(super) fn tell_parts(this: &Host, subscription: u32, text: &str, last_event_id: &str, form: u32);
}
