//! A client, what it has asked for and told, and a clock that jumps.

use std::collections::VecDeque;

use tidegate::proto::client::Client;
use tidegate::proto::error::ErrorCode;
use tidegate::proto::http::{OutgoingRequest, RequestFailure, RequestKind, ResponseHead, StreamVersion, Told};
use tidegate::proto::id::{ChannelId, PrincipalId, RequestId, SendId};
use tidegate::proto::input::{Command, Input, News};
use tidegate::proto::intake::Parts;
use tidegate::proto::output::{Event, Output};
use tidegate::proto::records::Form;
use tidegate::proto::send::SendState;
use tidegate::proto::status::StreamStatus;
use tidegate::proto::time::{Instant, Now, UnixTime};

pub(crate) const RUN: &str = "run_1";
pub(crate) const BASE: &str = "https://api.example";

/// When the simulation begins, in calendar time: 2026-01-01.
pub(crate) const EPOCH_MS: u64 = 1_767_225_600_000;

pub(crate) struct World {
    pub(crate) client: Client,
    now_ms: u64,
    /// How far calendar time went on while the other clock stood still.
    asleep_ms: u64,
    due: Option<Instant>,
    /// Requests that nobody has answered yet.
    pub(crate) requests: VecDeque<OutgoingRequest>,
    /// Questions about the run that nobody has answered yet.
    pub(crate) run_requests: VecDeque<OutgoingRequest>,
    pub(crate) aborted: Vec<RequestId>,
    /// Whose body is to be left unread, or read on.
    pub(crate) readings: Vec<(RequestId, bool)>,
    pub(crate) events: Vec<Event>,
    /// Requests in the order in which they were made and were over, and when.
    pub(crate) journal: Vec<(u64, Entry)>,
}

