//! Feeds of runs: rows of a table as messages, in the dialect of one of the two backends that the original has had.

mod dialect;
mod message;
mod offset;

pub use dialect::FeedDialect;
pub(crate) use message::{Selection, Writer, must_refetch};
pub(crate) use offset::Offset;
