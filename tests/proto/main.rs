//! The core in simulation: a scripted server, a clock that jumps, exact equality.
#![cfg(not(target_family = "wasm"))]

mod auth;
mod harness;
mod json;
mod send;
mod sim_send;
mod sim_stream;
mod subscription;
