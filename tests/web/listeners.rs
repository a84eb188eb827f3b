//! Listeners that call back in, that throw, and that live side by side.

use std::cell::Cell;
use std::rc::Rc;

use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::ErrorEvent;

use crate::listener::Listener;
use crate::log::Log;
use crate::server::{NOBODY, address, trigger};
use crate::told::{Event, Told};

/// What was told of sends and tokens, as words.
fn words(told: &[Told]) -> Vec<String> {
    let word = |told: &Told| match told {
        Told::Event(Event::SendChanged(change)) => {
            let waiting = change.waiting_for.as_ref().map(|reason| format!(" for {reason}")).unwrap_or_default();
            format!("{} {}{waiting}", change.send, change.state)
        }
        Told::Event(Event::TokenNeeded { .. }) => "token needed".to_owned(),
        other => format!("{other:?}"),
    };
    told.iter().map(word).collect()
}

/// Waits until as much has been told as is expected, and compares.
async fn expect_words(page: &Listener, expected: &[&str]) {
    let mut told = Vec::new();
    while told.len() < expected.len() {
        told.push(page.next(&format!("all of {expected:?}; so far {:?}", words(&told))).await);
    }
    assert_eq!(words(&told), expected);
}

#[wasm_bindgen_test]
async fn a_listener_may_send_from_within_an_event() {
    let run = trigger(NOBODY, "null").await;
    let (id, sent) = (run.id.clone(), Cell::new(false));
    let page = Listener::answering(move |engine, told| {
        if let Told::Event(Event::SendChanged(change)) = told
            && change.state == "queued"
            && !sent.replace(true)
        {
            engine.send(1, &id, "chat", "2");
        }
        Ok(())
    });
    assert_eq!(page.open(&run), 1);
    page.engine.send(1, &run.id, "chat", "1");
    let expected = ["1 queued for turn", "1 sending", "2 queued for turn", "1 accepted", "2 sending", "2 accepted"];
    expect_words(&page, &expected).await;
}

#[wasm_bindgen_test]
async fn a_listener_may_give_the_token_from_within_the_asking() {
    let run = trigger(NOBODY, "null").await;
    let token = run.token.clone();
    let page = Listener::answering(move |engine, told| {
        if let Told::Event(Event::TokenNeeded { principal }) = told {
            engine.set_token(*principal, &token);
        }
        Ok(())
    });
    let principal = page.engine.open_principal(address(), None, true);
    page.engine.send(principal, &run.id, "chat", "1");
    let expected = ["1 queued for turn", "1 queued for token", "token needed", "1 sending", "1 accepted"];
    expect_words(&page, &expected).await;
}

#[wasm_bindgen_test]
async fn a_listener_may_unsubscribe_from_within_parts() {
    let run = trigger("chat", "null").await;
    let page = Listener::answering(|engine, told| {
        if let Told::Parts(parts) = told
            && parts.subscription == 1
        {
            engine.unsubscribe(1);
        }
        Ok(())
    });
    let principal = page.open(&run);
    let [left, kept] = [(); 2].map(|()| page.engine.subscribe(principal, &run.id, "replies", None, None));
    assert_eq!(left, 1);
    page.engine.send(principal, &run.id, "messages", "\"a b c\"");
    page.batch(left).await;

    // What comes now, the one that left would have heard too.
    page.engine.send(principal, &run.id, "messages", "\"d e f\"");
    let mut texts = String::new();
    while !texts.ends_with("f\n") {
        match page.next("parts").await {
            Told::Parts(parts) if parts.subscription == kept => texts.push_str(&parts.texts().concat()),
            Told::Event(Event::SendChanged(_) | Event::StreamChanged(_)) => {}
            other => panic!("not due: {other:?}"),
        }
    }
}

#[wasm_bindgen_test]
async fn a_listener_that_throws_harms_nobody_else() {
    let errors: Rc<Log<ErrorEvent>> = Rc::default();
    let on_error = {
        let errors = Rc::clone(&errors);
        Closure::<dyn Fn(ErrorEvent)>::new(move |event: ErrorEvent| {
            event.prevent_default();
            errors.push(event);
        })
    };
    let window = web_sys::window().expect("a page");
    let listener = on_error.as_ref().unchecked_ref();
    window.add_event_listener_with_callback("error", listener).expect("a page has errors");

    let run = trigger("chat", "null").await;
    let page = Listener::answering(|_, told| match told {
        Told::Event(_) => Err(js_sys::Error::new("from event").into()),
        Told::Rows(_) => Err(js_sys::Error::new("from rows").into()),
        Told::Parts(_) => Err(js_sys::Error::new("from parts").into()),
        Told::Crashed(_) | Told::Wrong(_) => Ok(()),
    });
    let principal = page.open(&run);
    page.engine.send(principal, &run.id, "messages", "\"a b c\"");
    assert_eq!(words(&page.told.take()), ["1 queued for turn", "1 sending"], "both, at once");
    for _ in 0..2 {
        // Some browsers say "Uncaught" first.
        let message = errors.next("the error of an event").await.message();
        assert!(message.ends_with("Error: from event"), "{message}");
    }

    let stream = page.engine.subscribe(principal, &run.id, "replies", None, None);
    assert_eq!(page.lines(stream, 1).await, ["a", " b", " c", "\n"]);
    while !errors.next("the error of parts").await.message().ends_with("Error: from parts") {}
    window.remove_event_listener_with_callback("error", listener).expect("it was there");
}

#[wasm_bindgen_test]
async fn two_engines_do_not_hear_each_other() {
    let pages = [Listener::new(), Listener::new()];
    let mut streams = Vec::new();
    for (page, text) in pages.iter().zip(["\"left hand\"", "\"right foot\""]) {
        let run = trigger("chat", "null").await;
        let principal = page.open(&run);
        streams.push(page.engine.subscribe(principal, &run.id, "replies", None, None));
        page.engine.send(principal, &run.id, "messages", text);
    }
    assert_eq!(streams[0], streams[1], "the same ids, so that a mix-up shows");
    for ((page, stream), expected) in pages.iter().zip(streams).zip([["left", " hand", "\n"], ["right", " foot", "\n"]])
    {
        let (mut texts, mut accepted) = (Vec::new(), 0);
        while texts.len() < expected.len() || accepted == 0 {
            match page.next("the reply and the receipt").await {
                Told::Parts(parts) if parts.subscription == stream => texts.extend(parts.texts()),
                Told::Event(Event::SendChanged(change)) => accepted += u32::from(change.state == "accepted"),
                Told::Event(Event::StreamChanged(_)) => {}
                other => panic!("not due: {other:?}"),
            }
        }
        assert_eq!((texts, accepted), (expected.map(str::to_owned).to_vec(), 1));
        assert_eq!(page.told.take(), []);
    }
}
