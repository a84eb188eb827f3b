//! The calls of S2's HTTP API that this server makes, each one once.

use std::io;
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};

use super::config::S2Config;
use super::name::encoded;
use crate::clock::whole_seconds;
use crate::store::Record;

/// How long S2 may take for an answer; for one that goes on, for its beginning.
const ANSWER: Duration = Duration::from_secs(10);
/// Before the next look where a read was not held.
const PAUSE: Duration = Duration::from_secs(1);
/// How long S2 holds a read that finds nothing.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// More than the records that one answer may hold, as JSON in JSON.
const LONGEST: usize = 16 * 1024 * 1024;

/// Why a call came to nothing.
#[derive(Clone, Debug)]
pub(super) enum Problem {
    /// The log does not end where the append was to go, but here.
    Elsewhere(u64),
    /// There is no such stream.
    NoStream,
    /// It is there already.
    Exists,
    /// This S2 has no such call.
    NotImplemented,
    /// The name cannot be one.
    BadName(String),
    /// The token does not allow it.
    Denied(String),
    Refused(String),
    /// Once more may do. `is_undone`: it is certain that nothing has come of it.
    Trouble {
        reason: String,
        is_undone: bool,
        /// S2 asks for so long a pause first.
        after: Duration,
    },
}

impl Problem {
    pub(super) const fn trouble(reason: String, is_undone: bool) -> Self {
        Self::Trouble { reason, is_undone, after: Duration::ZERO }
    }
}

pub(super) enum Start {
    Number(u64),
    End,
}

#[derive(Deserialize)]
struct Found {
    #[serde(flatten)]
    record: Record,
    /// The one of a command has an empty name.
    #[serde(default)]
    headers: Vec<(String, String)>,
}

impl Found {
    fn is_command(&self) -> bool {
        self.headers.first().is_some_and(|(name, _)| name.is_empty())
    }
}

pub(super) struct Api {
    account: String,
    streams: String,
    basin: HeaderValue,
    authorization: Option<HeaderValue>,
    http: Http,
}

/// Without encryption where the address asks for none: then the system's certificates are not read, and may be missing.
enum Http {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
    Unusable(io::Error),
}

impl Http {
    fn new(address: &str) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(Duration::from_secs(20));
        if address.starts_with("http:") {
            let mut connector = HttpConnector::new();
            connector.set_nodelay(true);
            return Self::Plain(builder.build(connector));
        }
        match HttpsConnectorBuilder::new().with_native_roots() {
            Ok(tls) => Self::Tls(builder.build(tls.https_only().enable_http1().build())),
            Err(error) => Self::Unusable(error),
        }
    }

    fn request(&self, request: Request<Full<Bytes>>) -> Result<ResponseFuture, Problem> {
        match self {
            Self::Plain(client) => Ok(client.request(request)),
            Self::Tls(client) => Ok(client.request(request)),
            Self::Unusable(error) => {
                Err(Problem::Refused(format!("The certificates of this system cannot be read: {error}")))
            }
        }
    }
}

#[derive(Deserialize)]
struct Tail {
    seq_num: u64,
}

impl Api {
    pub(super) fn new(config: &S2Config) -> Self {
        let secret = |token: &String| {
            let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
            value.set_sensitive(true);
            Some(value)
        };
        Self {
            account: config.account(),
            streams: config.streams(),
            basin: HeaderValue::try_from(&config.basin).unwrap_or(HeaderValue::from_static("")),
            authorization: config.token.as_ref().and_then(secret),
            http: Http::new(&config.streams()),
        }
    }

    pub(super) async fn create_basin(&self, basin: &str) -> Result<(), Problem> {
        let body =
            json!({ "basin": basin, "config": { "create_stream_on_append": true, "create_stream_on_read": true } });
        self.json(Method::POST, format!("{}/basins", self.account), Some(&body)).await.map(drop)
    }

    pub(super) async fn create_stream(&self, name: &str) -> Result<(), Problem> {
        self.json(Method::POST, format!("{}/streams", self.streams), Some(&json!({ "stream": name }))).await.map(drop)
    }

    /// A token for writers of streams below a prefix, which they need not say.
    pub(super) async fn issue(&self, id: &str, basin: &str, prefix: &str, expires: &str) -> Result<String, Problem> {
        let body = json!({
            "id": id, "expires_at": expires, "auto_prefix_streams": true,
            "scope": { "basins": { "exact": basin }, "streams": { "prefix": prefix }, "ops": ["append", "create-stream", "trim"] },
        });
        let answer = self.json(Method::POST, format!("{}/access-tokens", self.account), Some(&body)).await?;
        let token = answer["access_token"].as_str();
        token.map(str::to_owned).ok_or_else(|| Problem::Refused("S2 has issued no token".to_owned()))
    }

