//! The token of one principal: held, asked for, or refused.
//!
//! A token counts as aged after 80 % of its lifetime, counted from its arrival, so a wrong device clock does no harm. One renewal
//! is under way at most, however many wait for it. A token that lacks what a channel wants may have been made for another run: the
//! provider is asked once more on that channel's account.

use alloc::borrow::ToOwned;
use alloc::rc::Rc;

use super::backoff::{Backoff, BackoffPolicy};
use super::error::{ErrorCode, Problem};
use super::id::Generation;
use super::random::Random;
use super::time::{Instant, Now};
use super::token::{AccessToken, Claims};

const RENEWAL: BackoffPolicy = BackoffPolicy { first_ms: 1_000, cap_ms: 30_000, stable_ms: 0 };

/// How long the provider may take before it counts as failed. An answer that comes later is still taken.
const PROVIDER_PATIENCE_MS: u64 = 10_000;

/// How often in a row the provider may fail before those who wait are told: about half a minute.
const PROVIDER_TRIES: u32 = 6;

/// What [`Auth::token`] has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Use this one. The generation says which it was when the server refuses it.
    Granted(AccessToken, Generation),
    /// A token is on its way.
    Wait,
    /// There is none to be had.
    Denied(Rc<Problem>),
}

/// The token machine.
#[derive(Debug)]
pub struct Auth {
    /// A provider exists that can be asked again.
    renewable: bool,
    held: Option<Held>,
    generation: Generation,
    /// Why there is no use in what is held.
    problem: Option<Rc<Problem>>,
    /// Tokens refused since one was last accepted.
    refusals: u32,
    renewal: Renewal,
    backoff: Backoff,
    wants_token: bool,
}

#[derive(Debug)]
struct Held {
    token: AccessToken,
    arrived: Instant,
    lifetime_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Renewal {
    Idle,
    /// The provider is asked, and fails by itself then.
    Asked(Instant),
    /// The provider failed; it may be asked again then.
    Resting(Instant),
}

impl Auth {
    /// Starts without a token.
    pub const fn new(renewable: bool) -> Self {
        Self {
            renewable,
            held: None,
            generation: Generation::new(0),
            problem: None,
            refusals: 0,
            renewal: Renewal::Idle,
            backoff: Backoff::new(RENEWAL),
            wants_token: false,
        }
    }

    /// A provider can be asked from now on, or no longer.
    pub const fn set_renewable(&mut self, renewable: bool) {
        self.renewable = renewable;
        self.renewal = Renewal::Idle;
    }

    /// The token for a request that is about to leave.
    pub fn token(&mut self, now: Now) -> Access {
        let usable = self.usable(now.monotonic);
        let is_fresh = usable.is_some_and(|held| held.age(now.monotonic) == Age::Fresh);
        let usable = usable.map(|held| held.token.clone());
        if !self.renewable {
            return match usable {
                Some(token) => Access::Granted(token, self.generation),
                None => Access::Denied(self.denial()),
            };
        }
        if !is_fresh {
            self.ask(now.monotonic);
        }
        match (usable, self.renewal) {
            (Some(token), _) => Access::Granted(token, self.generation),
            (None, Renewal::Resting(_)) if self.is_hopeless() => Access::Denied(self.denial()),
            (None, _) => Access::Wait,
        }
    }

    /// Whether [`token`](Self::token) would grant one.
    pub fn has_token(&self, now: Instant) -> bool {
        self.usable(now).is_some()
    }

    fn usable(&self, now: Instant) -> Option<&Held> {
        let held = self.held.as_ref().filter(|_| self.problem.is_none())?;
        (!self.renewable || held.age(now) != Age::Expired).then_some(held)
    }

    /// A token arrived: the first, a renewed one, or a new one from the application. What was held against the last is forgotten.
    pub fn provide(&mut self, now: Now, text: &str, random: &mut Random) {
        self.generation = Generation::new(self.generation.number() + 1);
        let Ok(token) = AccessToken::parse(text) else {
            self.held = None;
            self.problem = Some(Problem::shared(ErrorCode::TokenMalformed));
            // Asking again at once would go round and round.
            return self.rest(now, "What was given is empty or holds characters that no token has.", random);
        };
        let lifetime_ms = token.claims().and_then(Claims::lifetime_ms).filter(|&lifetime| lifetime > 0);
        self.held = Some(Held { token, arrived: now.monotonic, lifetime_ms });
        self.problem = None;
        self.renewal = Renewal::Idle;
        self.backoff.reset();
    }

