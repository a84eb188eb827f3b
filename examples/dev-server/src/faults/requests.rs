//! What was asked, so that a test can count. No token, no query, no body.

use std::collections::VecDeque;

use serde::Serialize;

/// Older ones are forgotten.
const KEPT: usize = 10_000;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Seen {
    method: String,
    path: String,
    /// `null` while there is no answer, which after a drop or a hang is for ever.
    status: Option<u16>,
    idempotency_key: Option<String>,
}

#[derive(Default)]
pub(crate) struct Requests {
    forgotten: usize,
    seen: VecDeque<Seen>,
}

impl Requests {
    /// Notes a request; gives the number under which to note its answer.
    pub(super) fn add(&mut self, method: &str, path: &str, idempotency_key: Option<&str>) -> usize {
        if self.seen.len() == KEPT {
            self.seen.pop_front();
            self.forgotten += 1;
        }
        let idempotency_key = idempotency_key.map(str::to_owned);
        self.seen.push_back(Seen { method: method.to_owned(), path: path.to_owned(), status: None, idempotency_key });
        self.forgotten + self.seen.len() - 1
    }

    pub(super) fn answered(&mut self, number: usize, status: u16) {
        if let Some(seen) = number.checked_sub(self.forgotten).and_then(|index| self.seen.get_mut(index)) {
            seen.status = Some(status);
        }
    }

    /// Those whose path begins so, oldest first.
    pub(crate) fn under(&self, prefix: &str) -> Vec<&Seen> {
        self.seen.iter().filter(|seen| seen.path.starts_with(prefix)).collect()
    }

    pub(crate) const fn forgotten(&self) -> usize {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_and_answers_still_find_their_request() {
        let mut requests = Requests::default();
        let first = requests.add("POST", "/first", Some("k"));
        let second = requests.add("POST", "/second", None);
        for _ in 1..KEPT {
            requests.add("GET", "/", None);
        }
        requests.answered(first, 200);
        requests.answered(second, 404);
        assert_eq!(requests.forgotten(), 1);
        assert!(requests.under("/first").is_empty());
        assert_eq!(requests.under("/second")[0].status, Some(404));
        assert_eq!(requests.under("/").len(), KEPT);
    }
}
