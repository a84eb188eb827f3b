//! Tokens against a reading of the same text with base64ct and serde_json.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::value::RawValue;
use tidegate::proto::time::UnixTime;
use tidegate::proto::token::{AccessToken, Claims, NotAToken, Right};

use crate::json::unescaped;
use crate::members::Members;

const RUN: &str = "run_1";

/// Takes the bytes for a token, and for what a JWT says.
pub fn check(data: &[u8]) {
    check_text(&String::from_utf8_lossy(data));
    check_text(&format!("eyJhbGciOiJIUzI1NiJ9.{}.c2ln", Base64UrlUnpadded::encode_string(data)));
}

fn check_text(text: &str) {
    let claims = plain_claims(text);
    assert_eq!(Claims::parse(text), claims);
    let token = AccessToken::parse(text);
    if text.is_empty() || text.chars().any(|c| !('!'..='~').contains(&c)) {
        return assert_eq!(token, Err(NotAToken));
    }
    let token = token.expect("any visible ASCII may be a token");
    assert_eq!(format!("{token:?}"), "AccessToken(redacted)");
    assert_eq!((token.reveal(), token.claims()), (text, claims.as_ref()));
    assert_eq!(token.is_well_formed(), claims.is_some() || text.starts_with("tr_"));
    let lacks = |granted: fn(&str) -> bool| {
        claims.as_ref().is_some_and(|claims| !claims.scopes.iter().any(|scope| granted(scope)))
    };
    assert_eq!(token.missing(&Right::SEND, RUN), lacks(may_send).then(|| "write:inputStreams:run_1".into()));
    assert_eq!(token.missing(&Right::READ_RUN, RUN), lacks(may_read).then(|| "read:runs:run_1".into()));
    if let Some(Claims { expires_at: Some(to), issued_at: Some(from), .. }) = &claims {
        let life = (to >= from).then(|| to.as_millis() - from.as_millis());
        assert_eq!(token.claims().and_then(Claims::lifetime_ms), life);
    }
}

fn plain_claims(token: &str) -> Option<Claims> {
    let [_, payload, _] = token.split('.').collect::<Vec<_>>()[..] else { return None };
    let payload = String::from_utf8(decoded(payload)?).ok()?;
    let Members(members) = serde_json::from_str(&payload).ok()?;
    let last = |wanted| members.iter().rev().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
    if last("pub") != Some("true") {
        return None;
    }
    let scopes: Vec<&RawValue> = last("scopes").and_then(|list| serde_json::from_str(list).ok()).unwrap_or_default();
    Some(Claims {
        scopes: scopes
            .iter()
            .filter(|scope| scope.get().starts_with('"'))
            .map(|scope| unescaped(scope.get()))
            .collect(),
        expires_at: last("exp").and_then(seconds),
        issued_at: last("iat").and_then(seconds),
    })
}

/// base64url without padding. Bits that make no whole byte are dropped, as the server's decoder drops them; base64ct would refuse
/// them, so they are taken off first.
fn decoded(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut digits =
        text.bytes().map(|digit| DIGITS.bytes().position(|known| known == digit)).collect::<Option<Vec<_>>>()?;
    match (digits.len() % 4, digits.last_mut()) {
        (1, _) => drop(digits.pop()),
        (2, Some(last)) => *last &= !0b1111,
        (3, Some(last)) => *last &= !0b11,
        _ => {}
    }
    let text: String = digits.iter().map(|&digit| char::from(DIGITS.as_bytes()[digit])).collect();
    Some(Base64UrlUnpadded::decode_vec(&text).expect("it is what an encoder writes"))
}

/// Whole seconds of a plain decimal number; with a sign or an exponent there are none.
fn seconds(number: &str) -> Option<UnixTime> {
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let whole: u64 = number.split('.').next()?.parse().ok()?;
    Some(UnixTime::from_millis(whole.saturating_mul(1000)))
}

fn may_send(scope: &str) -> bool {
    grants(scope, "write", "inputStreams")
}

/// A scope by tag, task or batch may cover the run.
fn may_read(scope: &str) -> bool {
    let [action, resource, _] = parts(scope);
    let indirect = ["tags", "tasks", "batch"].contains(&resource) && ["read", "*"].contains(&action);
    indirect || grants(scope, "read", "runs")
}

fn grants(scope: &str, wanted: &str, of: &str) -> bool {
    let [action, resource, id] = parts(scope);
    let is_admin = action == "admin" && resource.is_empty();
    let covers = resource == "all" || (resource == of && ["", RUN].contains(&id));
    is_admin || ([wanted, "*"].contains(&action) && covers)
}

fn parts(scope: &str) -> [&str; 3] {
    let mut parts = scope.splitn(3, ':');
    [(); 3].map(|()| parts.next().unwrap_or_default())
}
