//! The root machine: routes what happens to the channel it concerns, and turns what that wants into outputs.
//!
//! ```text
//! handle_input(now, input)    then    poll_output() until Output::Idle    then the next input
//! ```

use alloc::borrow::ToOwned;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use super::auth::{Access, Auth};
use super::call::Call;
use super::channel::{Channel, Machine, Principal};
use super::error::{ErrorCode, Problem};
use super::http::{OutgoingRequest, refuse_data};
use super::id::{ChannelId, Counter, PrincipalId, RequestId, SendId};
use super::input::{Command, Input, News};
use super::output::{Event, Output};
use super::random::Random;
use super::run_watch::RunWatch;
use super::runs::Runs;
use super::send::{Hold, SendQueue};
use super::shape::Shape;
use super::subscription::Subscription;
use super::table::{Queue, Table};
use super::text::concat;
use super::time::{Instant, Now};
use super::turns::{CLOSE_MS, TURN_MS, Turn, turn};

/// So much more time by the calendar than by the clock for delays is a sleep of the device. Or the calendar was set, which costs a connect.
const SLEEP_MS: u64 = 10_000;

/// Everything Tidegate does in one page, for any number of identities.
#[derive(Debug)]
pub struct Client {
    now: Now,
    random: Random,
    online: bool,
    visible: bool,
    ids: Ids,
    principals: Table<PrincipalId, Principal>,
    channels: Table<ChannelId, Channel>,
    /// Whose a request is.
    requests: Table<RequestId, ChannelId>,
    outputs: Queue<Output>,
    /// Readers wait for a connection until then.
    turn_ends: Option<Instant>,
    /// Connections that were given up where they are few: at which server, and until when they count.
    closing: Queue<(Rc<String>, Instant)>,
}

#[derive(Debug, Default)]
struct Ids {
    principals: Counter,
    channels: Counter,
    sends: Counter,
    requests: Counter,
}

impl Client {
    /// Starts empty and online. The seed decides every delay's jitter and every idempotency key: draw it at random, once.
    pub fn new(seed: u64) -> Self {
        Self {
            now: Now::default(),
            random: Random::new(seed),
            online: true,
            visible: true,
            ids: Ids::default(),
            principals: Table::default(),
            channels: Table::default(),
            requests: Table::default(),
            outputs: Queue::default(),
            turn_ends: None,
            closing: Queue::default(),
        }
    }

    /// An id for [`Command::OpenPrincipal`].
    pub const fn next_principal(&mut self) -> PrincipalId {
        PrincipalId::new(self.ids.principals.next())
    }

    /// An id for [`Command::Send`].
    pub const fn next_send(&mut self) -> SendId {
        SendId::new(self.ids.sends.next())
    }

    /// An id for [`Command::Subscribe`], [`Command::Follow`] or [`Command::Call`].
    pub const fn next_subscription(&mut self) -> ChannelId {
        ChannelId::new(self.ids.channels.next())
    }

    /// Whether that is a call of which nothing can have reached the server.
    pub fn is_unsent(&self, call: ChannelId) -> bool {
        let channel = self.channels.get(call);
        channel.is_some_and(|channel| matches!(&channel.machine, Machine::Call(call) if call.is_unsent()))
    }

    /// Tells the core what happened. Call [`poll_output`](Self::poll_output) until it is idle before the next.
    pub fn handle_input(&mut self, now: Now, input: Input<'_>) {
        // Looked up now, not when the last drain ended: a listener that calls back in may have been slow.
        let due = self.poll_timeout();
        let before = core::mem::replace(&mut self.now, now);
        // The clock for delays may stand still while the device sleeps; the other one goes on.
        let (awake, passed) = (now.monotonic.since(before.monotonic), now.wall.since(before.wall));
        if passed > awake.saturating_add(SLEEP_MS) {
            self.hurry(true, false);
        }
        while self.closing.first().is_some_and(|&(_, until)| until <= now.monotonic) {
            self.closing.pop();
        }
        match input {
            Input::Command(command) => self.handle_command(command),
            Input::News(request, news) => self.handle_news(request, news),
            Input::Online(online) => {
                let was_online = core::mem::replace(&mut self.online, online);
                self.hurry(online, was_online);
            }
            Input::Visible(visible) => {
                self.visible = visible;
                for id in self.every_channel() {
                    if let Some(channel) = self.channels.get_mut(id) {
                        channel.set_visible(now.monotonic, visible);
                    }
                    self.advance(id);
                }
            }
            Input::Wake => self.hurry(true, true),
            Input::Timeout => {}
        }
        // Whatever came, and after it: what is due may pass between two looks at the clock.
        if due.is_some_and(|due| due <= now.monotonic) {
            self.handle_timeout();
        }
        self.take_turns();
    }

