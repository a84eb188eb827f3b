//! The input streams of a run: numbers in, numbers out. `js/src/wasm/task-interface.ts` says what each call means.

use alloc::boxed::Box;

use wasm_bindgen::prelude::*;

use crate::proto::id::{StreamId, TakerId};
use crate::proto::inputs::{self, Arrival, Output, Want, Woken};

/// The input streams of one run.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct Inputs(inputs::Inputs);

#[wasm_bindgen]
impl Inputs {
    /// Without any stream.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// A handler listens.
    pub fn on(&mut self, stream: u32) -> u32 {
        self.0.on(StreamId::new(stream)).number()
    }

    /// It listens no more.
    pub fn off(&mut self, stream: u32, handler: u32) {
        self.0.off(StreamId::new(stream), TakerId::new(handler));
    }

    /// Somebody wants a record, asleep or not.
    pub fn take(&mut self, stream: u32, asleep: bool) -> u32 {
        self.0.take(StreamId::new(stream), if asleep { Want::Sleep } else { Want::Record }).number()
    }

    /// Whoever has got a record has had time to ask for another.
    #[wasm_bindgen(js_name = goOn)]
    pub fn go_on(&mut self, stream: u32) {
        self.0.go_on(StreamId::new(stream));
    }

    /// An earlier life of the run has taken this record from sleep.
    pub fn reserve(&mut self, stream: u32, seq: f64) {
        self.0.reserve(StreamId::new(stream), seq as u64);
    }

    /// It wants none any more.
    pub fn cancel(&mut self, stream: u32, taker: u32) -> bool {
        self.0.cancel(StreamId::new(stream), TakerId::new(taker))
    }

    /// The record that would be taken next, or undefined.
    pub fn peek(&self, stream: u32) -> Option<f64> {
        self.0.peek(StreamId::new(stream)).map(number)
    }

    /// A record: 0 it is known, 1 it waits, 2 it was looked for.
    pub fn receive(&mut self, stream: u32, seq: f64, size: usize, is_answer: bool) -> u32 {
        match self.0.receive(StreamId::new(stream), seq as u64, size, is_answer) {
            Arrival::Known => 0,
            Arrival::Kept => 1,
            Arrival::Found => 2,
        }
    }

    /// A record of which nobody can make anything.
    pub fn skip(&mut self, stream: u32, seq: f64) {
        self.0.skip(StreamId::new(stream), seq as u64);
    }

    /// Whether the log is read to find out where the stream stands.
    pub fn searching(&self, stream: u32) -> bool {
        self.0.is_searching(StreamId::new(stream))
    }

    /// The end of the log.
    #[wasm_bindgen(js_name = giveUpSearch)]
    pub fn give_up_search(&mut self, stream: u32) {
        self.0.give_up_search(StreamId::new(stream));
    }

    /// A sleep has ended: 0 with nothing, 1 with a record without a number, 2 with this one, 3 with this one by its key.
    pub fn wake(&mut self, stream: u32, taker: u32, how: u32, seq: f64) -> bool {
        let woken = match how {
            0 => Woken::Empty,
            1 => Woken::Unnamed,
            2 => Woken::By(seq as u64),
            _ => Woken::Keyed(seq as u64),
        };
        self.0.wake(StreamId::new(stream), TakerId::new(taker), woken)
    }

    /// What is to be done next: what, of which stream, for whom, and a record or -1. Undefined: nothing.
    pub fn poll(&mut self) -> Option<Box<[f64]>> {
        let (what, stream, taker, seq) = match self.0.poll_output()? {
            Output::Open(stream, after) => (0, stream, 0, after),
            Output::Close(stream) => (1, stream, 0, None),
            Output::SetReading(stream, wanted) => (2, stream, u32::from(wanted), None),
            Output::Give(stream, taker, seq) => (3, stream, taker.number(), Some(seq)),
            Output::Tell(stream, handler, seq) => (4, stream, handler.number(), Some(seq)),
            Output::Drop(stream, seq) => (5, stream, 0, Some(seq)),
            Output::Sleep(stream, taker, after) => (6, stream, taker.number(), after),
            Output::Rest(stream) => (7, stream, 0, None),
        };
        let seq = seq.map_or(-1.0, number);
        Some(Box::new([f64::from(what), f64::from(stream.number()), f64::from(taker), seq]))
    }
}

/// The numbers of a log are counted up from 0: none is ever as large as those that a double cannot tell apart.
fn number(seq: u64) -> f64 {
    seq as f64
}
