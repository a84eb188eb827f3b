//! A panic ends the instance. It is told once, with the place and nothing else: a message could hold what a user sent.

use core::panic::PanicInfo;

use super::host;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let (file, line) = info.location().map_or(("", 0), |place| (place.file(), place.line()));
    host::tell_crash(file, line);
    core::arch::wasm32::unreachable()
}
