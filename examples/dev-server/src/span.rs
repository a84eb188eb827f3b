//! Spans of time as texts: `15m`, `2 hours`, `1 day from now`, `-5m`.

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

/// Seconds of a span such as `10m` or `1w2d3h4m5s`, as delays and look-backs are written. `None` for anything else.
pub(crate) fn joined_seconds(text: &str) -> Option<u64> {
    let (mut rest, mut sum) = (text, 0_u64);
    let mut units: &[(char, u64)] = &[('w', 604_800), ('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = (rest[..digits].parse::<u64>().ok()?, rest[digits..].chars().next()?);
        let at = units.iter().position(|(name, _)| *name == unit)?;
        sum = sum.saturating_add(number.saturating_mul(units[at].1));
        units = &units[at + 1..];
        rest = &rest[digits + unit.len_utf8()..];
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::{joined_seconds, seconds};

    #[test]
    fn reads_joined_spans() {
        let read = ["10s", "1h", "1w2d3h4m5s", "1d12h", "0s"].map(joined_seconds);
        assert_eq!(read, [10, 3600, 788_645, 129_600, 0].map(Some));
        for text in ["", "1", "m", "5s1m", "1x", "1h ", "-1h", "1h1h"] {
            assert_eq!(joined_seconds(text), None, "{text}");
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
