//! What a writer needs to write to S2 itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use tokio::sync::watch;

use super::api::{Api, Problem};
use super::config::S2Config;
use crate::clock::{iso, ms, now_ms};
use crate::id;

/// Stands for a token where S2 wants none.
const NO_TOKEN: &str = "s2-skip-access-tokens";
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// Who gets a token has it for at least the rest of its life.
const SHARED: Duration = Duration::from_secs(12 * 60 * 60);
/// How long a writer gathers records, in milliseconds, and how often it tries again.
const FLUSH_INTERVAL_MS: &str = "100";
const MAX_RETRIES: &str = "10";

/// One token for all writers of this environment, until it is half way to its end.
#[derive(Default)]
pub(super) struct Credentials {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
enum State {
    #[default]
    Nothing,
    /// It is being asked for, by one for all.
    Asked(watch::Receiver<Option<Answer>>),
    Issued(Issued),
}

type Answer = Result<Issued, Problem>;

#[derive(Clone)]
enum Issued {
    /// S2 knows no tokens.
    Unneeded,
    Token {
        text: String,
        until: u64,
    },
}

impl Issued {
    const fn is_fresh(&self, now: u64) -> bool {
        match self {
            Self::Unneeded => true,
            Self::Token { until, .. } => *until > now,
        }
    }
}

impl Credentials {
    /// The headers for a writer of the stream with this name behind the prefix.
    pub(super) async fn of(
        &self,
        api: &Arc<Api>,
        config: &S2Config,
        prefix: &str,
        name: &str,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, Problem> {
        let issued = match &config.token {
            Some(_) => self.issued(ask(Arc::clone(api), config.basin.clone(), prefix.to_owned())).await?,
            None => Issued::Unneeded,
        };
        let (token, name) = match issued {
            Issued::Token { text, .. } => (text, name.to_owned()),
            Issued::Unneeded => (NO_TOKEN.to_owned(), format!("{prefix}{name}")),
        };
        let mut headers = Vec::new();
        let mut add = |header: &'static str, value: &str| {
            let value = HeaderValue::try_from(value).map_err(|_| no_header())?;
            headers.push((HeaderName::from_static(header), value));
            Ok(())
        };
        add("x-s2-access-token", &token)?;
        add("x-s2-stream-name", &name)?;
        add("x-s2-basin", &config.basin)?;
        if let Some(endpoint) = &config.endpoint {
            add("x-s2-endpoint", endpoint)?;
        }
        add("x-s2-flush-interval-ms", FLUSH_INTERVAL_MS)?;
        add("x-s2-max-retries", MAX_RETRIES)?;
        Ok(headers)
    }

    /// What was issued, or what `ask` comes to: asked once for all who want it meanwhile, and to its end even when
    /// nobody does any more.
    async fn issued(&self, ask: impl Future<Output = Answer> + Send + 'static) -> Answer {
        let mut asked = {
            let mut state = lock(&self.state);
            match &*state {
                State::Issued(issued) if issued.is_fresh(now_ms()) => return Ok(issued.clone()),
                // Who asked may have broken down: then nobody tells any more.
                State::Asked(asked) if asked.has_changed().is_ok() => asked.clone(),
                State::Nothing | State::Asked(_) | State::Issued(_) => {
                    let (tell, asked) = watch::channel(None);
                    *state = State::Asked(asked.clone());
                    let state = Arc::clone(&self.state);
                    tokio::spawn(async move {
                        let answer = ask.await;
                        *lock(&state) = answer.clone().map_or(State::Nothing, State::Issued);
                        tell.send_replace(Some(answer));
                    });
                    asked
                }
            }
        };
        match asked.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone()) {
            Some(answer) => answer,
            None => Err(Problem::trouble("This server broke off before S2 had issued a token".to_owned(), true)),
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn ask(api: Arc<Api>, basin: String, prefix: String) -> Answer {
    let now = now_ms();
    let after = |span: Duration| now.saturating_add(ms(span));
    let name = format!("{prefix}/{}", id::part());
    match api.issue(&name, &basin, &prefix, &iso(after(LIFE))).await {
        Ok(text) => Ok(Issued::Token { text, until: after(SHARED) }),
        // s2-lite takes any token and issues none.
        Err(Problem::NotImplemented) => Ok(Issued::Unneeded),
        Err(problem) => Err(problem),
    }
}

/// HTTP headers are ASCII here, and the name of a stream need not be.
fn no_header() -> Problem {
    let reason = "The key of this stream does not fit into a header: use letters, digits and punctuation of ASCII";
    Problem::BadName(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn those_who_ask_meanwhile_share_one_answer_and_the_next_asks_anew() {
        let credentials = Credentials::default();
        let (answer, asked) = oneshot::channel();
        let first = credentials.issued(async { asked.await.unwrap() });
        let second = credentials.issued(async { panic!("it is asked for already") });
        let refused = || Problem::Denied("no".to_owned());
        let (first, second, ()) = tokio::join!(first, second, async { assert!(answer.send(Err(refused())).is_ok()) });
        assert!(matches!((first, second), (Err(Problem::Denied(_)), Err(Problem::Denied(_)))));
        let token = |text: &str, until| Issued::Token { text: text.to_owned(), until };
        let text =
            async |until, text: &'static str| match credentials.issued(async move { Ok(token(text, until)) }).await {
                Ok(Issued::Token { text, .. }) => text,
                _ => panic!("no token"),
            };
        assert_eq!(text(0, "half way to its end").await, "half way to its end");
        assert_eq!(text(u64::MAX, "fresh").await, "fresh");
        assert_eq!(text(u64::MAX, "another").await, "fresh");
    }

    #[tokio::test]
    async fn who_breaks_down_leaves_the_asking_to_the_next() {
        let credentials = Credentials::default();
        let broken = credentials.issued(async { std::panic::resume_unwind(Box::new("a defect")) }).await;
        assert!(matches!(broken, Err(Problem::Trouble { .. })));
        assert!(matches!(credentials.issued(async { Ok(Issued::Unneeded) }).await, Ok(Issued::Unneeded)));
    }

    #[tokio::test]
    async fn who_hangs_up_takes_nothing_from_those_who_wait_with_it() {
        let credentials = Credentials::default();
        let (answer, asked) = oneshot::channel();
        {
            let first = credentials.issued(async { asked.await.unwrap() });
            assert!(timeout(Duration::ZERO, first).await.is_err());
        }
        let second = credentials.issued(async { panic!("it is asked for already") });
        let (second, ()) = tokio::join!(second, async { assert!(answer.send(Ok(Issued::Unneeded)).is_ok()) });
        assert!(matches!(second, Ok(Issued::Unneeded)));
    }
}
