//! `story`: a long text on stream `tokens`, until it is told or until input `cancel` gets a record.
//!
//! Output `{"tokens": number, "stopped": boolean}`.

use std::pin::pin;

use serde_json::json;

use super::TaskResult;
use super::context::{TaskContext, tokens};

const STORY: &str = "\
    The lock keeper at the old tide gate had one rule: the gate opens when the two waters agree.\n\n\
    Twice a day the sea came up the channel, and twice a day the river leaned against the boards from the other side, and she stood \
    between them with a hand on the wheel and waited. Skippers shouted. She did not mind. A gate that is opened early, she said, is \
    only a waterfall with a door in it.\n\n\
    One autumn a young engineer came with a case of instruments and measured both waters to the millimetre. His numbers were good. He \
    showed her how the gate could open by itself, at the right minute, every day of the year, and she read his tables with real \
    pleasure, for they were neatly made.\n\n\
    \"And if a boat is in the way?\" she asked.\n\n\
    He thought about it for a long time. Then he added a bell, and a rope to ring it, and a line in the manual that said: ask first.\n\n\
    They say the gate still works like that. The numbers know when it could open. The bell rings. And somebody, who was only waiting \
    to be asked, looks down the channel and says yes.";

pub(super) async fn run(context: TaskContext) -> TaskResult {
    let mut cancel = context.input("cancel");
    let mut cancelled = pin!(cancel.next());
    let mut written = 0;
    for token in tokens(STORY) {
        let pace = context.pace();
        let is_new = context.append("tokens", &token).await?;
        written += 1;
        // Whoever stopped an attempt before this one had seen all that it wrote.
        if !is_new {
            continue;
        }
        tokio::select! {
            biased;
            told = &mut cancelled => return told.map(|_| json!({ "tokens": written, "stopped": true })),
            () = pace => {}
        }
    }
    Ok(json!({ "tokens": written, "stopped": false }))
}
