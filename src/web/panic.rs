//! A panic ends the instance. It is told once, with the place and nothing else: a message could hold what a user sent.

use std::cell::RefCell;

use super::host::Host;

thread_local! {
    static HOST: RefCell<Option<Host>> = const { RefCell::new(None) };
}

/// Tells this host of the panic, if one ever comes.
pub(super) fn report_to(host: Host) {
    HOST.set(Some(host));
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|place| [place.file(), ":", &place.line().to_string()].concat());
        if let Some(host) = HOST.take() {
            host.tell_crash(&place.unwrap_or_default());
        }
    }));
}
