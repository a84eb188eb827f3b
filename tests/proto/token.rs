//! Tokens: what counts as one, what it claims, and what its scopes allow.

use tidegate::proto::time::UnixTime;
use tidegate::proto::token::{AccessToken, Claims, NotAToken, Right, Scope};

use super::harness::base64url;

const RUN: &str = "run_1";

/// What a scope says about one thing, or about all of a kind (without an id).
const GRANTS: &[(&str, &str, &str, Option<&str>, bool)] = &[
    // Bare `admin` is the only scope that allows everything.
    ("admin", "write", "inputStreams", Some(RUN), true),
    ("admin", "read", "runs", None, true),
    ("admin", "admin", "sessions", Some("s"), true),
    ("admin:sessions", "read", "sessions", Some("s"), false),
    ("admin:sessions", "write", "inputStreams", Some(RUN), false),
    ("admin:sessions", "admin", "sessions", Some("s"), true),
    ("admin:all", "read", "runs", Some(RUN), false),
    ("Admin", "read", "runs", Some(RUN), false),
    // The action is the same one, or any.
    ("read:runs", "write", "runs", Some(RUN), false),
    ("*:runs", "write", "runs", Some(RUN), true),
    ("*:runs:run_1", "trigger", "runs", Some(RUN), true),
    ("*:runs:run_2", "trigger", "runs", Some(RUN), false),
    ("readx:runs", "read", "runs", Some(RUN), false),
    ("", "read", "runs", Some(RUN), false),
    ("*", "read", "runs", Some(RUN), false),
    ("read", "read", "runs", Some(RUN), false),
    ("read:", "read", "runs", Some(RUN), false),
    // `all` is every kind.
    ("read:all", "read", "runs", Some(RUN), true),
    ("read:all", "read", "inputStreams", None, true),
    ("read:all", "write", "runs", Some(RUN), false),
    ("*:all", "write", "inputStreams", Some(RUN), true),
    ("*:all", "batchTrigger", "tasks", None, true),
    ("read:*", "read", "runs", Some(RUN), false),
    // Without an id it is for all of a kind, with one for that alone.
    ("read:runs", "read", "runs", Some(RUN), true),
    ("read:runs", "read", "runs", None, true),
    ("read:runs:", "read", "runs", Some(RUN), true),
    ("read:runs:", "read", "runs", None, true),
    ("read:runs:run_1", "read", "runs", Some(RUN), true),
    ("read:runs:run_1", "read", "runs", None, false),
    ("read:runs:run_1", "read", "runs", Some("run_10"), false),
    ("read:runs:run_10", "read", "runs", Some(RUN), false),
    ("read:runs:*", "read", "runs", Some(RUN), false),
    ("read:tasks:run_1", "read", "runs", Some(RUN), false),
    ("write:inputstreams:run_1", "write", "inputStreams", Some(RUN), false),
    // Further colons belong to the id.
    ("read:tags:user:1", "read", "tags", Some("user:1"), true),
    ("read:tags:user:1", "read", "tags", Some("user"), false),
    ("read:tags:user", "read", "tags", Some("user:1"), false),
    ("read:tags::", "read", "tags", Some(":"), true),
    (" read:runs", "read", "runs", Some(RUN), false),
];

#[test]
fn a_scope_grants_what_the_grammar_says() {
    for &(scope, action, resource, id, granted) in GRANTS {
        assert_eq!(
            Scope::parse(scope).grants(action, resource, id),
            granted,
            "{scope:?} for {action} {resource} {id:?}"
        );
    }
}

