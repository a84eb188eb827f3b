//! The class that a page calls, by its JavaScript names.

use tidegate::web::bindings;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/web/host.js")]
extern "C" {
    type Host;

    #[wasm_bindgen(js_name = createHost)]
    fn create_host(sink: JsValue) -> Host;

    #[wasm_bindgen(method)]
    fn start(this: &Host, core: bindings::Core) -> Engine;

    #[derive(Clone)]
    pub(crate) type Engine;

    #[wasm_bindgen(method)]
    pub(crate) fn free(this: &Engine);

    #[wasm_bindgen(method, js_name = openPrincipal)]
    fn open(this: &Engine, base_url: &str, branch: Option<&str>, renewable: bool, scarce: bool) -> u32;

    #[wasm_bindgen(method, js_name = closePrincipal)]
    pub(crate) fn close_principal(this: &Engine, principal: u32);

    #[wasm_bindgen(method, js_name = setRenewable)]
    pub(crate) fn set_renewable(this: &Engine, principal: u32, renewable: bool);

    #[wasm_bindgen(method, js_name = setToken)]
    pub(crate) fn set_token(this: &Engine, principal: u32, token: &str);

    #[wasm_bindgen(method, js_name = failToken)]
    pub(crate) fn fail_token(this: &Engine, principal: u32, message: &str);

    #[wasm_bindgen(method)]
    pub(crate) fn send(this: &Engine, principal: u32, run_id: &str, stream_id: &str, json: &str) -> u32;

    #[wasm_bindgen(method, js_name = cancelSend)]
    pub(crate) fn cancel_send(this: &Engine, send: u32);

    #[wasm_bindgen(method, js_name = retrySend)]
    pub(crate) fn retry_send(this: &Engine, send: u32);

    #[wasm_bindgen(method, js_name = forgetSend)]
    pub(crate) fn forget_send(this: &Engine, send: u32);

    #[wasm_bindgen(method)]
    pub(crate) fn subscribe(
        this: &Engine,
        principal: u32,
        run_id: &str,
        key: &str,
        last_event_id: Option<&str>,
        timeout_seconds: Option<u32>,
    ) -> u32;

    #[wasm_bindgen(method)]
    pub(crate) fn unsubscribe(this: &Engine, subscription: u32);

    #[wasm_bindgen(method)]
    pub(crate) fn follow(this: &Engine, principal: u32, kind: u32, name: &str, query: &str, endless: bool) -> u32;

    #[wasm_bindgen(method)]
    pub(crate) fn unfollow(this: &Engine, feed: u32);

    #[wasm_bindgen(method)]
    pub(crate) fn call(this: &Engine, principal: u32, what: u32, name: &str, body: &str) -> u32;

    #[wasm_bindgen(method, js_name = cancelCall)]
    pub(crate) fn cancel_call(this: &Engine, call: u32);

    #[wasm_bindgen(method, js_name = setVisible)]
    pub(crate) fn set_visible(this: &Engine, visible: bool);

    #[wasm_bindgen(method)]
    pub(crate) fn wake(this: &Engine);

    #[wasm_bindgen(method, js_name = setOnline)]
    pub(crate) fn set_online(this: &Engine, online: bool);
}

impl Engine {
    pub(crate) fn start(sink: JsValue) -> Self {
        let host = create_host(sink);
        host.start(bindings::Core::new(JsValue::from(&host).unchecked_into()))
    }

    /// Opens an identity whose readers need not take turns.
    pub(crate) fn open_principal(&self, base_url: &str, branch: Option<&str>, renewable: bool) -> u32 {
        self.open(base_url, branch, renewable, false)
    }
}

#[wasm_bindgen(module = "/src/web/host.js")]
extern "C" {
    /// What the panic handler of the bundle calls.
    #[wasm_bindgen(js_name = tellCrash)]
    pub(crate) fn tell_crash(file: &str, line: u32);
}
