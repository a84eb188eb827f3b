//! Every recorded exchange, played to the core.

mod fixture;
mod sends;
mod streams;
