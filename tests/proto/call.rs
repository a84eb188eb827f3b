//! Calls: what they ask, what they make of lost answers, and what they tell.

use tidegate::proto::call::CallOutcome;
use tidegate::proto::error::Problem;
use tidegate::proto::http::{CallKind, RequestFailure, RequestKind, ResponseHead, Told};
use tidegate::proto::id::{ChannelId, PrincipalId, RequestId};
use tidegate::proto::input::{Command, Input, News};
use tidegate::proto::output::Event;

use super::harness::{EPOCH_MS, World, body_of, key_of, public_token, status};

const KINDS: [CallKind; 5] =
    [CallKind::Trigger, CallKind::Complete, CallKind::Retrieve, CallKind::Cancel, CallKind::Packet];

fn call(world: &mut World, principal: PrincipalId, kind: CallKind, name: &str) -> ChannelId {
    let call = world.client.next_subscription();
    let body = if let CallKind::Retrieve | CallKind::Packet = kind { "" } else { "{\"data\":1}" };
    world.command(Command::Call { call, principal, kind, name, body });
    call
}

/// The oldest request, of either queue of the harness.
#[track_caller]
fn next(world: &mut World) -> tidegate::proto::http::OutgoingRequest {
    world.run_requests.pop_front().or_else(|| world.requests.pop_front()).expect("a request is under way")
}

fn answer(world: &mut World, request: RequestId, head: ResponseHead, body: &str, token: &str) {
    world.input(Input::News(request, News::Head(head)));
    world.input(Input::News(request, News::Body(body, Told { token, ..Told::default() })));
}

/// What it has been told to have come to: `ok`, or `unknown:…` and `failed:…` with the code.
fn outcomes(world: &World, call: ChannelId) -> Vec<String> {
    let of_it = |event: &Event| {
        let Event::Call(id, outcome) = event else { return None };
        (*id == call).then(|| match outcome {
            CallOutcome::Answered { text, token } => format!("ok:{text}:{token}"),
            CallOutcome::Failed { unknown: true, problem } => format!("unknown:{}", problem.code.as_str()),
            CallOutcome::Failed { unknown: false, problem } => format!("failed:{}", problem.code.as_str()),
        })
    };
    world.events.iter().filter_map(of_it).collect()
}

/// Why the only call has failed.
#[track_caller]
fn problem_of(world: &World) -> Problem {
    let of_it = |event: &Event| {
        let Event::Call(_, CallOutcome::Failed { problem, .. }) = event else { return None };
        Some((**problem).clone())
    };
    world.events.iter().find_map(of_it).expect("it has failed")
}

#[test]
fn each_goes_its_way_and_is_answered() {
    let (mut world, principal) = World::with_token(1);
    let urls = KINDS.map(|kind| {
        let id = call(&mut world, principal, kind, "a/b");
        let request = next(&mut world);
        let is_read = matches!(kind, CallKind::Retrieve | CallKind::Packet);
        assert_eq!(request.kind == RequestKind::Run, is_read, "{kind:?}");
        if !is_read {
            assert_eq!(body_of(&request), "{\"data\":1}");
            assert_eq!(key_of(&request).len(), 36);
        }
        answer(&mut world, request.id, status(200), "{\"id\":\"x\"}", if is_read { "" } else { "jwt" });
        assert_eq!(outcomes(&world, id), [if is_read { "ok:{\"id\":\"x\"}:" } else { "ok:{\"id\":\"x\"}:jwt" }]);
        request.url
    });
    assert_eq!(
        urls.map(|url| url.trim_start_matches("https://api.example").to_owned()),
        [
            "/api/v1/tasks/a%2Fb/trigger",
            "/api/v1/waitpoints/tokens/a%2Fb/complete",
            "/api/v3/runs/a%2Fb",
            "/api/v2/runs/a%2Fb/cancel",
            "/api/v1/packets/a%2Fb",
        ]
    );
    assert_eq!(world.due_in_ms(), None);
}

#[test]
fn calls_do_not_wait_for_one_another() {
    let (mut world, principal) = World::with_token(1);
    for _ in 0..3 {
        call(&mut world, principal, CallKind::Trigger, "task");
    }
    assert_eq!(world.requests.len(), 3);
    let keys: std::collections::BTreeSet<_> = world.requests.iter().map(key_of).collect();
    assert_eq!(keys.len(), 3);
}

