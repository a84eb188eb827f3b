//! The root machine: routes what happens to the machine it concerns, and turns what that wants into outputs.
//!
//! ```text
//! handle_input(now, input)    then    poll_output() until Output::Idle    then the next input
//! ```

use std::collections::{BTreeMap, VecDeque};

use super::auth::{Access, Auth};
use super::error::{ErrorCode, Problem};
use super::http::{
    BODY_LIMIT, OutgoingRequest, RECORD_LIMIT, RequestFailure, RequestKind, ResponseHead, classify, stream_url,
};
use super::id::{Counter, Generation, PrincipalId, RequestId, SendId, SubscriptionId};
use super::input::{Command, Input};
use super::json::{self, Scanner};
use super::output::{Event, Output};
use super::random::Random;
use super::send::{Forgotten, Hold, Outcome, SendQueue, Verdict};
use super::subscription::{Effect, Subscription};
use super::time::{Instant, Now};
use super::token::AccessToken;

/// Everything Tidegate does in one page, for any number of identities.
#[derive(Debug)]
pub struct Client {
    now: Now,
    random: Random,
    online: bool,
    ids: Ids,
    principals: BTreeMap<PrincipalId, Principal>,
    queues: BTreeMap<Lane, SendQueue>,
    lanes: BTreeMap<SendId, Lane>,
    readers: BTreeMap<SubscriptionId, Reader>,
    requests: BTreeMap<RequestId, Pending>,
    outputs: VecDeque<Output>,
}

#[derive(Debug, Default)]
struct Ids {
    principals: Counter,
    sends: Counter,
    subscriptions: Counter,
    requests: Counter,
}

#[derive(Debug)]
struct Principal {
    base_url: String,
    branch: Option<String>,
    auth: Auth,
    /// The endpoint has said that it drops repeated sends.
    drops_repeats: bool,
}

/// Sends to one input stream of one run keep their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Lane {
    principal: PrincipalId,
    run: String,
    stream: String,
}

#[derive(Debug)]
struct Reader {
    principal: PrincipalId,
    run: String,
    key: String,
    machine: Subscription,
}

#[derive(Debug)]
struct Pending {
    owner: Owner,
    token: AccessToken,
    head: Option<ResponseHead>,
}

#[derive(Clone, Debug)]
enum Owner {
    Queue(Lane),
    Reader(SubscriptionId),
}

impl Client {
    /// Starts empty and online. The seed decides every delay's jitter and every idempotency key: draw it at random, once.
    pub fn new(seed: u64) -> Self {
        Self {
            now: Now::default(),
            random: Random::new(seed),
            online: true,
            ids: Ids::default(),
            principals: BTreeMap::new(),
            queues: BTreeMap::new(),
            lanes: BTreeMap::new(),
            readers: BTreeMap::new(),
            requests: BTreeMap::new(),
            outputs: VecDeque::new(),
        }
    }

    /// An id for [`Command::OpenPrincipal`].
    pub fn next_principal(&mut self) -> PrincipalId {
        PrincipalId::new(self.ids.principals.next())
    }

    /// An id for [`Command::Send`].
    pub fn next_send(&mut self) -> SendId {
        SendId::new(self.ids.sends.next())
    }

    /// An id for [`Command::Subscribe`].
    pub fn next_subscription(&mut self) -> SubscriptionId {
        SubscriptionId::new(self.ids.subscriptions.next())
    }

    /// Tells the core what happened. Call [`poll_output`](Self::poll_output) until it is idle before the next.
    pub fn handle_input(&mut self, now: Now, input: Input<'_>) {
        self.now = now;
        match input {
            Input::Command(command) => self.handle_command(command),
            Input::Head(request, head) => self.handle_head(request, head),
            Input::Body(request, body) => self.handle_body(request, body),
            Input::Chunk(request, bytes) => self.handle_chunk(request, bytes),
            Input::End(request) => self.handle_end(request),
            Input::Failed(request, failure) => self.handle_failure(request, failure),
            Input::Online(online) => {
                self.online = online;
                if online {
                    self.hurry();
                }
                self.advance_all();
            }
            Input::Wake => {
                self.hurry();
                self.advance_all();
            }
            Input::Timeout => self.handle_timeout(),
        }
    }

    /// The next thing wanted; [`Output::Idle`] when there is none.
    pub fn poll_output(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or_else(|| Output::Idle(self.poll_timeout()))
    }

