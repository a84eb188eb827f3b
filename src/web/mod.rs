//! The shell: makes the requests the core asks for, keeps its one timer, tells JavaScript. Browsers, workers and Node 20.

mod clock;
mod convert;
mod driver;
mod host;
#[cfg(feature = "bundle")]
mod panic;

pub mod bindings;

/// 2.7 kB of gzip smaller than the standard library's, and made for this target.
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
