//! Finds values in JSON text without building trees.
//!
//! A pull scanner: it descends into the objects and arrays the caller names and hands everything else back as the text it is.
//! What is not JSON, or not of the asked shape, is `None`. What it hands back has been checked against RFC 8259, so the text can be parsed again in JavaScript and cannot fail there.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::text::{Lanes, hex_digit, parse_digits};

/// A position in a JSON text.
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Directly behind an opening bracket: no comma is due.
    fresh: bool,
}

/// Tells where it stands, and nothing of the text, which may be a payload or a token's.
impl fmt::Debug for Scanner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scanner(at {} of {} bytes)", self.at, self.text.len())
    }
}

impl<'a> Scanner<'a> {
    /// Starts at the beginning of `text`.
    pub const fn new(text: &'a str) -> Self {
        Self { text, at: 0, fresh: false }
    }

    /// Enters an object. Follow with [`next_key`](Self::next_key) until it gives `None`.
    pub fn begin_object(&mut self) -> Option<()> {
        self.open(b'{')
    }

    /// The next member's name as it is written, or `Some(None)` behind the last. The value must be taken before the next call.
    /// Names are compared with plain ones, so an escape in one makes it just another name.
    pub fn next_key(&mut self) -> Option<Option<&'a str>> {
        if !self.next_item(b'}')? {
            return Some(None);
        }
        self.skip_space();
        let start = self.at + 1;
        self.skip_string()?;
        let key = self.text.get(start..self.at - 1)?;
        self.expect(b':')?;
        Some(Some(key))
    }

    /// Enters an array. Follow with [`next_element`](Self::next_element) until it gives `false`.
    pub fn begin_array(&mut self) -> Option<()> {
        self.open(b'[')
    }

    /// Whether there is one more element; it must be taken before the next call.
    pub fn next_element(&mut self) -> Option<bool> {
        self.next_item(b']')
    }

    /// The kind of the value ahead, told from its first byte.
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            match self.byte() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                byte => return byte,
            }
        }
    }

    /// Takes a string and unescapes it; borrowed when there is nothing to unescape. A lone surrogate becomes U+FFFD.
    pub fn string(&mut self) -> Option<Cow<'a, str>> {
        Some(self.literal()?.text())
    }

    /// Takes a string as it is written.
    pub fn literal(&mut self) -> Option<Literal<'a>> {
        self.skip_space();
        let start = self.at;
        let has_escapes = self.skip_string()?;
        self.fresh = false;
        Some(Literal { inside: self.text.get(start + 1..self.at - 1)?, has_escapes })
    }

    /// Takes a number that is a whole one and not negative.
    pub fn unsigned(&mut self) -> Option<u64> {
        parse_digits(self.value()?.as_bytes())
    }

    /// Takes any value, as checked text.
    pub fn value(&mut self) -> Option<&'a str> {
        self.skip_space();
        let start = self.at;
        self.skip_value()?;
        self.fresh = false;
        self.text.get(start..self.at)
    }

    /// Checks that nothing but white space is left.
    pub fn end(&mut self) -> Option<()> {
        self.skip_space();
        (self.at == self.text.len()).then_some(())
    }

    fn open(&mut self, bracket: u8) -> Option<()> {
        self.expect(bracket)?;
        self.fresh = true;
        Some(())
    }

    fn next_item(&mut self, close: u8) -> Option<bool> {
        let fresh = core::mem::replace(&mut self.fresh, false);
        if self.peek() == Some(close) {
            self.at += 1;
            return Some(false);
        }
        if !fresh {
            self.expect(b',')?;
        }
        Some(true)
    }

    // Asked for every byte that is no part of a string, where a call costs as much as the work.
    #[inline(always)]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        self.peek();
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        if self.peek() != Some(byte) {
            return None;
        }
        self.at += 1;
        Some(())
    }

    /// Iterative, so that no nesting a server sends can exhaust the stack.
    fn skip_value(&mut self) -> Option<()> {
        let mut open = Vec::new();
        loop {
            match self.peek()? {
                bracket @ (b'{' | b'[') => {
                    self.at += 1;
                    let close = if bracket == b'{' { b'}' } else { b']' };
                    if self.peek() == Some(close) {
                        self.at += 1;
                    } else {
                        open.push(close);
                        self.skip_name(close)?;
                        continue;
                    }
                }
                b'"' => {
                    self.skip_string()?;
                }
                b't' => self.skip_word("true")?,
                b'f' => self.skip_word("false")?,
                b'n' => self.skip_word("null")?,
                _ => self.skip_number()?,
            }
            loop {
                let Some(&close) = open.last() else { return Some(()) };
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.skip_name(close)?;
                        break;
                    }
                    Some(byte) if byte == close => {
                        self.at += 1;
                        open.pop();
                    }
                    _ => return None,
                }
            }
        }
    }

    fn skip_name(&mut self, close: u8) -> Option<()> {
        if close == b'}' {
            self.skip_space();
            self.skip_string()?;
            self.expect(b':')?;
        }
        Some(())
    }

    /// Steps over a string; tells whether it holds escapes.
    fn skip_string(&mut self) -> Option<bool> {
        let bytes = self.text.as_bytes();
        if self.byte() != Some(b'"') {
            return None;
        }
        let mut at = self.at + 1;
        let (mut seen, mut is_escaped) = (0, 0);
        loop {
            // Sixteen bytes at a time. Where they begin depends on nothing in them, so that a processor works on several at once.
            if let Some(lanes) = Lanes::at(bytes, at) {
                let (quotes, backslashes) = (lanes.equal(b'"'), lanes.equal(b'\\'));
                let (escaping, escaped) = escapes(backslashes, is_escaped);
                seen |= backslashes;
                // What ends the string, or has to be looked at: a control character, and what is escaped and stands not for itself.
                let other = ((quotes ^ escaped) & !(backslashes & escaped) | lanes.below(b' ')) & 0xFFFF;
                if other == 0 {
                    is_escaped = escaping >> 15;
                    at += 16;
                    continue;
                }
                at += other.trailing_zeros() as usize;
                is_escaped = u32::from(escaped & other & other.wrapping_neg() != 0);
            }
            // Back to the backslash.
            at -= core::mem::take(&mut is_escaped) as usize;
            match *bytes.get(at)? {
                b'"' => {
                    self.at = at + 1;
                    return Some(seen != 0);
                }
                b'\\' => {
                    seen = 1;
                    at += match bytes.get(at + 1)? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                        b'u' if hex4(bytes, at + 2).is_some() => 6,
                        _ => return None,
                    };
                }
                0x20.. => at += 1,
                _ => return None,
            }
        }
    }

    fn skip_word(&mut self, word: &str) -> Option<()> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return None;
        }
        self.at += word.len();
        Some(())
    }

    fn skip_number(&mut self) -> Option<()> {
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.skip_digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.skip_digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.skip_digits()?;
        }
        Some(())
    }

    fn skip_digits(&mut self) -> Option<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}

