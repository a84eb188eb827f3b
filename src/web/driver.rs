//! Owns the core: feed it, take what it wants one by one, let go of it, then act.
//!
//! No listener is called while the core is borrowed, so a listener may call the engine again.

use alloc::rc::{Rc, Weak};
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use wasm_bindgen::prelude::*;

use super::host::{Host, Sink};
use super::{clock, convert};
use crate::proto::client::Client;
use crate::proto::http::{OutgoingRequest, RequestFailure, RequestKind, ResponseHead, StreamVersion};
use crate::proto::id::RequestId;
use crate::proto::input::{Command, Input, News};
use crate::proto::output::Output;

pub(super) struct Driver {
    client: RefCell<Client>,
    host: Host,
    draining: Cell<bool>,
}

impl Driver {
    pub(super) fn new(sink: Sink) -> Rc<Self> {
        Rc::new_cyclic(|driver| {
            let host = connect(sink, driver);
            Self { client: RefCell::new(Client::new(clock::seed())), host, draining: Cell::new(false) }
        })
    }

    /// Takes an id from the core's counters.
    pub(super) fn next<Id>(&self, counter: impl FnOnce(&mut Client) -> Id) -> Id {
        counter(&mut self.client.borrow_mut())
    }

    pub(super) fn command(&self, command: Command<'_>) {
        self.feed(Input::Command(command));
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
        // One more, since the clock's fraction was cut off: never before the time.
        self.host.arm(due.map(|due| due.since(clock::now().monotonic) as f64 + 1.0));
    }

    fn start(&self, request: &OutgoingRequest) {
        let (id, url, token) = (request.id.number(), &request.url, request.token.reveal());
        let branch = request.branch.as_ref().map(|branch| branch.as_str());
        match &request.kind {
            RequestKind::Send { body, idempotency_key } => {
                self.host.send(id, url, token, branch, body, idempotency_key);
            }
            RequestKind::Stream { last_event_id, timeout_seconds } => {
                self.host.read(id, url, token, branch, last_event_id.as_deref(), *timeout_seconds);
            }
            RequestKind::Run => self.host.get(id, url, token, branch),
        }
    }

    /// Gives everything up. A drain may be under way, when a listener does this: an empty core ends it.
    pub(super) fn close(&self) {
        self.client.replace(Client::new(0));
        self.host.close();
    }
}

/// The host, with what it calls back. It may outlive the driver: then nobody listens.
fn connect(sink: Sink, driver: &Weak<Driver>) -> Host {
    let feed = |driver: &Weak<Driver>, input: Input<'_>| {
        if let Some(driver) = driver.upgrade() {
            driver.feed(input);
        }
    };
    let tell =
        move |driver: &Weak<Driver>, id: u32, news: News<'_>| feed(driver, Input::News(RequestId::new(id), news));
    let (timer, head, body, chunk, end) =
        (driver.clone(), driver.clone(), driver.clone(), driver.clone(), driver.clone());
    Host::new(
        sink,
        Closure::new(move || feed(&timer, Input::Timeout)),
        Closure::new(move |id, status, retry_after: Option<f64>, is_v2, idempotent| {
            let retry_after_ms = retry_after.map_or(0, |seconds| (seconds * 1000.0) as u64);
            let version = if is_v2 { StreamVersion::V2 } else { StreamVersion::V1 };
            tell(&head, id, News::Head(ResponseHead { status, retry_after_ms, version, idempotent }));
        }),
        Closure::new(move |id, text: String| tell(&body, id, News::Body(&text))),
        Closure::new(move |id, bytes: Vec<u8>| tell(&chunk, id, News::Chunk(&bytes))),
        Closure::new(move |id, kind: u32| {
            let news = match kind {
                0 => News::End,
                1 => News::Failed(RequestFailure::NotSent),
                _ => News::Failed(RequestFailure::Network),
            };
            tell(&end, id, news);
        }),
    )
}