#[test]
fn a_lost_answer_is_asked_for_again_under_the_same_key() {
    let (mut world, principal) = World::with_token(1);
    let id = call(&mut world, principal, CallKind::Trigger, "task");
    let first = next(&mut world);
    world.fail(first.id);
    assert!(world.requests.is_empty(), "not at once");
    assert!(world.jump());
    let again = next(&mut world);
    assert_eq!((key_of(&again), body_of(&again)), (key_of(&first), body_of(&first)));
    answer(&mut world, again.id, status(200), "{}", "");
    assert_eq!(outcomes(&world, id), ["ok:{}:"]);
}

#[test]
fn after_five_attempts_nobody_can_tell() {
    for (kind, code, expected) in [
        (CallKind::Trigger, 500, "unknown:server"),
        (CallKind::Complete, 504, "unknown:timeout"),
        (CallKind::Cancel, 500, "unknown:server"),
        (CallKind::Retrieve, 500, "failed:server"),
        (CallKind::Packet, 408, "failed:timeout"),
        (CallKind::Trigger, 429, "failed:rate-limited"),
        (CallKind::Trigger, 409, "failed:protocol"),
    ] {
        let (mut world, principal) = World::with_token(1);
        let id = call(&mut world, principal, kind, "x");
        let begin = world.now_ms();
        for attempt in 1..=5 {
            assert!(outcomes(&world, id).is_empty(), "{kind:?} {code}, attempt {attempt}");
            let request = next(&mut world);
            answer(&mut world, request.id, status(code), "{}", "");
            world.jump();
        }
        assert_eq!(outcomes(&world, id), [expected], "{kind:?} {code}");
        assert!((5_000..40_000).contains(&(world.now_ms() - begin)), "{} ms", world.now_ms() - begin);
        assert_eq!((world.due_in_ms(), world.requests.len()), (None, 0));
    }
}

#[test]
fn the_servers_wish_is_heeded() {
    let (mut world, principal) = World::with_token(1);
    call(&mut world, principal, CallKind::Trigger, "task");
    let request = next(&mut world);
    answer(&mut world, request.id, ResponseHead { retry_after_ms: 25_000, ..status(429) }, "", "");
    assert_eq!(world.due_in_ms(), Some(25_000));
}

#[test]
fn an_answer_that_does_not_come_is_given_up_after_a_minute() {
    let (mut world, principal) = World::with_token(1);
    let id = call(&mut world, principal, CallKind::Complete, "waitpoint_1");
    let first = next(&mut world);
    world.advance(59_999);
    assert!(world.aborted.is_empty());
    world.advance(1);
    assert_eq!(world.aborted, [first.id]);
    world.jump();
    let again = next(&mut world);
    answer(&mut world, again.id, status(200), "{\"success\":true}", "");
    assert_eq!(outcomes(&world, id), ["ok:{\"success\":true}:"]);
}

#[test]
fn a_refusal_is_the_last_word() {
    for (code, body, expected) in [
        (400, "{\"error\":\"Invalid JSON\"}", "failed:invalid-data"),
        (403, "{\"error\":\"Unauthorized\"}", "failed:forbidden"),
        (404, "{\"error\":\"Task not found\"}", "failed:not-found"),
        (413, "{\"error\":\"Request body too large\"}", "failed:too-large"),
        (422, "{\"error\":\"Runs can only have 10 tags, you're trying to set 11.\"}", "failed:invalid-data"),
        (405, "", "failed:protocol"),
    ] {
        let (mut world, principal) = World::with_token(1);
        let id = call(&mut world, principal, CallKind::Trigger, "task");
        let request = next(&mut world);
        answer(&mut world, request.id, status(code), body, "");
        assert_eq!(outcomes(&world, id), [expected]);
        assert_eq!(world.due_in_ms(), None);
    }
}

#[test]
fn a_refusal_settles_what_was_lost_before_only_where_it_can() {
    let used = "{\"error\":\"Cannot trigger task with a one-time use token as it has already been used.\"}";
    for (code, body, expected) in [
        // The lost attempt may have used it.
        (422, used, "unknown:unauthorized"),
        // Said at the door, of the token and of nothing else.
        (403, "{}", "unknown:forbidden"),
        (401, "{}", "unknown:unauthorized"),
        // A run that had been made would have been given again.
        (404, "{\"error\":\"Task not found\"}", "failed:not-found"),
        (422, "{\"error\":\"Invalid delay\"}", "failed:invalid-data"),
    ] {
        let (mut world, principal) = World::with_token(1);
        let id = call(&mut world, principal, CallKind::Trigger, "task");
        let request = next(&mut world);
        world.fail(request.id);
        world.jump();
        let again = next(&mut world);
        answer(&mut world, again.id, status(code), body, "");
        assert_eq!(outcomes(&world, id), [expected], "{code} {body}");
    }
    // Of an attempt that was answered nothing is lost.
    let (mut world, principal) = World::with_token(1);
    let id = call(&mut world, principal, CallKind::Trigger, "task");
    let request = next(&mut world);
    answer(&mut world, request.id, status(422), used, "");
    assert_eq!(outcomes(&world, id), ["failed:unauthorized"]);
}

