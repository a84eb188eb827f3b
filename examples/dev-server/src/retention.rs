//! How long what has ended is kept.

use std::str::FromStr;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::sleep;

use crate::clock::{ms, now_ms};
use crate::span;
use crate::state::AppState;

/// The longest time between looks for what is to be dropped, and the shortest.
const SELDOM: Duration = Duration::from_secs(3600);
const OFTEN: Duration = Duration::from_secs(1);

/// How long a run is kept after its end, with all that belongs to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// For ever. The default: nothing goes that nobody said should.
    #[default]
    All,
    /// For so long.
    For(Duration),
}

/// As the command line has it: `all`, or a span such as `7d` or `12h`.
impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, span::joined_seconds(text)) {
            ("all", _) => Ok(Self::All),
            (_, Some(seconds @ 1..)) => Ok(Self::For(Duration::from_secs(seconds))),
            _ => Err(format!("{text:?} is no time to keep runs: say all, or a span such as 7d or 12h")),
        }
    }
}

impl Keep {
    /// What ended before this is dropped, in milliseconds since the epoch.
    fn before(self) -> Option<u64> {
        let Self::For(span) = self else { return None };
        Some(now_ms().saturating_sub(ms(span)))
    }

    fn pause(self) -> Duration {
        match self {
            Self::All => SELDOM,
            Self::For(span) => (span / 10).clamp(OFTEN, SELDOM),
        }
    }
}

/// Drops what has ended too long ago, in small transactions. At once, for who has not begun to answer.
pub(crate) fn drop_old(app: &AppState) {
    let Some(before) = app.config.keep.before() else { return };
    let mut next = None;
    while drop_some(app, before, &mut next) {}
    app.store.drop_remains(before);
}

/// Whether there is more.
fn drop_some(app: &AppState, before: u64, next: &mut Option<String>) -> bool {
    let dropped = app.store.drop_ended(before, next.as_deref());
    app.streams.forget(&dropped.runs);
    *next = dropped.next;
    next.is_some()
}

/// Does so now and then, for ever, beside whoever else has something to do.
pub(crate) async fn keep_dropping(app: &AppState) {
    loop {
        sleep(app.config.keep.pause()).await;
        match app.config.keep.before() {
            Some(before) => {
                let mut next = None;
                while drop_some(app, before, &mut next) {
                    yield_now().await;
                }
                app.store.drop_remains(before);
            }
            None => app.store.drop_expired_keys(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_span_or_all() {
        assert_eq!("all".parse(), Ok(Keep::All));
        for (text, seconds) in [("7d", 604_800), ("12h", 43_200), ("1w1d", 691_200), ("1s", 1)] {
            assert_eq!(text.parse(), Ok(Keep::For(Duration::from_secs(seconds))), "{text}");
        }
        for text in ["", "0s", "7", "seven days", "-1d"] {
            assert!(text.parse::<Keep>().is_err(), "{text}");
        }
    }
}
