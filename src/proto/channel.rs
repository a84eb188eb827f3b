//! One stream of one run as one principal uses it: a queue of sends into it, or a reader of it. Or the run itself, watched for its end.
//! Or a feed of runs, or one call. It has one request at a time.

use alloc::rc::Rc;
use alloc::string::String;

use super::auth::Auth;
use super::call::Call;
use super::error::{ErrorCode, Problem};
use super::http::{
    CallKind, FeedKind, RequestFailure, RequestKind, ResponseHead, StreamVersion, Told, call_url, can_be_named,
    classify, stream_url,
};
use super::id::{ChannelId, Generation, PrincipalId, RequestId};
use super::input::News;
use super::inquiry::Finding;
use super::intake::Effect;
use super::output::{Event, Output};
use super::random::Random;
use super::run_watch::RunWatch;
use super::send::{Hold, SendQueue};
use super::shape::Shape;
use super::subscription::Subscription;
use super::table::Queue;
use super::text::split_once;
use super::time::{Instant, Now};
use super::token::{AccessToken, Right};
use super::turns::Place;
use super::verdict::{Remedy, Verdict};

/// A channel.
#[derive(Debug)]
pub struct Channel {
    /// Whose it is.
    pub principal: PrincipalId,
    /// Which run. Of a feed: which runs; of a call: what it is about.
    pub run: String,
    /// As in [`stream_url`], or the further parameters of a feed. For a watch and a call it says nothing.
    key: String,
    /// A token has been asked for on its account.
    pub has_asked: bool,
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
    /// Follows a feed.
    Feed(Shape),
    /// Calls.
    Call(Call),
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
    pub base_url: Rc<String>,
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
        Self { principal, run, key, has_asked: false, request: None, machine }
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

    /// Whether it is a feed of that one run, and would tell of its end.
    pub fn follows_run(&self) -> bool {
        matches!(&self.machine, Machine::Feed(feed) if feed.kind() == FeedKind::Run && feed.knows_of_end())
    }

    /// Whether it has seen the end of its run.
    pub const fn has_seen_end(&self) -> bool {
        match &self.machine {
            Machine::Watch(watch) => watch.is_finished(),
            Machine::Feed(feed) => feed.is_finished(),
            Machine::Queue(_) | Machine::Reader(_) | Machine::Call(_) => false,
        }
    }

    /// Whether its requests can go anywhere.
    pub fn can_be_named(&self) -> bool {
        match &self.machine {
            Machine::Queue(_) | Machine::Reader(_) => can_be_named(&self.run, &self.key),
            // In a query anything can be named. And a watch is made for a reader, whose run could be.
            Machine::Watch(_) => true,
            Machine::Feed(feed) => feed.kind() == FeedKind::Tags || can_be_named(&self.run, "-"),
            Machine::Call(_) => can_be_named(&self.run, "-"),
        }
    }

    /// Where its requests go.
    pub fn url(&self, base_url: &str) -> String {
        match &self.machine {
            Machine::Watch(_) => call_url(base_url, CallKind::Retrieve, &self.run),
            Machine::Queue(_) | Machine::Reader(_) => stream_url(base_url, &self.run, &self.key),
            Machine::Feed(feed) => feed.url(base_url, &self.run, &self.key),
            Machine::Call(call) => call_url(base_url, call.kind(), &self.run),
        }
    }

    /// Whether a request should be made now.
    pub fn wants_request(&self, now: Instant) -> bool {
        match &self.machine {
            Machine::Queue(queue) => queue.wants_request(now),
            Machine::Reader(reader) => reader.wants_request(now),
            Machine::Watch(watch) => watch.wants_request(now),
            Machine::Feed(feed) => feed.wants_request(now),
            Machine::Call(call) => call.wants_request(now),
        }
    }

    /// The reader, where it is one.
    pub const fn reader(&self) -> Option<&Subscription> {
        match &self.machine {
            Machine::Reader(reader) => Some(reader),
            Machine::Queue(_) | Machine::Watch(_) | Machine::Feed(_) | Machine::Call(_) => None,
        }
    }

