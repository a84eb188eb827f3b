//! How long to wait before the next try.

use super::random::Random;
use super::time::Instant;

/// The bounds of a [`Backoff`], in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffPolicy {
    /// The first delay, before jitter.
    pub first_ms: u64,
    /// The longest delay of our own choosing. A server may ask for more.
    pub cap_ms: u64,
    /// How long things must have gone well before the next failure counts as the first again.
    pub stable_ms: u64,
}

/// Doubles from `first` to `cap`, each delay drawn from its upper half, so that clients that failed together do not return
/// together.
#[derive(Clone, Debug)]
pub struct Backoff {
    policy: BackoffPolicy,
    failures: u32,
    healthy_since: Option<Instant>,
}

impl Backoff {
    /// Starts with no failure counted.
    pub const fn new(policy: BackoffPolicy) -> Self {
        Self { policy, failures: 0, healthy_since: None }
    }

    /// Failures in a row.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Things go well from now on. The count is kept until they have done so for the stable period: a server that accepts and
    /// drops at once must not be asked at the first delay for ever.
    pub fn succeed(&mut self, now: Instant) {
        self.healthy_since.get_or_insert(now);
    }

    /// Forgets all failures, for when the cause is known to be gone.
    pub const fn reset(&mut self) {
        self.failures = 0;
        self.healthy_since = None;
    }

    /// Counts a failure and says when to try again: not before `floor_ms` have passed, which is what the server asked for.
    pub fn fail(&mut self, now: Instant, floor_ms: u64, random: &mut Random) -> Instant {
        if self.healthy_since.take().is_some_and(|since| now.since(since) >= self.policy.stable_ms) {
            self.failures = 0;
        }
        let full = (self.policy.first_ms << self.failures.min(20)).min(self.policy.cap_ms);
        self.failures += 1;
        let delay = full / 2 + random.below(full / 2 + 1);
        now.after(delay.max(floor_ms))
    }
}
