//! The page's `fetch`, with somebody in between: sees each request, and may answer it.

use std::rc::Rc;

use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{Request, Response, ResponseInit};

use crate::failure::on_failure;
use crate::log::Log;

/// While it lives, `fetch` is watched.
pub(crate) struct Network {
    pub(crate) requests: Rc<Log<Request>>,
    fetch: Function,
}

impl Network {
    pub(crate) fn watch() -> Self {
        Self::answering(|_| None)
    }

    /// Answers requests in the server's place; those answered with `None` go to the server.
    pub(crate) fn answering(answer: impl Fn(&Request) -> Option<Promise> + 'static) -> Self {
        let page = js_sys::global();
        let fetch: Function = Reflect::get(&page, &"fetch".into()).expect("a page has fetch").unchecked_into();
        let requests: Rc<Log<Request>> = Rc::default();
        let watched = {
            let (requests, fetch) = (Rc::clone(&requests), fetch.clone());
            let made: Function = Reflect::get(&page, &"Request".into()).expect("a page has Request").unchecked_into();
            move |input: JsValue, init: JsValue| {
                // As the page's own `fetch` begins: what makes no request fails here.
                let request: Request = Reflect::construct(&made, &Array::of2(&input, &init))?.unchecked_into();
                // The copy goes on: in WebKit it no longer hears that it is given up once nobody holds the one it was made of.
                let copy = request.clone().expect("its body is not used yet");
                requests.push(request);
                answer(&copy).map_or_else(|| fetch.call1(&JsValue::UNDEFINED, &copy), |promise| Ok(promise.into()))
            }
        };
        let watched = Closure::<dyn Fn(JsValue, JsValue) -> Result<JsValue, JsValue>>::new(watched);
        replace_fetch(&watched.into_js_value());
        let unwatched = fetch.clone();
        on_failure(move || replace_fetch(&unwatched));
        Self { requests, fetch }
    }

    pub(crate) async fn next(&self, what: &str) -> Request {
        self.requests.next(what).await
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        replace_fetch(&self.fetch);
    }
}

fn replace_fetch(fetch: &JsValue) {
    Reflect::set(&js_sys::global(), &"fetch".into(), fetch).expect("fetch can be replaced");
}

/// An answer, already there.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Promise {
    let init = ResponseInit::new();
    init.set_status(status);
    let response = Response::new_with_opt_str_and_init(Some(body), &init).expect("a response");
    for (name, value) in headers {
        response.headers().set(name, value).expect("a header");
    }
    Promise::resolve(&JsValue::from(response))
}

/// An answer that never comes.
pub(crate) fn silence() -> Promise {
    Promise::new(&mut |_, _| {})
}
