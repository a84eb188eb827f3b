//! Wait tokens, as a task makes them and waits for them.

use std::time::Duration;

use serde_json::Value;

use super::context::TaskContext;
use crate::clock::now_ms;
use crate::routes::waitpoints::{completing, new_waitpoint};
use crate::store::Waitpoint;
use crate::{callback, jwt, packet};

/// A wait token, and the two ways in which others complete it.
pub(super) struct Token {
    pub(super) id: String,
    /// For pages: completes this one and nothing else.
    pub(super) public_access_token: String,
    /// For machines: needs no credential.
    pub(super) url: String,
}

impl TaskContext {
    /// Makes a wait token that times out then, in milliseconds since the epoch, or never. Within a run a name names
    /// one: an attempt after the first gets the wait token of that one.
    pub(super) fn create_token(&self, name: &str, timeout_at: Option<u64>) -> Token {
        let app = self.app();
        let mut waitpoint = new_waitpoint(timeout_at);
        waitpoint.key.text = format!("{}/{name}", self.run());
        let (Waitpoint { id, .. }, _) = app.store.create_waitpoint(waitpoint);
        let public_access_token = jwt::sign(&completing(app, &id), &app.config.secret_key);
        Token { public_access_token, url: callback::url(app, &id, None), id }
    }

    /// Waits for a wait token to be completed and gives what it was completed with, null for nothing.
    ///
    /// # Errors
    /// A sentence, when its time is out first.
    pub(super) async fn wait_for_token(&self, id: &str) -> Result<Value, String> {
        let unknown = || format!("There is no wait token {id}");
        let store = &self.app().store;
        // Subscribed first and looked second: what comes in between is seen by the look or wakes the wait.
        let mut done = store.watch_waitpoint(id).ok_or_else(unknown)?;
        loop {
            let waitpoint = store.waitpoint(id).ok_or_else(unknown)?;
            if let Some(end) = waitpoint.completion {
                let value = || packet::decode(&end.output, store).unwrap_or_default();
                return if end.is_error { Err(Waitpoint::timed_out(end.at)) } else { Ok(value()) };
            }
            let left = waitpoint.timeout_at.map(|at| Duration::from_millis(at.saturating_sub(now_ms())));
            tokio::select! {
                changed = done.changed() => changed.map_err(|_| unknown())?,
                () = tokio::time::sleep(left.unwrap_or_default()), if left.is_some() => {}
            }
        }
    }
}
