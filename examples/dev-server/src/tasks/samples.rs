//! What to try the demo tasks with.

use serde::Serialize;

/// A task, a payload for it and, for each input stream that it reads, what to send there. Payloads and data are JSON.
#[derive(Serialize)]
pub(crate) struct Sample {
    pub(crate) id: &'static str,
    payload: &'static str,
    inputs: &'static [Input],
}

#[derive(Serialize)]
struct Input {
    id: &'static str,
    data: &'static str,
}

const CANCEL: Input = Input { id: "cancel", data: "true" };

pub(crate) const SAMPLES: [Sample; 5] = [
    Sample {
        id: "approval",
        payload: r#"{ "topic": "the ferry in the fog" }"#,
        inputs: &[Input { id: "approval", data: r#"{ "approved": true, "note": "Send it out." }"# }],
    },
    Sample { id: "progress", payload: r#"{ "name": "Import the customers", "steps": 60 }"#, inputs: &[CANCEL] },
    Sample { id: "story", payload: "{}", inputs: &[CANCEL] },
    Sample { id: "chat", payload: "{}", inputs: &[Input { id: "messages", data: r#""Hello there""# }] },
    Sample { id: "gate", payload: r#"{ "question": "Open the gate?", "timeout": "10m" }"#, inputs: &[] },
];

#[cfg(test)]
mod tests {
    use super::SAMPLES;

    #[test]
    fn samples_are_json() {
        for sample in &SAMPLES {
            let texts = sample.inputs.iter().map(|input| input.data).chain([sample.payload]);
            for text in texts {
                assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{}: {text}", sample.id);
            }
        }
    }
}
