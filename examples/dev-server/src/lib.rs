//! A development server for Tidegate: the wire protocol of Trigger.dev in one process, with a file behind it.
//!
//! It answers the requests that a page and its backend make (trigger one run or a batch, mint a token, send input, read
//! streams, follow runs, change their metadata, make and complete wait tokens, look at runs, cancel them) with the
//! paths, statuses, bodies and headers that were recorded from a real Trigger.dev 4.5.12, and runs demo tasks of its
//! own: `approval`, `story`, `chat`, `gate` and `progress`. Streams are in the v2 form. Everything, unless streams are
//! kept at S2, is kept in an SQLite file ([`AppState::open`]) or in memory ([`AppState::new`]).
//!
//! # What is kept
//!
//! What was answered is in the file: however the process ends, the next one has it. That holds for runs, streams,
//! metadata, wait tokens, batches and large packets, for the keys that make a repeat a repeat, for one-time tokens that
//! were used, and for the cursors of readers: a reader is told of nothing that is not in the file yet, so it never
//! stands beyond the end of a log. An append counts as written when the operating system has it (WAL with `synchronous
//! = NORMAL`): it outlives the process. A power failure may take the last moments, never the order and never half of a
//! transaction.
//!
//! Reads are answered from memory, so a file must fit into it, and it is read whole at the start. Transactions are
//! written by a thread of their own, as many at once as have come meanwhile; each answer waits for those before it.
//! When the file cannot be written any more, nothing is acknowledged: requests get a 500, and [`serve`] ends with the
//! reason. One process at a time has a file; others may look into it.
//!
//! With [`Keep::For`] runs are dropped so long after their end: when the file is opened, and then now and then, some
//! hundred in a transaction. With them go their streams, large packets, batches and keys, and wait tokens that ended
//! before and before any run that is under way began. A run whose parent is under way stays, for the parent, begun
//! anew, triggers it again and is to find it. A reader of what was dropped gets the 404 of what was never known, or the
//! end of the stream; a feed that may have shown it begins anew, with a 409 in both dialects. What lies in the file
//! goes a little at a time, and its room is given back where the file was made so.
//!
//! Demo tasks whose server ended begin again from the top with the next one, as attempt 2 and so on. They make the same
//! steps again: the nth part of a stream is not appended a second time, input is read from its beginning, `gate` waits
//! for the same wait token, and `progress` goes on behind the step that its metadata names (where it was cut off just
//! as it was told to stop, it may say so twice). A delay and a time to live count from when they began.
//!
//! # Workers
//!
//! Runs of tasks that are not built in are executed by workers elsewhere, such as `serve` of `tidegate/task`. A worker
//! asks with the secret key. It connects (`POST /engine/v1/worker/connect`) and says which tasks it serves, how they
//! are retried, how many runs it executes at once, and which runs it holds; then it polls (`/engine/v1/worker/poll`),
//! which is its sign of life as well. The answers to polls are orders with numbers: start a run, go on with one whose
//! wait has ended, stop one. Each is told until a poll says that it has come, so a lost answer loses nothing. What an
//! execution comes to is told by `POST /engine/v1/runs/:run/complete` and `…/fail`; `…/worker/leave` gives back.
//!
//! Each time that a run is taken up is an execution with a number, and what is said of one counts only until the next
//! begins: all else gets a 410. A worker that is silent for [`Config::worker_silence`] loses its runs. Those that
//! executed get another attempt, as those do that fail, by the retries of the worker that took them up; those that wait
//! go on waiting. Waits are wait tokens like any others, and are made and begun as on the original: `POST
//! /api/v1/runs/:run/input-streams/wait`, then `POST /engine/v1/runs/:run/waitpoints/tokens/:waitpoint/wait`, both with
//! the execution's number in `x-tidegate-execution` (a number from 1 on, or else a 400), as changes of metadata by the
//! run itself are, and what it writes to output streams (to those of another run with its own id in `x-tidegate-run`;
//! what goes to S2 is refused only where the writer asks for its token). A run that waits takes none of its worker's
//! room, and one whose wait has ended comes before new ones. Where its worker is gone, it is started from the top by
//! another, in the same attempt, and told how its earlier waits have ended, in order.
//!
//! Runs, attempts, and waits are in the file; who holds what is not. After a restart workers have as long as they may
//! be silent to connect and say what they hold; then what nobody holds is taken up anew, as another attempt, also where
//! the order to begin it had not left.
//!
//! # Streams at S2
//!
//! With [`StreamEngine::S2`] input and output streams lie at [S2](https://s2.dev), or on a server that speaks its
//! protocol such as s2-lite, as streams `env/dev/<environment>/runs/<run>/<key>` of one basin; an input's key there is
//! `$trigger.input:<stream>`, which no output may have. Readers get S2's own events. A task elsewhere that declares a
//! stream is handed what it needs to write there itself: a token of its own that may append below this environment's
//! prefix for a day (half of it at least), or, where no tokens are issued, `s2-skip-access-tokens`. The token of the
//! server goes to S2 alone.
//!
//! - An append of this server says at which place its first record is to stand, and S2 puts all of it there or nothing
//!   anywhere. When the answer is lost, it asks again, three times in all, and a look at the place tells whether it
//!   stands there. Pauses that S2 asks for with `Retry-After` are kept, up to five seconds each; a longer one is handed
//!   on, in the header of the 503.
//! - One append is on its way to a stream at a time. What comes meanwhile, and lines that come together, make the next
//!   one, up to a thousand records or 1 MiB, which is what S2 takes at once.
//! - The keys that make a repeat a repeat stay in this server's database: before the append, that the key may stand at
//!   a place, and after it, that it does. After a crash or an outage between the two, the next append to the stream or
//!   the next repeat looks. So a send or an append with a key is one record, whatever is lost and however the process
//!   ends, as long as the database is kept and S2 has not trimmed the place.
//! - What could not be done is a 503, with `x-should-retry: true` unless it may have been done and carries no key. What
//!   S2 refuses is a 502 with S2's reason, and not to be asked again.
//! - A wait is registered first and the log looked at second, and the log is looked at for waits after every send.
//!   After a send of which nobody knows the end, an outage or a restart each awaited log is followed, by one read that
//!   S2 holds, for as long as something may still come of it, so no wait misses what was sent. What a writer puts into
//!   an input past this server ends no wait by itself.
//! - Without [`AppState::prepare`] nobody makes the basin. Streams are made as they are written and read, by the basin
//!   or by this server.
//!
//! # Feeds of runs
//!
//! `/realtime/v1/runs/:run`, `/realtime/v1/runs?tags=` and `/realtime/v1/batches/:batch` send rows of the table of
//! runs. The original has had two backends for them, and [`Config::feeds`] chooses whose dialect is spoken:
//! [`FeedDialect::Native`], as recorded, or [`FeedDialect::Electric`], with changed columns only, `delete`,
//! `electric-up-to-date`, Postgres's own way with booleans, times and arrays, and handles that end with a 409. A change
//! wakes the readers of the runs that it touches, and an offset is all that the server knows of a reader. With
//! [`Config::faults`], `PUT /dev/runs/:run` says what a worker elsewhere would say of a run:
//!
//! ```json
//! { "status": "COMPLETED_SUCCESSFULLY", "output": "{\"json\":1}", "usageDurationMs": 20 }
//! ```
//!
//! `status` is the database's name, and the times follow from it; besides there are `outputType`, `metadata` and
//! `metadataType`, `error` (as on the wire), `tags` and `streams`.
//!
//! # The console
//!
//! `/console` is a page for whoever develops: runs with all that is in them, live. Its files lie in the folder of
//! [`Console::files`] and come with a policy that forbids everything from elsewhere and everything inline. It uses the
//! wire as any page does. Besides there are `GET /console/api/runs/:run/streams`, the names of a run's streams, which
//! the wire does not tell; `GET /console/api/tasks`, something to try the demo tasks with; and `POST
//! /console/api/token`. That one needs no credential, and asks for three things instead: that `Origin` is the very host
//! that was asked, that this host is a name of this machine or one of [`Console::hosts`], which keeps out a page whose
//! own name was made to point here, and that the server listens to this machine only.
//!
//! # Where it does more than the original
//!
//! - **A send is idempotent** on `x-trigger-request-idempotency-key`: a repeat answers 200 and appends nothing, in a
//!   run that has ended too. Answers to sends and to reads carry `x-tidegate-idempotent: 1`, readable by a page, so
//!   that a client may retry where it otherwise could not. The original ignores the key, and a repeated send is a
//!   second record.
//! - A run may be dropped after its end ([`Config::keep`]), and then the feeds that may have shown it begin anew; the
//!   original's own never do.
//! - A time to live of an idempotency key that cannot be read is passed over, as there, and [`Config::say`] hears of it
//!   once.
//! - **An append is idempotent** on `X-Part-Id`, within its stream.
//! - A wait is woken by compare-and-delete, and looks at the log after it registered: no send is missed.
//! - A page may cancel a run that its token may write: `/api/v2/runs/:run/cancel` has CORS headers.
//! - A change of a run reaches its readers at once, not after up to 250 ms.
//! - **A change of metadata is idempotent** on `x-trigger-request-idempotency-key`, and says so as a send does. With
//!   what it does to the runs above it is made whole, or not at all.
//! - Operations on the metadata of a parent or root run are carried out at once and in order; the original gathers them
//!   for a second, puts every `set` last, and loses them when it stops.
//! - A run without a time to live never expires; the original's development environment gives each ten minutes.
//! - A time to live that is no span is refused, with a sentence that says how to write one.
//! - What is too large for a row lies on this server, at signed addresses under `/objects/` that never expire.
//! - The 401 of a request to `/api` without credentials has CORS headers, and `x-should-retry` is exposed where it is
//!   set.
//! - **Nothing is refused for asking too often**, though what is left is counted and announced, and exposed to pages.
//!   The limits of the original are a matter of [`Config::rate_limits`], with and without CORS headers on the refusal.
//! - The repeat of a trigger or of a batch with the same `x-trigger-request-idempotency-key` by the same one-time token
//!   gets the first answer again, and another one-time token with that key makes a call of its own. `POST
//!   /api/v3/batches` heeds the header too.
//! - The items of a batch have CORS headers, and an upload of items is taken whole or not at all.
//! - A wait token that is not known is a 404. The original answers 500, which clients take for something that may pass.
//! - A wait for input that is begun says at once if it has ended, and tells the record that ended it. It is refused for
//!   a run that is not there with a 404, where the original answers 500; so is a wait for a token that is not known.
//! - A time-out at a date that is past is over at once. The original takes it for none, and waits for ever.
//! - An ingest counts lines, as its writer does; the original counts reads, and a writer that resumes may repeat or
//!   lose lines.
//!
//! # Layers
//!
//! `store` keeps, `streams` writes and reads logs wherever they lie, `sse`, `feed`, `metadata`, `tasks` and `engine`
//! read and write what is kept, `inputs` takes what is sent to whoever waits for it, `retention` drops what is kept no
//! longer, `routes` speak HTTP over them, [`app`] puts the routes together. [`app`] takes everything from an
//! [`AppState`], so a test calls it without a port; [`serve`] gives it one. With [`Config::faults`] anything can be
//! made to go wrong: see [`faults`].

