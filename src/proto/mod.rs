//! The core: state machines that are told what happened and say what they want. No I/O, no clock, no randomness, no JavaScript.
//!
//! A module uses modules of lower levels only; `tests/architecture.rs` reads this list and holds the `use` lines against it.

// Level 0: values and text.
pub mod id;
pub mod json;
pub mod table;
pub mod text;
pub mod time;

// Level 1: what the wire is made of.
pub mod error;
pub mod random;
pub mod sse;
pub mod token;

// Level 2: requests as data, and when to make them again.
pub mod backoff;
pub mod http;

// Level 3: the machines, each on its own, and the door in.
pub mod auth;
pub mod input;
pub mod records;
pub mod send;

// Level 4: where a reader stands.
pub mod cursor;

// Level 5: the reader.
pub mod subscription;

// Level 6: the door out.
pub mod output;

// Level 7: a queue or a reader, with its request.
pub mod channel;

// Level 8: the root that routes.
pub mod client;