    /// Deadlines that have passed are not repeated: what they allowed waits for something else now.
    fn poll_timeout(&self) -> Option<Instant> {
        let queues = self.queues.values().filter_map(SendQueue::poll_timeout);
        let readers = self.readers.values().filter_map(|reader| reader.machine.poll_timeout());
        let tokens = self.principals.values().filter_map(|principal| principal.auth.poll_timeout());
        queues.chain(readers).chain(tokens).filter(|&due| due > self.now.monotonic).min()
    }

    fn handle_command(&mut self, command: Command<'_>) {
        match command {
            Command::OpenPrincipal { principal, base_url, branch, renewable } => {
                let principal_state = Principal {
                    base_url: base_url.to_owned(),
                    branch: branch.map(str::to_owned),
                    auth: Auth::new(renewable),
                    drops_repeats: false,
                };
                self.principals.insert(principal, principal_state);
            }
            Command::ClosePrincipal(principal) => self.close_principal(principal),
            Command::SetRenewable(id, renewable) => {
                if let Some(principal) = self.principals.get_mut(&id) {
                    principal.auth.set_renewable(renewable);
                    self.advance_principal(id);
                }
            }
            Command::SetToken(id, text) => {
                if let Some(principal) = self.principals.get_mut(&id) {
                    principal.auth.provide(self.now, text, &mut self.random);
                    self.revive(id);
                    self.advance_principal(id);
                }
            }
            Command::FailToken(id, words) => {
                if let Some(principal) = self.principals.get_mut(&id) {
                    principal.auth.fail(self.now, words, &mut self.random);
                    self.advance_principal(id);
                }
            }
            Command::Send { send, principal, run, stream, json } => {
                let lane = Lane { principal, run: run.to_owned(), stream: stream.to_owned() };
                self.push_send(send, lane, json);
            }
            Command::CancelSend(send) => {
                self.cancel_send(send);
                self.advance_send(send);
            }
            Command::RetrySend(send) => {
                self.with_queue(send, |queue| queue.retry(send));
                self.advance_send(send);
            }
            Command::ForgetSend(send) => self.forget_send(send),
            Command::Subscribe { subscription, principal, run, key, last_event_id, timeout_seconds } => {
                let machine = Subscription::new(last_event_id, timeout_seconds);
                let reader = Reader { principal, run: run.to_owned(), key: key.to_owned(), machine };
                self.readers.insert(subscription, reader);
                self.advance_reader(subscription);
            }
            Command::Unsubscribe(subscription) => {
                if let Some(request) = self.readers.remove(&subscription).and_then(|reader| reader.machine.request()) {
                    self.abort(request);
                }
            }
        }
    }

    // Sends

    fn push_send(&mut self, send: SendId, lane: Lane, json: &str) {
        let key = self.random.uuid();
        let body = ["{\"data\":", json, "}"].concat();
        let problem = refuse_data(json, body.len());
        self.lanes.insert(send, lane.clone());
        let queue = self.queues.entry(lane.clone()).or_default();
        match problem {
            Some(problem) => queue.push_rejected(send, String::new(), key, problem),
            None => queue.push(send, body, key),
        }
        self.advance_lane(&lane);
    }

    fn with_queue<T>(&mut self, send: SendId, act: impl FnOnce(&mut SendQueue) -> T) -> Option<T> {
        self.queues.get_mut(self.lanes.get(&send)?).map(act)
    }

    fn cancel_send(&mut self, send: SendId) {
        if let Some(request) = self.with_queue(send, |queue| queue.cancel(send)).flatten() {
            self.abort(request);
        }
    }

    fn forget_send(&mut self, send: SendId) {
        match self.with_queue(send, |queue| queue.forget(send)) {
            Some(Forgotten::NotSettled) | None => {}
            Some(Forgotten::Gone) => {
                self.lanes.remove(&send);
            }
            Some(Forgotten::LastOne) => {
                if let Some(lane) = self.lanes.remove(&send) {
                    self.queues.remove(&lane);
                }
            }
        }
    }

    fn advance_send(&mut self, send: SendId) {
        if let Some(lane) = self.lanes.get(&send).cloned() {
            self.advance_lane(&lane);
        }
    }

    /// Lets the first in line leave, if it may, and tells every change.
    fn advance_lane(&mut self, lane: &Lane) {
        while self.try_send(lane) {}
        let Some(queue) = self.queues.get_mut(lane) else { return };
        while let Some(change) = queue.poll_change() {
            self.outputs.push_back(Output::Event(Event::Send(change)));
        }
    }

