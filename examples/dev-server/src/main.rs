//! `tidegate-dev`: the development server on a port.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt;
use tidegate_dev_server::{AppState, Config, Console, DEFAULT_SECRET_KEY, S2Config, StreamEngine, serve};
use tokio::net::TcpListener;

const USAGE: &str = "\
tidegate-dev: a development server that speaks the protocol of Trigger.dev

Usage: tidegate-dev [--port N] [--host ADDRESS] [--secret-key KEY] [--rate-limits KIND]
                    [--data FILE | --memory] [--keep TIME]
                    [--console DIR | --no-console] [--console-host NAME]
                    [--streams own | --streams s2 --s2-endpoint URL --s2-basin NAME [--s2-token TOKEN]]
                    [--feeds DIALECT] [--hold-ms N] [--worker-silence-ms N] [--faults] [--no-idempotence]

  --port N          default 3030; 0 takes any free port
  --host ADDRESS    default 127.0.0.1
  --secret-key KEY  default tr_dev_tidegate; or the environment variable TIDEGATE_SECRET_KEY,
                    which does not show in the list of processes
  --data FILE       the SQLite database that everything is kept in, made if it is missing;
                    default .tidegate/dev.db in the current folder
  --memory          keeps everything in memory instead, until it is stopped
  --keep TIME       how long a run is kept after its end, such as 7d or 12h, with its streams, batch, wait
                    tokens and idempotency keys; default all: for ever
  --console DIR     the folder of the built console, the page at /console; default: the folder console
                    beside the one with this program, else target/console
  --console-host NAME
                    the console may also be opened by this name, with a port or for any; more than once
                    for several. Whoever reaches the server by it can do what the console can. Without
                    it, the console is for this machine: localhost, 127.0.0.1 and [::1]
  --no-console      no such page
  --streams WHERE   where input and output streams are kept: own (default), with everything else, or s2, at S2
                    (https://s2.dev) or a server that speaks its protocol, such as s2-lite; also TIDEGATE_STREAMS
  --s2-endpoint URL where that is, such as http://127.0.0.1:8080; without it S2's cloud; also TIDEGATE_S2_ENDPOINT
  --s2-basin NAME   the basin to use there, made if it is missing; also TIDEGATE_S2_BASIN
  --s2-token TOKEN  what S2 is asked with; s2-lite needs none; or the environment variable TIDEGATE_S2_TOKEN,
                    which does not show in the list of processes
  --rate-limits KIND
                    announced: requests to /api are counted and answers tell what is left (default);
                    refused: what is over the limit gets 429;
                    trigger-dev: the same, and pages on another origin cannot read it, as on Trigger.dev
  --feeds DIALECT   how feeds of runs are written: native (default), as Trigger.dev's own server does, or
                    electric, as Electric does: changed columns, deletes, handles that expire
  --hold-ms N       how long such a feed holds a request while nothing changes, give or take 15 %;
                    default 20000
  --worker-silence-ms N
                    after how much silence a worker is taken for gone, and its runs are tried again;
                    default 10000
  --faults          what goes wrong is chosen by requests to /dev/faults, and what becomes of a run
                    that no task here executes by requests to /dev/runs
  --no-idempotence  a repeated send is a second record, as it is on Trigger.dev

It prints its address, later a line for each task that is triggered and that nobody serves, and
serves until it is stopped, in whatever way: what it has answered is in the
database, and runs that were under way begin again with the next start.";

const DEFAULT_DATA: &str = ".tidegate/dev.db";

struct Arguments {
    address: SocketAddr,
    config: Config,
    /// None: in memory.
    data: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&format!("tidegate-dev: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let Some(arguments) = parse()? else {
        say(USAGE);
        return Ok(());
    };
    let is_default_key = arguments.config.secret_key == DEFAULT_SECRET_KEY;
    if is_default_key && !arguments.address.ip().is_loopback() {
        return Err("the default secret key is public: give --secret-key to listen beyond this machine".into());
    }
    let listener = TcpListener::bind(arguments.address).await.map_err(|error| {
        format!("cannot listen on {}: {error}; give another --port, or 0 for any free one", arguments.address)
    })?;
    let state = match &arguments.data {
        Some(file) => AppState::open(arguments.config, file)?,
        None => AppState::new(arguments.config),
    };
    state
        .prepare()
        .await
        .map_err(|why| format!("{why}; streams are to be kept there: see --s2-endpoint, --s2-basin and --s2-token"))?;
    let hint = if is_default_key { DEFAULT_SECRET_KEY } else { "as given" };
    let place = arguments.data.as_deref().unwrap_or(Path::new("memory")).display();
    say(&format!("tidegate-dev http://{} (secret key: {hint}, data: {place})", listener.local_addr()?));
    serve(listener, state).await?;
    Ok(())
}

/// `None` when help was asked for.
fn parse() -> Result<Option<Arguments>, Box<dyn Error>> {
    let mut port: u16 = 3030;
    let mut host = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let secret_key = env::var("TIDEGATE_SECRET_KEY").unwrap_or_default();
    let mut config = Config { secret_key, say, ..Config::default() };
    let (mut data, mut in_memory) = (None, false);
    let (mut console_files, mut console_hosts, mut has_console) = (None, Vec::new(), true);
    let mut streams = StreamFlags::from_environment();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("port") => port = parser.value()?.parse()?,
            Long("host") => host = parser.value()?.parse()?,
            Long("secret-key") => config.secret_key = parser.value()?.parse()?,
            Long("data") => data = Some(PathBuf::from(parser.value()?)),
            Long("memory") => in_memory = true,
            Long("keep") => config.keep = parser.value()?.parse()?,
            Long("console") => console_files = Some(PathBuf::from(parser.value()?)),
            Long("console-host") => console_hosts.push(parser.value()?.parse()?),
            Long("no-console") => has_console = false,
            Long("rate-limits") => config.rate_limits = parser.value()?.parse()?,
            Long("streams") => streams.place = Some(parser.value()?.parse()?),
            Long("s2-endpoint") => streams.endpoint = Some(parser.value()?.parse()?),
            Long("s2-basin") => streams.basin = Some(parser.value()?.parse()?),
            Long("s2-token") => streams.token = Some(parser.value()?.parse()?),
            Long("feeds") => config.feeds = parser.value()?.parse()?,
            Long("hold-ms") => config.hold = Duration::from_millis(parser.value()?.parse()?),
            Long("worker-silence-ms") => {
                config.worker_silence = Duration::from_millis(parser.value()?.parse()?);
            }
            Long("faults") => config.faults = true,
            Long("no-idempotence") => config.idempotent_sends = false,
            Long("help") | Short('h') => return Ok(None),
            Long(_) | Short(_) | Value(_) => return Err(format!("{}; see --help", argument.unexpected()).into()),
        }
    }
    if config.secret_key.is_empty() {
        DEFAULT_SECRET_KEY.clone_into(&mut config.secret_key);
    }
    if !config.secret_key.starts_with("tr_") {
        return Err("a secret key begins with tr_, as in tr_dev_something".into());
    }
    if !has_console && (console_files.is_some() || !console_hosts.is_empty()) {
        return Err("--no-console excludes --console and --console-host: give one or the other".into());
    }
    config.console =
        has_console.then(|| Console { files: console_files.unwrap_or_else(console_folder), hosts: console_hosts });
    if in_memory && data.is_some() {
        return Err("--data and --memory exclude each other: give one of them".into());
    }
    config.streams = streams.engine()?;
    let data = (!in_memory).then(|| data.unwrap_or_else(|| DEFAULT_DATA.into()));
    Ok(Some(Arguments { address: SocketAddr::new(host, port), config, data }))
}