#[test]
fn what_the_browser_does_not_make_has_not_been_made() {
    let (mut world, principal) = World::with_token(1);
    let id = call(&mut world, principal, CallKind::Trigger, "task");
    let request = next(&mut world);
    world.input(Input::News(request.id, News::Failed(RequestFailure::NotSent)));
    assert_eq!(outcomes(&world, id), ["failed:blocked"]);
}

#[test]
fn a_run_may_be_found_a_little_later() {
    let (mut world, principal) = World::with_token(1);
    let id = call(&mut world, principal, CallKind::Retrieve, "run_1");
    let begin = world.now_ms();
    for _ in 0..3 {
        assert!(outcomes(&world, id).is_empty());
        let request = next(&mut world);
        answer(&mut world, request.id, status(404), "{\"error\":\"Not found\"}", "");
        world.jump();
    }
    assert_eq!(outcomes(&world, id), ["failed:not-found"]);
    assert!(world.now_ms() - begin <= 3_000);
    let id = call(&mut world, principal, CallKind::Cancel, "run_1");
    let request = next(&mut world);
    answer(&mut world, request.id, status(404), "{\"error\":\"Run not found\"}", "");
    assert_eq!(outcomes(&world, id), ["failed:not-found"], "only the question is asked again");
}

#[test]
fn a_token_that_is_refused_or_used_up_is_renewed_once() {
    let used = "{\"error\":\"Cannot trigger task with a one-time use token as it has already been used.\"}";
    for (code, body) in [(401, "{}"), (422, used)] {
        let mut world = World::new(1);
        let principal = world.open_principal(true);
        let token = |world: &mut World| {
            let token = public_token(&["trigger:tasks:task"], EPOCH_MS + world.now_ms(), 900);
            world.command(Command::SetToken(principal, &token));
        };
        let id = call(&mut world, principal, CallKind::Trigger, "task");
        assert!(world.requests.is_empty(), "it waits for a token");
        token(&mut world);
        let first = next(&mut world);
        answer(&mut world, first.id, status(code), body, "");
        token(&mut world);
        let again = next(&mut world);
        assert_eq!(key_of(&again), key_of(&first));
        answer(&mut world, again.id, status(200), "{}", "");
        assert_eq!(outcomes(&world, id), ["ok:{}:"]);
    }
}

#[test]
fn without_a_network_it_waits() {
    let (mut world, principal) = World::with_token(1);
    world.input(Input::Online(false));
    let id = call(&mut world, principal, CallKind::Trigger, "task");
    world.advance(600_000);
    assert!(world.requests.is_empty() && outcomes(&world, id).is_empty());
    world.input(Input::Online(true));
    assert_eq!(world.requests.len(), 1);
}

#[test]
fn a_network_that_is_back_ends_the_wait() {
    let (mut world, principal) = World::with_token(1);
    call(&mut world, principal, CallKind::Trigger, "task");
    let request = next(&mut world);
    answer(&mut world, request.id, ResponseHead { retry_after_ms: 600_000, ..status(429) }, "", "");
    world.input(Input::Wake);
    assert_eq!(world.requests.len(), 1);
}

#[test]
fn what_is_cancelled_is_told_of_no_more() {
    let (mut world, principal) = World::with_token(1);
    let id = call(&mut world, principal, CallKind::Trigger, "task");
    let request = next(&mut world);
    world.command(Command::Unsubscribe(id));
    assert_eq!(world.aborted, [request.id]);
    answer(&mut world, request.id, status(200), "{}", "");
    assert!(outcomes(&world, id).is_empty());
    assert_eq!(world.due_in_ms(), None);
}

