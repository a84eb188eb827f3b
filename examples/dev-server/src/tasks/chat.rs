//! `chat`: says back what it is told, until the run is cancelled.
//!
//! Input `messages`: a text, `{"text": string}`, or any other JSON. Stream `replies`: each message token by token, then
//! a `"\n"`.

use serde_json::Value;

use super::TaskResult;
use super::context::TaskContext;

pub(super) async fn run(context: TaskContext) -> TaskResult {
    let mut messages = context.input("messages");
    loop {
        let message = messages.next().await?;
        context.write("replies", &text_of(&message)).await?;
        context.append("replies", &"\n").await?;
    }
}

fn text_of(message: &Value) -> String {
    match message.as_str().or_else(|| message["text"].as_str()) {
        Some(text) => text.to_owned(),
        None => message.to_string(),
    }
}
