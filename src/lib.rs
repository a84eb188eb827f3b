//! Tidegate's core: sends into running tasks, reads what comes back and follows runs, for browsers, as WebAssembly.
//!
//! This page is the map of the project. The wire it speaks is Trigger.dev's.
//!
//! # Layers
//!
//! | Where | What | Knows of |
//! |---|---|---|
//! | [`proto`] | State machines that are told what happened and say what they want | nothing: no I/O, no clock, no randomness, no JavaScript |
//! | `web` (wasm only) | Drives them: requests, one timer, events as JavaScript values | `proto` |
//! | `js/src/wasm` | Loads a module when something is first wanted, and only then: the core that sends and reads, the one that follows runs and calls, too (feature `runs`), or that one as JavaScript. One for a page; at the edge, where requests share nothing, one for a client. Modules travel sorted by what their bytes are, and are put together here | the exported class |
//! | `js/src/client` | Clients, tokens, errors in words; chunks of their own: `outbox/` keeps what is queued over a reload, `tabs/` reads for several tabs at once, `runs/` makes runs of the rows of a feed, `insight/` makes events and a dump of what the rest lets be seen | `wasm` |
//! | `js/src/store` | The last immutable snapshot for each key, counted references | `client` |
//! | `js/src/react` | Hooks of a few dozen lines over `useSyncExternalStore` | `store` |
//! | `js/src/devtools` | A panel of what `insight/` tells | `client` |
//! | `js/src/server` | The backend's half, without the core: makes tokens, and asks with the secret key | `client`, and of `wasm` only words |
//! | `js/src/task` | The task's half: defines tasks, executes them for the development server, reads and writes their streams and metadata. Drives [`proto::inputs`] and [`proto::metadata`], in a module of its own | `client`, `server`, and the module |
//!
//! Imports run towards the top of this table and never back; `server` and `task` stand beside `store` and `react`. Inside `proto` every module
//! has a level, named in `proto/mod.rs`, and uses lower levels only; `tests/architecture.rs` holds both.
//!
//! # How the core is driven
//!
//! ```
//! use tidegate::proto::client::Client;
//! use tidegate::proto::input::{Command, Input};
//! use tidegate::proto::output::Output;
//! use tidegate::proto::time::Now;
//!
//! let mut client = Client::new(0x5EED);
//! let principal = client.next_principal();
//! let send = client.next_send();
//! for command in [
//!     Command::OpenPrincipal { principal, base_url: "https://api.trigger.dev", branch: None, renewable: false, scarce: false },
//!     Command::SetToken(principal, "tr_dev_1234"),
//!     Command::Send { send, principal, run: "run_1", stream: "approval", json: "{\"approved\":true}" },
//! ] {
//!     // Mutate, then drain, then mutate again.
//!     client.handle_input(Now::default(), Input::Command(command));
//!     loop {
//!         match client.poll_output() {
//!             Output::Request(request) => assert!(request.url.ends_with("/run_1/input/approval")),
//!             Output::Abort(_) | Output::SetReading(..) | Output::Event(_) => {}
//!             Output::Idle(_due) => break,
//!         }
//!     }
//! }
//! ```
//!
//! # Walks
//!
//! **A send.** The hook hands the value to its store, the client makes JSON of it once, [`Command::Send`] goes to the root
//! ([`proto::client`]), which finds the [`channel`](proto::channel) of that run and stream and adds it to its
//! [queue](proto::send). The first in line wants a request; [`auth`](proto::auth) gives a token, or the send waits for one. A
//! scope that is missing ends it here, before the network, once the provider has been asked for another token in vain. The
//! answer is [classified](proto::http::classify), the [verdict](proto::verdict::Verdict) says accepted, rejected, unknown,
//! again or ask, and one event tells.
//!
//! **A lost answer.** Where the receiver drops repeats, the send is made again. Where the token may read the run, the queue lets nothing
//! else leave, gives what is on its way two seconds, and [looks](proto::inquiry) for the record: the store's own clock, told by
//! its pings, bounds the time in which it can lie. Found is accepted, absent is sent again, and anything else is unknown.
//!
//! **A chunk of a stream.** The host hands the bytes over in one call; the channel's [reader](proto::subscription) gives them to the
//! connection's [decoder](proto::sse), every frame to its [intake](proto::intake), which finds the [records](proto::records) and takes each past
//! the [cursor](proto::cursor), which drops what has been read before. What is left is one JSON text for the whole chunk: it crosses
//! to JavaScript once and is parsed there. A part of 16 KiB or more crosses alone and [unread](proto::records::Form), since
//! JavaScript's own parser is faster than any pass over it here.
//!
//! **A slow consumer.** The host leaves the body of a held reader unread, the socket fills, and the server waits. Meanwhile silence is
//! no stall, and a connection that is lost is made again on release.
//!
//! **A reconnect.** The end of a body is the end of a window, not of the stream: the reader comes back with its cursor, at once
//! after a window, later and later after failures. A refusal ends it, and a new token revives it. Where an answer was waited for in vain,
//! as behind a proxy that keeps it until it is whole, windows are a second long from then on. In v1 records share the id of the entry
//! that ends them, and a line may begin in the entry before: so a cursor counts, and asks again from before both. There the last record
//! of a window may be half a line: one that comes where a window can end, and may go on, is kept until something follows it, for a
//! second at most, and comes again if nothing does.
//!
//! **The end of a stream.** An idle reader asks, less and less often, whether its run has finished; one [watch](proto::run_watch) asks for
//! all readers of the run. Once it has, one more window brings what is left: its end, seen at the tail of the log or by a
//! second of silence, is the end of the stream.
//!
//! **A feed of runs.** A [shape](proto::shape) asks for what there is, then for what is new, which the server holds back until there is
//! something. Rows are not made here. The text is [looked through](proto::shape::scan) for what steers the reading: that this is all
//! for now, that the log is over, that the run has finished. Then it crosses as it came and is parsed once, where the objects are
//! wanted; `js/src/client/runs` merges rows and makes runs of them. An answer that is cut, of another log or of an earlier place is not
//! taken, so what is shown is always something the server has had. A feed of a run that finishes tells the readers of that run.
//!
//! **A call.** One [request with an answer](proto::call): trigger, complete a wait token, retrieve, cancel, find a packet. All are safe
//! to repeat, so a lost answer is asked for again, under the same key. Where no later answer settles what an attempt came to, it is
//! unknown.
//!
//! **Turns.** Over HTTP/1.1 a browser has six connections to a server. There four readers and feeds are connected at most; when others
//! wait, the one that has had its connection for longest, and for two seconds, makes room, and the next one connects when that has had
//! time to close. Whose [turn](proto::turns) it is, the root asks before it lets one connect. Sends and calls wait for nobody.
//!
//! **Input in a task.** The task reads the log of an input stream as a page would, record by record, and tells the
//! [machine](proto::inputs) the number of each; the values stay outside. Who waits for a record stands in one line, awake or asleep, and
//! handlers hear what passes; whoever has got one has time to ask for the next before that passes, too. Where the first in line would
//! sleep and nothing waits to be taken, the connection is closed and the server is asked to wake the task with a record behind the last
//! one. The number that comes with it says where the stream stands then; where none comes, the record is looked for in the log. An answer
//! that had been taken, as after a restart, is no answer, and the question stands.
//!
//! **Metadata of a task.** An [operation](proto::operation) is done to the document here, and [queued](proto::metadata), merged with one
//! before it where the two are one. Every second what is queued leaves as one request, under a key of its own. The answer's document takes the
//! place of what was known, and what has been queued since is laid over it. A write that may have arrived is repeated under its key; where
//! the server does not drop repeats, the document is read back first. The development server does the same operations with the same code.
//!
//! # Laws
//!
//! 1. Mutate, then drain, then mutate again. A listener that calls back in adds to the drain under way.
//! 2. Time, randomness and ids are inputs: the same seed and inputs give the same outputs, byte for byte.
//! 3. A parent translates a child's event and never forwards it.
//! 4. No listener is called while the core is borrowed.
//! 5. The cursor lives in the subscription, the decoder in the connection.
//! 6. A panic ends the instance. What was queued and where a stream stood are known outside, and a new instance goes on from there.
//!
//! # What it never does
//!
//! It never repeats a send that may have been stored, unless the server has said that it drops repeats
//! ([`drops_repeats`](proto::channel::Principal::drops_repeats)) or its log shows that it was not. It never calls a send failed that may have arrived. It never
//! invents data for a record it cannot read. It never asks in a loop. It never puts a token into a URL, an error, a log or storage. It never builds a tree
//! from a payload: text goes in and out.
//!
//! [`Command::Send`]: proto::input::Command::Send
#![no_std]

extern crate alloc;
// Everywhere but in what ships, for its allocator and its panics.
#[cfg(not(feature = "bundle"))]
extern crate std;

pub mod proto;
#[cfg(target_family = "wasm")]
pub mod web;
