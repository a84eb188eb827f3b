//! An engine and everything it tells.

use std::cell::OnceCell;
use std::rc::Rc;

use js_sys::{Object, Reflect};
use wasm_bindgen::prelude::*;

use crate::engine::Engine;
use crate::failure::on_failure;
use crate::log::{Log, before_deadline};
use crate::server::{self, Run};
use crate::told::{Event, FeedChanged, Parts, Problem, Rows, SendChanged, StreamChanged, Told};

/// What a sink's method comes to: an error is thrown.
pub(crate) type Answer = Result<(), JsValue>;

pub(crate) struct Listener {
    pub(crate) engine: Engine,
    pub(crate) told: Rc<Log<Told>>,
    /// The events as they came.
    pub(crate) raw: Rc<Log<JsValue>>,
}

impl Listener {
    pub(crate) fn new() -> Self {
        Self::answering(|_, _| Ok(()))
    }

    /// Calls back from inside each of the sink's methods, once what was told is in the log.
    pub(crate) fn answering(answer: impl Fn(&Engine, &Told) -> Answer + 'static) -> Self {
        let (told, raw, started) = (Rc::new(Log::default()), Rc::new(Log::default()), Rc::new(OnceCell::new()));
        let hear = {
            let (told, started) = (Rc::clone(&told), Rc::clone(&started));
            Rc::new(move |news: Told| {
                told.push(news.clone());
                started.get().map_or(Ok(()), |engine| answer(engine, &news))
            })
        };
        let engine = Engine::start(sink(&hear, &raw));
        let _ = started.set(engine.clone());
        let left = engine.clone();
        on_failure(move || left.free());
        Self { engine, told, raw }
    }

    /// Opens an identity that has the run's own token.
    pub(crate) fn open(&self, run: &Run) -> u32 {
        self.open_with(&run.token)
    }

    /// Opens an identity that has this token, and can get no other.
    pub(crate) fn open_with(&self, token: &str) -> u32 {
        let principal = self.engine.open_principal(server::address(), None, false);
        self.engine.set_token(principal, token);
        principal
    }

    /// Ends the engine; the log stays.
    pub(crate) fn free(self) -> Rc<Log<Told>> {
        self.engine.free();
        Rc::clone(&self.told)
    }

    pub(crate) async fn next(&self, what: &str) -> Told {
        match self.told.next(what).await {
            Told::Wrong(reason) => panic!("an event that is not as declared: {reason}"),
            told => told,
        }
    }

    /// The next thing told, which is a change of a send.
    pub(crate) async fn next_send(&self) -> SendChanged {
        match self.next("a change of a send").await {
            Told::Event(Event::SendChanged(change)) => change,
            other => panic!("a change of a send was due, not {other:?}"),
        }
    }

    /// The next thing told, which is a change of a stream.
    pub(crate) async fn next_status(&self) -> StreamChanged {
        match self.next("a change of a stream").await {
            Told::Event(Event::StreamChanged(change)) => change,
            other => panic!("a change of a stream was due, not {other:?}"),
        }
    }

    /// What becomes of a send, whatever is told until then.
    pub(crate) async fn outcome(&self, send: u32) -> SendChanged {
        let outcome = |told| match told {
            Told::Event(Event::SendChanged(change)) => {
                (change.send == send && !["queued", "sending"].contains(&change.state.as_str())).then_some(change)
            }
            _ => None,
        };
        self.find("the outcome of a send", outcome).await
    }

    /// Waits until a stream has this status, whatever is told until then.
    pub(crate) async fn status(&self, subscription: u32, status: &str) -> StreamChanged {
        let change = |told| match told {
            Told::Event(Event::StreamChanged(change)) => {
                (change.subscription == subscription && change.status == status).then_some(change)
            }
            _ => None,
        };
        self.find(status, change).await
    }

    /// The next batch of a stream, whatever is told until then.
    pub(crate) async fn batch(&self, subscription: u32) -> Parts {
        let batch = |told| match told {
            Told::Parts(parts) => (parts.subscription == subscription).then_some(parts),
            _ => None,
        };
        self.find("parts", batch).await
    }

