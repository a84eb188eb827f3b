//! Where logs may lie, as an owner says it.

use std::fmt;

/// Who keeps input and output streams.
#[derive(Clone, Debug, Default)]
pub enum StreamEngine {
    /// This server, with everything else. The default.
    #[default]
    Own,
    /// S2, or a server that speaks its protocol, such as s2-lite.
    S2(S2Config),
}

/// Which S2, and what to use of it. Prints without its token.
#[derive(Clone)]
pub struct S2Config {
    pub(super) endpoint: Option<String>,
    pub(super) basin: String,
    pub(super) token: Option<String>,
}

impl S2Config {
    /// `endpoint` is where accounts and basins are both served, such as `http://127.0.0.1:8080`, with or without the
    /// `/v1` behind it; none is S2's own cloud. The basin is made if it is missing. Without a token nothing is
    /// authorized, which is enough for s2-lite.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the endpoint, the basin or the token.
    pub fn new(endpoint: Option<&str>, basin: &str, token: Option<&str>) -> Result<Self, String> {
        let is_named = (8..=48).contains(&basin.len())
            && basin.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !is_named {
            return Err("an S2 basin is named by 8 to 48 lower-case letters, digits and hyphens".to_owned());
        }
        if token.is_some_and(|token| token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err("an S2 token is a text without spaces".to_owned());
        }
        if endpoint.is_none() && token.is_none() {
            return Err("S2's cloud wants a token; for a server of your own, say where it is".to_owned());
        }
        let endpoint = endpoint.map(with_version).transpose()?;
        Ok(Self { endpoint, basin: basin.to_owned(), token: token.map(str::to_owned) })
    }

    /// Where basins are made and tokens issued.
    pub(super) fn account(&self) -> String {
        self.endpoint.clone().unwrap_or_else(|| "https://a.s2.dev/v1".to_owned())
    }

    /// Where the streams of the basin are.
    pub(super) fn streams(&self) -> String {
        self.endpoint.clone().unwrap_or_else(|| format!("https://{}.b.s2.dev/v1", self.basin))
    }
}

impl fmt::Debug for S2Config {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "(hidden)");
        let Self { endpoint, basin, .. } = self;
        out.debug_struct("S2Config").field("endpoint", endpoint).field("basin", basin).field("token", &token).finish()
    }
}

fn with_version(endpoint: &str) -> Result<String, String> {
    let wanted = || format!("an S2 endpoint looks like http://127.0.0.1:8080, not like {endpoint:?}");
    let endpoint = endpoint.trim_end_matches('/');
    let host = endpoint.strip_prefix("http://").or_else(|| endpoint.strip_prefix("https://")).ok_or_else(wanted)?;
    let (authority, path) = host.split_once('/').unwrap_or((host, ""));
    let is_plain = !authority.is_empty() && !host.contains(['@', '?', '#', ' ']);
    match path {
        _ if !is_plain => Err(wanted()),
        "" => Ok(format!("{endpoint}/v1")),
        _ => Ok(endpoint.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_taken_with_and_without_its_version() {
        for given in ["http://localhost:1", "http://localhost:1/", "http://localhost:1/v1", "http://localhost:1/v1/"] {
            let config = S2Config::new(Some(given), "basin-name", None).unwrap();
            assert_eq!(config.streams(), "http://localhost:1/v1", "{given}");
            assert_eq!(config.account(), "http://localhost:1/v1", "{given}");
        }
        for wrong in ["", "localhost:1", "ftp://localhost", "http://", "http://me:secret@localhost", "http://a?b"] {
            assert!(S2Config::new(Some(wrong), "basin-name", None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_cloud_has_an_address_for_each_basin_and_wants_a_token() {
        let config = S2Config::new(None, "basin-name", Some("t")).unwrap();
        assert_eq!(
            (config.account().as_str(), config.streams().as_str()),
            ("https://a.s2.dev/v1", "https://basin-name.b.s2.dev/v1")
        );
        assert!(S2Config::new(None, "basin-name", None).is_err());
    }

    #[test]
    fn names_and_tokens_are_checked() {
        for basin in ["", "short", "Basin-Name", "basin_name", &"x".repeat(49)] {
            assert!(S2Config::new(Some("http://a"), basin, None).is_err(), "{basin}");
        }
        assert!(S2Config::new(Some("http://a"), "basin-name", Some("a b")).is_err());
    }

    #[test]
    fn the_token_is_not_printed() {
        let config = S2Config::new(Some("http://a"), "basin-name", Some("sesame")).unwrap();
        let printed = format!("{:?}", StreamEngine::S2(config));
        assert!(printed.contains("basin-name") && !printed.contains("sesame"), "{printed}");
    }
}
