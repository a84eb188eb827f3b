//! Packets that are too large to stand in a row.

use axum::body::Bytes;

#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) bytes: Bytes,
    pub(crate) kind: String,
}
