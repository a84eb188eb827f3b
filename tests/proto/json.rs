//! The scanner, held against serde_json: it takes the same documents and reads the same values in them.

mod generator;

use tidegate::proto::json::{Scanner, push_string};
use tidegate::proto::random::Random;
use tidegate_fuzz::json::{Verdict, judge, unescaped, whole};

const ROUNDS: usize = 4_000;

#[test]
fn every_document_is_taken_and_read_as_serde_json_reads_it() {
    let mut random = Random::new(1);
    for _ in 0..ROUNDS {
        let value = generator::value(&mut random, 4);
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        for text in [value.to_string(), pretty, generator::spelled(&mut random, &value)] {
            assert_eq!(judge(&text), Verdict::Taken, "{text}");
        }
    }
}

#[test]
fn of_damaged_documents_exactly_those_are_taken_that_serde_json_takes() {
    let mut random = Random::new(2);
    let mut verdicts = Vec::new();
    for _ in 0..ROUNDS {
        let value = generator::value(&mut random, 3);
        let text = generator::spelled(&mut random, &value);
        for _ in 0..5 {
            verdicts.push(judge(&generator::damaged(&mut random, &text)));
        }
    }
    for verdict in [Verdict::Taken, Verdict::Refused, Verdict::Unrepresentable] {
        let count = verdicts.iter().filter(|&&other| other == verdict).count();
        assert!(count >= 20, "{verdict:?} came up only {count} times: the damage is not varied enough");
    }
}

/// serde_json refuses what it cannot represent. JavaScript reads both, so they may pass through.
#[test]
fn what_only_rust_cannot_represent_is_taken() {
    for text in ["1e400", "-1E+999", "[1e309,2]", "123456789e1000000000000"] {
        assert_eq!(judge(text), Verdict::Unrepresentable, "{text}");
        assert_eq!(whole(text), Some(text));
    }
    for text in [r#""\ud800""#, r#""\uDFFF""#, r#"{"\ud83d":"\ud83d\ud83d"}"#, r#""\udc00\ud800""#, r#""\ud800\n""#] {
        assert_eq!(judge(text), Verdict::Unrepresentable, "{text}");
        assert_eq!(whole(text), Some(text));
    }
}

#[test]
fn nesting_is_followed_to_any_depth() {
    const LEVELS: usize = 100_000;
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":[ ", "]}]")] {
        let text = [open.repeat(LEVELS), "0".into(), close.repeat(LEVELS)].concat();
        assert_eq!(whole(&text), Some(text.as_str()));
        assert_eq!(whole(&text[..text.len() - 1]), None, "the last bracket is missing");
        assert_eq!(whole(&format!("{text}{close}")), None, "there is a bracket too many");
    }
}

#[test]
fn strings_are_unescaped_as_utf_16_reads_them() {
    let mut random = Random::new(3);
    for _ in 0..ROUNDS {
        let (text, units) = generator::escaped_units(&mut random);
        let read = Scanner::new(&text).string().map(|read| read.into_owned());
        assert_eq!(read, Some(String::from_utf16_lossy(&units)), "{text}");
    }
}

/// Where sixteen bytes are looked at at once, an escape may lie anywhere in them, and across their ends.
#[test]
fn wherever_escapes_stand_they_are_taken_out() {
    let mut random = Random::new(4);
    for round in 0..ROUNDS {
        let literal = generator::sprinkled(&mut random, round % 3 == 0);
        let read = Scanner::new(&literal).string().map(|read| read.into_owned());
        assert_eq!(read, Some(unescaped(&literal)), "{literal}");
    }
}

#[test]
fn a_string_is_written_as_the_server_writes_it() {
    // serde_json escapes what `JSON.stringify` escapes, and in the same way: only it knows lone surrogates besides.
    let every_char = ('\0'..='\u{2fff}').chain(['\u{fffd}', '\u{ffff}', '\u{10000}', '\u{10ffff}']);
    for text in every_char.map(String::from).chain([String::new(), "a\"b\\c\nd".into()]) {
        let mut written = String::from("[");
        push_string(&mut written, &text);
        assert_eq!(written, format!("[{}", serde_json::to_string(&text).unwrap()));
        assert_eq!(Scanner::new(&written[1..]).string().as_deref(), Some(text.as_str()));
    }
}

#[test]
fn whole_numbers_are_read_up_to_the_last_of_64_bits() {
    for number in [0, 1, 42, u64::MAX] {
        assert_eq!(Scanner::new(&number.to_string()).unsigned(), Some(number));
    }
    for text in ["-1", "-0", "1.0", "1e2", "18446744073709551616", "\"1\"", "null", "", "+1"] {
        assert_eq!(Scanner::new(text).unsigned(), None, "{text}");
    }
}

#[test]
fn another_shape_than_the_asked_one_is_none() {
    for text in ["", " ", "1", "null", "\"{\"", "]"] {
        assert_eq!(Scanner::new(text).begin_object(), None, "{text}");
        assert_eq!(Scanner::new(text).begin_array(), None, "{text}");
    }
    assert_eq!(Scanner::new("{}").begin_array(), None);
    assert_eq!(Scanner::new("[]").begin_object(), None);
    assert_eq!(Scanner::new("1").string(), None);
    assert_eq!(Scanner::new("").peek(), None);
    assert_eq!(Scanner::new("1 2").end(), None);
}
