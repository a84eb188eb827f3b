//! Small things done to text. The standard library's are general, and cost the download 3 kB for what is used here.

use alloc::string::String;

/// All of them, one behind the other.
pub fn concat(parts: &[&str]) -> String {
    let mut length = 0;
    for part in parts {
        length += part.len();
    }
    let mut text = String::with_capacity(length);
    for part in parts {
        text.push_str(part);
    }
    text
}

/// What is before and behind the first such ASCII character, if there is one.
pub fn split_once(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = find(text.as_bytes(), separator)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// A number written in ASCII digits and nothing else, if it fits.
pub fn parse_digits(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| match digit {
        // Not `checked_mul`, which multiplies in 128 bits here.
        b'0'..=b'9' if number <= u64::MAX / 10 => (number * 10).checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// A number in digits.
pub fn decimal(number: u64) -> String {
    let mut digits = if number < 10 { String::new() } else { decimal(number / 10) };
    digits.push(char::from(b'0' + (number % 10) as u8));
    digits
}

/// At most so many bytes of it, cut between characters.
pub fn shorten(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The low four bits as a lower case digit.
pub fn hex_digit(bits: u32) -> char {
    char::from_digit(bits & 15, 16).unwrap_or('0')
}

/// Sixteen bytes. Looked at at once, they cost little more than one; answers have a bit for each, the first of them lowest.
#[derive(Clone, Copy)]
pub struct Lanes(Sixteen);

#[cfg(target_feature = "simd128")]
type Sixteen = core::arch::wasm32::v128;
#[cfg(not(target_feature = "simd128"))]
type Sixteen = [u32; 4];

impl Lanes {
    /// Fewer are not there.
    #[inline(always)]
    pub fn at(bytes: &[u8], at: usize) -> Option<Self> {
        let sixteen = bytes.get(at..)?.first_chunk::<16>()?;
        #[cfg(target_feature = "simd128")]
        let sixteen = {
            let (low, high) = sixteen.split_at(8);
            core::arch::wasm32::u64x2(u64::from_le_bytes(*low.first_chunk()?), u64::from_le_bytes(*high.first_chunk()?))
        };
        // By four: in JavaScript, too, that is one number.
        #[cfg(not(target_feature = "simd128"))]
        let sixteen = {
            let four = |at: usize| Some(u32::from_le_bytes(*sixteen.get(at..)?.first_chunk()?));
            [four(0)?, four(4)?, four(8)?, four(12)?]
        };
        Some(Self(sixteen))
    }

    /// Which of them are this one.
    #[inline(always)]
    pub fn equal(self, byte: u8) -> u32 {
        #[cfg(target_feature = "simd128")]
        {
            use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_splat};
            u32::from(u8x16_bitmask(u8x16_eq(self.0, u8x16_splat(byte))))
        }
        #[cfg(not(target_feature = "simd128"))]
        self.each(|four| {
            let differ = four ^ (EACH * u32::from(byte));
            ((differ & !HIGH) + !HIGH) | differ
        })
    }

    /// Which of them are less than this one.
    #[inline(always)]
    pub fn below(self, byte: u8) -> u32 {
        #[cfg(target_feature = "simd128")]
        {
            use core::arch::wasm32::{u8x16_bitmask, u8x16_lt, u8x16_splat};
            u32::from(u8x16_bitmask(u8x16_lt(self.0, u8x16_splat(byte))))
        }
        #[cfg(not(target_feature = "simd128"))]
        self.each(|four| {
            let sum = (four & !HIGH) + EACH * (128 - u32::from(byte & 127));
            if byte < 128 { sum | four } else { sum & four }
        })
    }

    /// Writes those that are not `gone`, one behind the other, and tells how many; what is written behind them is of no account.
    #[inline(always)]
    pub fn pack(self, gone: u32, out: &mut [u8; 16]) -> usize {
        let mut length = 0;
        for first in [0, 4, 8, 12] {
            let gone = gone >> first & 15;
            if let Some(four) = out.get_mut(length..length + 4) {
                four.copy_from_slice(&self.four(LEFT[gone as usize] + first * 0x0101_0101));
            }
            length += 4 - gone.count_ones() as usize;
        }
        length
    }

    /// Four of them, each by its place in one of these bytes.
    #[inline(always)]
    fn four(self, places: u32) -> [u8; 4] {
        #[cfg(target_feature = "simd128")]
        {
            use core::arch::wasm32::{u8x16_swizzle, u32x4_extract_lane, u32x4_splat};
            u32x4_extract_lane::<0>(u8x16_swizzle(self.0, u32x4_splat(places))).to_le_bytes()
        }
        #[cfg(not(target_feature = "simd128"))]
        places.to_le_bytes().map(|place| (self.0[usize::from(place >> 2 & 3)] >> ((place & 3) * 8)) as u8)
    }

    /// The bits of those whose highest bit that leaves at 0: moved together by one product, in which none meets another.
    #[cfg(not(target_feature = "simd128"))]
    #[inline(always)]
    fn each(self, leaves: impl Fn(u32) -> u32) -> u32 {
        let bits = |four: u32| ((!leaves(four) & HIGH) >> 7).wrapping_mul(0x1020_4080) >> 28;
        let [first, second, third, fourth] = self.0;
        bits(first) | bits(second) << 4 | bits(third) << 8 | bits(fourth) << 12
    }
}

/// A 1 in each of four bytes, and their highest bits.
#[cfg(not(target_feature = "simd128"))]
const EACH: u32 = 0x0101_0101;
#[cfg(not(target_feature = "simd128"))]
const HIGH: u32 = 0x8080_8080;

/// Of four, which are left when some are gone: their places, the lowest first.
#[rustfmt::skip]
const LEFT: [u32; 16] = [
    0x0302_0100, 0x03_0201, 0x03_0200, 0x0302, 0x03_0100, 0x0301, 0x0300, 0x03,
    0x02_0100, 0x0201, 0x0200, 0x02, 0x0100, 0x01, 0x00, 0x00,
];

/// Where the first such byte is.
pub fn find(bytes: &[u8], byte: u8) -> Option<usize> {
    find_either(bytes, byte, byte)
}

/// Where the first line ends: at a line feed or a carriage return.
pub fn line_end(bytes: &[u8]) -> Option<usize> {
    find_either(bytes, b'\n', b'\r')
}

fn find_either(bytes: &[u8], one: u8, other: u8) -> Option<usize> {
    let mut at = 0;
    while let Some(lanes) = Lanes::at(bytes, at) {
        let found = lanes.equal(one) | lanes.equal(other);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize);
        }
        at += 16;
    }
    let rest = bytes.get(at..)?.iter().position(|&byte| byte == one || byte == other)?;
    Some(at + rest)
}
