//! Access tokens: what they claim, and what they may do.
//!
//! Nothing here checks a signature: that is the server's business. The claims are read so that a refusal can be told before the
//! network is bothered, and named after it has been.

use core::fmt;
use core::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};

use super::json::{Malformed, Scanner};
use super::time::UnixTime;

/// A token as it goes into the `Authorization` header. Prints redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
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
        Ok(Self { text: text.to_owned(), claims: Claims::parse(text) })
    }

    /// The text itself, for the header and nothing else.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What a public access token says of itself; `None` for a secret key or anything else.
    pub const fn claims(&self) -> Option<&Claims> {
        self.claims.as_ref()
    }

    /// Whether this has the shape of a public access token or of a secret key.
    pub fn is_well_formed(&self) -> bool {
        self.claims.is_some() || self.text.starts_with("tr_")
    }

    /// The scope this token certainly lacks for a send to that run, if it does.
    pub fn missing_for_send(&self, run: &str) -> Option<String> {
        let claims = self.claims.as_ref()?;
        (!claims.grant("write", "inputStreams", run)).then(|| ["write:inputStreams:", run].concat())
    }

    /// The scope this token certainly lacks for reading that run's streams, if it does. Scopes by tag, task or batch may cover
    /// the run, which only the server knows: they count as enough here.
    pub fn missing_for_read(&self, run: &str) -> Option<String> {
        let claims = self.claims.as_ref()?;
        let may = claims.grant("read", "runs", run)
            || claims.scopes.iter().any(|scope| scope.names("read", &["tags", "tasks", "batch"]));
        (!may).then(|| ["read:runs:", run].concat())
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
    pub scopes: Vec<Scope>,
    /// `exp`: when it stops being valid.
    pub expires_at: Option<UnixTime>,
    /// `iat`: when it was made.
    pub issued_at: Option<UnixTime>,
}

impl Claims {
    /// Reads the middle part of a JWT. `None` unless it is one with `pub: true`, which is the server's own test.
    pub fn parse(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let payload = Base64UrlUnpadded::decode_vec(payload).ok()?;
        Self::scan(core::str::from_utf8(&payload).ok()?).ok().flatten()
    }

    /// Whether any scope grants this action on this one resource.
    pub fn grant(&self, action: &str, resource: &str, id: &str) -> bool {
        self.scopes.iter().any(|scope| scope.grants(action, resource, Some(id)))
    }

    /// `exp` less `iat`: how long the token lives, whatever the device's clock says.
    pub fn lifetime(&self) -> Option<Duration> {
        let (from, to) = (self.issued_at?, self.expires_at?);
        to.as_millis().checked_sub(from.as_millis()).map(Duration::from_millis)
    }

    fn scan(payload: &str) -> Result<Option<Self>, Malformed> {
        let mut claims = Self::default();
        let mut public = false;
        let mut scanner = Scanner::new(payload);
        scanner.begin_object()?;
        while let Some(key) = scanner.next_key()? {
            match &*key {
                "pub" => public = scanner.value()? == "true",
                "scopes" => claims.scopes = scan_scopes(scanner.value()?),
                "exp" => claims.expires_at = seconds(scanner.value()?),
                "iat" => claims.issued_at = seconds(scanner.value()?),
                _ => {
                    scanner.value()?;
                }
            }
        }
        Ok(public.then_some(claims))
    }
}

/// An absent or ill-typed list grants nothing.
fn scan_scopes(value: &str) -> Vec<Scope> {
    let mut scopes = Vec::new();
    let mut scanner = Scanner::new(value);
    if scanner.begin_array().is_err() {
        return scopes;
    }
    while let Ok(true) = scanner.next_element() {
        if scanner.peek() == Some(b'"') {
            let Ok(text) = scanner.string() else { break };
            scopes.push(Scope::parse(&text));
        } else if scanner.value().is_err() {
            break;
        }
    }
    scopes
}

/// Seconds since the epoch, possibly with a fraction.
fn seconds(value: &str) -> Option<UnixTime> {
    let whole: u64 = value.split('.').next()?.parse().ok()?;
    Some(UnixTime::from_millis(whole.saturating_mul(1000)))
}

/// One permission: `action[:resource[:id]]`. Only the first two colons separate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    action: String,
    resource: Option<String>,
    id: Option<String>,
}

impl Scope {
    /// Reads a scope. Every text is one; whether it grants anything is another matter.
    pub fn parse(text: &str) -> Self {
        let mut parts = text.splitn(3, ':');
        let mut next = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
        Self { action: next().unwrap_or_default(), resource: next(), id: next() }
    }

    /// Whether this scope allows the action on the resource: on one (`Some(id)`), or on the collection (`None`).
    pub fn grants(&self, action: &str, resource: &str, id: Option<&str>) -> bool {
        if self.action == "admin" && self.resource.is_none() {
            return true;
        }
        if self.action != action && self.action != "*" {
            return false;
        }
        match self.resource.as_deref() {
            Some("all") => true,
            Some(own) if own == resource => self.id.is_none() || self.id.as_deref() == id,
            _ => false,
        }
    }

    fn names(&self, action: &str, resources: &[&str]) -> bool {
        self.action == action && self.resource.as_deref().is_some_and(|own| resources.contains(&own))
    }
}
