//! The core: state machines that are told what happened and say what they want. No I/O, no clock, no randomness, no JavaScript.
//!
//! A module uses modules of lower levels only; `tests/architecture.rs` reads this list and holds the `use` lines against it.

// Level 0: what everything stands on.
pub mod runs;
pub mod table;
pub mod text;
pub mod time;

// Level 1: names, and values in text.
pub mod id;
pub mod json;

// Level 2: what the wire is made of.
#[cfg(feature = "task")]
pub mod document;
pub mod error;
pub mod random;
pub mod sse;
pub mod token;

// Level 3: requests as data, and when to make them again.
pub mod backoff;
#[cfg(feature = "task")]
pub mod document_path;
pub mod http;
#[cfg(feature = "task")]
pub mod metadata_output;
pub mod status;

// Level 4: the machines, each on its own, and the door in.
pub mod auth;
pub mod input;
#[cfg(feature = "task")]
pub mod inputs;
#[cfg(feature = "task")]
pub mod metadata_answer;
#[cfg(feature = "task")]
pub mod metadata_tickets;
#[cfg(feature = "task")]
pub mod operation_key;
pub mod records;
pub mod run_watch;
pub mod verdict;

// Level 5: where a reader stands, whether a send arrived, and what is done to a document.
pub mod cursor;
pub mod inquiry;
#[cfg(feature = "task")]
pub mod operation;

// Level 6: the sender, what a reader takes in, the follower of a feed, and the caller.
pub mod call;
pub mod intake;
#[cfg(feature = "task")]
pub mod operation_queue;
pub mod send;
pub mod shape;

// Level 7: the reader, the door out, and whose turn it is.
#[cfg(feature = "task")]
pub mod metadata_view;
pub mod output;
pub mod subscription;
pub mod turns;

// Level 8: one of them, with its request.
pub mod channel;
#[cfg(feature = "task")]
pub mod metadata;

// Level 9: the root that routes.
pub mod client;