/// A string as it is written, and checked.
#[derive(Clone, Copy)]
pub struct Literal<'a> {
    inside: &'a str,
    has_escapes: bool,
}

/// Tells how long it is, and nothing of it.
impl fmt::Debug for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Literal({} bytes)", self.inside.len())
    }
}

impl<'a> Literal<'a> {
    /// What it stands for; borrowed when there is nothing to unescape. A lone surrogate becomes U+FFFD.
    pub fn text(self) -> Cow<'a, str> {
        if self.has_escapes { Cow::Owned(unescape(self.inside)) } else { Cow::Borrowed(self.inside) }
    }
}

/// Appends `text` to `out` as a JSON string.
pub fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..'\x20' => {
                out.push_str("\\u00");
                out.push(hex_digit(c as u32 >> 4));
                out.push(hex_digit(c as u32));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// Of sixteen bytes, which are backslashes that escape, and which are escaped; `is_escaped` says it of the first. In a row of
/// backslashes every other one escapes. Told by where a subtraction carries to, for rows that begin at even places and at odd ones: the
/// bit behind each row says the same of what is there, so that what is escaped is what differs.
#[inline(always)]
const fn escapes(backslashes: u32, is_escaped: u32) -> (u32, u32) {
    const ODD: u32 = 0xAAAA_AAAA;
    let unescaped = backslashes & !is_escaped;
    let escaping = ((unescaped << 1 | ODD) - unescaped) ^ ODD;
    (escaping & backslashes, escaping ^ (backslashes | is_escaped))
}

fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.iter().try_fold(0, |code, &digit| Some(code << 4 | char::from(digit).to_digit(16)?))
}

/// `raw` has been checked by `skip_string`.
fn unescape(raw: &str) -> String {
    let bytes = raw.as_bytes();
    // It gets no longer. What is behind `to` is of no account.
    let mut out = bytes.to_vec();
    let (mut at, mut to, mut is_escaped) = (0, 0, 0);
    while let (Some(&byte), Some(room)) = (bytes.get(at), out.get_mut(to..)) {
        // Sixteen bytes at a time, as above, unless one that is escaped is a letter: it stands not for itself.
        if let (Some(lanes), Some(room)) = (Lanes::at(bytes, at), room.first_chunk_mut()) {
            let (escaping, escaped) = escapes(lanes.equal(b'\\'), is_escaped);
            if escaped & !lanes.below(b'b') & 0xFFFF == 0 {
                is_escaped = escaping >> 15;
                to += lanes.pack(escaping, room);
                at += 16;
                continue;
            }
        }
        let (itself, mut utf8) = ([byte], [0; 4]);
        let mut taken = 1;
        let unescaped = if byte == b'\\' || is_escaped != 0 {
            // Back to the backslash.
            at -= core::mem::take(&mut is_escaped) as usize;
            let c;
            (c, taken) = unescape_one(bytes, at);
            c.encode_utf8(&mut utf8).as_bytes()
        } else {
            &itself
        };
        for (slot, &byte) in room.iter_mut().zip(unescaped) {
            *slot = byte;
        }
        to += unescaped.len();
        at += taken;
    }
    out.truncate(to);
    String::from_utf8(out).unwrap_or_default()
}

/// What the backslash there begins, and how long that is.
fn unescape_one(bytes: &[u8], at: usize) -> (char, usize) {
    let c = match bytes.get(at + 1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unescape_unicode(bytes, at),
        itself => itself.map_or('\\', |&itself| char::from(itself)),
    };
    (c, 2)
}

fn unescape_unicode(bytes: &[u8], at: usize) -> (char, usize) {
    let code = hex4(bytes, at + 2).unwrap_or(0xFFFD);
    if (0xD800..0xDC00).contains(&code)
        && bytes.get(at + 6..at + 8) == Some(b"\\u")
        && let Some(low @ 0xDC00..0xE000) = hex4(bytes, at + 8)
    {
        let scalar = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        return (char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
    }
    (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
}
