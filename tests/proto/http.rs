//! Addresses, and what an answer means.

use tidegate::proto::error::ErrorCode;
use tidegate::proto::http::{ResponseHead, classify, stream_url};
use tidegate::proto::time::UnixTime;

use super::harness::status;
use super::token::{jwt, parse};

const NOW: UnixTime = UnixTime::from_millis(1_790_000_000_000);

#[test]
fn every_part_of_an_address_is_encoded() {
    for (run, key, path) in [
        ("run_1", "default", "run_1/default"),
        ("run_1", "input/approval", "run_1/input/approval"),
        ("run_1", "input/a b/c", "run_1/input/a%20b%2Fc"),
        ("run_1", "a/b", "run_1/a%2Fb"),
        ("run_1", "inputs/a", "run_1/inputs%2Fa"),
        ("run_1", "input", "run_1/input"),
        ("run_1", "input/", "run_1/input/"),
        ("run_1", "input/input/x", "run_1/input/input%2Fx"),
        ("run_1", "ünïcödé ✓🦀", "run_1/%C3%BCn%C3%AFc%C3%B6d%C3%A9%20%E2%9C%93%F0%9F%A6%80"),
        ("run_1", "a?b#c&d=e%41", "run_1/a%3Fb%23c%26d%3De%2541"),
        ("../run\\", "a\nb\0", "..%2Frun%5C/a%0Ab%00"),
        ("run_1", "chat:2;v", "run_1/chat%3A2%3Bv"),
    ] {
        let url = stream_url("https://api.example/base", run, key);
        assert_eq!(url, format!("https://api.example/base/realtime/v1/streams/{path}"));
    }
}

#[test]
fn what_stays_as_it_is_is_what_encode_uri_component_leaves() {
    for c in '\0'..='\u{7f}' {
        let url = stream_url("", "run_1", &c.to_string());
        let left = url.strip_prefix("/realtime/v1/streams/run_1/").unwrap();
        let unreserved = c.is_ascii_alphanumeric() || "-_.!~*'()".contains(c);
        assert_eq!(left, if unreserved { c.to_string() } else { format!("%{:02X}", c as u32) });
    }
}

#[test]
fn every_status_has_its_meaning() {
    let token = parse("tr_dev_1234");
    for status in (100..200).chain(300..1_000) {
        let expected = match status {
            400 | 422 => ErrorCode::InvalidData,
            401 => ErrorCode::Unauthorized,
            403 => ErrorCode::Forbidden,
            404 | 410 => ErrorCode::NotFound,
            408 | 504 => ErrorCode::Timeout,
            413 => ErrorCode::TooLarge,
            429 => ErrorCode::RateLimited,
            status if status >= 500 => ErrorCode::Server,
            _ => ErrorCode::Protocol,
        };
        let problem = classify(status, "", &token, NOW);
        assert_eq!((problem.code, problem.status), (expected, Some(status)));
        assert_eq!((problem.server_message, problem.expired_at), (None, None), "{status} has no words");
    }
    for (code, success) in [(199, false), (200, true), (204, true), (299, true), (300, false), (0, false)] {
        assert_eq!(status(code).is_success(), success, "{code}");
    }
    assert!(!ResponseHead::default().is_success());
}

#[test]
fn the_words_of_the_server_are_kept() {
    let long = "é".repeat(400);
    let words = |body: &str| classify(500, body, &parse("tr_dev_1"), NOW).server_message;
    for (body, expected) in [
        (r#"{"error":"Internal Server Error"}"#, Some("Internal Server Error")),
        (r#"{"ok":false,"error":"Run not found"}"#, Some("Run not found")),
        (r#"{"error":"Unauthorized","code":"unauthorized","param":"access_token"}"#, Some("Unauthorized")),
        ("{\n  \"title\": \"Rate Limit Exceeded\",\n  \"error\": \"0/60 \\u2713\"\n}", Some("0/60 ✓")),
        (r#"{"error":{"message":"nested"}}"#, None),
        (r#"{"error":null}"#, None),
        (r#"{"message":"other"}"#, None),
        ("{}", None),
        ("Run not found", Some("Run not found")),
        ("  Target not found\n", Some("Target not found")),
        ("{nope", Some("{nope")),
        ("", None),
        (" \n", None),
        ("<!DOCTYPE html><html>…</html>", None),
        ("\n<html>", None),
        (&long, Some(&long[..300])),
        (&format!("x{long}"), Some(&format!("x{long}")[..299])),
    ] {
        assert_eq!(words(body).as_deref(), expected, "{body}");
    }
}

#[test]
fn a_finished_run_is_told_from_bad_data_by_the_servers_words() {
    let code = |status, body: &str| classify(status, body, &parse("tr_dev_1"), NOW).code;
    let finished = r#"{"ok":false,"error":"Cannot send to input stream on a completed run"}"#;
    assert_eq!(code(400, finished), ErrorCode::RunFinished);
    assert_eq!(code(400, "Cannot append to a realtime stream on a completed run"), ErrorCode::RunFinished);
    assert_eq!(code(400, r#"{"ok":false,"error":"Invalid request body"}"#), ErrorCode::InvalidData);
    assert_eq!(code(400, "Timeout seconds must be less than 600"), ErrorCode::InvalidData);
    assert_eq!(code(500, finished), ErrorCode::Server, "the status comes first");
}

#[test]
fn a_refused_token_says_itself_what_is_wrong_with_it() {
    let refused = |token: &str| {
        let problem = classify(401, r#"{"error":"Public Access Token is invalid"}"#, &parse(token), NOW);
        (problem.code, problem.expired_at)
    };
    let expiring = |exp: u64| jwt(&format!(r#"{{"pub":true,"exp":{exp}}}"#));
    let then = |seconds: u64| Some(UnixTime::from_millis(seconds * 1_000));
    assert_eq!(refused(&expiring(1_789_999_940)), (ErrorCode::TokenExpired, then(1_789_999_940)));
    assert_eq!(refused(&expiring(1_790_000_000)), (ErrorCode::TokenExpired, then(1_790_000_000)), "this very moment");
    assert_eq!(refused(&expiring(1_790_000_001)), (ErrorCode::Unauthorized, None), "forged, or of another environment");
    assert_eq!(refused(&jwt(r#"{"pub":true}"#)), (ErrorCode::Unauthorized, None), "it never expires");
    assert_eq!(refused("tr_dev_1234"), (ErrorCode::Unauthorized, None), "an unknown secret key");
    for malformed in ["not.a.jwt", "pk_1234", "undefined", &jwt(r#"{"pub":false,"exp":1}"#)] {
        assert_eq!(refused(malformed), (ErrorCode::TokenMalformed, None), "{malformed}");
    }
    let elsewhere = classify(403, "", &parse(&expiring(1)), NOW);
    assert_eq!(
        (elsewhere.code, elsewhere.expired_at),
        (ErrorCode::Forbidden, None),
        "only a 401 is about the token's age"
    );
}
