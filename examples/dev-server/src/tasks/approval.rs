//! `approval`: writes a draft, waits for a person's word, answers.
//!
//! Payload `{"topic": string}`. Stream `draft`: the text, token by token. Stream `result`: `{"state": "waiting"}` when
//! the draft is whole and the task waits for input `approval` (`{"approved": boolean, "note"?: string}`), then the
//! verdict, which is the run's output as well: `{"state": "published" | "rejected", "text": string}`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::TaskResult;
use super::context::TaskContext;

const LONGEST_TOPIC: usize = 200;

#[derive(Deserialize)]
struct Decision {
    approved: bool,
    note: Option<String>,
}

#[derive(Serialize)]
struct Waiting {
    state: &'static str,
}

#[derive(Serialize)]
struct Verdict {
    state: &'static str,
    text: String,
}

pub(super) async fn run(context: TaskContext, payload: Value) -> TaskResult {
    let topic = topic_of(&payload)?;
    let draft = draft(topic);
    context.write("draft", &draft).await?;

    context.append("result", &Waiting { state: "waiting" }).await?;
    let mut approval = context.input("approval");
    let decision = loop {
        // A click of the wrong shape is no decision: the person can click again.
        if let Ok(decision) = serde_json::from_value::<Decision>(approval.next().await?) {
            break decision;
        }
    };
    let verdict = verdict(topic, &draft, decision);
    context.append("result", &verdict).await?;
    serde_json::to_value(verdict).map_err(|error| error.to_string())
}

fn topic_of(payload: &Value) -> Result<&str, String> {
    let topic = payload["topic"].as_str().map(str::trim).filter(|topic| !topic.is_empty());
    let topic = topic.ok_or(r#"approval wants a payload like {"topic": "dark mode"}"#)?;
    if topic.chars().count() > LONGEST_TOPIC {
        return Err(format!("The topic may have {LONGEST_TOPIC} characters at most"));
    }
    Ok(topic)
}

fn verdict(topic: &str, draft: &str, decision: Decision) -> Verdict {
    let note = decision.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
    if decision.approved {
        let note = note.map_or_else(|| ".".to_owned(), |note| format!(", with the note “{note}”"));
        Verdict { state: "published", text: format!("Published: {} words on {topic}{note}", words(draft)) }
    } else {
        let note = note.map(|note| format!(" The note was: “{note}”")).unwrap_or_default();
        Verdict { state: "rejected", text: format!("Nothing was published.{note}") }
    }
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn draft(topic: &str) -> String {
    format!(
        "Today we are shipping {topic}. It began as a small request from one of you and became the kind of change that you notice on \
         the first morning and then forget, because it simply works.\n\n\
         Nothing needs to be migrated and nothing has to be learned again: what you made stays where it is, and what you know stays \
         true.\n\n\
         If something feels odd, answer this letter. A person will read it, most likely the one who wrote the code. Thank you for your \
         patience, and for every careful report along the way."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_has_about_ninety_words() {
        let words = words(&draft("dark mode"));
        assert!((80..=100).contains(&words), "{words}");
    }

    #[test]
    fn a_payload_without_a_topic_says_what_is_wanted() {
        for payload in [Value::Null, serde_json::json!({ "topic": " " }), serde_json::json!({ "topic": 1 })] {
            assert!(topic_of(&payload).unwrap_err().contains("topic"));
        }
    }
}