#[test]
fn a_scope_that_is_missing_is_named_before_the_network_is_bothered() {
    // Scopes, whether they are enough to send, and whether they may be enough to read.
    let table: &[(&[&str], bool, bool)] = &[
        (&["read:runs:run_1", "write:inputStreams:run_1"], true, true),
        (&["write:inputStreams:run_1"], true, false),
        (&["write:inputStreams"], true, false),
        (&["write:all"], true, false),
        (&["*:all"], true, true),
        (&["admin"], true, true),
        (&["admin:sessions"], false, false),
        (&["write:runs:run_1"], false, false),
        (&["write:inputStreams:run_2"], false, false),
        (&["write:inputStreams:run_2", "write:inputStreams:run_1"], true, false),
        (&["read:runs:run_1"], false, true),
        (&["read:runs"], false, true),
        (&["read:all"], false, true),
        (&["read:runs:run_2"], false, false),
        // Which runs have the tag, the task or the batch is for the server to know.
        (&["read:tags:user:1"], false, true),
        (&["read:tasks:chat"], false, true),
        (&["read:batch:batch_1"], false, true),
        (&["*:tags:user:1"], false, true),
        (&["write:tags:user:1"], false, false),
        (&["read:sessions:s"], false, false),
        (&[], false, false),
    ];
    for (scopes, sends, reads) in table {
        let token = parse(&jwt(&serde_json::json!({ "pub": true, "scopes": scopes }).to_string()));
        let send = (!sends).then(|| "write:inputStreams:run_1".to_owned());
        let read = (!reads).then(|| "read:runs:run_1".to_owned());
        assert_eq!(
            (token.missing(&Right::SEND, RUN), token.missing(&Right::READ_RUN, RUN)),
            (send, read),
            "{scopes:?}"
        );
    }
}

#[test]
fn a_secret_key_or_an_unknown_text_is_not_known_to_lack_anything() {
    for text in ["tr_dev_1234", "tr_prod_x", "not.a.jwt", "whatever"] {
        let token = parse(text);
        assert_eq!(token.claims(), None);
        assert_eq!((token.missing(&Right::SEND, RUN), token.missing(&Right::READ_RUN, RUN)), (None, None), "{text}");
    }
}

