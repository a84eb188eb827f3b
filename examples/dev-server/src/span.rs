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

/// When a time-out ends, in milliseconds since the epoch: after a duration such as `90s` or `1h30m`, or at an ISO date. `None` for a
/// date that is past and for what is neither: the original takes these for no time-out at all.
pub(crate) fn end(text: &str, now: u64) -> Option<u64> {
    match clock::from_iso(text) {
        Some(date) => (date > now).then_some(date),
        None => Some(now.saturating_add(joined_seconds(text)?.checked_mul(1000)?)),
    }
}

/// Seconds of a span such as `10m` or `1w2d3h4m5s`. `None` for anything else.
fn joined_seconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (number, unit) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (length, name) = [(604_800, "w"), (86_400, "d"), (3600, "hr"), (3600, "h"), (60, "m"), (1, "s")]
            .into_iter()
            .find(|(_, name)| unit.starts_with(name))?;
        let seconds = number.parse::<u64>().ok()?.checked_mul(length)?;
        total = total.checked_add(seconds)?;
        rest = &unit[name.len()..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::{end, seconds};

    #[test]
    fn a_time_out_ends_after_a_duration_or_at_a_date() {
        let read = ["10m", "1h30m", "2hr", "1w", "0s"].map(|text| end(text, 1000));
        assert_eq!(read, [601_000, 5_401_000, 7_201_000, 604_801_000, 1000].map(Some));
        assert_eq!(end("1970-01-01T00:00:02Z", 1000), Some(2000));
        for text in ["1970-01-01T00:00:00Z", "soon", "", "10", "m", "10 m", "1.5h", "99999999999999999999w"] {
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
