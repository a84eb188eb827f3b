//! How often a task is tried, and when the next time.

use serde::{Deserialize, Serialize};

/// What a worker says of retries. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct RetryPolicy {
    pub(crate) max_attempts: u32,
    min_timeout_in_ms: f64,
    max_timeout_in_ms: f64,
    factor: f64,
    randomize: bool,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_attempts: 3, min_timeout_in_ms: 1000.0, max_timeout_in_ms: 60_000.0, factor: 2.0, randomize: true }
    }
}

impl RetryPolicy {
    /// How long after this attempt the next may begin. `random` is from 0 to 1.
    pub(crate) fn pause_after(&self, attempt: u32, random: f64) -> u64 {
        let stretch = if self.randomize { 1.0 + random } else { 1.0 };
        let grown =
            self.min_timeout_in_ms * self.factor.powi(i32::try_from(attempt).unwrap_or(i32::MAX).saturating_sub(1));
        // What is no number becomes nothing.
        (grown * stretch).min(self.max_timeout_in_ms).round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::RetryPolicy;

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let policy = RetryPolicy { randomize: false, ..RetryPolicy::default() };
        let pauses = [1, 2, 3, 6, 7, 1000].map(|attempt| policy.pause_after(attempt, 0.5));
        assert_eq!(pauses, [1000, 2000, 4000, 32_000, 60_000, 60_000]);
        let policy = RetryPolicy::default();
        assert_eq!([0.0, 0.5, 1.0].map(|random| policy.pause_after(2, random)), [2000, 3000, 4000]);
    }

    #[test]
    fn what_is_not_said_is_as_usual() {
        let policy: RetryPolicy = serde_json::from_str(r#"{"maxAttempts":1,"factor":1}"#).unwrap();
        assert_eq!(policy, RetryPolicy { max_attempts: 1, factor: 1.0, ..RetryPolicy::default() });
    }
}