    /// `true` when the first in line was refused, so that there may be a next.
    fn try_send(&mut self, lane: &Lane) -> bool {
        let now = self.now;
        let Some(queue) = self.queues.get_mut(lane) else { return false };
        if queue.poll_ready(now.monotonic).is_none() {
            return false;
        }
        let Some(principal) = self.principals.get_mut(&lane.principal) else {
            queue.reject_head(Problem::new(ErrorCode::Aborted));
            return true;
        };
        if !self.online {
            queue.hold(Hold::Online);
            return false;
        }
        let (token, generation) = match principal.auth.token(now) {
            Access::Granted(token, generation) => (token, generation),
            Access::Wait => {
                queue.hold(Hold::Token);
                self.ask_for_token(lane.principal);
                return false;
            }
            Access::Denied(problem) => {
                queue.reject_head(problem);
                return true;
            }
        };
        if let Some(scope) = token.missing_for_send(&lane.run) {
            queue.reject_head(Problem::missing_scope(scope));
            return true;
        }
        let request = RequestId::new(self.ids.requests.next());
        if let Some((body, idempotency_key)) = queue.start(now.monotonic, request, generation) {
            let key = ["input/", &lane.stream].concat();
            let kind = RequestKind::Send { body, idempotency_key };
            self.make_request(request, Owner::Queue(lane.clone()), lane.principal, (&lane.run, &key), token, kind);
        }
        self.ask_for_token(lane.principal);
        false
    }

    fn settle_send(&mut self, lane: &Lane, request: RequestId, verdict: Verdict) {
        if let Some(queue) = self.queues.get_mut(lane) {
            queue.settle(self.now.monotonic, request, verdict, &mut self.random);
        }
        self.advance_lane(lane);
    }

    // Readers

    /// Lets a reader connect, if it wants to and may, and does what it wants done.
    fn advance_reader(&mut self, id: SubscriptionId) {
        self.try_connect(id);
        loop {
            let Some(reader) = self.readers.get_mut(&id) else { return };
            let Some(effect) = reader.machine.poll_effect() else { return };
            match effect {
                Effect::Abort(request) => self.abort(request),
                Effect::Status(status) => self.tell(Event::Stream(id, status)),
                Effect::Parts { json, last_event_id } => {
                    self.tell(Event::Parts { subscription: id, json, last_event_id });
                }
                Effect::Unreadable { id: record, reason } => {
                    self.tell(Event::Unreadable { subscription: id, id: record, reason });
                }
            }
        }
    }

    fn try_connect(&mut self, id: SubscriptionId) {
        let now = self.now;
        let Some(reader) = self.readers.get_mut(&id) else { return };
        if !reader.machine.wants_connection(now.monotonic) {
            return;
        }
        let Some(principal) = self.principals.get_mut(&reader.principal) else {
            return reader.machine.handle_refusal(Problem::new(ErrorCode::Aborted));
        };
        if !self.online {
            return reader.machine.pause();
        }
        let owner = reader.principal;
        match principal.auth.token(now) {
            Access::Granted(token, generation) => match token.missing_for_read(&reader.run) {
                Some(scope) => reader.machine.handle_refusal(Problem::missing_scope(scope)),
                None => {
                    let request = RequestId::new(self.ids.requests.next());
                    let kind = reader.machine.connect(now.monotonic, request, generation);
                    let (run, key) = (reader.run.clone(), reader.key.clone());
                    self.make_request(request, Owner::Reader(id), owner, (&run, &key), token, kind);
                }
            },
            Access::Denied(problem) => reader.machine.handle_refusal(problem),
            Access::Wait => {}
        }
        self.ask_for_token(owner);
    }

    // Requests and their answers

    fn make_request(
        &mut self,
        id: RequestId,
        owner: Owner,
        principal: PrincipalId,
        (run, key): (&str, &str),
        token: AccessToken,
        kind: RequestKind,
    ) {
        let Some(principal) = self.principals.get(&principal) else { return };
        self.requests.insert(id, Pending { owner, token: token.clone(), head: None });
        self.outputs.push_back(Output::Request(OutgoingRequest {
            id,
            url: stream_url(&principal.base_url, run, key),
            token,
            branch: principal.branch.clone(),
            kind,
        }));
    }

