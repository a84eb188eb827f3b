//! Small things done to text. The standard library's are general, and cost the download 3 kB for what is used here.

use alloc::string::String;
use alloc::vec::Vec;

/// All of them, one behind the other.
pub fn concat(parts: &[&str]) -> String {
    let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        text.push_str(part);
    }
    text
}

/// What is before and behind the first such ASCII character, if there is one.
pub fn split_once(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = memchr::memchr(separator, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// A number written in ASCII digits and nothing else, if it fits.
pub fn parse_digits(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| match digit {
        // Not `checked_mul`, which multiplies in 128 bits here.
        b'0'..=b'9' if number <= u64::MAX / 10 => (number * 10).checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// A number in digits.
pub fn decimal(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from(b'0' + (number % 10) as u8));
        number /= 10;
        if number == 0 {
            break;
        }
    }
    digits.iter().rev().collect()
}

/// At most so many bytes of it, cut between characters.
pub fn shorten(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The low four bits as a lower case digit.
pub fn hex_digit(bits: u32) -> char {
    char::from_digit(bits & 15, 16).unwrap_or('0')
}

/// Eight bytes as one number, the first of them lowest: looked at at once, they cost little more than one. Fewer are not there.
#[inline(always)]
pub fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

const EACH: u64 = 0x0101_0101_0101_0101;
const HIGHEST: u64 = EACH * 0x80;

/// The highest bit of each byte that is this one.
#[inline(always)]
pub const fn equal(word: u64, byte: u8) -> u64 {
    let differing = word ^ (EACH * byte as u64);
    // Without its highest bit a byte can be added to and nothing is carried into the next.
    !(((differing & !HIGHEST) + !HIGHEST) | differing) & HIGHEST
}

/// The highest bit of the first byte that is less than this ASCII character, and of none before it. Those behind it do not count.
#[inline(always)]
pub const fn below(word: u64, byte: u8) -> u64 {
    word.wrapping_sub(EACH * byte as u64) & !word & HIGHEST
}

/// Where the first line ends: at a line feed or a carriage return.
pub fn line_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        if let Some(word) = word_at(bytes, at) {
            let low = below(word, b'\r' + 1);
            at += low.trailing_zeros() as usize / 8;
            if low == 0 {
                continue;
            }
        }
        if let b'\n' | b'\r' = bytes.get(at)? {
            return Some(at);
        }
        at += 1;
    }
}