/// What became of a request.
pub(crate) enum Entry {
    Made(OutgoingRequest),
    GivenUp(RequestId),
    Over(RequestId),
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            client: Client::new(seed),
            now_ms: 1_000,
            asleep_ms: 0,
            due: None,
            requests: VecDeque::new(),
            run_requests: VecDeque::new(),
            aborted: Vec::new(),
            readings: Vec::new(),
            events: Vec::new(),
            journal: Vec::new(),
        }
    }

    /// A world with one principal, which holds a token for everything.
    pub(crate) fn with_token(seed: u64) -> (Self, PrincipalId) {
        let mut world = Self::new(seed);
        let principal = world.open_principal(false);
        world.command(Command::SetToken(principal, &secret_key()));
        (world, principal)
    }

    /// A world with one principal, whose token may send and not read.
    pub(crate) fn with_blind_token(seed: u64) -> (Self, PrincipalId) {
        let mut world = Self::new(seed);
        let principal = world.open_principal(false);
        world.command(Command::SetToken(principal, &blind_token()));
        (world, principal)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    pub(crate) fn wall_ms(&self) -> u64 {
        EPOCH_MS + self.now_ms + self.asleep_ms
    }

    /// The device sleeps: no timer fires, and the monotonic clock stands still.
    pub(crate) fn sleep(&mut self, ms: u64) {
        self.asleep_ms += ms;
    }

    pub(crate) fn input(&mut self, input: Input<'_>) {
        let wall = UnixTime::from_millis(self.wall_ms());
        let now = Now { monotonic: Instant::from_millis(self.now_ms), wall };
        if let Input::News(id, news) = input
            && news.is_last()
        {
            self.journal.push((self.now_ms, Entry::Over(id)));
        }
        self.client.handle_input(now, input);
        loop {
            let output = self.client.poll_output();
            match &output {
                Output::Request(request) => self.journal.push((self.now_ms, Entry::Made(request.clone()))),
                Output::Abort(id) => self.journal.push((self.now_ms, Entry::GivenUp(*id))),
                Output::SetReading(..) | Output::Event(_) | Output::Idle(_) => {}
            }
            match output {
                Output::Request(request) if request.kind == RequestKind::Run => self.run_requests.push_back(request),
                Output::Request(request) => self.requests.push_back(request),
                Output::Abort(id) => {
                    self.requests.retain(|request| request.id != id);
                    self.run_requests.retain(|request| request.id != id);
                    self.aborted.push(id);
                }
                Output::SetReading(id, wanted) => self.readings.push((id, wanted)),
                Output::Event(event) => self.events.push(event),
                Output::Idle(due) => {
                    self.due = due;
                    return;
                }
            }
        }
    }

    pub(crate) fn command(&mut self, command: Command<'_>) {
        self.input(Input::Command(command));
    }

    pub(crate) fn open_principal(&mut self, renewable: bool) -> PrincipalId {
        let principal = self.client.next_principal();
        self.command(Command::OpenPrincipal { principal, base_url: BASE, branch: None, renewable, scarce: false });
        principal
    }

    pub(crate) fn send(&mut self, principal: PrincipalId, stream: &str, json: &str) -> SendId {
        let send = self.client.next_send();
        self.command(Command::Send { send, principal, run: RUN, stream, json });
        send
    }

    pub(crate) fn subscribe(&mut self, principal: PrincipalId, key: &str, last_event_id: Option<&str>) -> ChannelId {
        let subscription = self.client.next_subscription();
        let (last_event_id, timeout_seconds) = (last_event_id.unwrap_or_default(), 0);
        self.command(Command::Subscribe { subscription, principal, run: RUN, key, last_event_id, timeout_seconds });
        subscription
    }

    /// Answers a request as a whole, as the server answers a send.
    pub(crate) fn answer(&mut self, request: RequestId, head: ResponseHead, body: &str) {
        self.input(Input::News(request, News::Head(head)));
        self.input(Input::News(request, News::Body(body, Told::default())));
    }

    pub(crate) fn fail(&mut self, request: RequestId) {
        self.input(Input::News(request, News::Failed(RequestFailure::Network)));
    }

    pub(crate) fn open(&mut self, request: RequestId) {
        let head = ResponseHead { version: StreamVersion::V2, ..status(200) };
        self.input(Input::News(request, News::Head(head)));
    }

    pub(crate) fn chunk(&mut self, request: RequestId, text: &str) {
        self.input(Input::News(request, News::Chunk(text.as_bytes())));
    }

    pub(crate) fn end(&mut self, request: RequestId) {
        self.input(Input::News(request, News::End));
    }

    /// The oldest question about the run.
    #[track_caller]
    pub(crate) fn next_run_request(&mut self) -> OutgoingRequest {
        self.run_requests.pop_front().expect("the run is asked about")
    }

    /// Answers a question about the run.
    pub(crate) fn tell_run(&mut self, request: &OutgoingRequest, finished: bool) {
        let body = if finished {
            "{\"id\":\"run_1\",\"status\":\"COMPLETED\",\"finishedAt\":\"2026-11-21T22:56:09.070Z\",\"output\":{\"finishedAt\":null}}"
        } else {
            "{\"id\":\"run_1\",\"status\":\"EXECUTING\",\"output\":{\"finishedAt\":\"2026-11-21T22:56:09.070Z\"}}"
        };
        self.answer(request.id, status(200), body);
    }

    /// The oldest request that waits for an answer.
    #[track_caller]
    pub(crate) fn next_request(&mut self) -> OutgoingRequest {
        self.requests.pop_front().expect("a request is under way")
    }

    /// How long until something is due.
    pub(crate) fn due_in_ms(&self) -> Option<u64> {
        self.due.map(|due| due.as_millis() - self.now_ms)
    }

    /// Lets so much time pass, and the timer is late.
    pub(crate) fn stall(&mut self, ms: u64) {
        self.now_ms += ms;
    }

    /// Lets so much time pass, with everything that falls due in it.
    pub(crate) fn advance(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        while let Some(due) = self.due.filter(|due| due.as_millis() <= end) {
            self.now_ms = due.as_millis();
            self.input(Input::Timeout);
        }
        self.now_ms = end;
    }

    /// Jumps to the next thing that is due.
    pub(crate) fn jump(&mut self) -> bool {
        let Some(ms) = self.due_in_ms() else { return false };
        self.advance(ms);
        true
    }

    /// The states a send has been told to have, by name and cause.
    pub(crate) fn states(&self, id: SendId) -> Vec<String> {
        let of_it = |event: &Event| {
            let Event::Send(change) = event else { return None };
            (change.send == id).then(|| name(&change.state))
        };
        self.events.iter().filter_map(of_it).collect()
    }

    #[track_caller]
    pub(crate) fn state(&self, id: SendId) -> String {
        self.states(id).pop().expect("the send has a state")
    }

    /// The status a reader has been told to have, in order.
    pub(crate) fn statuses(&self, id: ChannelId) -> Vec<String> {
        let of_it = |event: &Event| {
            let (Event::Stream(reader, status) | Event::Feed(reader, status)) = event else { return None };
            (*reader == id).then(|| status_name(status))
        };
        self.events.iter().filter_map(of_it).collect()
    }

    /// The parts a reader has been given, in order, as JSON text.
    pub(crate) fn parts(&self, id: ChannelId) -> Vec<String> {
        let of_it = |event: &Event| {
            let Event::Parts(reader, parts) = event else { return None };
            let parts = values(parts).expect("parts are JSON");
            (*reader == id).then(|| parts.into_iter().map(|part| part.to_string()))
        };
        self.events.iter().filter_map(of_it).flatten().collect()
    }

    /// The place that a reader was last told to resume behind.
    pub(crate) fn last_place(&self, id: ChannelId) -> Option<String> {
        let of_it = |event: &Event| {
            let Event::Parts(reader, Parts { last_event_id, .. }) = event else { return None };
            (*reader == id && !last_event_id.is_empty()).then(|| last_event_id.clone())
        };
        self.events.iter().rev().find_map(of_it)
    }

    pub(crate) fn tokens_asked(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::TokenNeeded(_))).count()
    }
}

