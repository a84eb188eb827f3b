//! What tasks are given: their machines, each as a class of its own, without requests and timers.

mod inputs;
mod metadata;
