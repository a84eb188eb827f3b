//! A panic ends the instance. It is told once, with the place and nothing else: a message could hold what a user sent.

use core::panic::PanicInfo;

use wasm_bindgen::prelude::*;

#[cfg_attr(feature = "task", wasm_bindgen(module = "/src/web/task.js"))]
#[cfg_attr(not(feature = "task"), wasm_bindgen(module = "/src/web/host.js"))]
extern "C" {
    #[wasm_bindgen(js_name = tellCrash)]
    fn tell_crash(file: &str, line: u32);
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let (file, line) = info.location().map_or(("", 0), |place| (place.file(), place.line()));
    tell_crash(file, line);
    core::arch::wasm32::unreachable()
}