    /// Where the log ends: the sequence number of the next record.
    pub(super) async fn tail(&self, name: &str) -> Result<u64, Problem> {
        let answer = self.json(Method::GET, format!("{}/tail", self.records(name)), None).await?;
        answer["tail"]["seq_num"].as_u64().ok_or_else(|| unreadable(&"no tail"))
    }

    /// Appends records at this place and nowhere else, all or none; gives where the log ends then.
    pub(super) async fn append(&self, name: &str, bodies: &[&str], at: u64) -> Result<u64, Problem> {
        let records: Vec<Value> = bodies.iter().map(|body| json!({ "body": body })).collect();
        let body = json!({ "records": records, "match_seq_num": at });
        let answer = self.json(Method::POST, self.records(name), Some(&body)).await?;
        answer["tail"]["seq_num"].as_u64().ok_or_else(|| unreadable(&"no tail"))
    }

    /// Where records stand from a place on, so many at most, and the part id of each that has one. What has been trimmed is missing.
    pub(super) async fn parts(&self, name: &str, from: u64, most: u64) -> Result<Vec<(u64, Option<String>)>, Problem> {
        let records = match self.slice(name, from, &format!("&count={most}"), Duration::ZERO).await {
            Err(Problem::NoStream) => return Ok(Vec::new()),
            records => records?,
        };
        let part = |body: &str| serde_json::from_str::<Value>(body).ok()?["id"].as_str().map(str::to_owned);
        Ok(records.into_iter().map(|Found { record, .. }| (record.seq_num, part(&record.body))).collect())
    }

    /// The records from a sequence number on, as many as S2 gives at once.
    pub(super) async fn read(&self, name: &str, from: u64) -> Result<Vec<Record>, Problem> {
        let found = self.slice(name, from, "&clamp=true", Duration::ZERO).await?;
        Ok(found.into_iter().filter(|found| !found.is_command()).map(|found| found.record).collect())
    }

    /// The first record from a sequence number on, as soon as there is one. `None` when there is none at that time.
    pub(super) async fn next(&self, name: &str, from: u64, until: Instant) -> Result<Option<Record>, Problem> {
        let mut start = from;
        loop {
            let wait = until.saturating_duration_since(Instant::now()).min(LONGEST_WAIT);
            let found = self.slice(name, start, &format!("&clamp=true&wait={}", whole_seconds(wait)), wait).await?;
            let Some(last) = found.last() else {
                let now = Instant::now();
                if now >= until {
                    return Ok(None);
                }
                // One that does not hold the read is not asked all the time.
                sleep_until(until.min(now + PAUSE)).await;
                continue;
            };
            start = last.record.seq_num + 1;
            // What is beyond the end begins at the end.
            let is_wanted = |found: &Found| found.record.seq_num >= from && !found.is_command();
            if let Some(found) = found.into_iter().find(is_wanted) {
                return Ok(Some(found.record));
            }
        }
    }

    /// `wait`: how long S2 was asked to hold the answer.
    async fn slice(&self, name: &str, from: u64, more: &str, wait: Duration) -> Result<Vec<Found>, Problem> {
        #[derive(Deserialize)]
        struct Batch {
            records: Vec<Found>,
        }
        let request = self.ask(Method::GET, format!("{}?seq_num={from}{more}", self.records(name)), None);
        let response = self.send(request, ANSWER + wait).await?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            return Ok(Vec::new());
        }
        let batch: Batch = serde_json::from_slice(&succeeded(response).await?).map_err(|error| unreadable(&error))?;
        Ok(batch.records)
    }

    /// The log as S2 sends it: what is there, what comes, and an end after so much quiet.
    pub(super) async fn events(&self, name: &str, start: &Start, idle: Duration) -> Result<Body, Problem> {
        let start = match start {
            Start::Number(number) => format!("seq_num={number}"),
            Start::End => "tail_offset=0".to_owned(),
        };
        let address = format!("{}?{start}&clamp=true&wait={}", self.records(name), whole_seconds(idle));
        let mut request = self.ask(Method::GET, address, None)?;
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        let response = self.send(Ok(request), ANSWER).await?;
        if response.status() == StatusCode::OK { Ok(response.into_body()) } else { Err(problem(response).await) }
    }

    fn records(&self, name: &str) -> String {
        format!("{}/streams/{}/records", self.streams, encoded(name))
    }

    fn ask(&self, method: Method, address: String, body: Option<&Value>) -> Result<Request<Full<Bytes>>, Problem> {
        let mut request = Request::builder().method(method).uri(address).header("s2-basin", &self.basin);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        request.body(Full::from(body)).map_err(|_| Problem::BadName("This name has no address at S2".to_owned()))
    }

    async fn json(&self, method: Method, address: String, body: Option<&Value>) -> Result<Value, Problem> {
        let response = self.send(self.ask(method, address, body), ANSWER).await?;
        let bytes = succeeded(response).await?;
        serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))
    }

    async fn send(
        &self,
        request: Result<Request<Full<Bytes>>, Problem>,
        within: Duration,
    ) -> Result<Response<Body>, Problem> {
        let response = timeout(within, self.http.request(request?)?).await.map_err(|_| late())?;
        response.map(|response| response.map(Body::new)).map_err(|error| unreached(&error))
    }
}