    /// The reader, where it is one.
    pub const fn reader_mut(&mut self) -> Option<&mut Subscription> {
        match &mut self.machine {
            Machine::Reader(reader) => Some(reader),
            Machine::Queue(_) | Machine::Watch(_) | Machine::Feed(_) | Machine::Call(_) => None,
        }
    }

    /// Where it stands among those that take turns, if it does.
    pub fn place(&self) -> Option<Place> {
        let (is_connected, began, last) = match &self.machine {
            Machine::Reader(reader) => (reader.is_connected(), reader.turn_began(), reader.last_turn()),
            Machine::Feed(feed) => (feed.is_connected(), feed.turn_began(), feed.last_turn()),
            Machine::Queue(_) | Machine::Watch(_) | Machine::Call(_) => return None,
        };
        Some(Place { began: is_connected.then_some(began), last })
    }

    /// Others want its connection, until then at least.
    pub fn yield_turn(&mut self, until: Instant) {
        match &mut self.machine {
            Machine::Reader(reader) => reader.yield_turn(until),
            Machine::Feed(feed) => feed.yield_turn(until),
            Machine::Queue(_) | Machine::Watch(_) | Machine::Call(_) => {}
        }
    }

    /// What is wrong where this token certainly lacks the scope for it.
    pub fn missing_scope(&self, token: &AccessToken) -> Option<Problem> {
        let scope = token.missing(self.right()?, self.id())?;
        Some(Problem { missing_scope: Some(scope), subject: self.subject(), ..Problem::new(ErrorCode::Forbidden) })
    }

    /// What a scope has to name. Of several tags one is enough.
    fn id(&self) -> &str {
        let first_tag = split_once(&self.run, b',').filter(|_| self.subject() == Some("tag"));
        first_tag.map_or(&self.run, |(first, _)| first)
    }

