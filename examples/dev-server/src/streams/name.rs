//! What a log is called at S2.

use crate::store::StreamKey;

const INPUT: &str = "$trigger.input:";

/// Behind the prefix of the environment. An output whose key is the name of an input there has none: whoever wrote to
/// it would speak for the person on the other side.
pub(super) fn relative(key: &StreamKey) -> Option<String> {
    match key {
        StreamKey::Input { run, stream } => Some(format!("/runs/{run}/{INPUT}{stream}")),
        StreamKey::Output { stream, .. } if stream.starts_with(INPUT) => None,
        StreamKey::Output { run, stream } => Some(format!("/runs/{run}/{stream}")),
    }
}

/// As one segment of a path.
pub(super) fn encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len() + 24);
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_and_outputs_are_apart() {
        let input = relative(&StreamKey::input("run_1", "approval"));
        assert_eq!(input.as_deref(), Some("/runs/run_1/$trigger.input:approval"));
        assert_eq!(relative(&StreamKey::output("run_1", "a/b")).as_deref(), Some("/runs/run_1/a/b"));
        assert_eq!(relative(&StreamKey::output("run_1", "$trigger.input:approval")), None);
    }

    #[test]
    fn a_name_is_one_segment() {
        assert_eq!(encoded("runs/r 1/$trigger.input:é"), "runs%2Fr%201%2F%24trigger.input%3A%C3%A9");
    }
}
