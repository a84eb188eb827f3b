//! The wall clock, in the two units of the wire.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> u64 {
    ms(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A span in milliseconds, or as many as there can be.
pub(crate) fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// A span in seconds, no less than it is.
pub(crate) fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

/// Seconds since the epoch, as tokens count.
pub(crate) fn now_seconds() -> i64 {
    i64::try_from(now_ms() / 1000).unwrap_or(i64::MAX)
}

/// `2026-11-21T22:56:05.269Z`, as `Date.prototype.toISOString` writes it.
pub(crate) fn iso(ms: u64) -> String {
    let (seconds, millis) = (ms / 1000, ms % 1000);
    let (days, second_of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil_date(days);
    let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Days since 1970-01-01 to the proleptic Gregorian calendar. Counting years from March puts the leap day last.
const fn civil_date(days: u64) -> (u64, u64, u64) {
    let day = days + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day_of_month)
}

/// Milliseconds since the epoch for a date as ISO 8601 writes it: `2026-11-21`, or with a time,
/// `2026-11-21T22:56:05.269Z`, whose fraction may be missing and whose zone may be an offset. `None` for everything
/// else, and for what lies before the epoch.
pub(crate) fn from_iso(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00Z"));
    let [year, month, day] = numbers(date, '-')?;
    let days = days_from_civil(year, month, day);
    let is_real = u64::try_from(days).is_ok_and(|days| civil_date(days) == (year as u64, month as u64, day as u64));
    if !is_real || date.len() != 10 {
        return None;
    }
    let zone = time.find(['Z', '+', '-'])?;
    let (time, zone) = time.split_at(zone);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(&format!("{time}{}", if time.len() == 5 { ":00" } else { "" }), ':')?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - offset(zone)?;
    u64::try_from(seconds * 1000 + millis).ok()
}

/// The seconds by which a zone is ahead.
fn offset(zone: &str) -> Option<i64> {
    let ahead = match zone.split_at_checked(1)? {
        ("Z", "") => return Some(0),
        ("+", ahead) => (1, ahead),
        ("-", behind) => (-1, behind),
        _ => return None,
    };
    let (sign, [hours, minutes]) = (ahead.0, numbers(ahead.1, ':')?);
    Some(sign * (hours * 60 + minutes) * 60)
}

fn numbers<const N: usize>(text: &str, between: char) -> Option<[i64; N]> {
    let number = |part: &str| Some(i64::from(part.parse::<u32>().ok().filter(|_| !part.starts_with('+'))?));
    let parts: Vec<i64> = text.split(between).map(number).collect::<Option<_>>()?;
    parts.try_into().ok()
}

/// The other way round than [`civil_date`].
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::{from_iso, iso};

    #[test]
    fn reads_the_dates_that_it_writes() {
        for ms in [0, 951_782_400_000, 951_868_799_999, 1_795_301_765_269, 4_107_542_399_999] {
            assert_eq!(from_iso(&iso(ms)), Some(ms));
        }
        assert_eq!(from_iso("2026-11-21T22:56:05Z"), Some(1_795_301_765_000));
        assert_eq!(from_iso("2026-11-21"), from_iso("2026-11-21T00:00:00.000Z"));
        assert_eq!(from_iso("2026-11-21T23:56+01:00"), from_iso("2026-11-21T22:56:00Z"));
        assert_eq!(from_iso("2026-11-21T20:26:05.2-02:30"), from_iso("2026-11-21T22:56:05.200Z"));
        for text in [
            "",
            "soon",
            "1h",
            "2026-13-01",
            "2026-02-30",
            "2026-02-30T00:00:00Z",
            "2026-+1-21",
            "2026-11-21T24:00:00Z",
            "2026-11-21T22:56:05",
            "2026-1-1",
            "1969-12-31",
            "2026-11-21Tx:00:00Z",
        ] {
            assert_eq!(from_iso(text), None, "{text}");
        }
    }

    #[test]
    fn writes_dates_as_javascript_does() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(iso(1_795_301_765_269), "2026-11-21T22:56:05.269Z");
        assert_eq!(iso(4_107_542_399_999), "2100-02-28T23:59:59.999Z");
    }
}
