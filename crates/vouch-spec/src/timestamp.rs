//! Times as texts: RFC 3339, in UTC, to the second.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 9999-12-31T23:59:59Z, in seconds since 1970: RFC 3339 has no later year.
const LAST_SECOND: u64 = 253_402_300_799;

/// The text of a time. `None` for a time before 1970 or after the year 9999.
pub fn of(time: SystemTime) -> Option<String> {
    let since = time.duration_since(UNIX_EPOCH).ok().filter(|since| since.as_secs() <= LAST_SECOND)?;
    Some(humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(since.as_secs())).to_string())
}

/// The time of this machine. A clock that is wrong beyond all years gives the nearest time that has a text.
pub fn now() -> String {
    nearest(SystemTime::now())
}

fn nearest(time: SystemTime) -> String {
    let edge = if time < UNIX_EPOCH { UNIX_EPOCH } else { UNIX_EPOCH + Duration::from_secs(LAST_SECOND) };
    of(time).or_else(|| of(edge)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_wrong_by_ages_still_has_a_text() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(of(at(1_767_225_600)).as_deref(), Some("2026-01-01T00:00:00Z"));
        assert_eq!(nearest(UNIX_EPOCH - Duration::from_secs(300_000_000)), "1970-01-01T00:00:00Z");
        assert_eq!(nearest(at(LAST_SECOND + 1)), "9999-12-31T23:59:59Z");
        assert_eq!((of(at(LAST_SECOND + 1)), of(UNIX_EPOCH - Duration::from_nanos(1))), (None, None));
    }
}