    /// What a token has to allow. For a packet, nothing.
    const fn right(&self) -> Option<&'static Right> {
        Some(match &self.machine {
            Machine::Queue(queue) if !queue.is_in_doubt() => &Right::SEND,
            Machine::Queue(_) | Machine::Reader(_) | Machine::Watch(_) => &Right::READ_RUN,
            Machine::Feed(feed) => match feed.kind() {
                FeedKind::Run => &Right::READ_RUN,
                FeedKind::Tags => &Right::READ_TAG,
                FeedKind::Batch => &Right::READ_BATCH,
            },
            Machine::Call(call) => match call.kind() {
                CallKind::Trigger => &Right::TRIGGER,
                CallKind::Complete => &Right::COMPLETE,
                CallKind::Retrieve => &Right::READ_RUN,
                CallKind::Cancel => &Right::CANCEL,
                CallKind::Packet => return None,
            },
        })
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
            Machine::Feed(feed) => feed.start(now.monotonic),
            Machine::Call(call) => call.start(now.monotonic),
        };
        self.request = Some(Request { id, token, generation, head: None });
        Some(kind)
    }

    /// Says what the next request waits for.
    pub fn hold(&mut self, reason: Hold) {
        match &mut self.machine {
            Machine::Queue(queue) => queue.hold(reason),
            Machine::Reader(reader) if reason == Hold::Online => reader.pause(),
            Machine::Feed(feed) if reason == Hold::Online => feed.pause(),
            Machine::Reader(_) | Machine::Watch(_) | Machine::Feed(_) | Machine::Call(_) => {}
        }
    }

    /// Refuses what wanted the request.
    pub fn refuse(&mut self, problem: Rc<Problem>) {
        match &mut self.machine {
            Machine::Queue(queue) => queue.refuse(problem),
            Machine::Reader(reader) => reader.handle_refusal(problem),
            Machine::Watch(watch) => watch.handle_refusal(),
            Machine::Feed(feed) => feed.handle_refusal(problem),
            Machine::Call(call) => call.refuse(problem),
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
            News::Body(body, told) => self.handle_body(now, body, &told, principal, random),
            News::Chunk(bytes) => {
                return match &mut self.machine {
                    Machine::Queue(queue) => queue.handle_chunk(now, bytes, random),
                    Machine::Reader(reader) => reader.handle_chunk(now.monotonic, bytes, random),
                    Machine::Watch(_) | Machine::Feed(_) | Machine::Call(_) => false,
                };
            }
            News::End => {
                self.request = None;
                match &mut self.machine {
                    Machine::Queue(queue) => queue.ask_again(now.monotonic, 0, random),
                    Machine::Reader(reader) => reader.handle_end(now.monotonic, random),
                    Machine::Watch(_) | Machine::Feed(_) | Machine::Call(_) => {}
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
            Machine::Feed(feed) => feed.handle_open(now.monotonic),
            Machine::Queue(_) | Machine::Watch(_) | Machine::Call(_) => {}
        }
        false
    }

    fn handle_body(&mut self, now: Now, body: &str, told: &Told<'_>, principal: &mut Principal, random: &mut Random) {
        let remedy = self.remedy(principal.drops_repeats);
        let Some(Request { token, generation, head: Some(head), .. }) = self.request.take() else { return };
        if head.is_success() {
            return match &mut self.machine {
                Machine::Queue(queue) => queue.settle(now, Verdict::Accepted, random),
                Machine::Watch(watch) => watch.handle_run(body),
                Machine::Feed(feed) => feed.handle_answer(now.monotonic, body, told, random),
                Machine::Call(call) => call.handle_answer(body, told.token),
                Machine::Reader(_) => {}
            };
        }
        if let Machine::Feed(feed) = &mut self.machine
            && head.status == 409
        {
            return feed.handle_refetch(now.monotonic, told.handle, random);
        }
        let mut problem = classify(head.status, body, &token, now.wall);
        if problem.code == ErrorCode::Forbidden {
            // One that the token has is not what it lacks.
            let lacks = self.right().filter(|right| !token.grants(right, self.id()));
            problem.missing_scope = lacks.map(|right| right.to_scope(self.id()));
        }
        problem.subject = self.subject();
        let problem = Rc::new(problem);
        let of_token = head.status == 401 || problem.code == ErrorCode::Unauthorized;
        let renewed = of_token && principal.auth.refuse(now, generation, &problem);
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
            Machine::Call(call) => call.handle_loss(now.monotonic, problem, head.retry_after_ms, renewed, random),
            Machine::Watch(watch) if renewed || problem.code.retryable() => {
                watch.handle_loss(now.monotonic, head.retry_after_ms, random);
            }
            Machine::Watch(watch) => watch.handle_refusal(),
            Machine::Reader(reader) if renewed => reader.handle_stale_token(now.monotonic),
            Machine::Reader(reader) if problem.code.retryable() => {
                reader.handle_loss(now.monotonic, problem, head.retry_after_ms, random);
            }
            Machine::Reader(reader) => reader.handle_refusal(problem),
            Machine::Feed(feed) if renewed => feed.handle_stale_token(now.monotonic),
            Machine::Feed(feed) if problem.code.retryable() => {
                feed.handle_loss(now.monotonic, problem, head.retry_after_ms, random);
            }
            Machine::Feed(feed) if head.status == 404 => feed.handle_absence(now.monotonic, problem, random),
            Machine::Feed(feed) => feed.handle_refusal(problem),
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
        let mut problem = Problem::new(if online { ErrorCode::Blocked } else { ErrorCode::Offline });
        problem.subject = self.subject();
        let problem = Rc::new(problem);
        match &mut self.machine {
            Machine::Queue(queue) if queue.is_in_doubt() => queue.ask_again(now.monotonic, 0, random),
            Machine::Queue(queue) => queue.settle(now, Verdict::of_failure(failure, remedy), random),
            Machine::Call(call) if failure == RequestFailure::NotSent => call.refuse(problem),
            Machine::Call(call) => call.handle_loss(now.monotonic, problem, 0, false, random),
            Machine::Reader(reader) => reader.handle_loss(now.monotonic, problem, 0, random),
            Machine::Feed(feed) => feed.handle_loss(now.monotonic, problem, 0, random),
            Machine::Watch(watch) => watch.handle_loss(now.monotonic, 0, random),
        }
    }

    /// What may be done when the answer to the request under way is lost.
    fn remedy(&self, drops_repeats: bool) -> Remedy {
        match &self.request {
            _ if drops_repeats => Remedy::Repeat,
            Some(request) if request.token.missing(&Right::READ_RUN, &self.run).is_none() => Remedy::Ask,
            Some(_) | None => Remedy::None,
        }
    }

    /// A new token is here: what was refused for the old one may go on.
    pub fn revive(&mut self, now: Instant) {
        match &mut self.machine {
            Machine::Reader(reader) => reader.revive(now),
            Machine::Feed(feed) => feed.revive(now),
            Machine::Queue(_) | Machine::Watch(_) | Machine::Call(_) => {}
        }
    }

    /// The page is seen, or not.
    pub fn set_visible(&mut self, now: Instant, visible: bool) {
        if let Machine::Feed(feed) = &mut self.machine {
            feed.set_visible(now, visible);
        }
    }

    /// The network is back or the device woke up; without `trusting`, no connection can have lived through it. `true` when the request
    /// under way is to be given up.
    pub fn hurry(&mut self, now: Now, trusting: bool) -> bool {
        match &mut self.machine {
            Machine::Queue(queue) => {
                queue.hurry();
                false
            }
            Machine::Reader(reader) => reader.hurry(now.monotonic, trusting),
            Machine::Feed(feed) => feed.hurry(now.monotonic),
            Machine::Watch(_) => false,
            Machine::Call(call) => {
                call.hurry(now.monotonic);
                false
            }
        }
    }

    /// Gives up what is overdue. `true` when that is the request under way.
    pub fn handle_timeout(&mut self, now: Now, drops_repeats: bool, random: &mut Random) -> bool {
        let remedy = self.remedy(drops_repeats);
        match &mut self.machine {
            Machine::Queue(queue) => queue.handle_timeout(now, remedy, random),
            Machine::Reader(reader) => reader.handle_timeout(now.monotonic, random),
            Machine::Watch(watch) => watch.handle_timeout(now.monotonic, random),
            Machine::Feed(feed) => feed.handle_timeout(now.monotonic, random),
            Machine::Call(call) => call.handle_timeout(now.monotonic, random),
        }
    }

    /// When something is due here.
    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        match &self.machine {
            Machine::Queue(queue) => queue.poll_timeout(),
            Machine::Reader(reader) => reader.poll_timeout(),
            Machine::Watch(watch) => watch.poll_timeout(),
            Machine::Feed(feed) => feed.poll_timeout(now),
            Machine::Call(call) => call.poll_timeout(),
        }
    }

    /// Tells everything there is to tell. `true` when it is over.
    pub fn drain(&mut self, id: ChannelId, outputs: &mut Queue<Output>) -> bool {
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
            Machine::Feed(feed) => {
                if let Some(rows) = feed.poll_rows() {
                    outputs.push(Output::Event(Event::Rows(id, rows)));
                }
                if let Some(status) = feed.poll_status() {
                    outputs.push(Output::Event(Event::Feed(id, status)));
                }
            }
            Machine::Call(call) => {
                if let Some(outcome) = call.poll_outcome() {
                    outputs.push(Output::Event(Event::Call(id, outcome)));
                    return true;
                }
            }
            Machine::Watch(_) => {}
        }
        false
    }

    /// What it is about, where that is not a run.
    fn subject(&self) -> Option<&'static str> {
        match &self.machine {
            Machine::Call(call) => match call.kind() {
                CallKind::Trigger => Some("task"),
                CallKind::Complete => Some("wait token"),
                CallKind::Packet => Some("stored packet"),
                CallKind::Retrieve | CallKind::Cancel => None,
            },
            Machine::Feed(feed) => match feed.kind() {
                FeedKind::Run => None,
                FeedKind::Tags => Some("tag"),
                FeedKind::Batch => Some("batch"),
            },
            Machine::Queue(_) | Machine::Reader(_) | Machine::Watch(_) => None,
        }
    }
}
