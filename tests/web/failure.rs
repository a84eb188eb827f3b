//! A test that fails leaves everything as it stands. What the next one would stumble over is undone.

use std::cell::RefCell;
use std::panic;
use std::sync::Once;

type Undo = Box<dyn FnOnce()>;

thread_local! {
    static LEFT: RefCell<Vec<Undo>> = RefCell::default();
}

/// Keeps this for the next assertion that fails. It must do no harm where the test has done the same itself.
pub(crate) fn on_failure(undo: impl FnOnce() + 'static) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let runners = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            runners(info);
            LEFT.take().into_iter().for_each(|undo| undo());
        }));
    });
    LEFT.with_borrow_mut(|left| left.push(Box::new(undo)));
}
