//! One stream of one run as one principal uses it: a queue of sends into it, or a reader of it. It has one request at a time.

use alloc::rc::Rc;
use alloc::string::String;

use super::auth::Auth;
use super::error::{ErrorCode, Problem};
use super::http::{RequestFailure, RequestKind, ResponseHead, can_be_named, classify, stream_url};
use super::id::{ChannelId, Generation, PrincipalId, RequestId};
use super::input::News;
use super::output::{Event, Output};
use super::random::Random;
use super::send::{Hold, SendQueue, Verdict};
use super::subscription::{Effect, Subscription};
use super::table::Queue;
use super::text::concat;
use super::time::{Instant, Now};
use super::token::AccessToken;

/// A channel.
#[derive(Debug)]
pub struct Channel {
    /// Whose it is.
    pub principal: PrincipalId,
    run: String,
    /// As in [`stream_url`].
    key: String,
    request: Option<Request>,
    /// What it does.
    pub machine: Machine,
}

/// What a channel does.
#[derive(Debug)]
pub enum Machine {
    /// Sends.
    Queue(SendQueue),
    /// Reads.
    Reader(Subscription),
}

#[derive(Debug)]
struct Request {
    id: RequestId,
    token: AccessToken,
    generation: Generation,
    head: Option<ResponseHead>,
}

/// One identity at one endpoint.
#[derive(Debug)]
pub struct Principal {
    /// Without a trailing slash.
    pub base_url: String,
    /// The preview branch.
    pub branch: Option<Rc<String>>,
    /// Its token.
    pub auth: Auth,
    /// The endpoint has said that it drops repeated sends.
    pub drops_repeats: bool,
}

impl Channel {
    /// A channel without a request.
    pub const fn new(principal: PrincipalId, run: String, key: String, machine: Machine) -> Self {
        Self { principal, run, key, request: None, machine }
    }

    /// Whether this is the queue of that stream.
    pub fn is_queue_of(&self, principal: PrincipalId, run: &str, key: &str) -> bool {
        matches!(self.machine, Machine::Queue(_)) && self.principal == principal && self.run == run && self.key == key
    }

    /// Whether its requests can go anywhere.
    pub fn can_be_named(&self) -> bool {
        can_be_named(&self.run, &self.key)
    }

    /// Where its requests go.
    pub fn url(&self, base_url: &str) -> String {
        stream_url(base_url, &self.run, &self.key)
    }

    /// Whether a request should be made now.
    pub fn wants_request(&self, now: Instant) -> bool {
        match &self.machine {
            Machine::Queue(queue) => queue.wants_request(now),
            Machine::Reader(reader) => reader.wants_request(now),
        }
    }

    /// The scope this token certainly lacks for it.
    pub fn missing_scope(&self, token: &AccessToken) -> Option<String> {
        match self.machine {
            Machine::Queue(_) => token.missing_for_send(&self.run),
            Machine::Reader(_) => token.missing_for_read(&self.run),
        }
    }

    /// Takes a request.
    pub fn start(
        &mut self,
        now: Instant,
        id: RequestId,
        token: AccessToken,
        generation: Generation,
    ) -> Option<RequestKind> {
        let kind = match &mut self.machine {
            Machine::Queue(queue) => queue.start(now)?,
            Machine::Reader(reader) => reader.start(now),
        };
        self.request = Some(Request { id, token, generation, head: None });
        Some(kind)
    }

    /// Says what the next request waits for.
    pub fn hold(&mut self, reason: Hold) {
        match &mut self.machine {
            Machine::Queue(queue) => queue.hold(reason),
            Machine::Reader(reader) if reason == Hold::Online => reader.pause(),
            Machine::Reader(_) => {}
        }
    }

    /// Refuses what wanted the request.
    pub fn refuse(&mut self, problem: Rc<Problem>) {
        match &mut self.machine {
            Machine::Queue(queue) => queue.refuse(problem),
            Machine::Reader(reader) => reader.handle_refusal(problem),
        }
    }

    /// Lets go of the request under way, and names it.
    pub fn give_up(&mut self) -> Option<RequestId> {
        self.request.take().map(|request| request.id)
    }

    /// Whether more parts are wanted. Names the request whose body that concerns.
    pub fn set_reading(&mut self, now: Instant, wanted: bool) -> Option<RequestId> {
        let Machine::Reader(reader) = &mut self.machine else { return None };
        reader.set_reading(now, wanted);
        self.request.as_ref().map(|request| request.id)
    }

    /// Something came of the request under way. `true` when it is to be given up.
    pub fn handle_news(
        &mut self,
        now: Now,
        news: News<'_>,
        principal: &mut Principal,
        online: bool,
        random: &mut Random,
    ) -> bool {
        match news {
            News::Head(head) => self.handle_head(now, head, principal),
            News::Body(body) => self.handle_body(now, body, principal, random),
            News::Chunk(bytes) => {
                if let Machine::Reader(reader) = &mut self.machine {
                    return reader.handle_chunk(now.monotonic, bytes, random);
                }
            }
            News::End => {
                self.request = None;
                if let Machine::Reader(reader) = &mut self.machine {
                    reader.handle_end(now.monotonic, random);
                }
            }
            News::Failed(failure) => {
                self.request = None;
                self.handle_failure(now, failure, online, principal.drops_repeats, random);
            }
        }
        false
    }

