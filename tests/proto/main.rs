//! The core in simulation: a scripted server, a clock that jumps, exact equality.
#![cfg(not(target_family = "wasm"))]

mod auth;
mod backoff;
mod call;
mod doubt;
mod feed_transitions;
mod generator;
mod harness;
mod held_back;
mod http;
mod inputs;
mod json;
mod metadata;
mod operation;
mod records;
mod replay;
mod retry_after;
mod run_end;
mod send;
mod shape;
mod sim_all;
mod sim_feed;
mod sim_inputs;
mod sim_metadata;
mod sim_send;
mod sim_stream;
mod sse;
mod subscription;
mod table;
mod text;
mod token;
mod transition_table;
mod transitions;
mod turns;
mod unsent;
mod v1_entries;
