//! Nothing of the core, printed for a log, shows a token or what a user sent or read.
#![cfg(not(target_family = "wasm"))]

use std::borrow::Cow;
use std::fmt::Debug;
use std::rc::Rc;

use tidegate::proto::auth::Auth;
use tidegate::proto::call::{Call, CallOutcome};
use tidegate::proto::client::Client;
use tidegate::proto::http::{
    CallKind, FeedKind, OutgoingRequest, RequestFailure, RequestKind, ResponseHead, StreamVersion, Told, classify,
    stream_url,
};
use tidegate::proto::id::{ChannelId, RequestId, SendId};
use tidegate::proto::input::{Command, Input, News};
use tidegate::proto::intake::{Effect, Parts};
use tidegate::proto::json::Scanner;
use tidegate::proto::output::{Event, Output};
use tidegate::proto::random::Random;
use tidegate::proto::records::{Body, Form};
use tidegate::proto::runs::Runs;
use tidegate::proto::send::SendQueue;
use tidegate::proto::shape::{Rows, Shape};
use tidegate::proto::sse::{Frame, SseDecoder, Standing};
use tidegate::proto::subscription::Subscription;
use tidegate::proto::time::{Instant, Now};
use tidegate::proto::token::{AccessToken, Claims};

/// `{"pub":true,"sub":"env_hidden","scopes":["*:all"]}`, unpadded. What it says of itself is no secret, but its text is.
const TOKEN: &str =
    "eyJhbGciOiJIUzI1NiJ9.eyJwdWIiOnRydWUsInN1YiI6ImVudl9oaWRkZW4iLCJzY29wZXMiOlsiKjphbGwiXX0.c2lnbmVkYnl0aGVzZXJ2ZXI";
const SECRET_KEY: &str = "tr_dev_k3ptT0Itself";
const PAYLOAD: &str = "my medical history";
const JSON: &str = "{\"note\":\"my medical history\"}";

#[test]
fn a_token_prints_as_a_token() {
    for text in [TOKEN, SECRET_KEY, "not.a.jwt"] {
        assert_eq!(format!("{:?}", AccessToken::parse(text).unwrap()), "AccessToken(redacted)");
    }
    let mut auth = Auth::new(true);
    auth.provide(Now::default(), TOKEN, &mut Random::new(1));
    keeps_quiet(&auth);
    keeps_quiet(&auth.token(Now::default()));
    keeps_quiet(&Claims::parse(TOKEN).expect("it is a public token"));
    keeps_quiet(&Scanner::new("{\"pub\":true,\"sub\":\"env_hidden\"}"));
    keeps_quiet(&classify(401, "", &AccessToken::parse(TOKEN).unwrap(), Now::default().wall));
    assert!(!stream_url("https://api.example", "run_1", "key").contains(TOKEN));
}

#[test]
fn requests_and_what_comes_of_them_print_without_their_bodies() {
    let kind =
        RequestKind::Send { body: format!("{{\"data\":{JSON}}}").into(), idempotency_key: Rc::new("key".to_owned()) };
    keeps_quiet(&kind);
    let (id, token) = (RequestId::new(1), AccessToken::parse(TOKEN).unwrap());
    let request = OutgoingRequest { id, url: "https://api.example".into(), token, branch: None, kind };
    keeps_quiet(&request);
    keeps_quiet(&Output::Request(request));
    keeps_quiet(&RequestKind::Call { body: Rc::new(JSON.to_owned()), idempotency_key: Rc::new("key".to_owned()) });
    keeps_quiet(&Told { token: TOKEN, ..Told::default() });
    for news in [News::Body(JSON, Told { token: TOKEN, ..Told::default() }), News::Chunk(JSON.as_bytes())] {
        keeps_quiet(&news);
        keeps_quiet(&Input::News(id, news));
    }
}

#[test]
fn commands_print_without_what_they_carry() {
    let mut client = Client::new(1);
    for command in commands(&mut client, TOKEN) {
        keeps_quiet(&command);
        keeps_quiet(&Input::Command(command));
    }
    let principal = client.next_principal();
    keeps_quiet(&Command::FailToken(principal, TOKEN));
}

#[test]
fn parts_print_as_so_many_bytes_wherever_they_are() {
    let (text, data) = (format!("[{JSON}]"), JSON);
    keeps_quiet(&Frame { event: "", id: Some("7"), data, standing: Standing::Next });
    keeps_quiet(&Body::Part { json: data, form: Form::Checked, part_id: Some(Cow::Borrowed("p1")) });
    keeps_quiet(&Scanner::new(JSON));
    let quoted = format!("{JSON:?}");
    keeps_quiet(&Scanner::new(&quoted).literal().unwrap());
    let parts = Parts { text, form: Form::Checked, last_event_id: "7".to_owned() };
    keeps_quiet(&parts);
    keeps_quiet(&Effect::Parts(parts.clone()));
    let rows = Rows { text: JSON.to_owned(), schema: None, fresh: true, complete: true };
    keeps_quiet(&Event::Rows(ChannelId::new(1), rows));
    let outcome = CallOutcome::Answered { text: JSON.to_owned(), token: TOKEN.to_owned() };
    keeps_quiet(&Event::Call(ChannelId::new(1), outcome));
    let event = Event::Parts(ChannelId::new(1), parts);
    keeps_quiet(&event);
    assert_eq!(format!("{event:?}"), "Parts(31 bytes, Checked, \"7\") of ChannelId(1)");
    keeps_quiet(&Output::Event(event));
}

