//! The JSON scanner against serde_json.

use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use tidegate::proto::json::{Scanner, push_string};

/// How deep serde_json builds values. What it only steps over may be deeper, as it may for the scanner.
const DEPTH: usize = 128;

/// Takes the bytes for a document, for a number, and for text to be written as a string.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    judge(&text);
    let mut scanner = Scanner::new(&text);
    let number = scanner.unsigned().filter(|_| scanner.end().is_some());
    assert_eq!(number, serde_json::from_str(&text).ok(), "as a number");
    let mut written = String::new();
    push_string(&mut written, &text);
    assert_eq!(written, serde_json::to_string(&text).expect("text can be written"));
    assert_eq!(Scanner::new(&written).string(), Some(text));
}

/// What serde_json says of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is JSON and makes a value.
    Taken,
    /// It is not JSON.
    Refused,
    /// It is JSON that only Rust has no value for: a lone surrogate, a number past all floats, nesting past its limit. The
    /// scanner takes it, and so does JavaScript.
    Unrepresentable,
}

/// Holds the scanner's ways of reading a document against serde_json's, and says what that was.
#[track_caller]
pub fn judge(text: &str) -> Verdict {
    let stepped = whole(text);
    let taken_apart = descended(text);
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        assert_eq!(stepped, None, "serde_json says {error} of {text:?}");
        assert_eq!(taken_apart, None, "taken apart: serde_json says {error} of {text:?}");
        return Verdict::Refused;
    }
    assert_eq!(stepped, Some(text.trim_matches([' ', '\t', '\n', '\r'])), "serde_json takes {text:?}");
    literals(text).for_each(|literal| {
        let read = Scanner::new(literal).string().map(|read| read.into_owned());
        assert_eq!(read, Some(unescaped(literal)), "{literal} in {text:?}");
    });
    let Ok(value) = serde_json::from_str(text) else { return Verdict::Unrepresentable };
    assert_eq!(taken_apart, Some(value), "taken apart: {text:?}");
    Verdict::Taken
}

/// The text of a whole document, stepped over in one go.
pub fn whole(text: &str) -> Option<&str> {
    let mut scanner = Scanner::new(text);
    let value = scanner.value()?;
    scanner.end()?;
    Some(value)
}

/// What a string literal stands for, read in UTF-16 as JavaScript reads it; a lone surrogate becomes U+FFFD. It must be one.
pub fn unescaped(literal: &str) -> String {
    let mut rest = &literal[1..literal.len() - 1];
    let mut units: Vec<u16> = Vec::new();
    while let Some(c) = rest.chars().next() {
        let length = match &rest.as_bytes()[..rest.len().min(2)] {
            b"\\u" => {
                units.push(u16::from_str_radix(&rest[2..6], 16).expect("four digits follow"));
                6
            }
            [b'\\', letter] => {
                let plain = [b'b', b'f', b'n', b'r', b't'].iter().position(|known| known == letter);
                units.push(plain.map_or(*letter, |at| b"\x08\x0C\n\r\t"[at]).into());
                2
            }
            _ => {
                units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    String::from_utf16_lossy(&units)
}

/// The string literals of a document, names too. In JSON a quote outside of a string begins one.
fn literals(document: &str) -> impl Iterator<Item = &str> {
    let mut rest = document;
    std::iter::from_fn(move || {
        rest = &rest[rest.find('"')?..];
        let mut end = 1;
        while rest.as_bytes()[end] != b'"' {
            end += if rest.as_bytes()[end] == b'\\' { 2 } else { 1 };
        }
        let (literal, behind) = rest.split_at(end + 1);
        rest = behind;
        Some(literal)
    })
}

/// The document taken apart down to the leaves, if it makes a value.
fn descended(text: &str) -> Option<Value> {
    let mut scanner = Scanner::new(text);
    let value = descend(&mut scanner, DEPTH)?;
    scanner.end()?;
    Some(value)
}

fn descend(scanner: &mut Scanner<'_>, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    match scanner.peek()? {
        b'[' => {
            let mut items = Vec::new();
            scanner.begin_array()?;
            while scanner.next_element()? {
                items.push(descend_some_way(scanner, depth, items.len())?);
            }
            Some(Value::Array(items))
        }
        b'{' => {
            let mut members = Map::new();
            scanner.begin_object()?;
            while let Some(name) = scanner.next_key()? {
                let name = Scanner::new(&format!("\"{name}\"")).string()?.into_owned();
                let value = descend_some_way(scanner, depth, members.len())?;
                members.insert(name, value);
            }
            Some(Value::Object(members))
        }
        b'"' => Some(Value::String(scanner.string()?.into_owned())),
        _ => serde_json::from_str(scanner.value()?).ok(),
    }
}

/// Every other item is stepped over first and then read on its own: both ways must leave the scanner at the same place.
fn descend_some_way(scanner: &mut Scanner<'_>, depth: usize, place: usize) -> Option<Value> {
    if place.is_multiple_of(2) { descend(scanner, depth) } else { descend(&mut Scanner::new(scanner.value()?), depth) }
}
