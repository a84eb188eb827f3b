//! Access tokens: what they claim, and what they may do.
//!
//! Nothing here checks a signature: that is the server's business. The claims are read so that a refusal can be told before the
//! network is bothered, and named after it has been.

use alloc::borrow::ToOwned;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::json::Scanner;
use super::text::{concat, parse_digits, split_once};
use super::time::UnixTime;

/// A token as it goes into the `Authorization` header. Prints redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(Rc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    text: String,
    claims: Option<Claims>,
}

/// The text cannot be a token at all: it is empty or holds characters that no HTTP header carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAToken;

impl AccessToken {
    /// Takes a token: a public access token (a JWT with `pub: true`) or a secret key.
    ///
    /// # Errors
    /// [`NotAToken`] when the text is empty or is not visible ASCII.
    pub fn parse(text: &str) -> Result<Self, NotAToken> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NotAToken);
        }
        Ok(Self(Rc::new(Inner { text: text.to_owned(), claims: Claims::parse(text) })))
    }

    /// The text itself, for the header and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0.text
    }

    /// What a public access token says of itself; `None` for a secret key or anything else.
    pub fn claims(&self) -> Option<&Claims> {
        self.0.claims.as_ref()
    }

    /// Whether this has the shape of a public access token or of a secret key.
    pub fn is_well_formed(&self) -> bool {
        self.0.claims.is_some() || self.0.text.starts_with("tr_")
    }

    /// Whether this token says of itself that it may.
    pub fn grants(&self, right: &Right, id: &str) -> bool {
        self.claims().is_some_and(|claims| claims.grant(right.action, right.resource, id))
    }

    /// The scope this token certainly lacks for that, if it does. Another right may come to the same, which only the server knows: it
    /// counts as enough here.
    pub fn missing(&self, right: &Right, id: &str) -> Option<String> {
        let claims = self.0.claims.as_ref()?;
        let may = self.grants(right, id)
            || claims.scopes.iter().any(|scope| {
                let Scope { action, resource: kind, .. } = Scope::parse(scope);
                right.others.iter().any(|other| kind == other.1 && (action == "*" || action == other.0))
            });
        (!may).then(|| right.to_scope(id))
    }
}

/// What may be done, to one of a kind.
#[derive(Debug)]
pub struct Right {
    action: &'static str,
    resource: &'static str,
    /// Actions on other kinds that may come to the same.
    others: &'static [(&'static str, &'static str)],
}

impl Right {
    /// To read a run and its streams.
    pub const READ_RUN: Self = Self::new("read", "runs", &[("read", "tags"), ("read", "tasks"), ("read", "batch")]);
    /// To read the runs with a tag. One of several tags is enough.
    pub const READ_TAG: Self = Self::new("read", "tags", &[("read", "tags"), ("read", "runs")]);
    /// To read the runs of a batch.
    pub const READ_BATCH: Self = Self::new("read", "batch", &[("read", "runs")]);
    /// To send into a run.
    pub const SEND: Self = Self::new("write", "inputStreams", &[]);
    /// To start a run of a task. Servers have taken either.
    pub const TRIGGER: Self = Self::new("trigger", "tasks", &[("write", "tasks")]);
    /// To complete a wait token.
    pub const COMPLETE: Self = Self::new("write", "waitpoints", &[]);
    /// To cancel a run.
    pub const CANCEL: Self = Self::new("write", "runs", &[("write", "tasks")]);

    const fn new(
        action: &'static str,
        resource: &'static str,
        others: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self { action, resource, others }
    }

    /// The scope that gives it, to that one; without an id, to all.
    pub fn to_scope(&self, id: &str) -> String {
        concat(&[self.action, ":", self.resource, if id.is_empty() { "" } else { ":" }, id])
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(redacted)")
    }
}

/// The claims of a public access token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// `scopes`: what the token may do.
    pub scopes: Vec<String>,
    /// `exp`: when it stops being valid.
    pub expires_at: Option<UnixTime>,
    /// `iat`: when it was made.
    pub issued_at: Option<UnixTime>,
}

