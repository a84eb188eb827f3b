//! The shell: makes the requests the core asks for, keeps its one timer, tells JavaScript. Browsers, workers and Node 20.

#[cfg(feature = "bundle")]
mod panic;

// All but what ships to tasks.
#[cfg(not(all(feature = "bundle", feature = "task")))]
mod clock;
#[cfg(not(all(feature = "bundle", feature = "task")))]
mod convert;
#[cfg(not(all(feature = "bundle", feature = "task")))]
mod driver;
#[cfg(not(all(feature = "bundle", feature = "task")))]
mod host;

#[cfg(not(all(feature = "bundle", feature = "task")))]
pub mod bindings;
#[cfg(feature = "task")]
pub mod task;

/// 2.7 kB of gzip smaller than the standard library's, and made for this target.
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
