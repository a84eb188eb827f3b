//! Tokens that are refused, asked for, and renewed.

use wasm_bindgen_test::wasm_bindgen_test;

use crate::listener::Listener;
use crate::server::{NOBODY, address, trigger};
use crate::told::{Event, Problem, Told};

#[wasm_bindgen_test]
async fn a_forged_token_is_unauthorized() {
    let run = trigger(NOBODY, "null").await;
    let page = Listener::new();
    let principal = page.open_with(&run.claims().forge());

    let send = page.engine.send(principal, &run.id, "approval", "true");
    let server_message = Some("Public Access Token is invalid".into());
    let problem = Problem { code: "unauthorized".into(), status: Some(401), server_message, ..Problem::default() };
    assert_eq!(page.outcome(send).await.error, Some(problem));
}

#[wasm_bindgen_test]
async fn an_expired_token_is_told_with_its_own_time() {
    let run = trigger(NOBODY, "null").await;
    let mut claims = run.claims();
    (claims.iat, claims.exp) = (1_700_000_000, 1_700_000_900);
    let page = Listener::new();
    let principal = page.open_with(&claims.sign().await);

    let send = page.engine.send(principal, &run.id, "approval", "true");
    let problem = page.outcome(send).await.error.expect("a reason");
    assert_eq!((problem.code.as_str(), problem.status), ("token-expired", Some(401)));
    assert_eq!(problem.expired_at_ms, Some(1_700_000_900_000.0));
}

#[wasm_bindgen_test]
async fn without_a_token_nothing_is_tried() {
    let page = Listener::new();
    let principal = page.engine.open_principal(address(), None, false);
    let send = page.engine.send(principal, "run_1", "approval", "true");
    let problem = Problem { code: "token-missing".into(), ..Problem::default() };
    assert_eq!(page.outcome(send).await.error, Some(problem));

    page.engine.set_token(principal, "two words");
    let send = page.engine.send(principal, "run_1", "approval", "true");
    assert_eq!(page.outcome(send).await.error.map(|problem| problem.code).as_deref(), Some("token-malformed"));
}

#[wasm_bindgen_test]
async fn a_refused_token_is_renewed_once_for_a_send_and_a_read() {
    let run = trigger(NOBODY, "null").await;
    let (forged, good) = (run.claims().forge(), run.token.clone());
    let page = Listener::answering(move |engine, told| {
        if let Told::Event(Event::TokenNeeded { principal }) = told {
            engine.set_token(*principal, &good);
        }
        Ok(())
    });
    let principal = page.engine.open_principal(address(), None, true);
    page.engine.set_token(principal, &forged);

    let send = page.engine.send(principal, &run.id, "approval", "true");
    let stream = page.engine.subscribe(principal, &run.id, "input/approval", None, None);
    let (mut asked, mut accepted, mut read) = (0, false, false);
    while !(accepted && read) {
        match page.next("the send and the read").await {
            Told::Event(Event::TokenNeeded { .. }) => asked += 1,
            Told::Event(Event::SendChanged(change)) if change.send == send => {
                assert!(change.error.is_none(), "the first refusal is not told: {change:?}");
                accepted |= change.state == "accepted";
            }
            Told::Parts(parts) if parts.subscription == stream => read = true,
            Told::Event(Event::StreamChanged(change)) => assert_ne!(change.status, "failed"),
            other => panic!("not due: {other:?}"),
        }
    }
    assert_eq!(asked, 1);
}

#[wasm_bindgen_test]
async fn a_provider_that_failed_is_asked_again_when_the_page_wakes() {
    let page = Listener::new();
    let principal = page.engine.open_principal(address(), None, true);
    page.engine.send(principal, "run_1", "approval", "true");
    let asked = |told: &Told| *told == Told::Event(Event::TokenNeeded { principal });
    assert_eq!(page.told.take().iter().filter(|told| asked(told)).count(), 1);

    page.engine.fail_token(principal, "the session is over");
    assert_eq!(page.told.take(), [], "it rests");
    page.engine.wake();
    assert_eq!(page.told.take(), [Told::Event(Event::TokenNeeded { principal })]);

    page.engine.set_renewable(principal, false);
    let told = page.told.take();
    let Some(Told::Event(Event::SendChanged(change))) = told.last() else {
        panic!("the send is refused, not {told:?}")
    };
    let problem = change.error.clone().expect("a reason");
    assert_eq!(
        (problem.code.as_str(), problem.server_message.as_deref()),
        ("token-missing", Some("the session is over"))
    );
}