fn unreached(error: &Error) -> Problem {
    let is_undone = error.is_connect();
    let what = if is_undone { "cannot be reached" } else { "broke the connection off" };
    Problem::trouble(format!("S2 {what}: {}", cause(error)), is_undone)
}

/// The innermost reason, such as a name that is not known or a port that nobody listens at. It tells nothing of the
/// request.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn late() -> Problem {
    Problem::trouble("S2 does not answer".to_owned(), false)
}

fn unreadable(error: &dyn std::fmt::Display) -> Problem {
    Problem::trouble(format!("S2 gives an answer that cannot be read: {error}"), false)
}

async fn whole(response: Response<Body>) -> Result<Bytes, Problem> {
    let cut = |_| Problem::trouble("S2 broke its answer off".to_owned(), false);
    let body = Limited::new(response.into_body(), LONGEST).collect();
    Ok(timeout(ANSWER, body).await.map_err(|_| late())?.map_err(cut)?.to_bytes())
}

async fn succeeded(response: Response<Body>) -> Result<Bytes, Problem> {
    if response.status().is_success() { whole(response).await } else { Err(problem(response).await) }
}

/// What an answer that is no success says.
async fn problem(response: Response<Body>) -> Problem {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Told {
        code: String,
        message: String,
        seq_num_mismatch: Option<u64>,
        tail: Option<Tail>,
    }
    let status = response.status();
    let after = retry_after(response.headers());
    let body = match whole(response).await {
        Ok(body) => body,
        Err(problem) => return problem,
    };
    let told: Told = serde_json::from_slice(&body).unwrap_or_default();
    if let Some(end) = told.seq_num_mismatch.or(told.tail.map(|tail| tail.seq_num)) {
        return Problem::Elsewhere(end);
    }
    let reason = match (told.code.as_str(), told.message.as_str()) {
        ("", _) => format!("S2 answers {}", status.as_u16()),
        (code, "") => format!("S2 answers {} ({code})", status.as_u16()),
        (code, message) => format!("S2 answers {} ({code}): {message}", status.as_u16()),
    };
    match (told.code.as_str(), status.as_u16()) {
        ("stream_not_found", _) => Problem::NoStream,
        ("resource_already_exists", _) => Problem::Exists,
        ("not_implemented", _) => Problem::NotImplemented,
        ("permission_denied", _) => Problem::Denied(reason),
        ("bad_path", _) => Problem::BadName(reason),
        // Of these S2 promises that nothing has happened.
        ("hot_server" | "rate_limited" | "server_draining" | "transaction_conflict", _) | (_, 429) => {
            Problem::Trouble { reason, is_undone: true, after }
        }
        (_, 408 | 499 | 500..) => Problem::Trouble { reason, is_undone: false, after },
        _ => Problem::Refused(reason),
    }
}

/// In seconds or as a date; nothing where it is neither, or past.
fn retry_after(headers: &HeaderMap) -> Duration {
    let text = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    let seconds = text.parse().ok().map(Duration::from_secs);
    let until = || httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).ok();
    seconds.or_else(until).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_by_a_date() {
        let after =
            |text: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::try_from(text).unwrap())]));
        assert_eq!(after("7"), Duration::from_secs(7));
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!((90..=100).contains(&after(&date).as_secs()), "{date}");
        for text in ["", "soon", "-1", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(after(text), Duration::ZERO, "{text}");
        }
    }
}
