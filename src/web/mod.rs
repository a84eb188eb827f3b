//! The shell: makes the requests the core asks for, keeps its one timer, tells JavaScript. Browsers, workers and Node 20.

mod clock;
mod convert;
mod driver;
mod fetch;
mod panic;
mod timer;

pub mod bindings;
