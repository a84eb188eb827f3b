//! Who calls, and what they may do.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use serde_json::Value;
use tidegate::proto::token::Scope;

use crate::clock::now_seconds;
use crate::jwt::{self, Claims};
use crate::respond::Refusal;
use crate::state::Config;
use crate::store::Run;

/// A caller whose credential holds.
pub(crate) enum Caller {
    /// The secret key: may do everything.
    Backend,
    /// A public access token: may do what its scopes say.
    Frontend { claims: Box<Claims>, token: String },
}

impl Caller {
    /// For routes that take a public access token as well as the secret key.
    pub(crate) fn of(headers: &HeaderMap, config: &Config) -> Result<Self, Refusal> {
        let token = bearer(headers).ok_or(Refusal::NoKey)?;
        let Some(claims) = Claims::peek(token) else {
            return check_key(token, config).map(|()| Self::Backend);
        };
        if claims.sub.as_deref() != Some(config.environment_id.as_str()) {
            return Err(Refusal::TokenOfNoEnvironment);
        }
        if !jwt::is_signed_with(token, &config.secret_key) || !claims.is_current(now_seconds()) {
            return Err(Refusal::BadToken);
        }
        Ok(Self::Frontend { claims: Box::new(claims), token: token.to_owned() })
    }

    /// For routes that take the secret key only: there a public access token is looked up as a key, and is none.
    pub(crate) fn backend(headers: &HeaderMap, config: &Config) -> Result<(), Refusal> {
        check_key(bearer(headers).ok_or(Refusal::NoKey)?, config)
    }

    /// Whether any of these (action, resource, id) is granted.
    pub(crate) fn must(&self, any_of: &[(&str, &str, &str)]) -> Result<(), Refusal> {
        let any_of: Vec<_> = any_of.iter().map(|(action, resource, id)| (*action, *resource, Some(*id))).collect();
        self.must_any(&any_of)
    }

    /// As [`Caller::must`], where a missing id stands for every one of its kind.
    pub(crate) fn must_any(&self, any_of: &[(&str, &str, Option<&str>)]) -> Result<(), Refusal> {
        let granted = any_of.iter().any(|(action, resource, id)| self.may(action, resource, *id));
        if granted { Ok(()) } else { Err(Refusal::MissingScope) }
    }

    /// Whether one thing is granted; without an id, for every one of its kind.
    pub(crate) fn may(&self, action: &str, resource: &str, id: Option<&str>) -> bool {
        match self {
            Self::Backend => true,
            Self::Frontend { claims, .. } => {
                claims.scopes.iter().any(|scope| Scope::parse(scope).grants(action, resource, id))
            }
        }
    }

    /// The fingerprint of the token, when it serves only once.
    pub(crate) fn one_time_token(&self) -> Option<[u8; 32]> {
        match self {
            Self::Frontend { claims, token, .. } if claims.one_time == Some(true) => Some(jwt::fingerprint(token)),
            Self::Frontend { .. } | Self::Backend => None,
        }
    }

    /// Reading a run, or any of its streams: by its id, its task, one of its tags, or its batch.
    pub(crate) fn must_read(&self, run: &Run) -> Result<(), Refusal> {
        let mut any_of = vec![("read", "runs", run.id.as_str()), ("read", "tasks", run.task.as_str())];
        any_of.extend(run.tags.iter().map(|tag| ("read", "tags", tag.as_str())));
        any_of.extend(run.batch.iter().map(|batch| ("read", "batch", batch.as_str())));
        self.must(&any_of)
    }

    /// Looking at a batch, or following its runs: by its id, or with every run.
    pub(crate) fn must_read_batch(&self, batch: &str) -> Result<(), Refusal> {
        self.must_any(&[("read", "batch", Some(batch)), ("read", "runs", None)])
    }

    /// What the token says of feeds.
    pub(crate) fn realtime_claim(&self) -> Option<&Value> {
        match self {
            Self::Backend => None,
            Self::Frontend { claims, .. } => claims.realtime.as_ref(),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::trim).filter(|token| !token.is_empty())
}

fn check_key(key: &str, config: &Config) -> Result<(), Refusal> {
    if key == config.secret_key { Ok(()) } else { Err(Refusal::BadKey) }
}
