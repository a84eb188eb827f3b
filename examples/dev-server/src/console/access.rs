//! Who is handed a token without a credential: a page that this server itself has served, in a browser on this machine.
//!
//! Three things have to hold. The request comes from this server's own page: browsers put the origin of a page on every
//! POST, and a page cannot change it. It was addressed to a name of this machine: with DNS rebinding a page from
//! elsewhere has its own name point to 127.0.0.1, and is then of one origin with this server in the eyes of the
//! browser; but the name in `Host` is still its own. And nobody but this machine can reach the server: whoever can, and
//! is no browser, writes into both headers what he likes.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, StatusCode};

use crate::respond::Refusal;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// `hosts` are the names that the owner has allowed besides, which also hold for a server that is reached from afar.
pub(super) fn check(headers: &HeaderMap, hosts: &[String], is_reached_from_afar: bool) -> Result<(), Refusal> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = text(HOST).to_ascii_lowercase();
    let is_allowed = hosts.iter().any(|allowed| is_named(&host, &allowed.to_ascii_lowercase()));
    if is_reached_from_afar && !is_allowed {
        return Err(refuse(format!(
            "This server listens beyond its own machine, so its console is for nobody unless it was started with --console-host, \
             followed by the name that it is opened by, here {host:?}. Everyone who reaches the server can then use the console."
        )));
    }
    if !is_allowed && !is_loopback(name_of(&host)) {
        return Err(refuse(format!(
            "The console is open at localhost, 127.0.0.1 and [::1], and not at {host:?}. If this name is yours, start the server with \
             --console-host, followed by the name."
        )));
    }
    let origin = text(ORIGIN).to_ascii_lowercase();
    let is_own = ["http://", "https://"].iter().any(|scheme| origin.strip_prefix(scheme) == Some(&host));
    let is_elsewhere = headers.contains_key(FETCH_SITE) && text(FETCH_SITE) != "same-origin";
    if !is_own || is_elsewhere {
        return Err(refuse("Only the console's own page is given a token here.".to_owned()));
    }
    Ok(())
}

fn refuse(message: String) -> Refusal {
    Refusal::Error(StatusCode::FORBIDDEN, message)
}

/// Whether the host is the one that was allowed, which names any port when it names none.
fn is_named(host: &str, allowed: &str) -> bool {
    !host.is_empty() && (host == allowed || name_of(host) == allowed)
}

/// `name:port` without the port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The port does not matter: it may be forwarded, and a foreign name stays foreign on any.
fn is_loopback(name: &str) -> bool {
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    name == "localhost" || address.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{is_loopback, is_named, name_of};

    #[test]
    fn the_name_of_a_host_is_what_stands_before_its_port() {
        let names = ["localhost:3030", "localhost", "[::1]:3030", "[::1]", "127.0.0.1:1", ""].map(name_of);
        assert_eq!(names, ["localhost", "localhost", "[::1]", "[::1]", "127.0.0.1", ""]);
    }

    #[test]
    fn names_that_only_look_like_this_machine_are_foreign() {
        for name in ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"] {
            assert!(is_loopback(name), "{name}");
        }
        for name in
            ["", "localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0", "[::]", "10.0.0.1", "evil.example"]
        {
            assert!(!is_loopback(name), "{name}");
        }
    }

    #[test]
    fn an_allowed_name_holds_for_any_port_unless_it_has_one() {
        assert!(is_named("dev.example:3030", "dev.example"));
        assert!(is_named("dev.example:3030", "dev.example:3030"));
        assert!(!is_named("dev.example:3031", "dev.example:3030"));
        assert!(!is_named("evil.dev.example", "dev.example"));
        assert!(!is_named("", ""));
    }
}
