//! Owns the core: feed it, take what it wants one by one, let go of it, then act.
//!
//! No listener is called while the core is borrowed, so a listener may call the engine again.

use core::cell::{Cell, RefCell};

use super::host::Host;
use super::{clock, convert};
use crate::proto::client::Client;
use crate::proto::http::{OutgoingRequest, RequestKind};
use crate::proto::input::Input;
use crate::proto::output::Output;

pub(super) struct Driver {
    client: RefCell<Client>,
    host: Host,
    draining: Cell<bool>,
}

impl Driver {
    pub(super) fn new(host: Host) -> Self {
        Self { client: RefCell::new(Client::new(clock::seed())), host, draining: Cell::new(false) }
    }

    /// Takes an id from the core's counters.
    pub(super) fn next<Id>(&self, counter: impl FnOnce(&mut Client) -> Id) -> Id {
        counter(&mut self.client.borrow_mut())
    }

    /// A listener that calls the engine adds to the drain that is under way.
    pub(super) fn feed(&self, input: Input<'_>) {
        self.client.borrow_mut().handle_input(clock::now(), input);
        if self.draining.replace(true) {
            return;
        }
        let due = loop {
            let output = self.client.borrow_mut().poll_output();
            match output {
                Output::Request(request) => self.start(&request),
                Output::Abort(id) => self.host.abort(id.number()),
                Output::SetReading(id, wanted) => self.host.set_reading(id.number(), wanted),
                Output::Event(event) => convert::deliver(&self.host, &event),
                Output::Idle(due) => break due,
            }
        };
        self.draining.set(false);
        // One more, since a timer cuts fractions off: never before the time.
        self.host.arm(due.map(|due| due.as_millis() as f64 + 1.0));
    }

    fn start(&self, request: &OutgoingRequest) {
        let (id, url, token) = (request.id.number(), &request.url, request.token.reveal());
        let branch = request.branch.as_ref().map_or("", |branch| branch.as_str());
        match &request.kind {
            RequestKind::Send { body, idempotency_key } => {
                self.host.send(id, url, token, branch, body, idempotency_key, false);
            }
            #[cfg(feature = "runs")]
            RequestKind::Call { body, idempotency_key } => {
                self.host.send(id, url, token, branch, body, idempotency_key, true);
            }
            RequestKind::Stream { last_event_id, timeout_seconds } => {
                self.host.read(id, url, token, branch, last_event_id, *timeout_seconds);
            }
            RequestKind::Run => self.host.get(id, url, token, branch, false),
            #[cfg(feature = "runs")]
            RequestKind::Feed => self.host.get(id, url, token, branch, true),
            #[cfg(not(feature = "runs"))]
            RequestKind::Call { .. } | RequestKind::Feed => {}
        }
    }
}
