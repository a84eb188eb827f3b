//! What a writer needs to write to S2 itself.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use tokio::sync::Mutex;

use super::api::{Api, Problem};
use super::config::S2Config;
use crate::clock::{iso, now_ms};
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
    current: Mutex<Option<Issued>>,
}

#[derive(Clone)]
enum Issued {
    /// S2 knows no tokens.
    Unneeded,
    Token {
        text: String,
        until: u64,
    },
}

impl Credentials {
    /// The headers for a writer of the stream with this name behind the prefix.
    pub(super) async fn of(
        &self,
        api: &Api,
        config: &S2Config,
        prefix: &str,
        name: &str,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, Problem> {
        let (token, name) = match self.issued(api, config, prefix).await? {
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

    async fn issued(&self, api: &Api, config: &S2Config, prefix: &str) -> Result<Issued, Problem> {
        if config.token.is_none() {
            return Ok(Issued::Unneeded);
        }
        let mut current = self.current.lock().await;
        let now = now_ms();
        match &*current {
            Some(Issued::Token { until, .. }) if *until <= now => {}
            Some(issued) => return Ok(issued.clone()),
            None => {}
        }
        let after = |span: Duration| now.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        let name = format!("{prefix}/{}", id::part());
        let issued = match api.issue(&name, &config.basin, prefix, &iso(after(LIFE))).await {
            Ok(text) => Issued::Token { text, until: after(SHARED) },
            // s2-lite takes any token and issues none.
            Err(Problem::NotImplemented) => Issued::Unneeded,
            Err(problem) => return Err(problem),
        };
        *current = Some(issued.clone());
        Ok(issued)
    }
}

/// HTTP headers are ASCII here, and the name of a stream need not be.
fn no_header() -> Problem {
    let reason = "The key of this stream does not fit into a header: use letters, digits and punctuation of ASCII";
    Problem::BadName(reason.to_owned())
}
