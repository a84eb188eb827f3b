//! Randomness as a value: a seed comes in, everything else follows from it.

use super::text::hex_digit;
use alloc::string::String;

/// SplitMix64 (Steele, Lea and Flood, 2014): enough for jitter and for keys that only have to differ.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence that belongs to this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, or 0 when that is 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// 128 bits in the form of a version 4 UUID.
    pub fn uuid(&mut self) -> String {
        let high = self.next() & !(0xF << 12) | 0x4 << 12;
        let low = self.next() & !(0x3 << 62) | 0x2 << 62;
        let mut text = String::with_capacity(36);
        for place in 0..32 {
            if let 8 | 12 | 16 | 20 = place {
                text.push('-');
            }
            let half = if place < 16 { high } else { low };
            text.push(hex_digit((half >> (60 - place % 16 * 4)) as u32));
        }
        text
    }
}
