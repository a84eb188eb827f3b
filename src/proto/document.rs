//! JSON as a tree, for documents that are changed in place. Members keep their order, and numbers are JavaScript's.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::json::{Scanner, push_string};

/// A value that is nested deeper is refused.
pub const VALUE_DEPTH: usize = 64;

/// A document that is nested deeper is not read: twice what a value may be, and what lists around values add.
pub const DOCUMENT_DEPTH: usize = 256;

/// A value.
#[derive(Clone, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any number.
    Number(f64),
    /// A string, unescaped.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Document),
}

/// An object: its members in the order in which they came. Two are equal whatever that order is.
#[derive(Clone, Default)]
pub struct Document(Vec<(String, Json)>);

/// Payloads stay out of logs.
impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.text().len())
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} members)", self.0.len())
    }
}

impl Json {
    /// Reads a text that holds one value and nothing else, nested no deeper than `depth`.
    pub fn parse(text: &str, depth: usize) -> Option<Self> {
        let mut scanner = Scanner::new(text);
        let json = read(&mut scanner, depth)?;
        scanner.end()?;
        Some(json)
    }

    /// As `JSON.stringify` writes it.
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.push(&mut out);
        out
    }

    /// Whether the other one is equal, and its members are in the same order.
    pub fn is_same(&self, other: &Self) -> bool {
        self == other && self.text() == other.text()
    }

    /// Appends what [`text`](Self::text) gives.
    pub fn push(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(number) => push_number(out, *number),
            Self::String(text) => push_string(out, text),
            Self::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    element.push(out);
                }
                out.push(']');
            }
            Self::Object(members) => members.push(out),
        }
    }
}

impl Document {
    /// An empty one.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Reads a text that holds an object and nothing else, nested no deeper than `depth`.
    pub fn parse(text: &str, depth: usize) -> Option<Self> {
        match Json::parse(text, depth)? {
            Json::Object(document) => Some(document),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
        }
    }

    /// As `JSON.stringify` writes it.
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.push(&mut out);
        out
    }

    /// A member's value.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// A member's value, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Json> {
        self.0.iter_mut().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// Puts a value in a member's place, or behind the last.
    pub fn set(&mut self, name: &str, value: Json) {
        match self.get_mut(name) {
            Some(place) => *place = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Takes a member out. Whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|(own, _)| own != name);
        self.0.len() < before
    }

    /// The members' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    fn push(&self, out: &mut String) {
        out.push('{');
        for (index, (name, value)) in self.0.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            push_string(out, name);
            out.push(':');
            value.push(out);
        }
        out.push('}');
    }

    /// Of members with one name the last value counts, in the place of the first.
    fn of(mut members: Vec<(String, Json)>) -> Self {
        let mut order: Vec<usize> = (0..members.len()).collect();
        order.sort_by(|a, b| members[*a].0.cmp(&members[*b].0));
        if order.windows(2).all(|pair| members[pair[0]].0 != members[pair[1]].0) {
            return Self(members);
        }
        let mut document = Self::new();
        for (name, value) in members.drain(..) {
            document.set(&name, value);
        }
        document
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|((name, value), (place, beside))| {
                if name == place { value == beside } else { other.get(name) == Some(value) }
            })
    }
}

fn read(scanner: &mut Scanner<'_>, depth: usize) -> Option<Json> {
    Some(match scanner.peek()? {
        b'{' => {
            let deeper = depth.checked_sub(1)?;
            scanner.begin_object()?;
            let mut members = Vec::new();
            while let Some(raw) = scanner.next_key()? {
                members.push((unescape(raw)?, read(scanner, deeper)?));
            }
            Json::Object(Document::of(members))
        }
        b'[' => {
            let deeper = depth.checked_sub(1)?;
            scanner.begin_array()?;
            let mut elements = Vec::new();
            while scanner.next_element()? {
                elements.push(read(scanner, deeper)?);
            }
            Json::Array(elements)
        }
        b'"' => Json::String(scanner.string()?.into_owned()),
        _ => match scanner.value()? {
            "null" => Json::Null,
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            number => Json::Number(number.parse().ok()?),
        },
    })
}

fn unescape(raw: &str) -> Option<String> {
    if !raw.contains('\\') {
        return Some(raw.to_owned());
    }
    Some(Scanner::new(&format!("\"{raw}\"")).string()?.into_owned())
}

/// As JavaScript writes numbers.
fn push_number(out: &mut String, number: f64) {
    let size = number.abs();
    if !number.is_finite() {
        out.push_str("null");
    } else if size == 0.0 {
        out.push('0');
    } else if (1e-6..1e21).contains(&size) {
        out.push_str(&number.to_string());
    } else {
        let text = format!("{number:e}");
        let sign = if size >= 1.0 { "e+" } else { "e" };
        out.push_str(&text.replacen('e', sign, 1));
    }
}
