//! Which request gets which fault.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    #[serde(default, rename = "match")]
    matcher: Matcher,
    /// How often it is applied at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    fault: Fault,
    /// How often it was applied.
    #[serde(default, skip_deserializing)]
    count: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Matcher {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

/// See the table of [`crate::faults`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Fault {
    Pass,
    Answer(Answer),
    Opaque,
    Delay {
        ms: u64,
    },
    Hang {
        #[serde(default)]
        committed: bool,
    },
    Drop {
        #[serde(default)]
        committed: bool,
    },
    Cut {
        #[serde(default)]
        bytes: usize,
    },
    Stall {
        #[serde(default)]
        bytes: usize,
    },
    Split,
    Duplicate,
    MustRefetch,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    pub(super) status: u16,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) body: String,
    #[serde(default = "yes")]
    pub(super) cors: bool,
}

const fn yes() -> bool {
    true
}

impl Rule {
    /// What is wrong with it although it can be read.
    pub(crate) fn problem(&self) -> Option<String> {
        if let Fault::Answer(answer) = &self.fault { answer.problem() } else { None }
    }

    /// Its fault, when it is for this request and not used up.
    pub(super) fn take(&mut self, method: &str, path: &str) -> Option<Fault> {
        let is_left = self.times.is_none_or(|times| self.count < times);
        (is_left && self.matcher.covers(method, path)).then(|| {
            self.count += 1;
            self.fault.clone()
        })
    }
}

impl Matcher {
    fn covers(&self, method: &str, path: &str) -> bool {
        let is_method =
            self.method.as_deref().map_or(method != "OPTIONS", |wanted| wanted.eq_ignore_ascii_case(method));
        is_method && self.path.as_deref().is_none_or(|wanted| is_path(wanted, path))
    }
}

fn is_path(wanted: &str, path: &str) -> bool {
    let Some((first, rest)) = wanted.split_once('*') else { return path.starts_with(wanted) };
    let Some(mut path) = path.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some(at) = path.find(piece) else { return false };
        path = &path[at + piece.len()..];
    }
    path.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(json: &str) -> Rule {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_path_is_a_prefix_or_a_pattern() {
        for (wanted, path, expected) in [
            ("/realtime", "/realtime/v1", true),
            ("/realtime", "/api", false),
            ("/realtime/*/input/*", "/realtime/run_1/input/chat", true),
            ("/realtime/*/input/", "/realtime/run_1/input/chat", false),
            ("*/chat", "/realtime/run_1/input/chat", true),
            ("*/a*a", "/a", false),
            ("*", "", true),
        ] {
            assert_eq!(is_path(wanted, path), expected, "{wanted} {path}");
        }
    }

    #[test]
    fn a_rule_is_used_up_and_counts() {
        let mut rule = rule(r#"{"match":{"method":"post"},"times":2,"fault":{"kind":"drop","committed":true}}"#);
        assert_eq!(rule.take("GET", "/"), None);
        for _ in 0..2 {
            assert_eq!(rule.take("POST", "/"), Some(Fault::Drop { committed: true }));
        }
        assert_eq!(rule.take("POST", "/"), None);
        assert_eq!(serde_json::to_value(&rule).unwrap()["count"], 2);
    }

    #[test]
    fn preflights_are_met_only_when_named() {
        assert_eq!(rule(r#"{"fault":{"kind":"hang"}}"#).take("OPTIONS", "/"), None);
        assert!(rule(r#"{"match":{"method":"OPTIONS"},"fault":{"kind":"hang"}}"#).take("OPTIONS", "/").is_some());
    }

    #[test]
    fn what_is_misspelt_is_refused() {
        for json in [
            r#"{"fault":{"kind":"dropp"}}"#,
            r#"{"fault":{"kind":"drop","comitted":true}}"#,
            r#"{"fault":{"kind":"answer"}}"#,
            r#"{"fault":{"kind":"hang"},"time":1}"#,
            r#"{"match":{"verb":"GET"},"fault":{"kind":"hang"}}"#,
        ] {
            assert!(serde_json::from_str::<Rule>(json).is_err(), "{json}");
        }
    }
}
