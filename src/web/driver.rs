//! Owns the core: feed it, drain it, let go of it, then act.
//!
//! JavaScript is never called while the core is borrowed, and events wait in a queue that a listener may add to, so a listener
//! may call the engine again.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::{Rc, Weak};

use wasm_bindgen_futures::spawn_local;

use super::bindings::Sink;
use super::convert;
use super::fetch::{self, InFlight, News};
use super::timer::Timer;
use super::{clock, panic};
use crate::proto::client::Client;
use crate::proto::http::{OutgoingRequest, RequestFailure};
use crate::proto::id::RequestId;
use crate::proto::input::{Command, Input};
use crate::proto::output::{Event, Output};

pub(super) struct Driver {
    client: RefCell<Client>,
    in_flight: RefCell<BTreeMap<RequestId, InFlight>>,
    timer: Timer,
    sink: Sink,
    events: RefCell<VecDeque<Event>>,
    delivering: Cell<bool>,
    myself: Weak<Self>,
}

impl Driver {
    pub(super) fn new(sink: Sink) -> Rc<Self> {
        panic::report_to(sink.clone());
        Rc::new_cyclic(|myself: &Weak<Self>| {
            let driver = myself.clone();
            Self {
                client: RefCell::new(Client::new(clock::seed())),
                in_flight: RefCell::default(),
                timer: Timer::new(move || {
                    if let Some(driver) = driver.upgrade() {
                        driver.timer.fired();
                        driver.feed(Input::Timeout);
                    }
                }),
                sink,
                events: RefCell::default(),
                delivering: Cell::new(false),
                myself: myself.clone(),
            }
        })
    }

    /// Takes an id from the core's counters.
    pub(super) fn next<Id>(&self, counter: impl FnOnce(&mut Client) -> Id) -> Id {
        counter(&mut self.client.borrow_mut())
    }

    pub(super) fn command(&self, command: Command<'_>) {
        self.feed(Input::Command(command));
    }

    pub(super) fn feed(&self, input: Input<'_>) {
        let now = clock::now();
        let mut requests = Vec::new();
        let mut aborted = Vec::new();
        let due = {
            let mut client = self.client.borrow_mut();
            client.handle_input(now, input);
            loop {
                match client.poll_output() {
                    Output::Request(request) => requests.push(request),
                    Output::Abort(id) => aborted.push(id),
                    Output::Event(event) => self.events.borrow_mut().push_back(event),
                    Output::Idle(due) => break due,
                }
            }
        };
        for id in aborted {
            self.finish(id);
        }
        for request in requests {
            self.start(request);
        }
        match due {
            Some(due) => self.timer.arm(now.monotonic, due),
            None => self.timer.clear(),
        }
        self.deliver();
    }

    fn start(&self, request: OutgoingRequest) {
        let id = request.id;
        let Some(in_flight) = InFlight::new() else {
            return self.feed(Input::Failed(id, RequestFailure::NotSent));
        };
        let signal = in_flight.signal();
        self.in_flight.borrow_mut().insert(id, in_flight);
        let driver = self.myself.clone();
        spawn_local(fetch::perform(request, signal, move |news| {
            if let Some(driver) = driver.upgrade() {
                driver.tell(id, news);
            }
        }));
    }

    fn tell(&self, id: RequestId, news: News<'_>) {
        // Nothing more is wanted of a request that was given up.
        if !self.in_flight.borrow().contains_key(&id) {
            return;
        }
        let input = match news {
            News::Head(head) => Input::Head(id, head),
            News::Body(text) => Input::Body(id, text),
            News::Chunk(bytes) => Input::Chunk(id, bytes),
            News::End => Input::End(id),
            News::Failed(failure) => Input::Failed(id, failure),
        };
        if let Input::Body(..) | Input::End(_) | Input::Failed(..) = input {
            self.finish(id);
        }
        self.feed(input);
    }

    fn finish(&self, id: RequestId) {
        // Out of the map before it is dropped: dropping it calls JavaScript.
        let finished = self.in_flight.borrow_mut().remove(&id);
        drop(finished);
    }

    fn deliver(&self) {
        if self.delivering.replace(true) {
            return;
        }
        loop {
            let next = self.events.borrow_mut().pop_front();
            let Some(event) = next else { break };
            // A sink that throws has broken its word; whatever comes after must reach it all the same.
            drop(convert::deliver(&self.sink, event));
        }
        self.delivering.set(false);
    }
}
