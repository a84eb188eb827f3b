//! The wall clock, in the two units of the wire.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
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

/// Reads what [`iso`] writes, and the same without milliseconds. Milliseconds since the epoch; `None` before it and for anything else.
pub(crate) fn from_iso(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (clock, millis) = time.split_once('.').unwrap_or((time, "0"));
    let fields = |text: &str, separator| -> Option<[u64; 3]> {
        let read: Option<Vec<u64>> = text.split(separator).map(|field| field.parse().ok()).collect();
        read?.try_into().ok()
    };
    let ([year, month, day], [hour, minute, second]) = (fields(date, '-')?, fields(clock, ':')?);
    let days = (1970..10_000).contains(&year).then(|| days_before(year, month, day))?;
    let is_real = civil_date(days) == (year, month, day) && hour < 24 && minute < 60 && second < 60;
    let millis: u64 = format!("{millis:0<3}").get(..3)?.parse().ok()?;
    is_real.then(|| (days * 86_400 + hour * 3600 + minute * 60 + second) * 1000 + millis)
}

/// The inverse of [`civil_date`].
const fn days_before(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let march_month = if month > 2 { month.saturating_sub(3) } else { month + 9 };
    let day_of_year = (153 * march_month + 2) / 5 + day.saturating_sub(1);
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).saturating_sub(719_468)
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

#[cfg(test)]
mod tests {
    use super::{from_iso, iso};

    #[test]
    fn reads_what_it_writes() {
        for ms in [0, 951_782_400_000, 951_868_799_999, 1_795_301_765_269, 4_107_542_399_999] {
            assert_eq!(from_iso(&iso(ms)), Some(ms));
        }
        assert_eq!(from_iso("2026-11-21T22:56:05Z"), Some(1_795_301_765_000));
        assert_eq!(from_iso("2026-11-21T22:56:05.2Z"), Some(1_795_301_765_200));
        for text in [
            "",
            "2026-11-21",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "1h",
            "2026-11-21T22:56:05",
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
