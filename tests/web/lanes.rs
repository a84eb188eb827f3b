//! What looks at sixteen bytes at once does so in other instructions here than where the other tests of it run.

use std::borrow::Cow;

use tidegate::proto::json::Scanner;
use tidegate::proto::random::Random;
use tidegate::proto::text::{Lanes, line_end};
use wasm_bindgen_test::wasm_bindgen_test;

const KINDS: [u8; 12] = [b'\n', b'\r', 0, b'\t', b' ', b'!', b'"', b'\\', b'n', 0x7F, 0x80, 0xFF];

fn bytes(random: &mut Random) -> Vec<u8> {
    (0..random.below(40)).map(|_| KINDS[random.below(KINDS.len() as u64) as usize]).collect()
}

#[wasm_bindgen_test]
fn sixteen_bytes_are_what_each_of_them_is() {
    const AS_JAVASCRIPT: bool = option_env!("TIDEGATE_AS_JAVASCRIPT").is_some();
    const { assert!(cfg!(target_feature = "simd128") != AS_JAVASCRIPT, "as it is built to ship") };
    let mut random = Random::new(1);
    for _ in 0..20_000 {
        let bytes = bytes(&mut random);
        assert_eq!(line_end(&bytes), bytes.iter().position(|byte| b"\r\n".contains(byte)), "{bytes:?}");
        let Some(lanes) = Lanes::at(&bytes, 3) else {
            assert!(bytes.len() < 19, "{bytes:?}");
            continue;
        };
        for sought in KINDS {
            for (n, byte) in bytes[3..19].iter().enumerate() {
                assert_eq!(lanes.equal(sought) >> n & 1 == 1, *byte == sought, "{sought} in {bytes:?}");
                assert_eq!(lanes.below(sought) >> n & 1 == 1, *byte < sought, "{sought} in {bytes:?}");
            }
        }
    }
}

#[wasm_bindgen_test]
fn what_is_gone_leaves_no_gap() {
    let bytes: [u8; 16] = core::array::from_fn(|n| n as u8 + 100);
    let lanes = Lanes::at(&bytes, 0).expect("sixteen");
    for gone in 0..1 << 16 {
        let mut packed = [0; 16];
        let length = lanes.pack(gone, &mut packed);
        let left: Vec<_> = (0..16).filter(|n| gone >> n & 1 == 0).map(|n| bytes[n]).collect();
        assert_eq!(packed[..length], left, "{gone:b}");
    }
}

#[wasm_bindgen_test]
fn strings_end_where_the_hosts_own_parser_says_and_say_the_same() {
    let mut random = Random::new(2);
    let mut found = 0;
    for _ in 0..20_000 {
        let Ok(inside) = String::from_utf8(bytes(&mut random)) else { continue };
        let text = format!("\"{inside}\"");
        let ours = Scanner::new(&text).value().map(str::to_owned);
        let theirs = (1..text.len())
            .filter(|&end| text.as_bytes()[end] == b'"')
            .find_map(|end| js_sys::JSON::parse(&text[..=end]).is_ok().then(|| text[..=end].to_owned()));
        assert_eq!(ours, theirs, "{text:?}");
        let said = theirs.and_then(|text| js_sys::JSON::parse(&text).ok()?.as_string());
        assert_eq!(Scanner::new(&text).string().map(Cow::into_owned), said, "{text:?}");
        found += usize::from(ours.is_some());
    }
    assert!(found > 100, "{found}");
}