/// The console is built into `target/console`, and this program into a folder beside it; installed elsewhere, it looks
/// in this folder.
fn console_folder() -> PathBuf {
    let here = Console::default().files;
    let beside = env::current_exe().ok().and_then(|program| Some(program.parent()?.parent()?.join("console")));
    match beside {
        Some(beside) if beside.is_dir() || !here.is_dir() => beside,
        Some(_) | None => here,
    }
}

/// What is said of streams, by flags or by the environment.
struct StreamFlags {
    place: Option<String>,
    endpoint: Option<String>,
    basin: Option<String>,
    token: Option<String>,
}

impl StreamFlags {
    fn from_environment() -> Self {
        let named = |name| env::var(name).ok().filter(|text| !text.is_empty());
        Self {
            place: named("TIDEGATE_STREAMS"),
            endpoint: named("TIDEGATE_S2_ENDPOINT"),
            basin: named("TIDEGATE_S2_BASIN"),
            token: named("TIDEGATE_S2_TOKEN"),
        }
    }

    fn engine(&self) -> Result<StreamEngine, String> {
        match self.place.as_deref() {
            None | Some("own") => Ok(StreamEngine::Own),
            Some("s2") => {
                let basin = self.basin.as_deref().ok_or("--streams s2 wants --s2-basin NAME as well")?;
                let config = S2Config::new(self.endpoint.as_deref(), basin, self.token.as_deref());
                Ok(StreamEngine::S2(config.map_err(|problem| format!("{problem}; see --s2-* in --help"))?))
            }
            Some(other) => Err(format!("streams cannot be kept at {other:?}: say own or s2")),
        }
    }
}

/// Where nobody reads it any more, nothing is lost.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

#[expect(clippy::print_stderr, reason = "the one place that reports failure")]
fn say_error(text: &str) {
    eprintln!("{text}");
}
