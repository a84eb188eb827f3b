//! What holds of the core for any bytes at all.
//!
//! A module for each decoder: `check` takes bytes and panics where the decoder does not do as a second, plain reading says. The
//! fuzz targets call it with what they make up (`make fuzz`), `tests/replay.rs` with what is kept in `corpus/` (`make test`).
//! The plain readings are public: the tests of the core hold their own inputs against them.

pub mod json;
pub mod members;
pub mod records;
pub mod shape;
pub mod sse;
pub mod token;

/// The first byte, which says how to read the rest, and the rest.
fn split_first(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(&first, rest)| (first, rest))
}
