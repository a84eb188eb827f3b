//! The operations on a document: how they read on the wire, what they do, and which two are one.

use alloc::string::String;
use alloc::vec;

use super::document::{Document, Json, VALUE_DEPTH};
use super::document_path::First;
use super::error::{ErrorCode, Problem};
use super::json::push_string;
use super::text::concat;

pub use super::operation_key::Key;

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

impl Operation {
    /// Of what a task says: `set`, `delete`, `append`, `remove`, `increment` or `update`, a key, and a value in JSON.
    ///
    /// # Errors
    /// `invalid-data` for a key or a value that no document takes.
    pub fn read(kind: &str, key: &str, value: &str) -> Result<Self, Problem> {
        let invalid = |words: String| Problem { server_message: Some(words), ..Problem::new(ErrorCode::InvalidData) };
        let place = || Key::read(key).map_err(|words| invalid(concat(&[&words, ": ", key])));
        let json = || {
            let words = "A value must be JSON, and nested no deeper than 64 levels";
            Json::parse(value, VALUE_DEPTH).ok_or_else(|| invalid(words.into()))
        };
        Ok(match kind {
            "set" => Self::Set(place()?, json()?),
            "delete" => {
                place()?;
                Self::Delete(key.into())
            }
            "append" => Self::Append(place()?, json()?),
            "remove" => Self::Remove(place()?, json()?),
            "increment" => {
                let Json::Number(by) = json()? else { return Err(invalid("An increment must be a number".into())) };
                if !by.is_finite() {
                    return Err(invalid("An increment must be finite".into()));
                }
                Self::Increment(place()?, by)
            }
            _ => {
                let Json::Object(document) = json()? else { return Err(invalid("Metadata must be an object".into())) };
                Self::Update(document)
            }
        })
    }

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

    /// Where it does something, if that is said by a key that may be a path.
    const fn key(&self) -> Option<&Key> {
        match self {
            Self::Set(key, _) | Self::Append(key, _) | Self::Remove(key, _) | Self::Increment(key, _) => Some(key),
            Self::Delete(_) | Self::Update(_) => None,
        }
    }

    /// The one member that it is about; none where that may be any.
    pub fn member(&self) -> Option<&str> {
        if let Self::Delete(name) = self { Some(name) } else { self.key()?.member() }
    }

    /// Whether its member is there after it, whatever the document is.
    pub const fn makes_member(&self) -> bool {
        matches!(self.key(), Some(Key::Member(_))) && !matches!(self, Self::Remove(..))
    }

    /// Whether it may write to several places.
    pub const fn has_path(&self) -> bool {
        matches!(self.key(), Some(Key::Path(..)))
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
        let sum;
        let (kind, key, value) = match self {
            Self::Set(key, value) => ("set", key.text(), Some(value)),
            Self::Delete(key) => ("delete", key.as_str(), None),
            Self::Append(key, value) => ("append", key.text(), Some(value)),
            Self::Remove(key, value) => ("remove", key.text(), Some(value)),
            Self::Increment(key, by) => {
                sum = Json::Number(*by);
                ("increment", key.text(), Some(&sum))
            }
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
        if let Some(value) = value {
            out.push_str(",\"value\":");
            value.push(out);
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
