//! Durations in seconds, as numbers with a fraction.

use serde::{Deserialize, Deserializer, Serializer};
use std::time::Duration;

/// Writes a duration as seconds, to the microsecond.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e6)
}

/// Reads seconds.
///
/// # Errors
/// If they are negative, not finite or too large for a duration.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    Duration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom)
}
