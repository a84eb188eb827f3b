//! Every recorded exchange, played to the core.

mod feeds;
mod fixture;
mod sends;
mod streams;