    /// The next thing wanted; [`Output::Idle`] when there is none.
    pub fn poll_output(&mut self) -> Output {
        if let Some(output) = self.outputs.pop() {
            return output;
        }
        Output::Idle(self.poll_timeout())
    }

    /// Deadlines that have passed are not repeated: what they allowed waits for something else now.
    fn poll_timeout(&self) -> Option<Instant> {
        let now = self.now.monotonic;
        let mut first: Option<Instant> = None;
        let mut add = |due: Option<Instant>| {
            if let Some(due) = due
                && due > now
                && first.is_none_or(|first| due < first)
            {
                first = Some(due);
            }
        };
        for channel in self.channels.values() {
            add(channel.poll_timeout(now));
        }
        for principal in self.principals.values() {
            add(principal.auth.poll_timeout());
        }
        add(self.turn_ends);
        first
    }

    fn handle_command(&mut self, command: Command<'_>) {
        let now = self.now;
        match command {
            Command::OpenPrincipal { principal, base_url, branch, renewable, scarce } => {
                let opened = Principal {
                    base_url: Rc::new(base_url.to_owned()),
                    branch: branch.map(|branch| Rc::new(branch.to_owned())),
                    auth: Auth::new(renewable),
                    scarce,
                    drops_repeats: false,
                    questions: Instant::default(),
                };
                self.principals.insert(principal, opened);
            }
            Command::ClosePrincipal(principal) => self.close_principal(principal),
            Command::SetRenewable(id, renewable) => {
                if let Some((auth, _)) = self.auth(id) {
                    auth.set_renewable(renewable);
                }
                self.advance_all_of(id);
            }
            Command::SetToken(id, text) => {
                if let Some((auth, random)) = self.auth(id) {
                    auth.provide(now, text, random);
                }
                for channel in self.channels.values_mut().filter(|channel| channel.principal == id) {
                    channel.revive(now.monotonic);
                }
                self.advance_all_of(id);
            }
            Command::FailToken(id, words) => {
                if let Some((auth, random)) = self.auth(id) {
                    auth.fail(now, words, random);
                }
                self.advance_all_of(id);
            }
            Command::Send { send, principal, run, stream, json } => self.push_send(send, principal, run, stream, json),
            Command::CancelSend(send) => {
                if let Some((id, queue)) = self.queue_of(send) {
                    if queue.cancel(send) {
                        self.give_up(id);
                    }
                    self.advance(id);
                }
            }
            Command::RetrySend(send) => {
                if let Some((id, queue)) = self.queue_of(send) {
                    queue.retry(send);
                    self.advance(id);
                }
            }
            Command::ForgetSend(send) => {
                if let Some((_, queue)) = self.queue_of(send) {
                    queue.forget(send);
                }
                self.remove_idle_queues();
            }
            Command::Subscribe { subscription, principal, run, key, last_event_id, timeout_seconds } => {
                let mut reader = Subscription::new(last_event_id, timeout_seconds);
                // Who reads what a run is sent has to know where each record stands, to be sure of having had it.
                if key.starts_with("input/") {
                    reader = reader.with_large_from(0);
                }
                let reader = Machine::Reader(reader);
                self.open(subscription, Channel::new(principal, run.to_owned(), key.to_owned(), reader));
            }
            Command::Follow { feed, principal, kind, name, query, endless } => {
                let Some(runs) = Runs::given() else { return };
                let mut shape = Shape::new(runs, kind, endless);
                if !self.visible {
                    shape.set_visible(now.monotonic, false);
                }
                self.open(feed, Channel::new(principal, name.to_owned(), query.to_owned(), Machine::Feed(shape)));
            }
            Command::Call { call, principal, kind, name, body } => {
                let Some(runs) = Runs::given() else { return };
                let machine = Machine::Call(Call::new(runs, kind, body, self.random.uuid()));
                self.open(call, Channel::new(principal, name.to_owned(), String::new(), machine));
            }
            Command::Unsubscribe(subscription) => {
                self.give_up(subscription);
                if let Some(channel) = self.channels.remove(subscription) {
                    self.close_watch(&channel);
                }
            }
            Command::SetReading(subscription, wanted) => {
                let channel = self.channels.get_mut(subscription);
                if let Some(request) = channel.and_then(|channel| channel.set_reading(now.monotonic, wanted)) {
                    self.outputs.push(Output::SetReading(request, wanted));
                }
                self.advance(subscription);
            }
        }
    }