/// The parts as JavaScript reads them, or nothing where they cannot be read.
pub(crate) fn values(Parts { text, form, .. }: &Parts) -> Option<Vec<serde_json::Value>> {
    let one = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    match form {
        Form::Checked => Some(serde_json::from_str(text).expect("a batch is a JSON array")),
        Form::Plain => Some(vec![one(text)?]),
        Form::Envelope => Some(vec![one(text)?["data"].take()]),
    }
}

pub(crate) fn status(status: u16) -> ResponseHead {
    ResponseHead { status, ..ResponseHead::default() }
}

/// `queued:turn`, `sending`, `rejected:not-found` …
pub(crate) fn name(state: &SendState) -> String {
    match state {
        SendState::Queued(hold) => format!("queued:{hold:?}").to_lowercase(),
        SendState::Sending => "sending".into(),
        SendState::Accepted => "accepted".into(),
        SendState::Rejected(problem) => format!("rejected:{}", problem.code.as_str()),
        SendState::Unknown(problem) => format!("unknown:{}", problem.code.as_str()),
        SendState::Cancelled => "cancelled".into(),
    }
}

/// `live`, `reconnecting:1:server`, `failed:not-found` …
pub(crate) fn status_name(status: &StreamStatus) -> String {
    match status {
        StreamStatus::Connecting => "connecting".into(),
        StreamStatus::Live => "live".into(),
        StreamStatus::Reconnecting { attempt, problem, .. } => {
            format!("reconnecting:{attempt}:{}", problem.code.as_str())
        }
        StreamStatus::Paused => "paused".into(),
        StreamStatus::Ended => "ended".into(),
        StreamStatus::Failed(problem) => format!("failed:{}", problem.code.as_str()),
    }
}

pub(crate) fn body_of(request: &OutgoingRequest) -> String {
    match &request.kind {
        RequestKind::Send { body, .. } | RequestKind::Call { body, .. } => body.to_string(),
        RequestKind::Stream { .. } | RequestKind::Run | RequestKind::Feed => panic!("{} is a read", request.url),
    }
}