#[test]
fn claims_are_read_from_a_public_token() {
    let claims = Claims::parse(&jwt(
        r#"{"sub":"env","pub":true,"scopes":["read:runs:run_1","a\"bé"],"otu":false,"realtime":{"skipColumns":["payload"]},
        "iss":"https://id.trigger.dev","exp":1790000000,"iat":1789996400}"#,
    ))
    .unwrap();
    assert_eq!(claims.scopes, ["read:runs:run_1", "a\"bé"]);
    assert_eq!(claims.expires_at, Some(UnixTime::from_millis(1_790_000_000_000)));
    assert_eq!(claims.issued_at, Some(UnixTime::from_millis(1_789_996_400_000)));
    assert_eq!(claims.lifetime_ms(), Some(3_600_000));
    let bare = Claims::parse(&jwt(r#"{"pub":true}"#)).unwrap();
    assert_eq!((bare.clone(), bare.lifetime_ms()), (Claims::default(), None));
}

#[test]
fn only_a_jwt_that_says_it_is_public_has_claims() {
    let payload = base64url(br#"{"pub":true}"#);
    for text in [
        payload.clone(),
        format!("h.{payload}"),
        format!("h.{payload}.s.x"),
        format!("h.{payload}=.s"),
        format!("h.{}.s", payload.replace('e', "+")),
        format!("h.!{payload}.s"),
        format!("h.{}.s", &payload[..payload.len() - 2]),
        "h..s".into(),
        "..".into(),
    ] {
        assert_eq!(Claims::parse(&text), None, "{text}");
    }
    for payload in [
        "",
        "{}",
        "[]",
        "true",
        "\"pub\"",
        r#"{"pub":false}"#,
        r#"{"pub":"true"}"#,
        r#"{"pub":1}"#,
        r#"{"pub":null}"#,
        r#"{"pub":[true]}"#,
        r#"{"PUB":true}"#,
        r#"{"scopes":["admin"]}"#,
        r#"{"pub":true,"pub":false}"#,
        r#"{"pub":true"#,
        r#"{"pub":true,}"#,
        r#"{"pub":true} and more"#,
        r#"{"nested":{"pub":true}}"#,
    ] {
        assert_eq!(Claims::parse(&jwt(payload)), None, "{payload}");
    }
    assert_eq!(Claims::parse(&format!("h.{}.s", base64url(b"{\"pub\":true,\"a\":\"\xFF\"}"))), None);
    assert!(Claims::parse(&format!(".{payload}.")).is_some(), "only the middle part is read");
}

#[test]
fn ill_typed_claims_are_as_good_as_absent() {
    for scopes in [r#""admin""#, "null", "{}", "7", "[]", "[[\"admin\"]]", "[null,{\"admin\":1},true]"] {
        let claims = Claims::parse(&jwt(&format!(r#"{{"pub":true,"scopes":{scopes}}}"#))).unwrap();
        assert!(claims.scopes.is_empty(), "{scopes}");
    }
    let mixed = Claims::parse(&jwt(r#"{"scopes":[1,"read:runs",["x"],"write:all"],"pub":true}"#)).unwrap();
    assert_eq!(mixed.scopes, ["read:runs", "write:all"]);
    for exp in [r#""1790000000""#, "null", "-1", "1.79e9", "1e3", "true", "{}", "99999999999999999999"] {
        let claims = Claims::parse(&jwt(&format!(r#"{{"pub":true,"iat":1,"exp":{exp}}}"#))).unwrap();
        assert_eq!((claims.expires_at, claims.lifetime_ms()), (None, None), "{exp}");
    }
}

#[test]
fn a_lifetime_is_from_issue_to_expiry() {
    for (iat, exp, expected) in [
        ("100", "1000", Some(900_000)),
        ("100", "100", Some(0)),
        ("100", "99", None),
        ("100.9", "101.1", Some(1_000)),
        ("100.99999999999999999999", "101.18446744073709551616", Some(1_000)),
        ("0", "1", Some(1_000)),
    ] {
        let claims = Claims::parse(&jwt(&format!(r#"{{"pub":true,"iat":{iat},"exp":{exp}}}"#))).unwrap();
        assert_eq!(claims.lifetime_ms(), expected, "from {iat} to {exp}");
    }
}

#[test]
fn what_no_header_carries_is_no_token() {
    for text in [
        "",
        " ",
        "\n",
        "a b",
        " tr_dev_1",
        "tr_dev_1\n",
        "tr_dev_1\r\nx: y",
        "tr\tdev",
        "tökén",
        "a\0",
        "a\u{7f}",
        "“x”",
    ] {
        assert_eq!(AccessToken::parse(text).err(), Some(NotAToken), "{text:?}");
    }
    for text in ["x", "tr_dev_1234", "a.b.c", "!~", &jwt("{}")] {
        assert_eq!(parse(text).reveal(), text);
    }
}

#[test]
fn well_formed_is_a_public_token_or_a_secret_key() {
    for (text, expected) in [
        (jwt(r#"{"pub":true}"#), true),
        ("tr_dev_1234".into(), true),
        ("tr_prod_1234".into(), true),
        (jwt(r#"{"pub":false}"#), false),
        (jwt("{}"), false),
        ("not.a.jwt".into(), false),
        ("pk_dev_1234".into(), false),
        ("undefined".into(), false),
        ("[object".into(), false),
    ] {
        assert_eq!(parse(&text).is_well_formed(), expected, "{text}");
    }
}

/// A token with this payload, whatever it is.
pub(crate) fn jwt(payload: &str) -> String {
    format!("eyJhbGciOiJIUzI1NiJ9.{}.c2lnbmF0dXJl", base64url(payload.as_bytes()))
}

pub(crate) fn parse(text: &str) -> AccessToken {
    AccessToken::parse(text).expect("it is made of characters that a header carries")
}
