//! The operations on a document: how they read on the wire, what they do, and which two are one.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec;

use super::document::{Document, Json};
use super::document_path::{First, Path};
use super::json::push_string;

/// A value that is nested deeper is refused.
pub const VALUE_DEPTH: usize = 64;

/// A document that is nested deeper is not read: twice what a value may be, and what lists around values add.
pub const DOCUMENT_DEPTH: usize = 256;

/// Whole numbers up to this one are exact.
const EXACT: f64 = 9_007_199_254_740_991.0;

/// A change of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Puts a value in a place.
    Set(Key, Json),
    /// Takes a member out. The key as it is written, one that looks like a path included.
    Delete(String),
    /// Adds an element to a list, and makes one where there is none.
    Append(Key, Json),
    /// Takes every element that equals the value out of a list.
    Remove(Key, Json),
    /// Adds to a number; what is none counts as 0.
    Increment(Key, f64),
    /// Puts another document in the place of the whole one.
    Update(Document),
}

/// A member of the document, or a path into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A name.
    Member(String),
    /// As it is written, and where it leads.
    Path(String, Path),
}

/// What an operation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// There was nothing that it could be applied to.
    No,
    /// It was, and the document is as before.
    Same,
    /// It was.
    Changed,
}

/// What two operations in a row are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    /// One, which stands in the place of the first.
    One,
    /// Two.
    Two,
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
                return Err(super::text::concat(&["A metadata path must not go through ", segment]));
            }
        }
        let path = Path::read(rest).ok_or("A metadata path must name a place, in 64 steps at most")?;
        Ok(Self::Path(text.to_owned(), path))
    }

    fn text(&self) -> &str {
        match self {
            Self::Member(text) | Self::Path(text, _) => text,
        }
    }

    fn member(&self) -> Option<&str> {
        match self {
            Self::Member(name) => Some(name),
            Self::Path(_, path) => path.member(),
        }
    }
}

impl Operation {
    /// Changes the document.
    pub fn apply(&self, document: &mut Document) -> Applied {
        match self {
            Self::Set(Key::Member(name), value) => put(document, name, value),
            Self::Set(Key::Path(_, path), value) => written(path.write(document, value)),
            Self::Delete(key) => {
                if document.remove(key) {
                    Applied::Changed
                } else {
                    Applied::No
                }
            }
            Self::Append(Key::Member(name), value) => {
                match document.get_mut(name) {
                    Some(Json::Array(elements)) => elements.push(value.clone()),
                    Some(place) => *place = Json::Array(vec![place.clone(), value.clone()]),
                    None => document.set(name, Json::Array(vec![value.clone()])),
                }
                Applied::Changed
            }
            Self::Append(Key::Path(_, path), value) => {
                let elements = match path.first(document) {
                    First::Nowhere => return Applied::No,
                    First::Free => vec![value.clone()],
                    First::Value(Json::Array(mut elements)) => {
                        elements.push(value.clone());
                        elements
                    }
                    First::Value(other) => vec![other, value.clone()],
                };
                written(path.write(document, &Json::Array(elements)))
            }
            Self::Remove(Key::Member(name), value) => {
                let Some(Json::Array(elements)) = document.get_mut(name) else { return Applied::No };
                let before = elements.len();
                elements.retain(|element| element != value);
                if elements.len() < before { Applied::Changed } else { Applied::Same }
            }
            Self::Remove(Key::Path(_, path), value) => {
                let First::Value(Json::Array(mut elements)) = path.first(document) else { return Applied::No };
                elements.retain(|element| element != value);
                written(path.write(document, &Json::Array(elements)))
            }
            Self::Increment(Key::Member(name), by) => {
                let sum = Json::Number(number(document.get(name)) + by);
                put(document, name, &sum)
            }
            Self::Increment(Key::Path(_, path), by) => {
                let old = match path.first(document) {
                    First::Value(old) => number(Some(&old)),
                    First::Nowhere | First::Free => 0.0,
                };
                written(path.write(document, &Json::Number(old + by)))
            }
            Self::Update(new) => {
                if document == new && document.text() == new.text() {
                    return Applied::Same;
                }
                document.clone_from(new);
                Applied::Changed
            }
        }
    }

    /// The one member that it is about; none where that may be any.
    pub fn member(&self) -> Option<&str> {
        match self {
            Self::Set(key, _) | Self::Append(key, _) | Self::Remove(key, _) | Self::Increment(key, _) => key.member(),
            Self::Delete(key) => Some(key),
            Self::Update(_) => None,
        }
    }

