//! Durations as files and options write them: `10s`, `500ms`, `30d`.

use std::time::Duration;

/// The longest duration that is accepted: a century. Longer ones are mistakes, and clocks cannot add them.
pub const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A text that is not a usable duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    #[error("`{0}` is not a duration; write for example `10s` or `500ms`")]
    Form(String),
    #[error("`{0}` is longer than a century")]
    TooLong(String),
    #[error("`{0}` is no time at all; the duration must be longer than zero")]
    Zero(String),
}

/// Parses a duration from zero to a century.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        Ok(_) | Err(humantime::DurationError::NumberOverflow) => Err(DurationError::TooLong(text.to_owned())),
        Err(_) => Err(DurationError::Form(text.to_owned())),
    }
}

/// Parses a duration that is longer than zero, up to a century.
pub fn parse_positive(text: &str) -> Result<Duration, DurationError> {
    let duration = parse(text)?;
    if duration.is_zero() { Err(DurationError::Zero(text.to_owned())) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_lies_between_zero_and_a_century() {
        assert_eq!(parse("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
        assert_eq!(parse_positive("0s"), Err(DurationError::Zero("0s".into())));
        for long in ["101y", "99999999999999999999s"] {
            assert_eq!(parse(long), Err(DurationError::TooLong(long.into())));
        }
        for wrong in ["-5s", "soon", "5", ""] {
            assert_eq!(parse_positive(wrong), Err(DurationError::Form(wrong.into())));
        }
        assert!(parse("99y").is_ok());
    }
}
