//! Spans of time as texts: `15m`, `2 hours`, `1 day from now`, `-5m`.

use crate::clock;

const UNITS: [(&str, f64); 6] = [
    ("s sec secs second seconds", 1.0),
    ("m min mins minute minutes", 60.0),
    ("h hr hrs hour hours", 3600.0),
    ("d day days", 86_400.0),
    ("w week weeks", 604_800.0),
    ("y yr yrs year years", 31_557_600.0),
];

/// Seconds from now, negative for the past. `None` when the text is no span.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let text = text.trim().to_ascii_lowercase();
    let (text, ago) = match text.strip_suffix(" ago") {
        Some(rest) => (rest, true),
        None => (text.strip_suffix(" from now").unwrap_or(&text), false),
    };
    let (text, minus) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let text = text.trim_start();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let number: f64 = number.parse().ok()?;
    let (_, length) = UNITS.iter().find(|(names, _)| names.split(' ').any(|name| name == unit && !unit.is_empty()))?;
    let whole = (number * length).round() as i64;
    Some(if ago || minus { -whole } else { whole })
}

/// When a time-out ends, in milliseconds since the epoch: after a duration such as `90s` or `1h30m`, or at an ISO date,
/// which may be past. `None` for what is neither: the original takes it for no time-out at all.
pub(crate) fn end(text: &str, now: u64) -> Option<u64> {
    clock::from_iso(text).or_else(|| after(text, now))
}

/// The time so much later, for a span such as `10m` or `1w2d3h4m5s`. `None` for anything else.
pub(crate) fn after(text: &str, now: u64) -> Option<u64> {
    Some(now.saturating_add(joined_seconds(text)?.checked_mul(1000)?))
}

/// Seconds of a span such as `10m` or `1w2d3h4m5s`, as delays, times to live, time-outs and look-backs are written:
/// each unit once, in any order. `None` for anything else.
pub(crate) fn joined_seconds(text: &str) -> Option<u64> {
    let mut units = vec![("w", 604_800), ("d", 86_400), ("hr", 3600), ("h", 3600), ("m", 60), ("s", 1)];
    let (mut rest, mut total) = (text, 0_u64);
    while !rest.is_empty() {
        let (number, unit) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (name, length) = *units.iter().find(|(name, _)| unit.starts_with(name))?;
        units.retain(|(_, used)| *used != length);
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(length)?)?;
        rest = &unit[name.len()..];
    }
    (!text.is_empty()).then_some(total)
}

/// Seconds for which an idempotency key counts: whole ones, minutes, hours or days, such as `60s` or `7d`, as many as
/// fit. `None` for anything else, which the original passes over.
pub(crate) fn key_seconds(text: &str) -> Option<u64> {
    let (number, length) = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]
        .into_iter()
        .find_map(|(unit, length)| Some((text.strip_suffix(unit)?, length)))?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    // What is all digits and does not fit is longer than any time.
    is_number.then(|| number.parse().unwrap_or(u64::MAX).saturating_mul(length))
}

#[cfg(test)]
mod tests {
    use super::{end, joined_seconds, key_seconds, seconds};

    #[test]
    fn a_key_counts_for_a_number_of_one_unit() {
        let read = ["0s", "60s", "5m", "2h", "30d", "007d", "99999999999999999999d"].map(key_seconds);
        assert_eq!(read, [0, 60, 300, 7200, 2_592_000, 604_800, u64::MAX].map(Some));
        for text in
            ["", "s", "1", "1w", "1y", "1h30m", "1 h", " 1h", "1h ", "+1h", "-1h", "1.5h", "1H", "2 hours", "١h"]
        {
            assert_eq!(key_seconds(text), None, "{text}");
        }
    }

    #[test]
    fn reads_joined_spans() {
        let read = ["10s", "1h", "1w2d3h4m5s", "1d12h", "5s1m", "2hr", "0s"].map(joined_seconds);
        assert_eq!(read, [10, 3600, 788_645, 129_600, 65, 7200, 0].map(Some));
        for text in ["", "1", "m", "1x", "1h ", "-1h", "1h1h", "1h1hr", "10 m", "1.5h", "99999999999999999999w"] {
            assert_eq!(joined_seconds(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_out_ends_after_a_span_or_at_a_date() {
        assert_eq!(["10m", "1h30m"].map(|text| end(text, 1000)), [601_000, 5_401_000].map(Some));
        for (date, at) in [("1970-01-01T00:00:02Z", 2000), ("1970-01-01T00:00:00Z", 0)] {
            assert_eq!(end(date, 1000), Some(at), "{date}");
        }
        for text in ["soon", ""] {
            assert_eq!(end(text, 1000), None, "{text}");
        }
    }

    #[test]
    fn reads_spans() {
        let read = ["15m", "2 hours", "1 day from now", "-5m", "5 minutes ago", "1.5h", "31d"].map(seconds);
        assert_eq!(read, [900, 7200, 86_400, -300, -300, 5400, 2_678_400].map(Some));
    }

    #[test]
    fn refuses_what_is_no_span() {
        for text in ["", "soon", "15", "m", "1 fortnight", "..s", "1h30m"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
