//! One stream of one run as one principal uses it: a queue of sends into it, or a reader of it. Or the run itself, watched for its end.
//! It has one request at a time.

use alloc::rc::Rc;
use alloc::string::String;

use super::auth::Auth;
use super::error::{ErrorCode, Problem};
use super::http::{
    RequestFailure, RequestKind, ResponseHead, StreamVersion, can_be_named, classify, run_url, stream_url,
};
use super::id::{ChannelId, Generation, PrincipalId, RequestId};
use super::input::News;
use super::inquiry::Finding;
use super::output::{Event, Output};
use super::random::Random;
use super::run_watch::RunWatch;
use super::send::{Hold, SendQueue};
use super::subscription::{Effect, Subscription};
use super::table::Queue;
use super::text::concat;
use super::time::{Instant, Now};
use super::token::AccessToken;
use super::verdict::{Remedy, Verdict};

/// A channel.
#[derive(Debug)]
pub struct Channel {
    /// Whose it is.
    pub principal: PrincipalId,
    /// Which run.
    pub run: String,
    /// As in [`stream_url`]. For a watch it says nothing.
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
    /// Watches for the end of the run.
    Watch(RunWatch),
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
    /// Its readers take turns.
    pub scarce: bool,
    /// The endpoint has said that it drops repeated sends.
    pub drops_repeats: bool,
    /// Where the line of questions about its runs ends.
    pub questions: Instant,
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

    /// Whether it is a queue that looks for a record.
    pub const fn is_in_doubt(&self) -> bool {
        matches!(&self.machine, Machine::Queue(queue) if queue.is_in_doubt())
    }

    /// Whether that is a queue into the same stream which may have written the record that this one looks for.
    pub fn is_contested_by(&self, other: &Self) -> bool {
        match (&self.machine, &other.machine) {
            (Machine::Queue(mine), Machine::Queue(theirs)) => {
                self.run == other.run && self.key == other.key && mine.is_contested_by(theirs)
            }
            _ => false,
        }
    }

    /// Whether it watches for the end of a run.
    pub const fn is_watch(&self) -> bool {
        matches!(self.machine, Machine::Watch(_))
    }

    /// Whether its requests can go anywhere.
    pub fn can_be_named(&self) -> bool {
        // A watch is made for a reader, whose run could be named.
        self.is_watch() || can_be_named(&self.run, &self.key)
    }

    /// Where its requests go.
    pub fn url(&self, base_url: &str) -> String {
        match self.machine {
            Machine::Watch(_) => run_url(base_url, &self.run),
            Machine::Queue(_) | Machine::Reader(_) => stream_url(base_url, &self.run, &self.key),
        }
    }

    /// Whether a request should be made now.
    pub fn wants_request(&self, now: Instant) -> bool {
        match &self.machine {
            Machine::Queue(queue) => queue.wants_request(now),
            Machine::Reader(reader) => reader.wants_request(now),
            Machine::Watch(watch) => watch.wants_request(now),
        }
    }

    /// The reader, where it is one.
    pub const fn reader(&self) -> Option<&Subscription> {
        match &self.machine {
            Machine::Reader(reader) => Some(reader),
            Machine::Queue(_) | Machine::Watch(_) => None,
        }
    }

    /// The reader, where it is one.
    pub const fn reader_mut(&mut self) -> Option<&mut Subscription> {
        match &mut self.machine {
            Machine::Reader(reader) => Some(reader),
            Machine::Queue(_) | Machine::Watch(_) => None,
        }
    }

    /// The scope this token certainly lacks for it.
    pub fn missing_scope(&self, token: &AccessToken) -> Option<String> {
        if self.is_read() { token.missing_for_read(&self.run) } else { token.missing_for_send(&self.run) }
    }

    /// Takes a request.
    pub fn start(
        &mut self,
        now: Now,
        id: RequestId,
        token: AccessToken,
        generation: Generation,
    ) -> Option<RequestKind> {
        let kind = match &mut self.machine {
            Machine::Queue(queue) => queue.start(now)?,
            Machine::Reader(reader) => reader.start(now.monotonic),
            Machine::Watch(watch) => watch.start(now.monotonic),
        };
        self.request = Some(Request { id, token, generation, head: None });
        Some(kind)
    }

    /// Says what the next request waits for.
    pub fn hold(&mut self, reason: Hold) {
        match &mut self.machine {
            Machine::Queue(queue) => queue.hold(reason),
            Machine::Reader(reader) if reason == Hold::Online => reader.pause(),
            Machine::Reader(_) | Machine::Watch(_) => {}
        }
    }

    /// Refuses what wanted the request.
    pub fn refuse(&mut self, problem: Rc<Problem>) {
        match &mut self.machine {
            Machine::Queue(queue) => queue.refuse(problem),
            Machine::Reader(reader) => reader.handle_refusal(problem),
            Machine::Watch(watch) => watch.handle_refusal(),
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
            News::Head(head) => return self.handle_head(now, head, principal, random),
            News::Body(body) => self.handle_body(now, body, principal, random),
            News::Chunk(bytes) => {
                return match &mut self.machine {
                    Machine::Queue(queue) => queue.handle_chunk(now, bytes, random),
                    Machine::Reader(reader) => reader.handle_chunk(now.monotonic, bytes, random),
                    Machine::Watch(_) => false,
                };
            }
            News::End => {
                self.request = None;
                match &mut self.machine {
                    Machine::Queue(queue) => queue.ask_again(now.monotonic, 0, random),
                    Machine::Reader(reader) => reader.handle_end(now.monotonic, random),
                    Machine::Watch(_) => {}
                }
            }
            News::Failed(failure) => self.handle_failure(now, failure, online, principal, random),
        }
        false
    }

