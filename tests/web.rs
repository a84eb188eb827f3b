//! The shell in a real browser, against a real `tidegate-dev`: `make test` starts both and hands the address over.

#![cfg(target_family = "wasm")]
#![allow(clippy::wildcard_enum_match_arm, reason = "whatever is not expected fails the test")]

use wasm_bindgen_test::wasm_bindgen_test_configure;

#[path = "web/conversion.rs"]
mod conversion;
#[path = "web/feeds.rs"]
mod feeds;
#[path = "web/lanes.rs"]
mod lanes;
#[path = "web/life.rs"]
mod life;
#[path = "web/listeners.rs"]
mod listeners;
#[path = "web/sends.rs"]
mod sends;
#[path = "web/streams.rs"]
mod streams;
#[path = "web/tokens.rs"]
mod tokens;

#[path = "web/engine.rs"]
mod engine;
#[path = "web/failure.rs"]
mod failure;
#[path = "web/listener.rs"]
mod listener;
#[path = "web/log.rs"]
mod log;
#[path = "web/network.rs"]
mod network;
#[path = "web/server.rs"]
mod server;
#[path = "web/told.rs"]
mod told;

wasm_bindgen_test_configure!(run_in_browser);