    fn handle_head(&mut self, request: RequestId, head: ResponseHead) {
        let Some(pending) = self.requests.get_mut(&request) else { return };
        pending.head = Some(head);
        let owner = pending.owner.clone();
        let Some(principal) = self.principal_of(&owner).and_then(|id| self.principals.get_mut(&id)) else { return };
        principal.drops_repeats |= head.idempotent;
        if is_success(head.status) {
            principal.auth.accept();
            if let Owner::Reader(id) = owner {
                if let Some(reader) = self.readers.get_mut(&id) {
                    reader.machine.handle_open(self.now.monotonic, &head);
                }
                self.advance_reader(id);
            }
        }
    }

    fn handle_body(&mut self, request: RequestId, body: &str) {
        let Some(Pending { owner, token, head: Some(head) }) = self.requests.remove(&request) else { return };
        let Some(principal) = self.principal_of(&owner) else { return };
        let problem = (!is_success(head.status)).then(|| self.describe(&owner, &head, body, &token));
        let renewed = match &problem {
            Some(problem) if head.status == 401 => self.refuse_token(principal, &owner, request, problem),
            _ => false,
        };
        match owner {
            Owner::Queue(lane) => {
                let drops_repeats = self.principals.get(&principal).is_some_and(|principal| principal.drops_repeats);
                let verdict = match problem {
                    // Refused at the door: certainly not stored.
                    Some(problem) if renewed => Verdict::Again { after: None, otherwise: Outcome::Rejected, problem },
                    problem => Verdict::of_answer(&head, problem, drops_repeats),
                };
                self.settle_send(&lane, request, verdict);
            }
            Owner::Reader(id) => {
                let (now, random) = (self.now.monotonic, &mut self.random);
                if let (Some(reader), Some(problem)) = (self.readers.get_mut(&id), problem) {
                    if renewed {
                        reader.machine.handle_stale_token(now);
                    } else if problem.code.retryable() {
                        reader.machine.handle_loss(now, problem, head.retry_after, random);
                    } else {
                        reader.machine.handle_refusal(problem);
                    }
                }
                self.advance_reader(id);
            }
        }
        self.ask_for_token(principal);
    }

    /// What a refusal means, with the scope that the request would have needed.
    fn describe(&self, owner: &Owner, head: &ResponseHead, body: &str, token: &AccessToken) -> Problem {
        let mut problem = classify(head.status, body, token, self.now.wall);
        if problem.code == ErrorCode::Forbidden {
            problem.missing_scope = match owner {
                Owner::Queue(lane) => Some(["write:inputStreams:", &lane.run].concat()),
                Owner::Reader(id) => self.readers.get(id).map(|reader| ["read:runs:", &reader.run].concat()),
            };
        }
        problem
    }

    /// `true` when another token is here or on its way.
    fn refuse_token(&mut self, id: PrincipalId, owner: &Owner, request: RequestId, problem: &Problem) -> bool {
        let generation: Option<Generation> = match owner {
            Owner::Queue(lane) => self.queues.get(lane).and_then(|queue| queue.generation(request)),
            Owner::Reader(id) => self.readers.get(id).and_then(|reader| reader.machine.generation()),
        };
        match (self.principals.get_mut(&id), generation) {
            (Some(principal), Some(generation)) => principal.auth.refuse(self.now, generation, problem.clone()),
            _ => false,
        }
    }

    fn handle_chunk(&mut self, request: RequestId, bytes: &[u8]) {
        let Some(Pending { owner: Owner::Reader(id), .. }) = self.requests.get(&request) else { return };
        let id = *id;
        if let Some(reader) = self.readers.get_mut(&id) {
            reader.machine.handle_chunk(self.now.monotonic, bytes, &mut self.random);
        }
        self.advance_reader(id);
    }

    fn handle_end(&mut self, request: RequestId) {
        let Some(Pending { owner: Owner::Reader(id), .. }) = self.requests.remove(&request) else { return };
        if let Some(reader) = self.readers.get_mut(&id) {
            reader.machine.handle_end(self.now.monotonic, &mut self.random);
        }
        self.advance_reader(id);
    }

    fn handle_failure(&mut self, request: RequestId, failure: RequestFailure) {
        let Some(pending) = self.requests.remove(&request) else { return };
        match pending.owner {
            Owner::Queue(lane) => {
                let drops_repeats = self.drops_repeats(&lane);
                self.settle_send(&lane, request, Verdict::of_failure(failure, drops_repeats));
            }
            Owner::Reader(id) => {
                let code = if self.online { ErrorCode::Blocked } else { ErrorCode::Offline };
                if let Some(reader) = self.readers.get_mut(&id) {
                    reader.machine.handle_loss(self.now.monotonic, Problem::new(code), None, &mut self.random);
                }
                self.advance_reader(id);
            }
        }
    }

