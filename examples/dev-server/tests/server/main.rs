//! The server asked without a port, on a clock that jumps: a minute of quiet takes no time.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod batches;
mod console;
mod fake_s2;
mod faults;
mod feeds;
mod folder;
mod hand;
mod kept;
mod limits;
mod metadata;
mod packets;
mod read;
mod retention;
mod runs;
mod send;
mod streams;
mod streams_batches;
mod streams_waits;
mod support;
mod tasks;
mod tokens;
mod trigger;
mod waitpoints;
mod workers;
mod workers_kept;
mod workers_waits;
mod write;
