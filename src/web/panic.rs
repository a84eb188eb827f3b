//! A panic ends the instance. It is told once, with the place and nothing else: a message could hold what a user sent.

use std::cell::RefCell;

use super::bindings::Sink;

thread_local! {
    static SINK: RefCell<Option<Sink>> = const { RefCell::new(None) };
}

/// Tells this sink of the panic, if one ever comes.
pub(super) fn report_to(sink: Sink) {
    SINK.set(Some(sink));
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|place| [place.file(), ":", &place.line().to_string()].concat());
        if let Some(sink) = SINK.take() {
            sink.crashed(&place.unwrap_or_default());
        }
    }));
}
