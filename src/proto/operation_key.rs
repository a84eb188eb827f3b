//! Where an operation does something: the keys of metadata, and which of them are refused.

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::document_path::Path;
use super::text::concat;

/// A member of the document, or a path into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A name.
    Member(String),
    /// As it is written, and where it leads.
    Path(String, Path),
}

impl Key {
    /// # Errors
    /// What is wrong with a key that could reach what every JavaScript object inherits, or with a path that names nothing.
    pub fn read(text: &str) -> Result<Self, String> {
        const INHERITED: [&str; 3] = ["__proto__", "constructor", "prototype"];
        let Some(rest) = text.strip_prefix("$.") else {
            if text == "__proto__" {
                return Err("A metadata key must not be __proto__".to_owned());
            }
            return Ok(Self::Member(text.to_owned()));
        };
        for segment in text.split(['.', '[', ']', '\'', '"', '\\']) {
            if INHERITED.contains(&segment) {
                return Err(concat(&["A metadata path must not go through ", segment]));
            }
        }
        let path = Path::read(rest).ok_or("A metadata path must name a place, in 64 steps at most")?;
        Ok(Self::Path(text.to_owned(), path))
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        match self {
            Self::Member(text) | Self::Path(text, _) => text,
        }
    }

    /// The one member that it is about; none where that may be any.
    pub fn member(&self) -> Option<&str> {
        match self {
            Self::Member(name) => Some(name),
            Self::Path(_, path) => path.member(),
        }
    }
}
