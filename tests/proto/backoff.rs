//! How long is waited, and until when failures are remembered.

use tidegate::proto::backoff::{Backoff, BackoffPolicy};
use tidegate::proto::random::Random;
use tidegate::proto::time::Instant;

const POLICY: BackoffPolicy = BackoffPolicy { first_ms: 500, cap_ms: 15_000, stable_ms: 10_000 };

/// The full delays: what jitter takes at most half of.
const FULL_MS: [u64; 8] = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000];

#[test]
fn delays_double_up_to_the_cap_and_are_drawn_from_their_upper_half() {
    let mut seen = [(u64::MAX, 0); FULL_MS.len()];
    for seed in 0..2_000 {
        let mut random = Random::new(seed);
        let mut backoff = Backoff::new(POLICY);
        for (step, full) in FULL_MS.into_iter().enumerate() {
            let delay = delay_ms(&mut backoff, at(seed), 0, &mut random);
            assert!((full / 2..=full).contains(&delay), "failure {step} of seed {seed}: {delay} ms of {full}");
            assert_eq!(backoff.failures(), step as u32 + 1);
            seen[step] = (seen[step].0.min(delay), seen[step].1.max(delay));
        }
    }
    for ((shortest, longest), full) in seen.into_iter().zip(FULL_MS) {
        assert!(shortest < full * 11 / 20 && longest > full * 19 / 20, "of {full} ms: {shortest} to {longest} ms");
    }
}

#[test]
fn the_cap_holds_for_ever() {
    let (mut backoff, mut random) = (Backoff::new(POLICY), Random::new(1));
    for _ in 0..10_000 {
        assert!(delay_ms(&mut backoff, at(0), 0, &mut random) <= POLICY.cap_ms);
    }
    assert_eq!(backoff.failures(), 10_000);
}

#[test]
fn the_servers_wish_is_a_floor_that_no_cap_lowers() {
    let (mut backoff, mut random) = (Backoff::new(POLICY), Random::new(1));
    assert_eq!(delay_ms(&mut backoff, at(0), 60_000, &mut random), 60_000);
    assert_eq!(delay_ms(&mut backoff, at(0), 1_001, &mut random), 1_001);
    assert!(delay_ms(&mut backoff, at(0), 1, &mut random) >= 1_000, "a low floor shortens nothing");
}

#[test]
fn the_end_of_time_is_not_passed() {
    let (mut backoff, mut random) = (Backoff::new(POLICY), Random::new(1));
    assert_eq!(backoff.fail(at(u64::MAX), 0, &mut random), at(u64::MAX));
    assert_eq!(backoff.fail(at(1), u64::MAX, &mut random), at(u64::MAX));
}

#[test]
fn failures_are_forgotten_only_after_a_stable_period() {
    let mut random = Random::new(1);
    let mut backoff = failed(3, &mut random);
    backoff.succeed(at(1_000));
    assert_eq!(backoff.failures(), 3, "a success alone forgets nothing");
    backoff.fail(at(10_999), 0, &mut random);
    assert_eq!(backoff.failures(), 4, "one millisecond short");

    let mut backoff = failed(3, &mut random);
    backoff.succeed(at(1_000));
    backoff.succeed(at(9_000));
    assert!(delay_ms(&mut backoff, at(11_000), 0, &mut random) <= POLICY.first_ms, "counted from the first success");
    assert_eq!(backoff.failures(), 1);
    backoff.fail(at(60_000), 0, &mut random);
    assert_eq!(backoff.failures(), 2, "the period is over with the failure, and no other success came");
}

#[test]
fn a_reset_forgets_at_once() {
    let mut random = Random::new(1);
    let mut backoff = failed(9, &mut random);
    backoff.reset();
    assert_eq!(backoff.failures(), 0);
    assert!(delay_ms(&mut backoff, at(0), 0, &mut random) <= POLICY.first_ms);
}

#[test]
fn the_same_seed_gives_the_same_delays() {
    let delays = |seed| {
        let (mut backoff, mut random) = (Backoff::new(POLICY), Random::new(seed));
        (0..8).map(|_| delay_ms(&mut backoff, at(0), 0, &mut random)).collect::<Vec<_>>()
    };
    assert_eq!(delays(7), delays(7));
    assert_ne!(delays(7), delays(8));
}

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

fn delay_ms(backoff: &mut Backoff, now: Instant, floor_ms: u64, random: &mut Random) -> u64 {
    backoff.fail(now, floor_ms, random).since(now)
}

fn failed(times: u32, random: &mut Random) -> Backoff {
    let mut backoff = Backoff::new(POLICY);
    for _ in 0..times {
        backoff.fail(at(0), 0, random);
    }
    backoff
}