mod auth;
mod callback;
mod clock;
mod console;
mod cors;
mod door;
mod engine;
pub mod faults;
mod feed;
mod id;
mod inputs;
mod jwt;
mod metadata;
mod origin;
mod packet;
mod rate_limit;
mod respond;
mod retention;
mod routes;
mod span;
mod sse;
mod state;
mod store;
mod streams;
mod tasks;
mod upload;
mod wire;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};

use std::io;
use std::sync::atomic::Ordering;
use tokio::net::TcpListener;

pub use console::Console;
pub use feed::FeedDialect;
pub use rate_limit::RateLimits;
pub use retention::Keep;
pub use state::{AppState, Config, DEFAULT_SECRET_KEY};
pub use store::DatabaseError;
pub use streams::{S2Config, StreamEngine};

use respond::Refusal;
use routes::{
    batches, dev, engine as worker, feeds, input, metadata as run_metadata, packets, read, runs, tokens, trigger,
    waitpoints, write,
};

/// The whole server. Demo tasks run on the tokio runtime in which requests are answered.
pub fn app(state: AppState) -> Router {
    let send_or_tail = get(read::input).post(input::send).put(input::send).patch(input::send).delete(input::send);
    let not_put = run_metadata::wrong_method;
    let metadata_of_a_run =
        get(run_metadata::read).put(run_metadata::write).post(not_put).patch(not_put).delete(not_put);
    let an_object = get(packets::get).put(packets::put).options(packets::preflight);
    let for_browsers = Router::new()
        .route("/api/v1/tasks/{task}/trigger", action(trigger::trigger))
        .route("/api/v1/waitpoints/tokens/{waitpoint}/complete", action(waitpoints::complete))
        .route("/api/v2/batches/{batch}", get(batches::retrieve))
        .route("/api/v2/tasks/batch", action(batches::trigger))
        .route("/api/v3/batches", action(batches::create))
        .route("/api/v3/batches/{batch}/items", action(batches::add).get(batches::read_only))
        .route("/api/v3/runs/{run}", get(runs::retrieve))
        .route("/api/v2/runs/{run}/cancel", action(runs::cancel))
        .route("/api/v1/runs", get(runs::list))
        .route("/api/v1/packets/{*path}", get(packets::download))
        .route("/api/v1/runs/{run}/packets/{field}", get(packets::of_run))
        .route("/realtime/v1/runs", get(feeds::tagged))
        .route("/realtime/v1/runs/{run}", get(feeds::run))
        .route("/realtime/v1/batches/{batch}", get(feeds::batch))
        .route("/realtime/v1/streams/{run}/{key}", get(read::output))
        .route("/realtime/v1/streams/{run}/input/{stream}", send_or_tail)
        .route_layer(from_fn(cors::answer));
    let for_backends = Router::new()
        .route("/api/v1/auth/public-tokens", action(tokens::mint))
        .route("/api/v1/auth/jwt", action(tokens::mint_legacy))
        .route("/api/v1/auth/jwt/claims", action(tokens::claims))
        .route("/api/v1/waitpoints/tokens", action(waitpoints::create).get(waitpoints::list))
        .route("/api/v1/waitpoints/tokens/{waitpoint}", get(waitpoints::retrieve))
        .route("/api/v1/waitpoints/tokens/{waitpoint}/callback/{hash}", action(waitpoints::call_back))
        .route("/api/v1/runs/{run}/tags", action(runs::add_tags))
        .route("/api/v1/runs/{run}/result", get(runs::result))
        .route("/api/v1/runs/{run}/reschedule", action(runs::reschedule))
        .route("/api/v1/runs/{run}/metadata", metadata_of_a_run)
        .route("/api/v1/runs/{run}/input-streams/wait", action(worker::wait_for_input))
        .route("/engine/v1/worker/connect", action(worker::connect))
        .route("/engine/v1/worker/poll", action(worker::poll))
        .route("/engine/v1/worker/leave", action(worker::leave))
        .route("/engine/v1/runs/{run}/complete", action(worker::complete))
        .route("/engine/v1/runs/{run}/fail", action(worker::fail))
        .route("/engine/v1/runs/{run}/waitpoints/tokens/{waitpoint}/wait", action(worker::wait))
        .route("/api/v2/packets/{*path}", put(packets::upload))
        .route("/objects/{signature}/{*path}", an_object)
        .route(
            "/realtime/v1/streams/{run}/{target}/{key}",
            get(write::head_only).head(write::last_line).put(write::create).post(write::ingest),
        )
        .route("/realtime/v1/streams/{run}/{target}/{key}/append", action(write::append));
    let wire = for_browsers
        .merge(for_backends)
        .layer(from_fn_with_state(state.clone(), tell_what_is_written))
        .fallback(not_found)
        .layer(from_fn_with_state(state.clone(), door::guard))
        .layer(from_fn(redirect_trailing_slash));
    let console = state.config.console.as_ref().map(console::routes).unwrap_or_default();
    let console = console.layer(from_fn_with_state(state.clone(), tell_what_is_written));
    if !state.config.faults {
        return wire.merge(console).with_state(state);
    }
    let switches = Router::new()
        .route("/dev/faults", get(dev::faults).put(dev::set_faults).delete(dev::clear_faults))
        .route("/dev/requests", get(dev::requests))
        .route("/dev/runs/{run}", put(dev::report))
        .layer(from_fn_with_state(state.clone(), tell_what_is_written));
    wire.layer(from_fn_with_state(state.clone(), faults::inject)).merge(switches).merge(console).with_state(state)
}

