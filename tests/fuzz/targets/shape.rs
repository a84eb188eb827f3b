#![no_main]
#![expect(missing_docs, reason = "the one item is what the engine calls")]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzz::shape::check(data));
