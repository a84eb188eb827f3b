//! The one exported class: numbers and texts in, delegate, a number out.

use alloc::boxed::Box;

use wasm_bindgen::prelude::*;

use super::driver::Driver;
use super::host::Host;
use crate::proto::client::Client;
#[cfg(feature = "runs")]
use crate::proto::http::{CallKind, FeedKind};
use crate::proto::http::{RequestFailure, ResponseHead, StreamVersion, Told};
use crate::proto::id::{ChannelId, PrincipalId, RequestId, SendId};
use crate::proto::input::{Command, Input, News};
use crate::proto::runs::Runs;
use crate::proto::text::parse_digits;

/// Every queue, reader, timer and request of a page. Methods return at once; what happens later is told to the host.
///
/// What a page calls is the `Engine` of `host.js`, which says what each call means. The memory goes with the instance.
#[wasm_bindgen]
pub struct Core(&'static Driver);

#[wasm_bindgen]
impl Core {
    /// Starts a core. The host has to be given it, by `start`.
    #[wasm_bindgen(constructor)]
    pub fn new(host: Host) -> Self {
        Self(Box::leak(Box::new(Driver::new(host))))
    }

    /// What `host.js` calls by that number. An absent text is empty, and what makes something returns its id.
    pub fn call(&self, what: u32, id: u32, number: i32, first: &str, second: &str, third: &str) -> u32 {
        let (principal, send, subscription) = (PrincipalId::new(id), SendId::new(id), ChannelId::new(id));
        let yes = number != 0;
        let input = match what {
            0 => {
                let principal = self.0.next(Client::next_principal);
                let (renewable, scarce) = (number & 1 != 0, number & 2 != 0);
                let command =
                    Command::OpenPrincipal { principal, base_url: first, branch: given(second), renewable, scarce };
                self.0.feed(Input::Command(command));
                return principal.number();
            }
            1 => Input::Command(Command::ClosePrincipal(principal)),
            2 => Input::Command(Command::SetRenewable(principal, yes)),
            3 => Input::Command(Command::SetToken(principal, first)),
            4 => Input::Command(Command::FailToken(principal, first)),
            5 => {
                let send = self.0.next(Client::next_send);
                let command = Command::Send { send, principal, run: first, stream: second, json: third };
                self.0.feed(Input::Command(command));
                return send.number();
            }
            6 => Input::Command(Command::CancelSend(send)),
            7 => Input::Command(Command::RetrySend(send)),
            8 => Input::Command(Command::ForgetSend(send)),
            9 => {
                let subscription = self.0.next(Client::next_subscription);
                self.0.feed(Input::Command(Command::Subscribe {
                    subscription,
                    principal,
                    run: first,
                    key: second,
                    last_event_id: third,
                    timeout_seconds: number.unsigned_abs(),
                }));
                return subscription.number();
            }
            #[cfg(feature = "runs")]
            10 => {
                let unsent = self.0.next(|client| client.is_unsent(subscription));
                self.0.feed(Input::Command(Command::Unsubscribe(subscription)));
                return u32::from(unsent);
            }
            #[cfg(not(feature = "runs"))]
            10 => Input::Command(Command::Unsubscribe(subscription)),
            11 => Input::Command(Command::SetReading(subscription, yes)),
            12 => Input::Wake,
            // The head of an answer. What is no delay is none.
            20 => {
                let status = (number & 1023) as u16;
                let version = if number & 1024 != 0 { StreamVersion::V2 } else { StreamVersion::V1 };
                let retry_after_ms = parse_digits(first.as_bytes()).unwrap_or_default();
                let head = ResponseHead { status, retry_after_ms, version, idempotent: number & 2048 != 0 };
                Input::News(RequestId::new(id), News::Head(head))
            }
            13 => Input::Online(yes),
            14 => Input::Timeout,
            15 => {
                let told = Runs::given().map_or_else(Told::default, |_| Told::read(second));
                Input::News(RequestId::new(id), News::Body(first, told))
            }
            #[cfg(feature = "runs")]
            17 => {
                let feed = self.0.next(Client::next_subscription);
                let kind = match number & 3 {
                    0 => FeedKind::Run,
                    1 => FeedKind::Tags,
                    _ => FeedKind::Batch,
                };
                let endless = number & 4 != 0;
                let command = Command::Follow { feed, principal, kind, name: first, query: second, endless };
                self.0.feed(Input::Command(command));
                return feed.number();
            }
            #[cfg(feature = "runs")]
            18 => {
                let call = self.0.next(Client::next_subscription);
                let kind = match number {
                    0 => CallKind::Trigger,
                    1 => CallKind::Complete,
                    2 => CallKind::Retrieve,
                    3 => CallKind::Cancel,
                    _ => CallKind::Packet,
                };
                self.0.feed(Input::Command(Command::Call { call, principal, kind, name: first, body: second }));
                return call.number();
            }
            #[cfg(feature = "runs")]
            19 => Input::Visible(yes),
            #[cfg(not(feature = "runs"))]
            17..=19 => return 0,
            _ => {
                let news = match number {
                    0 => News::End,
                    1 => News::Failed(RequestFailure::NotSent),
                    _ => News::Failed(RequestFailure::Network),
                };
                Input::News(RequestId::new(id), news)
            }
        };
        self.0.feed(input);
        0
    }

    /// Bytes of a stream.
    pub fn chunk(&self, request: u32, bytes: &[u8]) {
        self.0.feed(Input::News(RequestId::new(request), News::Chunk(bytes)));
    }
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