#[test]
fn machines_print_without_what_they_hold() {
    let mut decoder = SseDecoder::default();
    decoder.feed(format!("data: {PAYLOAD}\ndata: {PAYLOAD}").as_bytes(), |_, _| ()).unwrap();
    keeps_quiet(&decoder);

    let mut reader = Subscription::new("", 0);
    reader.start(Instant::default());
    reader.handle_open(Instant::default(), StreamVersion::V1);
    let chunk = format!("id: 1-0\ndata: {JSON}\n\ndata: {JSON}");
    reader.handle_chunk(Instant::default(), chunk.as_bytes(), &mut Random::new(1));
    keeps_quiet(&reader);
    let half = format!("\n\n: ping\n\nid: 2-0\ndata: [{JSON}\n\n");
    reader.handle_chunk(Instant::default(), half.as_bytes(), &mut Random::new(1));
    assert!(!format!("{reader:?}").contains("SseDecoder(0 bytes held)"), "half a record is kept");
    keeps_quiet(&reader);

    let runs = Runs::given().expect("a default feature");
    let mut feed = Shape::new(runs, FeedKind::Run, false);
    feed.start(Instant::default());
    let told = Told { handle: "h", offset: "1_1", schema: JSON, ..Told::default() };
    feed.handle_answer(Instant::default(), &format!("[{JSON}]"), &told, &mut Random::new(1));
    keeps_quiet(&feed);
    let mut call = Call::new(runs, CallKind::Trigger, JSON, "key".to_owned());
    keeps_quiet(&call);
    keeps_quiet(&call.start(Instant::default()));
    call.handle_answer(JSON, TOKEN);
    keeps_quiet(&call);

    let mut queue = SendQueue::default();
    queue.push(SendId::new(1), Rc::new(JSON.to_owned()), Rc::new("key".to_owned()));
    keeps_quiet(&queue);
    keeps_quiet(&queue.start(Now::default()));
    keeps_quiet(&queue);
}

/// With requests under way, refused and accepted, and a chunk half read: a whole client, and everything it puts out.
#[test]
fn a_client_prints_without_what_passes_through_it() {
    for token in [TOKEN, SECRET_KEY] {
        let mut client = Client::new(1);
        let mut requests = Vec::new();
        for command in commands(&mut client, token) {
            client.handle_input(Now::default(), Input::Command(command));
            keeps_quiet(&client);
            drain(&mut client, &mut requests);
        }
        assert_eq!(requests.len(), 5, "two sends to two streams, a reader, a feed and a call");
        for request in requests.clone() {
            let stream = matches!(request.kind, RequestKind::Stream { .. });
            let chunk = format!("id: 1-0\ndata: {JSON}\n\ndata: {JSON}");
            let answers = matches!(request.kind, RequestKind::Feed | RequestKind::Call { .. });
            let status = if stream || answers { 200 } else { 400 };
            let head = News::Head(ResponseHead { status, ..ResponseHead::default() });
            let rest = if stream {
                News::Chunk(chunk.as_bytes())
            } else {
                News::Body("{\"error\":\"Invalid request body\"}", Told::default())
            };
            for news in [head, rest, News::Failed(RequestFailure::Network)] {
                client.handle_input(Now::default(), Input::News(request.id, news));
                keeps_quiet(&client);
                drain(&mut client, &mut requests);
            }
        }
    }
}

/// A principal, sends, a reader, with secrets in each.
fn commands(client: &mut Client, token: &'static str) -> Vec<Command<'static>> {
    let principal = client.next_principal();
    let mut commands = vec![
        Command::OpenPrincipal {
            principal,
            base_url: "https://api.example",
            branch: None,
            renewable: false,
            scarce: false,
        },
        Command::SetToken(principal, token),
    ];
    for stream in ["chat", "chat", "approval"] {
        let send = client.next_send();
        commands.push(Command::Send { send, principal, run: "run_1", stream, json: JSON });
    }
    let (run, key) = ("run_1", "draft");
    let subscription = client.next_subscription();
    let (last_event_id, timeout_seconds) = ("", 0);
    commands.push(Command::Subscribe { subscription, principal, run, key, last_event_id, timeout_seconds });
    let (feed, kind, query, endless) = (client.next_subscription(), FeedKind::Run, "", false);
    commands.push(Command::Follow { feed, principal, kind, name: run, query, endless });
    let call = client.next_subscription();
    commands.push(Command::Call { call, principal, kind: CallKind::Trigger, name: "task", body: JSON });
    commands
}

fn drain(client: &mut Client, requests: &mut Vec<OutgoingRequest>) {
    loop {
        let output = client.poll_output();
        keeps_quiet(&output);
        keeps_quiet(client);
        match output {
            Output::Request(request) => requests.push(request),
            Output::Abort(_) | Output::SetReading(..) | Output::Event(_) => {}
            Output::Idle(_) => return,
        }
    }
}

#[track_caller]
fn keeps_quiet(value: &dyn Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        let squeezed: String = text.split_whitespace().collect();
        for secret in TOKEN.split('.').chain([SECRET_KEY, PAYLOAD, "env_hidden"]) {
            let as_bytes = secret.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(",");
            assert!(!text.contains(secret), "{secret:?} is shown by {text}");
            assert!(!squeezed.contains(&as_bytes), "{secret:?} is shown, byte by byte, by {text}");
        }
    }
}
