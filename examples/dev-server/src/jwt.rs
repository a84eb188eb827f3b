//! Public access tokens: JSON web tokens signed with HMAC-SHA256 and the secret key.

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

pub(crate) const ISSUER: &str = "https://id.trigger.dev";
pub(crate) const AUDIENCE: &str = "https://api.trigger.dev";

/// What a token says, in the order in which the original writes it. `iat` and `exp` are seconds since the epoch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sub: Option<String>,
    #[serde(default, rename = "pub")]
    pub(crate) public: bool,
    #[serde(default, deserialize_with = "strings_or_nothing")]
    pub(crate) scopes: Vec<String>,
    #[serde(default, rename = "otu", skip_serializing_if = "Option::is_none")]
    pub(crate) one_time: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) realtime: Option<Value>,
    #[serde(default)]
    iss: Value,
    #[serde(default)]
    aud: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exp: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iat: Option<Number>,
}

impl Claims {
    /// A token of this environment with these scopes, from now for `seconds`.
    pub(crate) fn new(environment: &str, scopes: Vec<String>, now: i64, seconds: i64) -> Self {
        Self {
            sub: Some(environment.to_owned()),
            public: true,
            scopes,
            one_time: None,
            realtime: None,
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            exp: Some((now + seconds).into()),
            iat: Some(now.into()),
        }
    }

    /// Reads the claims without checking anything. `None` unless this is a JWT with `pub: true`, which is what tells a
    /// public access token from a secret key.
    pub(crate) fn peek(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let claims: Self = serde_json::from_slice(&Base64UrlUnpadded::decode_vec(payload).ok()?).ok()?;
        claims.public.then_some(claims)
    }

    /// Whether issuer, audience and expiry hold at `now`, with no tolerance.
    pub(crate) fn is_current(&self, now: i64) -> bool {
        let audience =
            self.aud == AUDIENCE || self.aud.as_array().is_some_and(|all| all.iter().any(|one| one == AUDIENCE));
        audience && self.iss == ISSUER && self.exp.as_ref().and_then(Number::as_f64).is_none_or(|exp| exp > now as f64)
    }
}

pub(crate) fn sign(claims: &impl Serialize, secret: &str) -> String {
    let payload = serde_json::to_vec(claims).unwrap_or_default();
    let signed = format!("{}.{}", encode(br#"{"alg":"HS256"}"#), encode(&payload));
    let signature = mac(&signed, secret).finalize().into_bytes();
    format!("{signed}.{}", encode(&signature))
}

/// Whether the token was signed with this secret, by the one algorithm there is.
pub(crate) fn is_signed_with(token: &str, secret: &str) -> bool {
    #[derive(Deserialize)]
    struct Header {
        alg: String,
    }
    let Some((signed, signature)) = token.rsplit_once('.') else { return false };
    let header = signed.split('.').next().and_then(|text| Base64UrlUnpadded::decode_vec(text).ok()).unwrap_or_default();
    let right_algorithm = serde_json::from_slice::<Header>(&header).is_ok_and(|header| header.alg == "HS256");
    let signature = Base64UrlUnpadded::decode_vec(signature).unwrap_or_default();
    right_algorithm && mac(signed, secret).verify_slice(&signature).is_ok()
}

/// The fingerprint by which a token is remembered, or anything else that one sends in its place.
pub(crate) fn fingerprint(token: impl AsRef<[u8]>) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// A text that only this secret makes of this text.
pub(crate) fn authenticator(text: &str, secret: &str) -> String {
    encode(&mac(text, secret).finalize().into_bytes())
}

/// Whether it is the one that this secret makes.
pub(crate) fn is_authenticator(given: &str, text: &str, secret: &str) -> bool {
    Base64UrlUnpadded::decode_vec(given).is_ok_and(|given| mac(text, secret).verify_slice(&given).is_ok())
}

pub(crate) fn mac(text: &str, secret: &str) -> Hmac<Sha256> {
    let mut mac = match Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        Ok(mac) => mac,
        Err(_) => unreachable!("an HMAC takes a key of any length"),
    };
    mac.update(text.as_bytes());
    mac
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn strings_or_nothing<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let Value::Array(items) = Value::deserialize(deserializer)? else { return Ok(Vec::new()) };
    Ok(items.into_iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_everyone_does() {
        // RFC 7519's algorithm over a fixed text; the expected signature is Node's
        // `createHmac("sha256", "tr_dev_x").update(head + "." + body).digest("base64url")`.
        let token = sign(&serde_json::json!({ "pub": true }), "tr_dev_x");
        assert_eq!(token, "eyJhbGciOiJIUzI1NiJ9.eyJwdWIiOnRydWV9.xLFhhE8V1IMUIruTZXfyXomac5f82hiB47SNaMmQ1tc");
        assert!(is_signed_with(&token, "tr_dev_x"));
        assert!(!is_signed_with(&token, "tr_dev_y"));
    }

    #[test]
    fn numbers_stay_whole() {
        let token = sign(&Claims::new("env", vec!["read:runs".into()], 1_000, 60), "k");
        let payload = Base64UrlUnpadded::decode_vec(token.split('.').nth(1).unwrap()).unwrap();
        let text = String::from_utf8(payload).unwrap();
        assert!(text.ends_with(r#""exp":1060,"iat":1000}"#), "{text}");
    }

    #[test]
    fn a_token_ends_at_its_expiry_and_serves_its_audience() {
        let claims = Claims::new("env", Vec::new(), 1_000, 60);
        assert!(claims.is_current(1_059));
        assert!(!claims.is_current(1_060));
        for (aud, holds) in
            [(AUDIENCE.into(), true), (vec!["x", AUDIENCE].into(), true), ("x".into(), false), (Value::Null, false)]
        {
            assert_eq!(Claims { aud, ..claims.clone() }.is_current(1_000), holds);
        }
        assert!(!Claims { iss: "https://elsewhere".into(), ..claims }.is_current(1_000));
    }

    #[test]
    fn a_token_without_a_signature_is_refused() {
        let payload = encode(br#"{"pub":true}"#);
        let unsigned = format!("{}.{payload}.", encode(br#"{"alg":"none"}"#));
        assert!(Claims::peek(&unsigned).is_some());
        assert!(!is_signed_with(&unsigned, "k"));
    }
}