    // Everything at once

    fn handle_timeout(&mut self) {
        for principal in self.principals.values_mut() {
            principal.auth.handle_timeout(self.now, &mut self.random);
        }
        let lanes: Vec<Lane> = self.queues.keys().cloned().collect();
        for lane in lanes {
            let drops_repeats = self.drops_repeats(&lane);
            let queue = self.queues.get_mut(&lane);
            if let Some(request) =
                queue.and_then(|queue| queue.handle_timeout(self.now, drops_repeats, &mut self.random))
            {
                self.abort(request);
            }
        }
        for reader in self.readers.values_mut() {
            reader.machine.handle_timeout(self.now.monotonic, &mut self.random);
        }
        self.advance_all();
    }

    fn hurry(&mut self) {
        self.principals.values_mut().for_each(|principal| principal.auth.hurry(self.now));
        self.queues.values_mut().for_each(SendQueue::hurry);
        self.readers.values_mut().for_each(|reader| reader.machine.hurry(self.now.monotonic));
    }

    fn revive(&mut self, principal: PrincipalId) {
        let readers = self.readers.values_mut().filter(|reader| reader.principal == principal);
        readers.for_each(|reader| reader.machine.revive(self.now.monotonic));
    }

    fn advance_all(&mut self) {
        let principals: Vec<_> = self.principals.keys().copied().collect();
        for principal in principals {
            self.advance_principal(principal);
        }
    }

    fn advance_principal(&mut self, principal: PrincipalId) {
        let lanes: Vec<_> = self.queues.keys().filter(|lane| lane.principal == principal).cloned().collect();
        for lane in lanes {
            self.advance_lane(&lane);
        }
        for reader in self.readers_of(principal) {
            self.advance_reader(reader);
        }
        self.ask_for_token(principal);
    }

    fn close_principal(&mut self, principal: PrincipalId) {
        self.principals.remove(&principal);
        let of_it = |(send, lane): (&SendId, &Lane)| (lane.principal == principal).then_some(*send);
        let sends: Vec<_> = self.lanes.iter().filter_map(of_it).collect();
        // All of them first: a line that moved up in between would be told otherwise.
        sends.iter().for_each(|&send| self.cancel_send(send));
        for send in sends {
            self.advance_send(send);
            self.forget_send(send);
        }
        for reader in self.readers_of(principal) {
            self.handle_command(Command::Unsubscribe(reader));
        }
    }

    fn readers_of(&self, principal: PrincipalId) -> Vec<SubscriptionId> {
        let of_it = |(&id, reader): (&SubscriptionId, &Reader)| (reader.principal == principal).then_some(id);
        self.readers.iter().filter_map(of_it).collect()
    }

    fn ask_for_token(&mut self, id: PrincipalId) {
        if self.principals.get_mut(&id).is_some_and(|principal| principal.auth.poll_wanted()) {
            self.tell(Event::TokenNeeded(id));
        }
    }

    fn drops_repeats(&self, lane: &Lane) -> bool {
        self.principals.get(&lane.principal).is_some_and(|principal| principal.drops_repeats)
    }

    fn principal_of(&self, owner: &Owner) -> Option<PrincipalId> {
        match owner {
            Owner::Queue(lane) => Some(lane.principal),
            Owner::Reader(id) => self.readers.get(id).map(|reader| reader.principal),
        }
    }

    fn abort(&mut self, request: RequestId) {
        if self.requests.remove(&request).is_some() {
            self.outputs.push_back(Output::Abort(request));
        }
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

const fn is_success(status: u16) -> bool {
    status >= 200 && status < 300
}

/// What the server would refuse for certain. The record stores the value as a string, so its quotes count twice.
fn refuse_data(json: &str, body: usize) -> Option<Problem> {
    let mut scanner = Scanner::new(json);
    if scanner.value().and_then(|_| scanner.end()).is_err() {
        return Some(Problem::new(ErrorCode::InvalidData));
    }
    if body > BODY_LIMIT {
        return Some(Problem::too_large(BODY_LIMIT, body));
    }
    if body * 2 <= RECORD_LIMIT {
        return None;
    }
    let mut record = String::from("{\"data\":");
    json::push_string(&mut record, json);
    record.push_str(",\"id\":\"inp_000000000000\"}");
    (record.len() > RECORD_LIMIT).then(|| Problem::too_large(RECORD_LIMIT, record.len()))
}