    fn open(&mut self, id: ChannelId, channel: Channel) {
        self.channels.insert(id, channel);
        self.advance(id);
    }

    fn push_send(&mut self, send: SendId, principal: PrincipalId, run: &str, stream: &str, json: &str) {
        let key = concat(&["input/", stream]);
        let found = self.channels.key_where(|channel| channel.is_queue_of(principal, run, &key));
        let id = found.unwrap_or_else(|| self.next_subscription());
        if found.is_none() {
            self.remove_idle_queues();
            let queue = Machine::Queue(SendQueue::default());
            self.channels.insert(id, Channel::new(principal, run.to_owned(), key, queue));
        }
        let idempotency_key = self.random.uuid();
        let body = concat(&["{\"data\":", json, "}"]);
        let problem = refuse_data(json, body.len());
        if let Some(Machine::Queue(queue)) = self.channels.get_mut(id).map(|channel| &mut channel.machine) {
            match problem {
                Some(problem) => queue.push_rejected(send, problem),
                None => queue.push(send, Rc::new(body), Rc::new(idempotency_key)),
            }
        }
        self.advance(id);
    }

    /// A queue that is empty stays for as long as it has something to remember, or until somebody looks.
    fn remove_idle_queues(&mut self) {
        let now = self.now.monotonic;
        let is_idle = |channel: &Channel| matches!(&channel.machine, Machine::Queue(queue) if queue.is_idle(now));
        for id in self.channels.keys_where(is_idle) {
            self.channels.remove(id);
        }
    }

    fn queue_of(&mut self, send: SendId) -> Option<(ChannelId, &mut SendQueue)> {
        let is_there = |channel: &Channel| matches!(&channel.machine, Machine::Queue(queue) if queue.holds(send));
        let id = self.channels.key_where(is_there)?;
        match &mut self.channels.get_mut(id)?.machine {
            Machine::Queue(queue) => Some((id, queue)),
            Machine::Reader(_) | Machine::Watch(_) | Machine::Feed(_) | Machine::Call(_) => None,
        }
    }

    fn auth(&mut self, id: PrincipalId) -> Option<(&mut Auth, &mut Random)> {
        let principal = self.principals.get_mut(id)?;
        Some((&mut principal.auth, &mut self.random))
    }

    /// Hands news of a request to its channel. Of one that was given up, nothing is wanted.
    fn handle_news(&mut self, request: RequestId, news: News<'_>) {
        let Some(&id) = self.requests.get(request) else { return };
        let contested = self.channels.get(id).is_some_and(|mine| {
            mine.is_in_doubt()
                && self
                    .channels
                    .key_where(|channel| !core::ptr::eq(mine, channel) && mine.is_contested_by(channel))
                    .is_some()
        });
        let Some(channel) = self.channels.get_mut(id) else { return };
        if let Machine::Queue(queue) = &mut channel.machine
            && contested
        {
            queue.contest();
        }
        let Some(principal) = self.principals.get_mut(channel.principal) else { return };
        let last = news.is_last();
        if channel.handle_news(self.now, news, principal, self.online, &mut self.random) {
            self.give_up(id);
        }
        if last {
            self.requests.remove(request);
        }
        self.tell_run_finished(id);
        self.advance(id);
    }

    /// Makes the request a channel wants, if it may, and tells what it has to tell.
    fn advance(&mut self, id: ChannelId) {
        while self.try_request(id) {}
        let now = self.now.monotonic;
        let Some(channel) = self.channels.get_mut(id) else { return };
        let owner = channel.principal;
        if channel.drain(id, &mut self.outputs) {
            self.channels.remove(id);
        } else if channel.reader_mut().is_some_and(|reader| reader.poll_run_wanted(now)) {
            self.watch_run(id);
        }
        if self.principals.get_mut(owner).is_some_and(|principal| principal.auth.poll_wanted()) {
            self.outputs.push(Output::Event(Event::TokenNeeded(owner)));
        }
    }