    /// The next messages of a feed, whatever is told until then.
    pub(crate) async fn rows(&self, feed: u32) -> Rows {
        let rows = |told| match told {
            Told::Rows(rows) => (rows.feed == feed).then_some(rows),
            _ => None,
        };
        self.find("messages of a feed", rows).await
    }

    /// Waits until a feed has this status, whatever is told until then.
    pub(crate) async fn feed_status(&self, feed: u32, status: &str) -> FeedChanged {
        let change = |told| match told {
            Told::Event(Event::FeedChanged(change)) => {
                (change.feed == feed && change.status == status).then_some(change)
            }
            _ => None,
        };
        self.find(status, change).await
    }

    /// What comes of a call, whatever is told until then: text and token, or whether it is unknown, and why.
    pub(crate) async fn answer(&self, id: u32) -> Result<(String, Option<String>), (bool, Problem)> {
        let answer = |told| match told {
            Told::Event(Event::CallAnswered { call, text, token }) => (call == id).then_some(Ok((text, token))),
            Told::Event(Event::CallFailed { call, unknown, error }) => (call == id).then_some(Err((unknown, error))),
            _ => None,
        };
        self.find("the answer to a call", answer).await
    }

    async fn find<T>(&self, what: &str, pick: impl Fn(Told) -> Option<T>) -> T {
        let search = async {
            loop {
                if let Some(found) = pick(self.next(what).await) {
                    return found;
                }
            }
        };
        before_deadline(what, search).await
    }

    /// So many parts of an input stream, which come one by one.
    pub(crate) async fn inputs(&self, subscription: u32, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        while texts.len() < count {
            texts.extend(self.batch(subscription).await.texts());
        }
        texts
    }

    /// All parts of a stream up to the end of the `lines`-th line.
    pub(crate) async fn lines(&self, subscription: u32, lines: usize) -> Vec<String> {
        let mut texts = Vec::new();
        while texts.iter().filter(|text| *text == "\n").count() < lines {
            texts.extend(self.batch(subscription).await.texts());
        }
        texts
    }

    /// All parts of a stream that are still to come, up to its end.
    pub(crate) async fn until_ended(&self, stream: u32) -> Vec<String> {
        let mut texts = Vec::new();
        let end = async {
            loop {
                match self.next("parts, or the end").await {
                    Told::Parts(parts) if parts.subscription == stream => texts.extend(parts.texts()),
                    Told::Event(Event::StreamChanged(change)) if change.subscription == stream => {
                        match change.end_reason.as_deref() {
                            None => {}
                            Some("run-finished") if change.status == "ended" => return,
                            Some(_) => panic!("another end was due: {change:?}"),
                        }
                    }
                    _ => {}
                }
            }
        };
        before_deadline("the end of a stream", end).await;
        texts
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Nothing to free where the test has done that.
        self.engine.free();
    }
}

/// A sink that writes down what it is told. Its functions belong to JavaScript, so that they still work when the engine is gone.
fn sink(hear: &Rc<impl Fn(Told) -> Answer + 'static>, raw: &Rc<Log<JsValue>>) -> JsValue {
    let sink = Object::new();
    let set = |name: &str, method: JsValue| Reflect::set(&sink, &name.into(), &method).expect("an object takes it");
    let (hear_event, hear_parts, hear_crash) = (Rc::clone(hear), Rc::clone(hear), Rc::clone(hear));
    let hear_rows = Rc::clone(hear);
    let raw = Rc::clone(raw);
    let event = move |event: JsValue| {
        raw.push(event.clone());
        hear_event(Told::event(event))
    };
    let parts = move |subscription, text, last_event_id, form| {
        hear_parts(Told::Parts(Parts { subscription, text, last_event_id, form }))
    };
    let rows =
        move |feed, text, schema, fresh, complete| hear_rows(Told::Rows(Rows { feed, text, schema, fresh, complete }));
    set("rows", Closure::<dyn Fn(u32, String, Option<String>, bool, bool) -> Answer>::new(rows).into_js_value());
    set("event", Closure::<dyn Fn(JsValue) -> Answer>::new(event).into_js_value());
    set("parts", Closure::<dyn Fn(u32, String, String, u32) -> Answer>::new(parts).into_js_value());
    set(
        "crashed",
        Closure::<dyn Fn(String) -> Answer>::new(move |place| hear_crash(Told::Crashed(place))).into_js_value(),
    );
    sink.into()
}
