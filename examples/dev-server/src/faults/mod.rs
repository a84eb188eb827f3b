//! Faults on request: what a client must live through, switched on by rules under `/dev/`.
//!
//! `PUT /dev/faults` takes a JSON list of rules and puts it in the place of the one before, `GET` shows them with how
//! often each was applied, `DELETE` removes them. `GET /dev/requests` tells every request seen, and `?path=` those
//! whose path begins so. All need the secret key, and are there only with [`Config::faults`](crate::Config::faults).
//!
//! ```json
//! [{ "match": { "method": "POST", "path": "/realtime/v1/streams/run_1/input/*" }, "times": 1, "fault": { "kind": "drop", "committed": true } }]
//! ```
//!
//! The first rule that matches and has not been used up decides. A `path` with a `*` must match whole, one without is a
//! prefix; a rule without a method is for all but preflights; a rule without `times` is never used up.
//!
//! | `kind` | What happens | Members (default) |
//! |---|---|---|
//! | `pass` | nothing: lets requests through before the next rule | |
//! | `answer` | this answer, and nothing is carried out | `status`, `headers` ({}), `body` (""), `cors` (true) |
//! | `opaque` | the real answer without CORS headers: a page on another origin cannot see it | |
//! | `delay` | it is carried out after this time | `ms` |
//! | `hang` | no answer ever | `committed` (false): it is carried out |
//! | `drop` | a connection reset in the place of the first byte of an answer | `committed` (false): it is carried out |
//! | `cut` | the answer breaks off after so many bytes of its body | `bytes` (0) |
//! | `stall` | the answer says no more after so many bytes of its body, and stays open | `bytes` (0) |
//! | `split` | chunks end inside characters | |
//! | `duplicate` | every batch of an event stream comes twice | |
//! | `must-refetch` | a feed of runs answers 409 with a new handle: its reader must begin anew | |
//!
//! Beside the faults there is `PUT /dev/runs/:run`, which says of a run what a worker elsewhere would: see the crate
//! page.

mod inject;
mod requests;
mod rules;
mod tamper;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use inject::{MustRefetch, inject};
pub(crate) use requests::Requests;
pub(crate) use rules::{Fault, Rule};

/// What is to go wrong, and what was asked.
#[derive(Default)]
pub(crate) struct Faults {
    rules: Mutex<Vec<Rule>>,
    requests: Mutex<Requests>,
}

impl Faults {
    pub(crate) fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault for a request; uses its rule.
    fn take(&self, method: &str, path: &str) -> Fault {
        self.rules().iter_mut().find_map(|rule| rule.take(method, path)).unwrap_or(Fault::Pass)
    }
}