#[test]
fn a_scope_is_missed_before_anything_is_asked() {
    let cases: &[(CallKind, &str, Option<&str>)] = &[
        (CallKind::Trigger, "trigger:tasks:x", None),
        (CallKind::Trigger, "trigger:tasks", None),
        (CallKind::Trigger, "write:tasks:x", None),
        (CallKind::Trigger, "admin", None),
        (CallKind::Trigger, "*:all", None),
        (CallKind::Trigger, "trigger:tasks:y", Some("trigger:tasks:x")),
        (CallKind::Trigger, "batchTrigger:tasks:x", Some("trigger:tasks:x")),
        (CallKind::Complete, "write:waitpoints:x", None),
        (CallKind::Complete, "write:inputStreams:x", Some("write:waitpoints:x")),
        (CallKind::Retrieve, "read:tasks:t", None),
        (CallKind::Retrieve, "read:runs:y", Some("read:runs:x")),
        (CallKind::Cancel, "write:runs:x", None),
        (CallKind::Cancel, "write:tasks:t", None),
        (CallKind::Cancel, "read:runs:x", Some("write:runs:x")),
        (CallKind::Packet, "read:runs:y", None),
    ];
    for (kind, scope, missing) in cases {
        let mut world = World::new(1);
        let principal = world.open_principal(false);
        world.command(Command::SetToken(principal, &public_token(&[*scope], EPOCH_MS, 900)));
        let id = call(&mut world, principal, *kind, "x");
        let asked = world.requests.len() + world.run_requests.len();
        assert_eq!(asked, usize::from(missing.is_none()), "{kind:?} with {scope}");
        let found = world.events.iter().find_map(|event| {
            let Event::Call(_, CallOutcome::Failed { unknown: false, problem }) = event else { return None };
            problem.missing_scope.clone()
        });
        assert_eq!(found.as_deref(), *missing, "{kind:?} with {scope}");
        assert_eq!(outcomes(&world, id).len(), usize::from(missing.is_some()));
    }
}

#[test]
fn a_scope_that_the_token_has_is_not_called_missing() {
    for (scope, missing) in
        [("trigger:tasks:x", None), ("trigger:tasks", None), ("write:tasks:x", Some("trigger:tasks:x"))]
    {
        let mut world = World::new(1);
        let principal = world.open_principal(false);
        world.command(Command::SetToken(principal, &public_token(&[scope], EPOCH_MS, 900)));
        call(&mut world, principal, CallKind::Trigger, "x");
        let request = next(&mut world);
        answer(&mut world, request.id, status(403), "{\"error\":\"Unauthorized\"}", "");
        let problem = problem_of(&world);
        assert_eq!((problem.missing_scope.as_deref(), problem.subject), (missing, Some("task")), "{scope}");
    }
}

#[test]
fn a_body_that_no_server_takes_is_not_sent() {
    let limit = 3 << 20;
    for (kind, size) in [(CallKind::Trigger, limit), (CallKind::Trigger, limit + 1), (CallKind::Complete, limit + 1)] {
        let (mut world, principal) = World::with_token(1);
        let call = world.client.next_subscription();
        let body = format!("\"{}\"", "x".repeat(size - 2));
        world.command(Command::Call { call, principal, kind, name: "x", body: &body });
        let is_sent = size <= limit;
        assert_eq!((world.requests.len(), outcomes(&world, call).len()), (usize::from(is_sent), usize::from(!is_sent)));
        if !is_sent {
            let problem = problem_of(&world);
            assert_eq!(outcomes(&world, call), ["failed:too-large"]);
            assert_eq!(problem.size.map(|size| (size.limit, size.actual)), Some((limit, size)));
        }
    }
}

#[test]
fn a_page_that_may_not_cancel_learns_it_soon() {
    let (mut world, principal) = World::with_token(1);
    let id = call(&mut world, principal, CallKind::Cancel, "run_1");
    let begin = world.now_ms();
    for _ in 0..3 {
        let request = next(&mut world);
        world.fail(request.id);
        world.jump();
    }
    assert_eq!(outcomes(&world, id), ["unknown:blocked"]);
    assert!(world.now_ms() - begin <= 3_000);
}

#[test]
fn what_was_lost_tells_what_it_is_about() {
    let (mut world, principal) = World::with_token(1);
    call(&mut world, principal, CallKind::Complete, "waitpoint_1");
    for _ in 0..5 {
        let request = next(&mut world);
        world.fail(request.id);
        world.jump();
    }
    assert_eq!(problem_of(&world).subject, Some("wait token"));
}

#[test]
fn what_no_url_can_name_is_not_asked_for() {
    let (mut world, principal) = World::with_token(1);
    for (kind, name) in [(CallKind::Trigger, ".."), (CallKind::Retrieve, "")] {
        let id = call(&mut world, principal, kind, name);
        assert_eq!(outcomes(&world, id), ["failed:not-found"]);
    }
    assert!(world.requests.is_empty() && world.run_requests.is_empty());
}