    /// `true` when what wanted the request was refused, so that there may be another.
    fn try_request(&mut self, id: ChannelId) -> bool {
        let now = self.now;
        let Some(channel) = self.channels.get_mut(id).filter(|channel| channel.wants_request(now.monotonic)) else {
            return false;
        };
        let Some(principal) = self.principals.get_mut(channel.principal) else {
            channel.refuse(Problem::shared(ErrorCode::Aborted));
            return true;
        };
        if !channel.can_be_named() {
            channel.refuse(Problem::shared(ErrorCode::NotFound));
            return true;
        }
        if !self.online {
            channel.hold(Hold::Online);
            return false;
        }
        let (token, generation) = match principal.auth.token(now) {
            Access::Granted(token, generation) => (token, generation),
            Access::Wait => {
                channel.has_asked |= principal.auth.is_wanting();
                channel.hold(Hold::Token);
                return false;
            }
            Access::Denied(problem) => {
                channel.refuse(problem);
                return true;
            }
        };
        if let Some(problem) = channel.missing_scope(&token) {
            if principal.auth.widen(now, &mut channel.has_asked) {
                channel.hold(Hold::Token);
                return false;
            }
            channel.refuse(Rc::new(problem));
            return true;
        }
        if let Machine::Watch(watch) = &mut channel.machine
            && !watch.take_place(now.monotonic, &mut principal.questions)
        {
            return false;
        }
        if principal.scarce && channel.place().is_some() && self.turn(id) != Turn::Now {
            return false;
        }
        let Some(channel) = self.channels.get_mut(id) else { return false };
        let Some(principal) = self.principals.get_mut(channel.principal) else { return false };
        let request = RequestId::new(self.ids.requests.next());
        if let Some(kind) = channel.start(now, request, token.clone(), generation) {
            let url = channel.url(&principal.base_url);
            let branch = principal.branch.clone();
            self.requests.insert(request, id);
            self.outputs.push(Output::Request(OutgoingRequest { id: request, url, token, branch, kind }));
        }
        false
    }

    fn handle_timeout(&mut self) {
        for principal in self.principals.values_mut() {
            principal.auth.handle_timeout(self.now, &mut self.random);
        }
        for id in self.every_channel() {
            let Some(channel) = self.channels.get_mut(id) else { continue };
            let drops_repeats = self.principals.get(channel.principal).is_some_and(|owner| owner.drops_repeats);
            if channel.handle_timeout(self.now, drops_repeats, &mut self.random) {
                self.give_up(id);
            }
            self.advance(id);
        }
    }

    /// The network or the device is back, or gone: every channel looks at where it stands.
    fn hurry(&mut self, back: bool, trusting: bool) {
        for principal in self.principals.values_mut().filter(|_| back) {
            principal.auth.hurry(self.now);
        }
        for id in self.every_channel() {
            if back && self.channels.get_mut(id).is_some_and(|channel| channel.hurry(self.now, trusting)) {
                self.give_up(id);
            }
            self.advance(id);
        }
    }

    /// Whether it is the turn of that reader or feed to connect.
    fn turn(&self, id: ChannelId) -> Turn {
        let server = |channel: &Channel| self.principals.get(channel.principal).map(|owner| &owner.base_url);
        let Some(channel) = self.channels.get(id) else { return Turn::Later };
        let Some(mine) = channel.place() else { return Turn::Later };
        let (mut all, mut closing) = (Vec::new(), Vec::new());
        for (id, other) in self.channels.iter() {
            if server(other) == server(channel)
                && let Some(place) = other.place()
            {
                all.push((id, place, self.wants_turn(other)));
            }
        }
        for (at, until) in self.closing.iter() {
            if server(channel) == Some(at) {
                closing.push(*until);
            }
        }
        turn(id, mine, &all, &closing)
    }

    /// Where readers wait for a connection, those that have had theirs for long enough make room.
    fn take_turns(&mut self) {
        self.turn_ends = None;
        if self.online && self.principals.values().any(|principal| principal.scarce) {
            while self.give_turn() {}
        }
    }

    /// Whether a reader would connect, if it were its turn.
    fn wants_turn(&self, channel: &Channel) -> bool {
        let now = self.now.monotonic;
        channel.place().is_some()
            && channel.wants_request(now)
            && self.principals.get(channel.principal).is_some_and(|owner| owner.auth.has_token(now))
    }

