//! One timeout, armed again and again.

use std::cell::RefCell;

use wasm_bindgen::prelude::*;

use crate::proto::time::Instant;

/// The longest delay `setTimeout` takes. Anything later is reached in steps.
const LONGEST_MS: f64 = 2_147_483_647.0;

#[wasm_bindgen]
extern "C" {
    // Node gives an object, browsers a number.
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Closure<dyn FnMut()>, ms: f64) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: &JsValue);
}

/// Calls back at the earliest instant it was armed for. Dropping it clears it.
pub(super) struct Timer {
    callback: Closure<dyn FnMut()>,
    armed: RefCell<Option<(Instant, JsValue)>>,
}

impl Timer {
    pub(super) fn new(callback: impl FnMut() + 'static) -> Self {
        Self { callback: Closure::new(callback), armed: RefCell::new(None) }
    }

    /// Arms it. One that is armed for an earlier instant is left: every chunk moves the stall deadline, and a call back that
    /// comes too early costs less than setting the clock for each.
    pub(super) fn arm(&self, now: Instant, due: Instant) {
        let mut armed = self.armed.borrow_mut();
        if armed.as_ref().is_some_and(|(earlier, _)| *earlier <= due) {
            return;
        }
        if let Some((_, id)) = armed.take() {
            clear_timeout(&id);
        }
        // One more, since the clock's fraction was cut off: never before the time.
        let ms = (due.since(now).as_millis() as f64 + 1.0).min(LONGEST_MS);
        *armed = Some((due, set_timeout(&self.callback, ms)));
    }

    /// It has called back.
    pub(super) fn fired(&self) {
        self.armed.take();
    }

    pub(super) fn clear(&self) {
        if let Some((_, id)) = self.armed.take() {
            clear_timeout(&id);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clear();
    }
}
