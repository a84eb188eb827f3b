//! stub doc
#![warn(missing_docs)]
pub mod proto;
#[cfg(target_family = "wasm")]
pub mod web;
