//! The one exported class: arguments in, delegate, result out.

use alloc::rc::Rc;
use alloc::string::String;

use wasm_bindgen::prelude::*;

use super::driver::Driver;
use super::host::Sink;
use crate::proto::client::Client;
use crate::proto::id::{ChannelId, PrincipalId, SendId};
use crate::proto::input::{Command, Input};

/// Every queue, reader, timer and request of a page. Methods return at once; what happens later is told to the sink.
#[wasm_bindgen]
pub struct Engine(Rc<Driver>);

impl Drop for Engine {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[wasm_bindgen]
impl Engine {
    /// Starts an engine.
    #[wasm_bindgen(constructor)]
    pub fn new(sink: Sink) -> Self {
        Self(Driver::new(sink))
    }

    /// Registers an identity at an endpoint. `base_url` has no trailing slash; `renewable` says that `token-needed` will be answered;
    /// `scarce`, that readers have to take turns, since connections to the endpoint are few.
    #[wasm_bindgen(js_name = openPrincipal)]
    pub fn open_principal(&self, base_url: &str, branch: Option<String>, renewable: bool, scarce: bool) -> u32 {
        let branch = branch.as_deref();
        let principal = self.0.next(Client::next_principal);
        self.0.command(Command::OpenPrincipal { principal, base_url, branch, renewable, scarce });
        principal.number()
    }

    /// Ends an identity's readers and takes back its queued sends.
    #[wasm_bindgen(js_name = closePrincipal)]
    pub fn close_principal(&self, principal: u32) {
        self.0.command(Command::ClosePrincipal(PrincipalId::new(principal)));
    }

    /// Says whether `token-needed` will be answered from now on.
    #[wasm_bindgen(js_name = setRenewable)]
    pub fn set_renewable(&self, principal: u32, renewable: bool) {
        self.0.command(Command::SetRenewable(PrincipalId::new(principal), renewable));
    }

    /// Gives an identity its first or its next token.
    #[wasm_bindgen(js_name = setToken)]
    pub fn set_token(&self, principal: u32, token: &str) {
        self.0.command(Command::SetToken(PrincipalId::new(principal), token));
    }

    /// Says that the provider failed, in its words.
    #[wasm_bindgen(js_name = failToken)]
    pub fn fail_token(&self, principal: u32, message: &str) {
        self.0.command(Command::FailToken(PrincipalId::new(principal), message));
    }

    /// Sends a value, given as JSON text.
    pub fn send(&self, principal: u32, run_id: &str, stream_id: &str, json: &str) -> u32 {
        let principal = PrincipalId::new(principal);
        let send = self.0.next(Client::next_send);
        self.0.command(Command::Send { send, principal, run: run_id, stream: stream_id, json });
        send.number()
    }

    /// Takes a send back: `cancelled` when it has not left, `unknown` when it has.
    #[wasm_bindgen(js_name = cancelSend)]
    pub fn cancel_send(&self, send: u32) {
        self.0.command(Command::CancelSend(SendId::new(send)));
    }

    /// Makes a settled send again, under the same idempotency key.
    #[wasm_bindgen(js_name = retrySend)]
    pub fn retry_send(&self, send: u32) {
        self.0.command(Command::RetrySend(SendId::new(send)));
    }

    /// Frees a settled send.
    #[wasm_bindgen(js_name = forgetSend)]
    pub fn forget_send(&self, send: u32) {
        self.0.command(Command::ForgetSend(SendId::new(send)));
    }

    /// Reads a stream, from its beginning or behind a record. The key `input/<id>` names an input stream.
    pub fn subscribe(
        &self,
        principal: u32,
        run_id: &str,
        key: &str,
        last_event_id: Option<String>,
        timeout_seconds: Option<u32>,
    ) -> u32 {
        let subscription = self.0.next(Client::next_subscription);
        self.0.command(Command::Subscribe {
            subscription,
            principal: PrincipalId::new(principal),
            run: run_id,
            key,
            last_event_id: last_event_id.as_deref(),
            timeout_seconds,
        });
        subscription.number()
    }

    /// Stops reading. Nothing more is told of it.
    pub fn unsubscribe(&self, subscription: u32) {
        self.0.command(Command::Unsubscribe(ChannelId::new(subscription)));
    }

    /// Says whether more parts of a stream are wanted. While they are not, its connection is left unread.
    #[wasm_bindgen(js_name = setReading)]
    pub fn set_reading(&self, subscription: u32, wanted: bool) {
        self.0.command(Command::SetReading(ChannelId::new(subscription), wanted));
    }

    /// The device woke up or the page is seen again: try now what waits.
    pub fn wake(&self) {
        self.0.feed(Input::Wake);
    }

    /// The network came or went.
    #[wasm_bindgen(js_name = setOnline)]
    pub fn set_online(&self, online: bool) {
        self.0.feed(Input::Online(online));
    }
}