impl Claims {
    /// Reads the middle part of a JWT. `None` unless it is one with `pub: true`, which is the server's own test.
    pub fn parse(token: &str) -> Option<Self> {
        let (_header, rest) = split_once(token, b'.')?;
        let (payload, signature) = split_once(rest, b'.')?;
        if split_once(signature, b'.').is_some() {
            return None;
        }
        let payload = decode_base64url(payload)?;
        Self::scan(core::str::from_utf8(&payload).ok()?)
    }

    /// Whether any scope grants this action on this one resource.
    pub fn grant(&self, action: &str, resource: &str, id: &str) -> bool {
        self.scopes.iter().any(|scope| Scope::parse(scope).grants(action, resource, Some(id)))
    }

    /// The scopes, taken apart.
    pub fn scopes(&self) -> impl Iterator<Item = Scope<'_>> {
        self.scopes.iter().map(|scope| Scope::parse(scope))
    }

    /// `exp` less `iat`: how long the token lives, whatever the device's clock says.
    pub fn lifetime_ms(&self) -> Option<u64> {
        let (from, to) = (self.issued_at?, self.expires_at?);
        to.as_millis().checked_sub(from.as_millis())
    }

    fn scan(payload: &str) -> Option<Self> {
        let mut claims = Self::default();
        let mut public = false;
        let mut scanner = Scanner::new(payload);
        scanner.begin_object()?;
        while let Some(key) = scanner.next_key()? {
            match key {
                "pub" => public = scanner.value()? == "true",
                "scopes" => claims.scopes = scan_scopes(scanner.value()?),
                "exp" => claims.expires_at = seconds(scanner.value()?),
                "iat" => claims.issued_at = seconds(scanner.value()?),
                _ => {
                    scanner.value()?;
                }
            }
        }
        scanner.end()?;
        public.then_some(claims)
    }
}

/// RFC 4648, section 5, without padding. The crates that do this also encode and check: a kilobyte for the one use here.
fn decode_base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut bits, mut count) = (0_u32, 0);
    for digit in text.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

/// An absent or ill-typed list grants nothing.
fn scan_scopes(value: &str) -> Vec<String> {
    let mut scopes = Vec::new();
    let mut scanner = Scanner::new(value);
    if scanner.begin_array().is_none() {
        return scopes;
    }
    while let Some(true) = scanner.next_element() {
        if scanner.peek() == Some(b'"') {
            let Some(text) = scanner.string() else { break };
            scopes.push(text.into_owned());
        } else if scanner.value().is_none() {
            break;
        }
    }
    scopes
}

/// Seconds since the epoch, possibly with a fraction. With an exponent, which no signer writes, it is as good as absent.
fn seconds(value: &str) -> Option<UnixTime> {
    let (whole, fraction) = split_once(value, b'.').unwrap_or((value, ""));
    if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Some(UnixTime::from_millis(parse_digits(whole.as_bytes())?.saturating_mul(1000)))
}

/// One permission: `action[:resource[:id]]`. Only the first two colons separate. What is not there is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    action: &'a str,
    resource: &'a str,
    id: &'a str,
}

impl<'a> Scope<'a> {
    /// Reads a scope. Every text is one; whether it grants anything is another matter.
    pub fn parse(text: &'a str) -> Self {
        let (action, rest) = split_once(text, b':').unwrap_or((text, ""));
        let (resource, id) = split_once(rest, b':').unwrap_or((rest, ""));
        Self { action, resource, id }
    }

    /// Whether this scope allows the action on the resource: on one (`Some(id)`), or on the collection (`None`).
    pub fn grants(&self, action: &str, resource: &str, id: Option<&str>) -> bool {
        if self.action == "admin" && self.resource.is_empty() {
            return true;
        }
        if self.action != action && self.action != "*" {
            return false;
        }
        self.resource == "all" || (self.resource == resource && (self.id.is_empty() || Some(self.id) == id))
    }
}
