//! What operations do to a document, and which two are one.

use tidegate::proto::document::{DOCUMENT_DEPTH, Document, Json};
use tidegate::proto::operation::{Applied, Key, Merged};
use tidegate::proto::random::Random;

use crate::generator::{built, document, operation};

fn read(text: &str) -> Document {
    Document::parse(text, DOCUMENT_DEPTH).expect("the test gives a document")
}

#[track_caller]
fn becomes(before: &str, (kind, key, value): (&str, &str, &str), after: &str, applied: Applied) {
    let mut document = read(before);
    assert_eq!(built((kind, key, value)).apply(&mut document), applied, "{before} {kind} {key} {value}");
    assert_eq!(document.text(), after, "{before} {kind} {key} {value}");
}

#[test]
fn members_are_set_deleted_and_counted() {
    use Applied::{Changed, No, Same};
    becomes("{}", ("set", "a", r#"{"b":1}"#), r#"{"a":{"b":1}}"#, Changed);
    becomes(r#"{"a":{"x":1,"y":2}}"#, ("set", "a", r#"{"y":2,"x":1.0}"#), r#"{"a":{"y":2,"x":1}}"#, Changed);
    becomes(r#"{"a":{"x":1,"y":2}}"#, ("set", "a", r#"{"x":1.0,"y":2}"#), r#"{"a":{"x":1,"y":2}}"#, Same);
    becomes("{}", ("increment", "n", "2"), r#"{"n":2}"#, Changed);
    becomes(r#"{"n":0.1}"#, ("increment", "n", "0.2"), r#"{"n":0.30000000000000004}"#, Changed);
    becomes(r#"{"n":2}"#, ("increment", "n", "0"), r#"{"n":2}"#, Same);
    becomes(r#"{"n":"text"}"#, ("increment", "n", "1"), r#"{"n":1}"#, Changed);
    becomes(r#"{"a":1,"b":2}"#, ("delete", "a", ""), r#"{"b":2}"#, Changed);
    becomes(r#"{"$.a":1,"a":2}"#, ("delete", "$.a", ""), r#"{"a":2}"#, Changed);
    becomes("{}", ("delete", "a", ""), "{}", No);
    becomes(r#"{"a":1}"#, ("update", "", r#"{"b":2}"#), r#"{"b":2}"#, Changed);
}

#[test]
fn lists_grow_and_shrink() {
    use Applied::{Changed, No, Same};
    becomes("{}", ("append", "l", "1"), r#"{"l":[1]}"#, Changed);
    becomes(r#"{"l":[1]}"#, ("append", "l", "[2]"), r#"{"l":[1,[2]]}"#, Changed);
    becomes(r#"{"l":1}"#, ("append", "l", "2"), r#"{"l":[1,2]}"#, Changed);
    becomes(r#"{"l":null}"#, ("append", "l", "2"), r#"{"l":[null,2]}"#, Changed);
    becomes(r#"{"l":[{"x":[1]},3,{"x":[1]}]}"#, ("remove", "l", r#"{"x":[1]}"#), r#"{"l":[3]}"#, Changed);
    becomes(r#"{"l":[1]}"#, ("remove", "l", "2"), r#"{"l":[1]}"#, Same);
    becomes(r#"{"l":"x"}"#, ("remove", "l", r#""x""#), r#"{"l":"x"}"#, No);
    becomes("{}", ("remove", "l", "1"), "{}", No);
}

#[test]
fn a_path_writes_into_containers_that_are_there() {
    use Applied::Changed;
    for (before, path, after) in [
        ("{}", "$.a", r#"{"a":9}"#),
        (r#"{"a":{}}"#, "$.a.b", r#"{"a":{"b":9}}"#),
        (r#"{"a":[1,2]}"#, "$.a.0", r#"{"a":[9,2]}"#),
        (r#"{"a":[1]}"#, "$.a.3", r#"{"a":[1,null,null,9]}"#),
        ("{}", "$.a[0]", r#"{"a[0]":9}"#),
        (r#"{"a":{"x":1,"y":null}}"#, "$.a.*", r#"{"a":{"x":9,"y":9}}"#),
        (r#"{"a":[{"x":1},{},null]}"#, "$.a.*.x", r#"{"a":[{"x":9},{"x":9},null]}"#),
        (r#"{"a":{}}"#, "$..a...b", r#"{"a":{"b":9}}"#),
        (r#"{"a":{}}"#, r"$.a.b\.c", r#"{"a":{"b.c":9}}"#),
        (r#"{"a":{}}"#, r"$.a.b\\c~1d", r#"{"a":{"b\\c/d":9}}"#),
    ] {
        becomes(before, ("set", path, "9"), after, Changed);
    }
}

#[test]
fn a_path_that_leads_nowhere_changes_nothing() {
    for (before, path) in [
        ("{}", "$.a.b"),
        (r#"{"a":1}"#, "$.a.b"),
        (r#"{"a":null}"#, "$.a"),
        (r#"{"a":{"b":null}}"#, "$.a.b"),
        (r#"{"a":[]}"#, "$.a.x"),
        (r#"{"a":[1]}"#, "$.a.00"),
        (r#"{"a":[1]}"#, "$.a.+0"),
        (r#"{"a":[1]}"#, "$.a.length"),
        (r#"{"a":[]}"#, "$.a.99999999999"),
        (r#"{"a":{}}"#, "$.a.*"),
    ] {
        becomes(before, ("set", path, "9"), before, Applied::No);
    }
    becomes("{}", ("append", "$.a.b", "1"), "{}", Applied::No);
}

#[test]
fn what_is_first_is_written_everywhere() {
    use Applied::Changed;
    becomes(r#"{"a":{"x":1,"y":5}}"#, ("increment", "$.a.*", "2"), r#"{"a":{"x":3,"y":3}}"#, Changed);
    becomes(r#"{"a":[[1,[2]],0]}"#, ("append", "$.a.*", "3"), r#"{"a":[[1,2,3],[1,2,3]]}"#, Changed);
    becomes(r#"{"a":{"l":[1,2,1]}}"#, ("remove", "$.a.l", "1"), r#"{"a":{"l":[2]}}"#, Changed);
}

#[test]
fn keys_that_reach_what_objects_inherit_are_refused() {
    for key in ["__proto__", "$.__proto__", "$.a.constructor.b", "$.a[prototype]", "$.", "$..", "$.\\"] {
        assert!(Key::read(key).is_err(), "{key}");
    }
    for key in ["constructor", "prototype", "$", "$a", "a.b", "$.proto", ""] {
        assert!(Key::read(key).is_ok(), "{key}");
    }
    assert!(Key::read(&format!("${}", ".a".repeat(65))).is_err());
}

#[test]
fn numbers_are_written_as_javascript_does() {
    for (text, expected) in [
        ("1.0", "1"),
        ("-0", "0"),
        ("1e2", "100"),
        ("123456789012345680000", "123456789012345680000"),
        ("1e21", "1e+21"),
        ("1.5e300", "1.5e+300"),
        ("1e-6", "0.000001"),
        ("1.5e-7", "1.5e-7"),
        ("1e999", "null"),
        ("9007199254740993", "9007199254740992"),
        ("0.1", "0.1"),
        ("-1e-9", "-1e-9"),
    ] {
        assert_eq!(Json::parse(text, 1).unwrap().text(), expected);
    }
}

#[test]
fn text_is_read_whole_or_not_at_all() {
    for text in ["", "{", "1 2", "[1,]", r#"{"a":}"#, "nul", r#"{"a":1"#, "01"] {
        assert_eq!(Json::parse(text, 8), None, "{text}");
    }
    assert_eq!(
        Json::parse(r#" {"b":[1,{"a\n\"":"\u00e9"}],"a":null,"b":2} "#, 8).unwrap().text(),
        r#"{"b":2,"a":null}"#
    );
    assert_eq!(Json::parse("[[[]]]", 3).unwrap().text(), "[[[]]]");
    assert_eq!(Json::parse("[[[]]]", 2), None, "deeper than it may be");
}

#[test]
fn two_that_are_one_do_what_the_two_do() {
    let mut merged = 0;
    for seed in 0..20_000 {
        let mut random = Random::new(seed);
        let before = document(&mut random);
        let (first, next) = (operation(&mut random), operation(&mut random));
        let mut one = first.clone();
        if one.merge(&next) == Merged::Two {
            continue;
        }
        merged += 1;
        let (mut at_once, mut in_turn) = (before.clone(), before.clone());
        one.apply(&mut at_once);
        first.apply(&mut in_turn);
        next.apply(&mut in_turn);
        assert_eq!(at_once.text(), in_turn.text(), "seed {seed}: {first:?} {next:?}");
    }
    assert!(merged > 2_000, "only {merged}");
}
