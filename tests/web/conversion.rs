//! Every field of every event has the type that `types.d.ts` declares, and is `undefined` where it is absent.

use std::collections::BTreeSet;

use js_sys::Reflect;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::listener::Listener;
use crate::network::{self, Network};
use crate::server::{NOBODY, address, trigger};
use crate::told::{Event, Told};

/// Names and types; a question mark for those that may be absent.
type Fields = &'static [(&'static str, &'static str)];

const EVENTS: [(&str, Fields); 7] = [
    ("token-needed", &[("type", "string"), ("principal", "number")]),
    (
        "send-changed",
        &[
            ("type", "string"),
            ("send", "number"),
            ("state", "string"),
            ("waitingFor", "string?"),
            ("attempt", "number"),
            ("error", "object?"),
        ],
    ),
    (
        "stream-changed",
        &[
            ("type", "string"),
            ("subscription", "number"),
            ("status", "string"),
            ("attempt", "number"),
            ("retryInMs", "number?"),
            ("endReason", "string?"),
            ("error", "object?"),
        ],
    ),
    (
        "feed-changed",
        &[
            ("type", "string"),
            ("feed", "number"),
            ("status", "string"),
            ("attempt", "number"),
            ("retryInMs", "number?"),
            ("endReason", "string?"),
            ("error", "object?"),
        ],
    ),
    ("call-answered", &[("type", "string"), ("call", "number"), ("text", "string"), ("token", "string?")]),
    ("call-failed", &[("type", "string"), ("call", "number"), ("unknown", "boolean"), ("error", "object")]),
    ("record-unreadable", &[("type", "string"), ("subscription", "number"), ("id", "string"), ("reason", "string")]),
];

const PROBLEM: Fields = &[
    ("code", "string"),
    ("retryable", "boolean"),
    ("status", "number?"),
    ("serverMessage", "string?"),
    ("subject", "string?"),
    ("missingScope", "string?"),
    ("limitBytes", "number?"),
    ("actualBytes", "number?"),
    ("expiredAtMs", "number?"),
];

/// What has been seen of the optional fields: present, and absent.
#[derive(Default)]
struct Seen {
    present: BTreeSet<String>,
    absent: BTreeSet<String>,
}

impl Seen {
    fn check_event(&mut self, event: &JsValue) {
        let kind = get(event, "type").as_string().expect("an event has a type");
        let (_, fields) = EVENTS.into_iter().find(|(name, _)| *name == kind).expect("a type that is declared");
        self.check(event, &kind, fields);
        let problem = get(event, "error");
        if !problem.is_undefined() {
            self.check(&problem, "problem", PROBLEM);
        }
    }

    fn check(&mut self, object: &JsValue, kind: &str, fields: Fields) {
        for key in Reflect::own_keys(object).expect("an object") {
            assert!(fields.iter().any(|(name, _)| key == *name), "{kind} has an undeclared {key:?}");
        }
        for (name, declared) in fields {
            let found = get(object, name).js_typeof().as_string().expect("typeof gives a text");
            let name = format!("{kind}.{name}");
            match declared.strip_suffix('?') {
                None => assert_eq!(found, *declared, "{name}"),
                Some(_) if found == "undefined" => {
                    self.absent.insert(name);
                }
                Some(declared) => {
                    assert_eq!(found, declared, "{name}");
                    self.present.insert(name);
                }
            }
        }
    }
}

fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).expect("an object")
}

#[wasm_bindgen_test]
async fn every_field_has_its_declared_type() {
    let run = trigger(NOBODY, "null").await;
    let mut claims = run.claims();
    claims.exp = 1_700_000_000;
    let expired = claims.forge();
    let network = Network::answering(|request| {
        let busy = || network::answer(503, &[("retry-after", "7")], "be patient");
        let refused = || network::answer(401, &[], r#"{"error":"Public Access Token is invalid"}"#);
        let junk = "event: batch\ndata: {\"records\":[{\"seq_num\":0,\"body\":\"junk\"}]}\n\n";
        let sse = [("content-type", "text/event-stream"), ("x-stream-version", "v2")];
        let url = request.url();
        if url.ends_with("/trigger") {
            Some(network::answer(200, &[("x-trigger-jwt", "eyJ")], "{}"))
        } else if url.ends_with("/complete") {
            Some(network::answer(200, &[], "{}"))
        } else if url.ends_with("/missing") {
            Some(network::answer(404, &[], "{}"))
        } else if url.ends_with("/busy") || url.contains("/busy?") {
            Some(busy())
        } else if url.ends_with("/junk") {
            Some(network::answer(200, &sse, junk))
        } else {
            Some(refused())
        }
    });
    let page = Listener::new();
    let principal = page.open_with(&expired);

    let renewable = page.engine.open_principal(address(), None, true);
    page.engine.send(renewable, &run.id, "chat", "1");
    let refused = page.engine.send(principal, &run.id, "chat", "1");
    page.outcome(refused).await;
    page.engine.set_token(principal, &expired);
    let elsewhere = page.engine.send(principal, "run_of_others", "chat", "1");
    page.outcome(elsewhere).await;
    let large = page.engine.send(principal, &run.id, "chat", &format!("\"{}\"", "x".repeat(1 << 20)));
    page.outcome(large).await;
    let failed = page.engine.subscribe(principal, "run_of_others", "any", None, None);
    page.status(failed, "failed").await;
    let busy = page.engine.subscribe(principal, &run.id, "busy", None, None);
    let lost = page.status(busy, "reconnecting").await;
    assert!(lost.retry_in_ms >= Some(7000.0), "the server's wish is kept: {lost:?}");
    let junk = page.engine.subscribe(principal, &run.id, "junk", None, None);
    while !matches!(page.next("the junk").await, Told::Event(Event::RecordUnreadable { subscription, .. }) if subscription == junk)
    {
    }
    let secret = page.open_with("tr_dev_any");
    let feed = page.engine.follow(secret, 0, "busy", "", false);
    page.feed_status(feed, "reconnecting").await;
    let feed = page.engine.follow(principal, 0, "run_of_others", "", false);
    page.feed_status(feed, "failed").await;
    for what in [0, 1] {
        let call = page.engine.call(secret, what, "any", "{}");
        page.answer(call).await.expect("it is answered");
    }
    let call = page.engine.call(secret, 4, "missing", "");
    page.answer(call).await.expect_err("it is not there");
    drop(network);

    let mut seen = Seen::default();
    let mut kinds = BTreeSet::new();
    for event in page.raw.take() {
        seen.check_event(&event);
        kinds.insert(get(&event, "type").as_string());
    }
    let optional = EVENTS.into_iter().chain([("problem", PROBLEM)]).flat_map(|(kind, fields)| {
        let optional = fields.iter().filter(|(_, declared)| declared.ends_with('?'));
        optional.map(move |(name, _)| format!("{kind}.{name}"))
    });
    let optional: BTreeSet<String> = optional.collect();
    assert_eq!(seen.present, optional, "each has been there");
    assert_eq!(seen.absent, optional, "each has been absent");
    assert_eq!(kinds.len(), EVENTS.len());
}
