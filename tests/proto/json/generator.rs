//! Random values, spelled in random ways, and damaged.

use serde_json::{Number, Value};
use tidegate::proto::random::Random;

/// What strings are made of: what must be escaped, what may be, and every length of UTF-8.
const CHARS: [char; 20] = [
    'a', 'Z', '0', ' ', '"', '\\', '/', '\u{8}', '\u{c}', '\n', '\r', '\t', '\0', '\u{1f}', '\u{7f}', 'é', '\u{2028}',
    '✓', '\u{fffd}', '🦀',
];

/// What damage is done with: everything the grammar knows.
const DEBRIS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "/",
    "u",
    "-",
    "+",
    ".",
    "e",
    "E999",
    "0",
    "9",
    "n",
    "t",
    "\n",
    "\u{1}",
    "é",
    "\\ud800",
    "\\udc00\\u0041",
];

pub(super) fn value(random: &mut Random, depth: u64) -> Value {
    match random.below(if depth == 0 { 6 } else { 9 }) {
        0 => Value::Null,
        1 => Value::Bool(random.below(2) == 0),
        2 => Value::from(random.next() >> random.below(64)),
        3 => Value::from(random.next() as i64 >> random.below(64)),
        4 => Number::from_f64(f64::from_bits(random.next())).map_or(Value::Null, Value::Number),
        5 | 6 => Value::String(string(random)),
        7 => (0..random.below(5)).map(|_| value(random, depth - 1)).collect(),
        _ => Value::Object((0..random.below(5)).map(|_| (string(random), value(random, depth - 1))).collect()),
    }
}

fn string(random: &mut Random) -> String {
    (0..random.below(8)).map(|_| pick(random, &CHARS)).collect()
}

/// The value as JSON text, with random white space and every character escaped in one of the ways there are.
pub(super) fn spelled(random: &mut Random, value: &Value) -> String {
    let mut text = String::new();
    spell(random, value, &mut text);
    text
}

fn spell(random: &mut Random, value: &Value, text: &mut String) {
    push_space(random, text);
    if let Value::Array(items) = value {
        text.push('[');
        for (place, item) in items.iter().enumerate() {
            push_comma(place, text);
            spell(random, item, text);
        }
        push_space(random, text);
        text.push(']');
    } else if let Value::Object(members) = value {
        text.push('{');
        for (place, (name, item)) in members.iter().enumerate() {
            push_comma(place, text);
            push_space(random, text);
            spell_string(random, name, text);
            push_space(random, text);
            text.push(':');
            spell(random, item, text);
        }
        push_space(random, text);
        text.push('}');
    } else if let Value::String(content) = value {
        spell_string(random, content, text);
    } else {
        text.push_str(&value.to_string());
    }
    push_space(random, text);
}

fn push_comma(place: usize, text: &mut String) {
    if place > 0 {
        text.push(',');
    }
}

fn push_space(random: &mut Random, text: &mut String) {
    if random.below(4) == 0 {
        text.push_str(pick(random, &[" ", "\t", "\n", "\r", " \r\n\t "]));
    }
}

fn spell_string(random: &mut Random, content: &str, text: &mut String) {
    text.push('"');
    for c in content.chars() {
        let plain = c >= ' ' && c != '"' && c != '\\';
        match (random.below(3), short_escape(c)) {
            (0, _) if plain => text.push(c),
            (0 | 1, Some(letter)) => text.extend(['\\', letter]),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|&unit| push_unit(random, unit, text)),
        }
    }
    text.push('"');
}

fn short_escape(c: char) -> Option<char> {
    match c {
        '"' | '\\' | '/' => Some(c),
        '\u{8}' => Some('b'),
        '\u{c}' => Some('f'),
        '\n' => Some('n'),
        '\r' => Some('r'),
        '\t' => Some('t'),
        _ => None,
    }
}

fn push_unit(random: &mut Random, unit: u16, text: &mut String) {
    text.push_str(&if random.below(2) == 0 { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") });
}

/// A string literal, mostly of escapes, and the UTF-16 units it stands for: surrogates come in pairs, alone and the wrong way round.
pub(super) fn escaped_units(random: &mut Random) -> (String, Vec<u16>) {
    const UNITS: [u16; 9] = [0xD800, 0xDBFF, 0xD83D, 0xDC00, 0xDFFF, 0xDE00, 0x41, 0xE9, 0xFFFD];
    let (mut text, mut units) = (String::from("\""), Vec::new());
    for _ in 0..random.below(8) {
        if random.below(5) == 0 {
            let c = pick(random, &['a', 'é', '🦀']);
            text.push(c);
            units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
        } else {
            let unit = pick(random, &UNITS);
            push_unit(random, unit, &mut text);
            units.push(unit);
        }
    }
    text.push('"');
    (text, units)
}

/// A string literal of some length, mostly of itself: escapes stand in it here and there, next to each other and in rows; with
/// letters, also such as stand for something else.
pub(super) fn sprinkled(random: &mut Random, with_letters: bool) -> String {
    const LETTERS: [&str; 7] = [r"\n", r"\t", r"\b", r"\f", r"\r", r"\u00e9", r"\ud83d\ude00"];
    let mut text = String::from("\"");
    for _ in 0..random.below(60) {
        match random.below(12) {
            0 if with_letters => text.push_str(pick(random, &LETTERS)),
            0..4 => text.push_str(pick(random, &[r#"\""#, r"\\", r"\/"])),
            4 => text.push_str(pick(random, &["é", "🦀", "\u{7f}"])),
            // Letters behind a backslash that is escaped itself among them.
            _ => text.push_str(pick(random, &["a", "n", "u", "/", " ", "tide"])),
        }
    }
    text.push('"');
    text
}

/// The text, hurt in one place.
pub(super) fn damaged(random: &mut Random, text: &str) -> String {
    let places: Vec<_> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let (head, tail) = text.split_at(pick(random, &places));
    let mut rest = tail.chars();
    rest.next();
    match random.below(6) {
        0 => head.to_owned(),
        1 => tail.to_owned(),
        2 => [head, rest.as_str()].concat(),
        3 => [head, pick(random, &DEBRIS), tail].concat(),
        4 => [head, pick(random, &DEBRIS), rest.as_str()].concat(),
        _ => {
            let mut bytes = text.as_bytes().to_vec();
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << random.below(8);
            String::from_utf8_lossy(&bytes).into_owned()
        }
    }
}

fn pick<T: Copy>(random: &mut Random, from: &[T]) -> T {
    from[random.below(from.len() as u64) as usize]
}