    /// `true` when a reader that waited has a connection, or has been made room for.
    fn give_turn(&mut self) -> bool {
        for id in self.every_channel() {
            let scarce = |channel: &&Channel| self.principals.get(channel.principal).is_some_and(|owner| owner.scarce);
            if !self.channels.get(id).filter(scarce).is_some_and(|channel| self.wants_turn(channel)) {
                continue;
            }
            match self.turn(id) {
                Turn::Now => self.advance(id),
                Turn::Later => {}
                Turn::Behind(other, until) if until <= self.now.monotonic => {
                    self.give_up(other);
                    if let Some(channel) = self.channels.get_mut(other) {
                        channel.yield_turn(self.now.monotonic.after(TURN_MS));
                    }
                    return true;
                }
                Turn::Closing(until) | Turn::Behind(_, until) => {
                    self.turn_ends = Some(self.turn_ends.map_or(until, |ends| ends.min(until)));
                }
            }
            if self.channels.get(id).and_then(Channel::place).is_some_and(|place| place.began.is_some()) {
                return true;
            }
        }
        false
    }

    /// Asks whether the run of that reader has finished: once for all readers of the run.
    fn watch_run(&mut self, reader: ChannelId) {
        let Some(reader) = self.channels.get(reader) else { return };
        let (principal, run) = (reader.principal, reader.run.clone());
        // A feed of the run tells it unasked.
        if let Some(feed) = self.find_of_run(principal, &run, Channel::follows_run) {
            return self.tell_run_finished(feed);
        }
        let found = self.find_of_run(principal, &run, Channel::is_watch);
        let id = found.unwrap_or_else(|| self.next_subscription());
        if found.is_none() {
            self.channels.insert(id, Channel::new(principal, run, String::new(), Machine::Watch(RunWatch::default())));
        }
        if let Some(Machine::Watch(watch)) = self.channels.get_mut(id).map(|channel| &mut channel.machine) {
            watch.ask();
        }
        self.tell_run_finished(id);
        self.advance(id);
    }

    /// Tells the readers of a run, once its watch or its feed has seen the end.
    fn tell_run_finished(&mut self, who: ChannelId) {
        let Some(Channel { principal, run, .. }) = self.channels.get(who).filter(|channel| channel.has_seen_end())
        else {
            return;
        };
        for id in self.channels.keys_where(|channel| channel.principal == *principal && channel.run == *run) {
            if let Some(reader) = self.channels.get_mut(id).and_then(Channel::reader_mut)
                && reader.handle_run_finished(self.now.monotonic)
            {
                self.give_up(id);
            }
            self.advance(id);
        }
    }

    /// Where nobody reads of a run any more, nobody wants to know.
    fn close_watch(&mut self, closed: &Channel) {
        let Channel { principal, run, .. } = closed;
        if self.find_of_run(*principal, run, |channel| channel.reader().is_some()).is_none()
            && let Some(watch) = self.find_of_run(*principal, run, Channel::is_watch)
        {
            self.give_up(watch);
            self.channels.remove(watch);
        }
    }

    fn find_of_run(&self, principal: PrincipalId, run: &str, is_it: fn(&Channel) -> bool) -> Option<ChannelId> {
        self.channels.key_where(|channel| channel.principal == principal && channel.run == run && is_it(channel))
    }

    fn every_channel(&self) -> Vec<ChannelId> {
        self.channels.keys_where(|_| true)
    }

    fn advance_all_of(&mut self, principal: PrincipalId) {
        for id in self.channels.keys_where(|channel| channel.principal == principal) {
            self.advance(id);
        }
    }

    fn close_principal(&mut self, principal: PrincipalId) {
        for id in self.channels.keys_where(|channel| channel.principal == principal) {
            self.give_up(id);
            // All of them before the first is told: a line that moves up in between would be told otherwise.
            if let Some(mut channel) = self.channels.remove(id)
                && let Machine::Queue(queue) = &mut channel.machine
            {
                queue.cancel_all();
                channel.drain(id, &mut self.outputs);
            }
        }
        self.principals.remove(principal);
    }

    fn give_up(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        let Some(request) = channel.give_up() else { return };
        self.requests.remove(request);
        self.outputs.push(Output::Abort(request));
        if let Some(owner) = self.principals.get(channel.principal).filter(|owner| owner.scarce)
            && channel.place().is_some()
        {
            self.closing.push((owner.base_url.clone(), self.now.monotonic.after(CLOSE_MS)));
        }
    }
}
