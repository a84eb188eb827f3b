//! What a task can do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use crate::id;
use crate::metadata::{self, Document, Operation};
use crate::state::AppState;
use crate::store::{Append, Appended, InputWait, StreamKey};

/// One run, seen from inside its task.
///
/// A task that is started again makes the same steps again. Its nth part on a stream is the same part, so those that
/// are there are not appended a second time.
#[derive(Clone)]
pub(super) struct TaskContext {
    app: AppState,
    run: String,
    /// How many parts this attempt has appended, by stream.
    appended: Arc<Mutex<HashMap<String, u64>>>,
}

impl TaskContext {
    pub(super) fn new(app: &AppState, run: &str) -> Self {
        Self { app: app.clone(), run: run.to_owned(), appended: Arc::default() }
    }

    pub(super) const fn app(&self) -> &AppState {
        &self.app
    }

    pub(super) fn run(&self) -> &str {
        &self.run
    }

    /// Whether an attempt before this one was cut off.
    pub(super) fn is_repeated(&self) -> bool {
        self.app.store.run(&self.run).is_some_and(|run| run.attempts > 1)
    }

    /// Appends a value to an output stream. `false` when an attempt before this one did.
    pub(super) async fn append(&self, stream: &str, value: &(impl Serialize + Sync)) -> Result<bool, String> {
        let json = serde_json::to_string(value).map_err(|error| error.to_string())?;
        let once = format!("part {}", self.count(stream));
        self.app.store.declare_stream(&self.run, stream);
        let part_id = id::part();
        let append = Append::new(&json, &part_id).once(Some(&once));
        match self.app.streams.append(&StreamKey::output(&self.run, stream), &append).await {
            Err(failure) => Err(failure.to_string()),
            Ok(Appended::Now) => Ok(true),
            Ok(Appended::Before) => Ok(false),
            Ok(Appended::TooLarge(size)) => {
                Err(format!("A part for {stream} measures {size} bytes, which is over the limit"))
            }
        }
    }

    fn count(&self, stream: &str) -> u64 {
        let mut appended = self.appended.lock().unwrap_or_else(PoisonError::into_inner);
        let count = appended.entry(stream.to_owned()).or_default();
        *count += 1;
        *count
    }

    /// Appends a text token by token, at the pace of a model that writes it.
    pub(super) async fn write(&self, stream: &str, text: &str) -> Result<(), String> {
        for token in tokens(text) {
            // Beginning with the append, which may take a while itself.
            let pace = self.pace();
            if self.append(stream, &token).await? {
                pace.await;
            }
        }
        Ok(())
    }

    /// The time that one token takes, from now on.
    pub(super) fn pace(&self) -> Sleep {
        let pace = fastrand::u64(self.app.config.token_pace_ms.clone());
        sleep(Duration::from_millis(pace))
    }

    /// The run's metadata as it is.
    pub(super) fn document(&self) -> Document {
        let run = self.app.store.run(&self.run);
        run.map(|run| metadata::document(&run, &self.app.store)).unwrap_or_default()
    }

    /// Carries operations on the run's metadata out, together and in order.
    pub(super) fn metadata(&self, operations: &[Operation]) -> Result<(), String> {
        let written = metadata::update(&self.app.store, &self.run, operations);
        written.map(drop).map_err(|reason| format!("The metadata could not be written: {reason:?}"))
    }

    /// An input stream, from its first record on.
    pub(super) fn input(&self, stream: &str) -> Input {
        Input { app: self.app.clone(), key: StreamKey::input(&self.run, stream), next: 0 }
    }
}

/// A task's place in one of its input streams.
pub(super) struct Input {
    app: AppState,
    key: StreamKey,
    next: u64,
}

impl Input {
    /// Waits for the next record and gives its data, null when it has none. Safe to drop and to call again.
    ///
    /// # Errors
    /// A sentence, when the log cannot be read.
    pub(super) async fn next(&mut self) -> Result<Value, String> {
        loop {
            // Registered first and looked second: a record that comes in between is seen by the look or wakes the wait.
            let wait = Wait::register(&self.app, &self.key, self.next);
            if let Some(data) = self.take().await? {
                return Ok(data);
            }
            wait.woken().await;
        }
    }

    async fn take(&mut self) -> Result<Option<Value>, String> {
        let records = self.app.streams.read(&self.key, self.next).await.map_err(|failure| failure.to_string())?;
        let Some(record) = records.into_iter().next() else { return Ok(None) };
        self.next = record.seq_num + 1;
        let envelope: Value = serde_json::from_str(&record.body).unwrap_or_default();
        Ok(Some(envelope["data"].as_str().and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default()))
    }
}

/// A registered wait, taken back when it is dropped.
struct Wait {
    app: AppState,
    key: StreamKey,
    id: String,
    woken: oneshot::Receiver<()>,
}

impl Wait {
    fn register(app: &AppState, key: &StreamKey, from: u64) -> Self {
        let id = id::waitpoint();
        let woken = app.waits.open(&id);
        app.store.register_wait(key, InputWait { id: id.clone(), from });
        Self { app: app.clone(), key: key.clone(), id, woken }
    }

    async fn woken(mut self) {
        // The other end lives until this wait is woken or dropped, so there is no failure to tell.
        let _ = (&mut self.woken).await;
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.app.store.remove_wait(&self.key, &self.id);
        self.app.waits.close(&self.id);
    }
}

/// Cuts a text into pieces of the size that a model writes: words with the space before them, long ones in two. Joined
/// they are the text.
pub(super) fn tokens(text: &str) -> Vec<&str> {
    const LONGEST: usize = 8;
    let mut tokens = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest.char_indices().skip(1).find(|(_, c)| c.is_whitespace()).map_or(rest.len(), |(at, _)| at);
        let end = rest[..word].char_indices().nth(LONGEST).map_or(word, |(at, _)| at);
        tokens.push(&rest[..end]);
        rest = &rest[end..];
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::tokens;

    #[test]
    fn tokens_join_to_the_text() {
        for text in ["", "a", "Hello there,\n\nünïcödé ✓ and internationalisation.", "  two  spaces "] {
            assert_eq!(tokens(text).concat(), text);
        }
        assert_eq!(tokens("one two"), ["one", " two"]);
    }
}