    /// The provider failed, with these words. It is asked again after a while. One that has been given up on fails once.
    pub fn fail(&mut self, now: Now, words: &str, random: &mut Random) {
        if let Renewal::Asked(_) = self.renewal {
            self.rest(now, words, random);
        }
    }

    fn rest(&mut self, now: Now, words: &str, random: &mut Random) {
        self.renewal = Renewal::Resting(self.backoff.fail(now.monotonic, 0, random));
        if self.held.is_none() || self.problem.is_some() {
            let code = self.problem.as_ref().map_or(ErrorCode::TokenMissing, |problem| problem.code);
            self.problem = Some(Rc::new(Problem { server_message: Some(words.to_owned()), ..Problem::new(code) }));
        }
    }

    /// The server refused the token of that generation. `true` when the request should be made again with another one: it is here
    /// already, or the provider is asked, which happens once.
    pub fn refuse(&mut self, now: Now, generation: Generation, problem: &Rc<Problem>) -> bool {
        if generation != self.generation {
            return true;
        }
        // Requests that left together are refused together: that is one refusal.
        if self.problem.is_none() {
            self.problem = Some(Rc::clone(problem));
            self.refusals += 1;
        }
        let hopeful = self.renewable && self.refusals == 1;
        if hopeful {
            self.ask(now.monotonic);
        }
        hopeful
    }

    /// The token in use lacks a scope that is wanted: it may have been made for something else. `true` while another one is on its way,
    /// for which one who wants it asks once, as `asked` remembers.
    pub fn widen(&mut self, now: Now, asked: &mut bool) -> bool {
        if self.renewable && !core::mem::replace(asked, true) {
            self.ask(now.monotonic);
        }
        matches!(self.renewal, Renewal::Asked(_))
    }

    /// Whether the provider is about to be asked.
    pub const fn is_wanting(&self) -> bool {
        self.wants_token
    }

    /// The server took the token.
    pub const fn accept(&mut self) {
        self.refusals = 0;
    }

    /// The network is back or the device woke up: a resting provider may be asked at once.
    pub const fn hurry(&mut self, now: Now) {
        if let Renewal::Resting(_) = self.renewal {
            self.renewal = Renewal::Resting(now.monotonic);
        }
    }

    /// Gives up on a provider that has taken too long.
    pub fn handle_timeout(&mut self, now: Now, random: &mut Random) {
        if let Renewal::Asked(until) = self.renewal
            && until <= now.monotonic
        {
            self.fail(now, "The accessToken function did not answer within 10 seconds.", random);
        }
    }

    /// Whether the provider should be asked now. Gives `true` once per renewal.
    pub const fn poll_wanted(&mut self) -> bool {
        core::mem::replace(&mut self.wants_token, false)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due, or a resting provider may be asked again.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        match self.renewal {
            Renewal::Asked(until) | Renewal::Resting(until) => Some(until),
            Renewal::Idle => None,
        }
    }

    /// Asking again will not help: it has been done often enough, or the provider gives what is no token.
    fn is_hopeless(&self) -> bool {
        self.backoff.failures() >= PROVIDER_TRIES
            || self.problem.as_ref().is_some_and(|problem| problem.code == ErrorCode::TokenMalformed)
    }

    fn denial(&self) -> Rc<Problem> {
        self.problem.clone().unwrap_or_else(|| Problem::shared(ErrorCode::TokenMissing))
    }

    fn ask(&mut self, now: Instant) {
        let due = match self.renewal {
            Renewal::Idle => true,
            Renewal::Resting(until) => until <= now,
            Renewal::Asked(_) => false,
        };
        if due {
            self.renewal = Renewal::Asked(now.after(PROVIDER_PATIENCE_MS));
            self.wants_token = true;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    Fresh,
    /// Past 80 % of its lifetime: used while a new one is fetched.
    Aged,
    Expired,
}

impl Held {
    fn age(&self, now: Instant) -> Age {
        let Some(lifetime) = self.lifetime_ms else { return Age::Fresh };
        let age = now.since(self.arrived);
        if age < lifetime / 5 * 4 {
            Age::Fresh
        } else if age < lifetime {
            Age::Aged
        } else {
            Age::Expired
        }
    }
}