pub(crate) fn key_of(request: &OutgoingRequest) -> String {
    match &request.kind {
        RequestKind::Send { idempotency_key, .. } | RequestKind::Call { idempotency_key, .. } => {
            idempotency_key.to_string()
        }
        RequestKind::Stream { .. } | RequestKind::Run | RequestKind::Feed => panic!("{} is a read", request.url),
    }
}

pub(crate) fn cursor_of(request: &OutgoingRequest) -> Option<String> {
    match &request.kind {
        RequestKind::Stream { last_event_id, .. } => (!last_event_id.is_empty()).then(|| last_event_id.clone()),
        RequestKind::Send { .. } | RequestKind::Run | RequestKind::Feed | RequestKind::Call { .. } => {
            panic!("{} reads no stream", request.url)
        }
    }
}

/// A v2 event with these records, as the server writes it. Every other record has no part id, so that a repeat of it can be told by
/// its sequence number alone.
pub(crate) fn batch(records: &[(u64, &str)]) -> String {
    let records: Vec<_> = records
        .iter()
        .map(|(sequence, json)| {
            let id = if sequence % 2 == 0 { format!(",\"id\":\"part-{sequence}\"") } else { String::new() };
            let body = format!("{{\"data\":{json}{id}}}");
            serde_json::json!({ "seq_num": sequence, "timestamp": 1, "body": body }).to_string()
        })
        .collect();
    format!("event: batch\nid: 0,1,2\ndata: {{\"records\":[{}]}}\n\n", records.join(","))
}

/// What the server tells of an input stream: these records, at these times, and that it is all there is.
pub(crate) fn input_log(from: u64, records: &[(u64, &str)], now_ms: u64) -> String {
    let number = |at: usize| from + at as u64;
    let record = |(at, (time, json)): (usize, &(u64, &str))| {
        let body = serde_json::json!({ "data": json, "id": format!("inp_{}", number(at)) }).to_string();
        serde_json::json!({ "seq_num": number(at), "timestamp": time, "body": body }).to_string()
    };
    let records_text: Vec<_> = records.iter().enumerate().map(record).collect();
    let batch = if records.is_empty() {
        String::new()
    } else {
        format!("event: batch\nid: 1,2,3\ndata: {{\"records\":[{}]}}\n\n", records_text.join(","))
    };
    let tail = number(records.len());
    format!("{batch}event: ping\ndata: {{\"timestamp\":{now_ms},\"tail\":{{\"seq_num\":{tail},\"timestamp\":0}}}}\n\n")
}

pub(crate) fn is_read(request: &OutgoingRequest) -> bool {
    matches!(request.kind, RequestKind::Stream { .. })
}

pub(crate) fn secret_key() -> String {
    "tr_dev_simulated".into()
}

/// A public token for the run, with a lifetime in seconds.
pub(crate) fn public_token(scopes: &[&str], issued_ms: u64, lifetime_seconds: u64) -> String {
    let issued = issued_ms / 1000;
    let claims = serde_json::json!({
        "sub": "env", "pub": true, "scopes": scopes, "iat": issued, "exp": issued + lifetime_seconds,
    });
    format!("eyJhbGciOiJIUzI1NiJ9.{}.c2lnbmF0dXJl", base64url(claims.to_string().as_bytes()))
}

pub(crate) fn blind_token() -> String {
    public_token(&["write:inputStreams:run_1"], EPOCH_MS, 900)
}

/// The scopes a trigger response hands out.
pub(crate) fn run_token(issued_ms: u64, lifetime_seconds: u64) -> String {
    public_token(&["read:runs:run_1", "write:inputStreams:run_1"], issued_ms, lifetime_seconds)
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            text.push(char::from(DIGITS[(bits >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}

/// How many random schedules to run: `TIDEGATE_SEEDS`, or a few hundred.
pub(crate) fn seeds() -> std::ops::Range<u64> {
    let count =
        std::env::var("TIDEGATE_SEEDS").ok().map_or(300, |text| text.parse().expect("TIDEGATE_SEEDS is a number"));
    0..count
}

/// Every code has a name of its own, and no two share one.
#[test]
fn every_code_has_its_own_name() {
    let names: std::collections::BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), ErrorCode::ALL.len());
}
