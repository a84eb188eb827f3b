//! The routes, by what they are about.

pub(crate) mod batches;
pub(crate) mod dev;
mod handout;
pub(crate) mod input;
mod options;
pub(crate) mod read;
pub(crate) mod runs;
pub(crate) mod tokens;
pub(crate) mod trigger;
mod validate;
pub(crate) mod waitpoints;
pub(crate) mod write;

pub(crate) use options::REQUEST_KEY;
