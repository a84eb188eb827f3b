//! The only place that reads clocks and entropy.

use wasm_bindgen::prelude::*;

use crate::proto::time::{Instant, Now, UnixTime};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;

    #[wasm_bindgen(js_namespace = Date, js_name = now)]
    fn date_now() -> f64;

    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn fill_random(bytes: &mut [u8]);
}

/// Both clocks.
pub(super) fn now() -> Now {
    Now { monotonic: Instant::from_millis(performance_now() as u64), wall: UnixTime::from_millis(date_now() as u64) }
}

/// 64 random bits. Not `crypto.randomUUID`, which pages on plain HTTP do not have.
pub(super) fn seed() -> u64 {
    let mut bytes = [0; 8];
    fill_random(&mut bytes);
    u64::from_le_bytes(bytes)
}
