//! Identifiers in the shapes of the wire.

use std::iter::repeat_with;

const LOWER: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const URL_SAFE: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
const HEX: &[u8] = b"0123456789abcdef";

/// `run_` and 25 lower-case letters and digits.
pub(crate) fn run() -> String {
    format!("run_cm{}", random(23, LOWER))
}

/// The id of an input record: `inp_` and 12 hexadecimal digits.
pub(crate) fn input_record() -> String {
    format!("inp_{}", random(12, HEX))
}

/// The id of a part on an output stream: 7 characters.
pub(crate) fn part() -> String {
    random(7, URL_SAFE)
}

/// The id of a wait: for input, or for a wait token to be completed.
pub(crate) fn waitpoint() -> String {
    format!("waitpoint_cm{}", random(23, LOWER))
}

pub(crate) fn batch() -> String {
    format!("batch_cm{}", random(23, LOWER))
}

/// The key of a wait token that was given none.
pub(crate) fn idempotency_key() -> String {
    random(24, URL_SAFE)
}

/// The end of a feed's handle: a number and 8 hexadecimal digits.
pub(crate) fn handle() -> String {
    format!("{}_{}", fastrand::u16(..), random(8, HEX))
}

fn random(length: usize, alphabet: &[u8]) -> String {
    repeat_with(|| char::from(alphabet[fastrand::usize(..alphabet.len())])).take(length).collect()
}
