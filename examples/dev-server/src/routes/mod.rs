//! The routes, by what they are about.

pub(crate) mod batches;
pub(crate) mod dev;
pub(crate) mod engine;
pub(crate) mod feeds;
mod handout;
pub(crate) mod input;
pub(crate) mod metadata;
mod options;
pub(crate) mod packets;
mod query;
pub(crate) mod read;
pub(crate) mod runs;
pub(crate) mod tokens;
pub(crate) mod trigger;
mod validate;
mod view;
pub(crate) mod waitpoints;
pub(crate) mod write;

pub(crate) use options::REQUEST_KEY;
