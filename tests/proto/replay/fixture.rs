//! Recorded exchanges. `tests/fixtures/README.md` tells how they are written down.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use tidegate::proto::http::{ResponseHead, StreamVersion};

use crate::harness::{EPOCH_MS, RUN};
use crate::token::jwt;

pub(super) struct Fixture {
    pub(super) name: String,
    pub(super) path: String,
    request: Value,
    response: Value,
}

impl Fixture {
    /// Those whose names begin so, in order.
    pub(super) fn all(prefix: &str) -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wire");
        let files =
            fs::read_dir(folder).expect("the fixtures are there").map(|file| file.expect("they are listed").path());
        let mut fixtures: Vec<_> = files.filter_map(|file| Self::load(&file, prefix)).collect();
        fixtures.sort_by(|a, b| a.name.cmp(&b.name));
        fixtures
    }

    fn load(file: &Path, prefix: &str) -> Option<Self> {
        let name = file.file_name()?.to_str()?.strip_suffix(".json")?;
        if !name.starts_with(prefix) {
            return None;
        }
        let text = fs::read_to_string(file).expect("a fixture is text").replace("{run}", RUN);
        let exchange: Value = serde_json::from_str(&text).expect("a fixture is JSON");
        let request = exchange["request"].clone();
        let path = request["path"].as_str().expect("a request has a path").to_owned();
        Some(Self { name: name.to_owned(), path, request, response: exchange["response"].clone() })
    }

    /// Run and key, decoded, as an application names them.
    pub(super) fn run_and_key(&self) -> (String, String) {
        let path = self.path.strip_prefix("/realtime/v1/streams/").expect("it is about a stream");
        let (run, key) = path.split_once('/').expect("a stream has a key");
        (percent_decoded(run), percent_decoded(key))
    }

    pub(super) fn request_header(&self, name: &str) -> Option<&str> {
        self.request["headers"][name].as_str()
    }

    /// The body that was sent, written out.
    pub(super) fn request_body(&self) -> Option<String> {
        let body = &self.request["body"];
        if body.is_object() {
            let text = |member: &str| body[member].as_str().expect("a long body is described");
            let times = body["times"].as_u64().expect("a long body has a length") as usize;
            return Some([text("prefix"), &text("repeat").repeat(times), text("suffix")].concat());
        }
        body.as_str().map(str::to_owned)
    }

    pub(super) fn response_header(&self, name: &str) -> Option<&str> {
        self.response["headers"][name].as_str()
    }

    pub(super) fn head(&self) -> ResponseHead {
        let version = match self.response["headers"]["x-stream-version"].as_str() {
            Some("v2") => StreamVersion::V2,
            None => StreamVersion::V1,
            Some(other) => panic!("{}: stream version {other}", self.name),
        };
        let status = self.response["status"].as_u64().expect("an answer has a status") as u16;
        ResponseHead { status, version, ..ResponseHead::default() }
    }

    pub(super) fn is_event_stream(&self) -> bool {
        self.response["headers"]["content-type"].as_str().is_some_and(|kind| kind.starts_with("text/event-stream"))
    }

    pub(super) fn body(&self) -> &str {
        self.response["body"].as_str().expect("an answer has a body")
    }

    /// `complete`, `reader-left` or `cut`.
    pub(super) fn ended(&self) -> &str {
        self.response["ended"].as_str().expect("an answer has an end")
    }

    /// The token the exchange was made with; `None` without any.
    pub(super) fn token(&self) -> Option<String> {
        let described = self.request_header("authorization").expect("authorization is described");
        let (kind, claims) = described.split_once(' ').unwrap_or((described, ""));
        match kind {
            "none" => None,
            "secret" | "secret-unknown" => Some("tr_dev_recorded".into()),
            // No one but the server can tell a forged signature.
            "jwt" | "jwt-forged" => Some(token(&serde_json::from_str(claims).expect("claims are an object"))),
            "Bearer" => Some(claims.to_owned()),
            other => panic!("{}: authorization {other}", self.name),
        }
    }
}

/// The claims laid over those of a good token: `null` leaves one out, and times count from now.
fn token(patch: &Map<String, Value>) -> String {
    let now = EPOCH_MS / 1_000;
    let mut claims = json!({
        "sub": "env", "pub": true, "iss": "https://id.trigger.dev", "aud": "https://api.trigger.dev",
        "iat": now, "exp": now + 3_600,
    });
    for (name, value) in patch {
        claims[name] = match (name.as_str(), value.as_i64()) {
            ("exp", Some(seconds)) => json!(now as i64 + seconds),
            _ => value.clone(),
        };
    }
    let claims = claims.as_object().expect("claims are an object").iter().filter(|(_, value)| !value.is_null());
    jwt(&Value::Object(claims.map(|(name, value)| (name.clone(), value.clone())).collect()).to_string())
}

fn percent_decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).expect("two hex digits follow a percent sign"));
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).expect("a path is UTF-8")
}
