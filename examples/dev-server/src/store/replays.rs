//! What makes a repeat harmless: keys that name what came of the first, and one-time tokens that were used.

use std::collections::HashMap;

use super::disk::Entry;
use super::tables::Tables;
use crate::clock::now_ms;

/// What makes a repeated trigger a repeat.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Replay {
    /// The caller's own key, within one task: the answer says that the run is cached.
    Key { task: String, key: String },
    /// The caller's own key for a batch of these tasks, likewise.
    BatchKey { tasks: String, key: String },
    /// A retry of the same call: the answer is the first one again. `of` is the task, or which kind of batch of which
    /// tasks. A one-time token has its own calls, so that one's answer is not another's.
    Request { of: String, key: String, token: Option<[u8; 32]> },
}

#[derive(Debug)]
pub(crate) enum Created {
    Now,
    Before { id: String, by: Replay },
    TokenUsed,
}

/// The keys that count, each with what it names and until when it does, in milliseconds since the epoch.
#[derive(Default)]
pub(super) struct Replays(HashMap<Replay, (String, u64)>);

impl Replays {
    pub(super) fn insert(&mut self, replay: Replay, id: String, until: u64) {
        self.0.insert(replay, (id, until));
    }

    /// Takes away those that count no more, and those that name what is not wanted.
    pub(super) fn drop_unless(&mut self, now: u64, wanted: impl Fn(&str) -> bool) -> Vec<Replay> {
        let dropped = self.0.extract_if(|_, (id, until)| *until <= now || !wanted(id));
        dropped.map(|(replay, _)| replay).collect()
    }

    /// What the key names, if it counts at this time.
    pub(super) fn get(&self, replay: &Replay, now: u64) -> Option<&String> {
        self.0.get(replay).filter(|(_, until)| *until > now).map(|(id, _)| id)
    }
}

impl Tables {
    /// Takes the keys and the one-time token of something new, all of them or none.
    pub(super) fn claim(&mut self, id: &str, replays: Vec<(Replay, u64)>, one_time_token: Option<[u8; 32]>) -> Created {
        let now = now_ms();
        for (replay, _) in &replays {
            // What is dropped is found by no key any more.
            let is_there = |id: &&String| self.runs.get(id).is_some() || self.batches.contains_key(*id);
            if let Some(earlier) = self.replays.get(replay, now).filter(is_there) {
                return Created::Before { id: earlier.clone(), by: replay.clone() };
            }
        }
        if let Some(token) = one_time_token {
            if !self.used_tokens.insert(token) {
                return Created::TokenUsed;
            }
            self.changes.note(|| Entry::UsedToken(token));
        }
        for (replay, until) in replays {
            self.changes.note(|| Entry::Replay { replay: replay.clone(), id: id.to_owned(), until });
            self.replays.insert(replay, id.to_owned(), until);
        }
        Created::Now
    }
}