/// Serves [`app`] on a port, for ever, and goes on with the runs that were under way when the file was last closed.
/// Connections are such that a fault can drop them.
///
/// # Errors
/// Those of the listener, and what the file of [`AppState::open`] fails with.
pub async fn serve(listener: TcpListener, state: AppState) -> io::Result<()> {
    // A second listener of the same server leaves the first one's address in callbacks that no request made.
    let address = listener.local_addr()?;
    let _ = state.origin.set(origin::listening(address));
    if !address.ip().is_loopback() {
        state.is_reached_from_afar.store(true, Ordering::Relaxed);
    }
    tasks::resume(&state);
    inputs::resume(&state);
    let kept = state.clone();
    let service = app(state).into_make_service_with_connect_info::<wire::Plug>();
    tokio::select! {
        ended = axum::serve(wire::Wires(listener), service) => ended,
        () = retention::keep_dropping(&kept) => Ok(()),
        reason = kept.store.failure() => Err(io::Error::other(format!("the database cannot be written: {reason}"))),
    }
}

/// Holds an answer back until everything that it may tell of is in the file.
async fn tell_what_is_written(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    match app.store.written().await {
        Ok(()) => response,
        Err(reason) => {
            let message = format!("The database of this server cannot be written: {reason}");
            Refusal::Error(StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
        }
    }
}

/// A route that only POST reaches. Other verbs that change things are told so; GET gets an empty 405.
fn action<H, T>(handler: H) -> axum::routing::MethodRouter<AppState>
where
    H: axum::handler::Handler<T, AppState>,
    T: 'static,
{
    let wrong_method = async || Refusal::WrongMethod;
    post(handler).put(wrong_method).patch(wrong_method).delete(wrong_method)
}

async fn redirect_trailing_slash(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let Some(path) = path.strip_suffix('/').filter(|path| !path.is_empty()) else {
        return next.run(request).await;
    };
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("{path}{query}");
    let body = format!("Moved Permanently. Redirecting to {target}");
    let mut response = respond::with_type(StatusCode::MOVED_PERMANENTLY, "text/plain; charset=utf-8", body);
    if let Ok(target) = HeaderValue::try_from(target) {
        response.headers_mut().insert(LOCATION, target);
    }
    response
}

async fn not_found() -> Response {
    let page = "<!DOCTYPE html><html lang=\"en\"><title>Not found</title><h1>Not found</h1>\
                <p>This is a Tidegate development server: it has no page here.</p></html>";
    let response = respond::with_type(StatusCode::NOT_FOUND, "text/html; charset=utf-8", page);
    ([(CACHE_CONTROL, "no-cache")], response).into_response()
}
