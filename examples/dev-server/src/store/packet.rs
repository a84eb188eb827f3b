//! A value as it is kept, in its row or aside.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Bytes;

use super::Store;
use super::disk::Entry;

/// A text and how to read it. Without a text it is undefined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) data: Option<Arc<str>>,
    pub(crate) kind: Cow<'static, str>,
}

impl Packet {
    pub(crate) const JSON: &'static str = "application/json";
    pub(crate) const SUPER_JSON: &'static str = "application/super+json";
    pub(crate) const TEXT: &'static str = "text/plain";
    /// The text is the path of an [`Object`].
    pub(crate) const STORE: &'static str = "application/store";

    pub(crate) const EMPTY: Self = Self { data: None, kind: Cow::Borrowed(Self::JSON) };

    pub(crate) fn new(data: impl Into<Arc<str>>, kind: impl Into<Cow<'static, str>>) -> Self {
        Self { data: Some(data.into()), kind: kind.into() }
    }
}

/// What is too large to stand in a row.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) bytes: Bytes,
    pub(crate) kind: String,
}

impl Store {
    /// Keeps a large packet under its path, in the place of what was there.
    pub(crate) fn put_object(&self, path: &str, object: Object) {
        let mut tables = self.tables();
        tables.changes.note(|| Entry::Object { path: path.to_owned(), object: object.clone() });
        tables.objects.insert(path.to_owned(), object);
    }

    pub(crate) fn object(&self, path: &str) -> Option<Object> {
        self.tables().objects.get(path).cloned()
    }
}
