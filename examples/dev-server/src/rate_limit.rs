//! How many requests a credential has left.
//!
//! A public access token has 60 in each minute of the clock. Everything else has a bucket of 750 which gets 250 more
//! every ten seconds: the secret key, and also what turns out to be no credential.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

/// What becomes of the limits of the original.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateLimits {
    /// Requests are counted and every answer announces what is left, but none is refused. The default: work on a page
    /// that reloads all the time is not to end for a minute.
    #[default]
    Announced,
    /// What is over the limit is refused with 429, and pages can read the refusal and what is left.
    Refused,
    /// The same as on Trigger.dev: the refusal has no CORS headers, so a page on another origin sees a network failure,
    /// and no answer lets it read what is left.
    TriggerDev,
}

/// By the name that the command line uses: `announced`, `refused`, `trigger-dev`.
impl FromStr for RateLimits {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "announced" => Ok(Self::Announced),
            "refused" => Ok(Self::Refused),
            "trigger-dev" => Ok(Self::TriggerDev),
            other => Err(format!("there are no {other:?} rate limits: say announced, refused or trigger-dev")),
        }
    }
}

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    SecretKey,
    /// By its fingerprint.
    PublicToken([u8; 32]),
    /// A credential that does not hold, by its fingerprint.
    Unknown([u8; 32]),
}

/// What a request leaves. `reset` is in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    pub(crate) reset: u64,
    pub(crate) is_exceeded: bool,
}

const WINDOW: u64 = 60;
const WINDOW_MS: u64 = 60_000;
const BUCKET: u64 = 750;
const REFILL: u64 = 250;
const REFILL_MS: u64 = 10_000;
/// With more holders than this, those that have their whole budget are forgotten.
const HOLDERS: usize = 10_000;

#[derive(Default)]
pub(crate) struct RateLimiter {
    accounts: Mutex<HashMap<Holder, Account>>,
}

/// What is left of a budget, and since when: the start of a window, or the last refill.
#[derive(Clone, Copy)]
struct Account {
    left: u64,
    since: u64,
}

impl RateLimiter {
    /// Takes one request from the holder's budget.
    pub(crate) fn spend(&self, holder: Holder, now: u64) -> Budget {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= HOLDERS {
            accounts.retain(|holder, account| holder.refilled(Some(*account), now).left < holder.limit());
        }
        let mut account = holder.refilled(accounts.get(&holder).copied(), now);
        let is_exceeded = account.left == 0;
        account.left = account.left.saturating_sub(1);
        let budget = Budget {
            limit: holder.limit(),
            remaining: account.left,
            reset: account.since + holder.interval(),
            is_exceeded,
        };
        accounts.insert(holder, account);
        budget
    }
}

impl Holder {
    const fn limit(&self) -> u64 {
        if matches!(self, Self::PublicToken(_)) { WINDOW } else { BUCKET }
    }

    const fn interval(&self) -> u64 {
        if matches!(self, Self::PublicToken(_)) { WINDOW_MS } else { REFILL_MS }
    }

    fn refilled(&self, account: Option<Account>, now: u64) -> Account {
        let whole = |since| Account { left: self.limit(), since };
        if matches!(self, Self::PublicToken(_)) {
            let window = now - now % WINDOW_MS;
            return account.filter(|account| account.since == window).unwrap_or_else(|| whole(window));
        }
        let Some(account) = account else { return whole(now) };
        let refills = now.saturating_sub(account.since) / REFILL_MS;
        let left = account.left.saturating_add(refills.saturating_mul(REFILL));
        // A full bucket is as if it had never been used.
        if left >= BUCKET { whole(now) } else { Account { left, since: account.since + refills * REFILL_MS } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spend(limiter: &RateLimiter, holder: &Holder, times: u64, now: u64) -> Budget {
        for _ in 1..times {
            limiter.spend(holder.clone(), now);
        }
        limiter.spend(holder.clone(), now)
    }

    #[test]
    fn a_public_token_has_sixty_in_each_minute_of_the_clock() {
        let (limiter, token) = (RateLimiter::default(), Holder::PublicToken([1; 32]));
        let budget = |remaining, reset, is_exceeded| Budget { limit: 60, remaining, reset, is_exceeded };
        assert_eq!(spend(&limiter, &token, 1, 119_000), budget(59, 120_000, false));
        assert_eq!(spend(&limiter, &token, 59, 119_500), budget(0, 120_000, false));
        assert_eq!(spend(&limiter, &token, 1, 119_999), budget(0, 120_000, true));
        assert_eq!(spend(&limiter, &Holder::PublicToken([2; 32]), 1, 119_999), budget(59, 120_000, false));
        assert_eq!(spend(&limiter, &token, 1, 120_000), budget(59, 180_000, false));
    }

    #[test]
    fn a_secret_key_has_a_bucket_that_is_refilled() {
        let (limiter, key) = (RateLimiter::default(), Holder::SecretKey);
        let budget = |remaining, reset, is_exceeded| Budget { limit: 750, remaining, reset, is_exceeded };
        assert_eq!(spend(&limiter, &key, 750, 1_000), budget(0, 11_000, false));
        assert_eq!(spend(&limiter, &key, 1, 10_999), budget(0, 11_000, true));
        assert_eq!(spend(&limiter, &key, 1, 11_001), budget(249, 21_000, false));
        assert_eq!(spend(&limiter, &key, 1, 31_001), budget(748, 41_000, false));
        assert_eq!(spend(&limiter, &key, 1, 99_999), budget(749, 109_999, false));
    }

    #[test]
    fn holders_who_have_everything_are_forgotten() {
        let limiter = RateLimiter::default();
        for n in 0..HOLDERS as u64 {
            let mut fingerprint = [0; 32];
            fingerprint[..8].copy_from_slice(&n.to_be_bytes());
            limiter.spend(Holder::Unknown(fingerprint), 0);
        }
        limiter.spend(Holder::SecretKey, 10_000);
        assert_eq!(limiter.accounts.lock().unwrap().len(), 1);
    }
}
