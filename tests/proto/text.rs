//! The small things done to text, against the standard library's.

use tidegate::proto::random::Random;
use tidegate::proto::text::{Lanes, concat, decimal, find, hex_digit, line_end, parse_digits, shorten, split_once};

#[test]
fn numbers_are_written_and_read_as_the_standard_library_does() {
    let mut random = Random::new(6);
    for shift in 0..64 {
        for number in [random.next() >> shift, (1 << shift) - 1, u64::MAX >> shift] {
            assert_eq!(decimal(number), number.to_string());
            assert_eq!(parse_digits(number.to_string().as_bytes()), Some(number));
        }
    }
    assert_eq!(parse_digits(b"007"), Some(7));
    for text in ["", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "١", "18446744073709551616", "99999999999999999999"]
    {
        assert_eq!(parse_digits(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn text_is_split_at_the_first_and_shortened_between_characters() {
    for text in ["", ":", "a:b", "a:b:c", "é:✓", "abc", "::"] {
        assert_eq!(split_once(text, b':'), text.split_once(':'), "{text}");
    }
    let text = "aé✓🦀";
    for limit in 0..=text.len() + 2 {
        let kept = shorten(text, limit);
        assert!(text.starts_with(kept) && kept.len() <= limit);
        let next = text[kept.len()..].chars().next().map_or(0, char::len_utf8);
        assert!(next == 0 || kept.len() + next > limit, "no more than {kept} fits into {limit} bytes");
    }
    assert_eq!(concat(&["a", "", "é"]), "aé");
    assert_eq!(concat(&[]), "");
    let digits: String = (0..20).map(hex_digit).collect();
    assert_eq!(digits, "0123456789abcdef0123", "of more than four bits, the low ones count");
}

#[test]
fn sixteen_bytes_at_once_are_found_as_one_by_one() {
    let mut random = Random::new(7);
    let kinds =
        [b'\n', b'\r', 0, b'\t', 0x0E, b' ', b'!', b'"', b'#', b'\\', b']', b'[', 0x7F, 0x80, 0x8A, 0xA2, 0xDC, 0xFF];
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..random.below(40)).map(|_| kinds[random.below(kinds.len() as u64) as usize]).collect();
        assert_eq!(line_end(&bytes), bytes.iter().position(|byte| b"\r\n".contains(byte)), "{bytes:?}");
        assert_eq!(find(&bytes, 0x7F), bytes.iter().position(|byte| *byte == 0x7F), "{bytes:?}");
        let Some(sixteen) = bytes.get(2..18) else {
            assert!(Lanes::at(&bytes, 2).is_none());
            continue;
        };
        let lanes = Lanes::at(&bytes, 2).unwrap();
        let bits = |is_it: &dyn Fn(u8) -> bool| (0..16).map(|n| u32::from(is_it(sixteen[n])) << n).sum::<u32>();
        for sought in kinds {
            assert_eq!(lanes.equal(sought), bits(&|byte| byte == sought), "{sought} in {sixteen:?}");
            assert_eq!(lanes.below(sought), bits(&|byte| byte < sought), "below {sought} in {sixteen:?}");
        }
    }
}

#[test]
fn what_is_gone_of_sixteen_bytes_leaves_no_gap() {
    let bytes: [u8; 16] = core::array::from_fn(|n| n as u8 + 100);
    let lanes = Lanes::at(&bytes, 0).unwrap();
    for gone in 0..1 << 16 {
        let mut packed = [0; 16];
        let length = lanes.pack(gone, &mut packed);
        let left: Vec<_> = (0..16).filter(|n| gone >> n & 1 == 0).map(|n| bytes[n]).collect();
        assert_eq!(packed[..length], left, "{gone:b}");
    }
}