    fn handle_head(&mut self, now: Now, head: ResponseHead, principal: &mut Principal) {
        principal.drops_repeats |= head.idempotent;
        if let Some(request) = &mut self.request {
            request.head = Some(head);
        }
        if head.is_success() {
            principal.auth.accept();
            if let Machine::Reader(reader) = &mut self.machine {
                reader.handle_open(now.monotonic, head.version);
            }
        }
    }

    fn handle_body(&mut self, now: Now, body: &str, principal: &mut Principal, random: &mut Random) {
        let Some(Request { token, generation, head: Some(head), .. }) = self.request.take() else { return };
        if head.is_success() {
            if let Machine::Queue(queue) = &mut self.machine {
                queue.settle(now.monotonic, Verdict::Accepted, random);
            }
            return;
        }
        let problem = Rc::new(self.describe(classify(head.status, body, &token, now.wall)));
        let renewed = head.status == 401 && principal.auth.refuse(now, generation, &problem);
        match &mut self.machine {
            Machine::Queue(queue) => {
                let verdict = if renewed {
                    // Refused at the door: certainly not stored.
                    Verdict::Again { after_ms: 0, doubtful: false, problem }
                } else {
                    Verdict::of_answer(&head, problem, principal.drops_repeats)
                };
                queue.settle(now.monotonic, verdict, random);
            }
            Machine::Reader(reader) if renewed => reader.handle_stale_token(now.monotonic),
            Machine::Reader(reader) if problem.code.retryable() => {
                reader.handle_loss(now.monotonic, problem, head.retry_after_ms, random);
            }
            Machine::Reader(reader) => reader.handle_refusal(problem),
        }
    }

    fn handle_failure(&mut self, now: Now, failure: RequestFailure, online: bool, drops: bool, random: &mut Random) {
        match &mut self.machine {
            Machine::Queue(queue) => queue.settle(now.monotonic, Verdict::of_failure(failure, drops), random),
            Machine::Reader(reader) => {
                let code = if online { ErrorCode::Blocked } else { ErrorCode::Offline };
                reader.handle_loss(now.monotonic, Rc::new(Problem::new(code)), 0, random);
            }
        }
    }

    /// A new token is here: what was refused for the old one may go on.
    pub fn revive(&mut self, now: Instant) {
        if let Machine::Reader(reader) = &mut self.machine {
            reader.revive(now);
        }
    }

    /// The network is back or the device woke up. `true` when the request under way is to be given up.
    pub fn hurry(&mut self, now: Now) -> bool {
        match &mut self.machine {
            Machine::Queue(queue) => {
                queue.hurry();
                false
            }
            Machine::Reader(reader) => reader.hurry(now.monotonic),
        }
    }

    /// Gives up what is overdue. `true` when that is the request under way.
    pub fn handle_timeout(&mut self, now: Now, drops_repeats: bool, random: &mut Random) -> bool {
        match &mut self.machine {
            Machine::Queue(queue) => queue.handle_timeout(now.monotonic, drops_repeats, random),
            Machine::Reader(reader) => reader.handle_timeout(now.monotonic, random),
        }
    }

    /// When something is due here.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.machine {
            Machine::Queue(queue) => queue.poll_timeout(),
            Machine::Reader(reader) => reader.poll_timeout(),
        }
    }

    /// Tells everything there is to tell.
    pub fn drain(&mut self, id: ChannelId, outputs: &mut Queue<Output>) {
        match &mut self.machine {
            Machine::Queue(queue) => {
                while let Some(change) = queue.poll_change() {
                    outputs.push(Output::Event(Event::Send(change)));
                }
            }
            Machine::Reader(reader) => {
                while let Some(effect) = reader.poll_effect() {
                    outputs.push(Output::Event(match effect {
                        Effect::Status(status) => Event::Stream(id, status),
                        Effect::Parts { json, last_event_id } => Event::Parts { subscription: id, json, last_event_id },
                        Effect::Unreadable { id: record, reason } => {
                            Event::Unreadable { subscription: id, id: record, reason }
                        }
                    }));
                }
            }
        }
    }

    /// Adds the scope that the server would have wanted.
    fn describe(&self, mut problem: Problem) -> Problem {
        if problem.code == ErrorCode::Forbidden {
            let scope = match self.machine {
                Machine::Queue(_) => "write:inputStreams:",
                Machine::Reader(_) => "read:runs:",
            };
            problem.missing_scope = Some(concat(&[scope, &self.run]));
        }
        problem
    }
}