    /// Whether its member is there after it, whatever the document is.
    pub fn makes_member(&self) -> bool {
        matches!(
            self,
            Self::Set(Key::Member(_), _) | Self::Append(Key::Member(_), _) | Self::Increment(Key::Member(_), _)
        )
    }

    /// Whether it may write to several places.
    pub fn has_path(&self) -> bool {
        match self {
            Self::Set(key, _) | Self::Append(key, _) | Self::Remove(key, _) | Self::Increment(key, _) => {
                matches!(key, Key::Path(..))
            }
            Self::Delete(_) | Self::Update(_) => false,
        }
    }

    /// Whether a document is the same after doing it twice as after doing it once.
    pub fn is_repeatable(&self) -> bool {
        match self {
            Self::Set(..) | Self::Delete(_) | Self::Remove(..) | Self::Update(_) => true,
            Self::Append(..) | Self::Increment(..) => false,
        }
    }

    /// Takes the next operation in, if one does for both: whatever the document is (its numbers being exact), it is the same after the one as after the two, and its
    /// members are in the same order.
    pub fn merge(&mut self, next: &Self) -> Merged {
        if let Self::Update(document) = self {
            next.apply(document);
            return Merged::One;
        }
        if matches!(next, Self::Update(_)) {
            self.clone_from(next);
            return Merged::One;
        }
        if let (Self::Increment(key, sum), Self::Increment(other, by)) = (&mut *self, next) {
            // Only what is exact: 0.1 and 0.2 one after the other are not 0.3 at once.
            let both = *sum + *by;
            if key == other && [*sum, *by, both].into_iter().all(is_exact) {
                *sum = both;
                return Merged::One;
            }
        }
        if let (Self::Set(key, old), Self::Set(other, new)) = (&mut *self, next) {
            // A null that a path has written is there to stay.
            if key == other && *old != Json::Null {
                old.clone_from(new);
                return Merged::One;
            }
        }
        let (Some(member), Some(other)) = (self.member(), next.member()) else { return Merged::Two };
        if member != other {
            return Merged::Two;
        }
        match (&mut *self, next) {
            // What is taken out and put back is the last member, which `*` may ask about.
            (Self::Delete(_), Self::Set(..)) => return Merged::Two,
            (_, Self::Set(Key::Member(_), _) | Self::Delete(_)) => self.clone_from(next),
            // What is there is known, and so is what becomes of it.
            (Self::Set(Key::Member(name), value), next) => {
                let mut document = Document::new();
                document.set(name, value.clone());
                next.apply(&mut document);
                if let Some(new) = document.get(name) {
                    value.clone_from(new);
                }
            }
            _ => return Merged::Two,
        }
        Merged::One
    }

    /// Appends it as it is on the wire.
    pub fn push(&self, out: &mut String) {
        let (kind, key) = match self {
            Self::Set(key, _) => ("set", key.text()),
            Self::Delete(key) => ("delete", key.as_str()),
            Self::Append(key, _) => ("append", key.text()),
            Self::Remove(key, _) => ("remove", key.text()),
            Self::Increment(key, _) => ("increment", key.text()),
            Self::Update(document) => {
                out.push_str("{\"type\":\"update\",\"value\":");
                out.push_str(&document.text());
                out.push('}');
                return;
            }
        };
        out.push_str("{\"type\":\"");
        out.push_str(kind);
        out.push_str("\",\"key\":");
        push_string(out, key);
        match self {
            Self::Set(_, value) | Self::Append(_, value) | Self::Remove(_, value) => {
                out.push_str(",\"value\":");
                value.push(out);
            }
            Self::Increment(_, by) => {
                out.push_str(",\"value\":");
                Json::Number(*by).push(out);
            }
            Self::Delete(_) | Self::Update(_) => {}
        }
        out.push('}');
    }
}

fn put(document: &mut Document, name: &str, value: &Json) -> Applied {
    if document.get(name).is_some_and(|old| old.is_same(value)) {
        return Applied::Same;
    }
    document.set(name, value.clone());
    Applied::Changed
}

fn written(has_changed: Option<bool>) -> Applied {
    match has_changed {
        None => Applied::No,
        Some(false) => Applied::Same,
        Some(true) => Applied::Changed,
    }
}

fn is_exact(number: f64) -> bool {
    (-EXACT..=EXACT).contains(&number) && number as i64 as f64 == number
}

fn number(value: Option<&Json>) -> f64 {
    if let Some(Json::Number(number)) = value { *number } else { 0.0 }
}
