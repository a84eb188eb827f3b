//! The only place that reads clocks and entropy.

use js_sys::Uint32Array;
use wasm_bindgen::prelude::*;

use crate::proto::time::{Instant, Now, UnixTime};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;

    #[wasm_bindgen(js_namespace = Date, js_name = now)]
    fn date_now() -> f64;

    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn fill_random(words: &Uint32Array);
}

/// Both clocks.
pub(super) fn now() -> Now {
    Now { monotonic: Instant::from_millis(performance_now() as u64), wall: UnixTime::from_millis(date_now() as u64) }
}

/// 64 random bits. Not `crypto.randomUUID`, which pages on plain HTTP do not have.
pub(super) fn seed() -> u64 {
    let words = Uint32Array::new_with_length(2);
    fill_random(&words);
    u64::from(words.get_index(0)) << 32 | u64::from(words.get_index(1))
}