    fn handle_head(&mut self, now: Now, head: ResponseHead, principal: &mut Principal, random: &mut Random) -> bool {
        principal.drops_repeats |= head.idempotent;
        if let Some(request) = &mut self.request {
            request.head = Some(head);
        }
        if !head.is_success() {
            return false;
        }
        principal.auth.accept();
        match &mut self.machine {
            Machine::Reader(reader) => reader.handle_open(now.monotonic, head.version),
            Machine::Queue(queue) if queue.is_in_doubt() => {
                // v1 tells neither its clock nor its end.
                let told = match head.version {
                    _ if head.idempotent => Finding::Repeatable,
                    StreamVersion::V1 => Finding::Unclear,
                    StreamVersion::V2 => return false,
                };
                queue.conclude(now.monotonic, told, random);
                return true;
            }
            Machine::Queue(_) | Machine::Watch(_) => {}
        }
        false
    }

    fn handle_body(&mut self, now: Now, body: &str, principal: &mut Principal, random: &mut Random) {
        let remedy = self.remedy(principal.drops_repeats);
        let Some(Request { token, generation, head: Some(head), .. }) = self.request.take() else { return };
        if head.is_success() {
            return match &mut self.machine {
                Machine::Queue(queue) => queue.settle(now, Verdict::Accepted, random),
                Machine::Watch(watch) => watch.handle_run(body),
                Machine::Reader(_) => {}
            };
        }
        let problem = Rc::new(self.describe(classify(head.status, body, &token, now.wall)));
        let renewed = head.status == 401 && principal.auth.refuse(now, generation, &problem);
        match &mut self.machine {
            Machine::Queue(queue) if queue.is_in_doubt() => {
                if renewed || problem.code.retryable() {
                    queue.ask_again(now.monotonic, head.retry_after_ms, random);
                } else {
                    queue.conclude(now.monotonic, Finding::Unclear, random);
                }
            }
            Machine::Queue(queue) => {
                let verdict = if renewed {
                    // Refused at the door: certainly not stored.
                    Verdict::Again { after_ms: 0, doubtful: false, problem }
                } else {
                    Verdict::of_answer(&head, problem, remedy)
                };
                queue.settle(now, verdict, random);
            }
            Machine::Watch(watch) if renewed || problem.code.retryable() => {
                watch.handle_loss(now.monotonic, head.retry_after_ms, random);
            }
            Machine::Watch(watch) => watch.handle_refusal(),
            Machine::Reader(reader) if renewed => reader.handle_stale_token(now.monotonic),
            Machine::Reader(reader) if problem.code.retryable() => {
                reader.handle_loss(now.monotonic, problem, head.retry_after_ms, random);
            }
            Machine::Reader(reader) => reader.handle_refusal(problem),
        }
    }

    fn handle_failure(
        &mut self,
        now: Now,
        failure: RequestFailure,
        online: bool,
        principal: &Principal,
        random: &mut Random,
    ) {
        let remedy = self.remedy(principal.drops_repeats);
        self.request = None;
        match &mut self.machine {
            Machine::Queue(queue) if queue.is_in_doubt() => queue.ask_again(now.monotonic, 0, random),
            Machine::Queue(queue) => queue.settle(now, Verdict::of_failure(failure, remedy), random),
            Machine::Reader(reader) => {
                let code = if online { ErrorCode::Blocked } else { ErrorCode::Offline };
                reader.handle_loss(now.monotonic, Rc::new(Problem::new(code)), 0, random);
            }
            Machine::Watch(watch) => watch.handle_loss(now.monotonic, 0, random),
        }
    }

    /// What may be done when the answer to the request under way is lost.
    fn remedy(&self, drops_repeats: bool) -> Remedy {
        match &self.request {
            _ if drops_repeats => Remedy::Repeat,
            Some(request) if request.token.missing_for_read(&self.run).is_none() => Remedy::Ask,
            Some(_) | None => Remedy::None,
        }
    }

    /// Whether its next request, or the one under way, reads.
    const fn is_read(&self) -> bool {
        match &self.machine {
            Machine::Queue(queue) => queue.is_in_doubt(),
            Machine::Reader(_) | Machine::Watch(_) => true,
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
            Machine::Watch(_) => false,
        }
    }

    /// Gives up what is overdue. `true` when that is the request under way.
    pub fn handle_timeout(&mut self, now: Now, drops_repeats: bool, random: &mut Random) -> bool {
        let remedy = self.remedy(drops_repeats);
        match &mut self.machine {
            Machine::Queue(queue) => queue.handle_timeout(now, remedy, random),
            Machine::Reader(reader) => reader.handle_timeout(now.monotonic, random),
            Machine::Watch(watch) => watch.handle_timeout(now.monotonic, random),
        }
    }

    /// When something is due here.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.machine {
            Machine::Queue(queue) => queue.poll_timeout(),
            Machine::Reader(reader) => reader.poll_timeout(),
            Machine::Watch(watch) => watch.poll_timeout(),
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
                        Effect::Parts(parts) => Event::Parts(id, parts),
                        Effect::Unreadable { id: record, reason } => {
                            Event::Unreadable { subscription: id, id: record, reason }
                        }
                    }));
                }
            }
            Machine::Watch(_) => {}
        }
    }

    /// Adds the scope that the server would have wanted.
    fn describe(&self, mut problem: Problem) -> Problem {
        if problem.code == ErrorCode::Forbidden {
            let scope = if self.is_read() { "read:runs:" } else { "write:inputStreams:" };
            problem.missing_scope = Some(concat(&[scope, &self.run]));
        }
        problem
    }
}
