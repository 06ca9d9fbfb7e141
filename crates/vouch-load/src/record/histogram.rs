//! Histograms as JSON: the number of significant digits, and a pair of value and count for each bucket that is not empty. Any
//! language can read it without a library for HDR histograms, and nothing is lost.

use crate::Latencies;
use crate::latencies::{MAX_LATENCY_NS, latencies};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest list of buckets that is read; a histogram of three digits has fewer.
const MAX_BUCKETS: usize = 100_000;

/// A histogram of times in nanoseconds.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Histogram {
    /// The number of significant digits of a value.
    significant_digits: u8,
    /// Pairs of a time in nanoseconds and the number of measurements of about that time.
    counts: Vec<(u64, u64)>,
}

pub fn serialize<S: Serializer>(histogram: &Latencies, serializer: S) -> Result<S::Ok, S::Error> {
    let counts = histogram.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value())).collect();
    Histogram { significant_digits: histogram.sigfig(), counts }.serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Latencies, D::Error> {
    let Histogram { significant_digits, counts } = Histogram::deserialize(deserializer)?;
    let wrong = |what: String| serde::de::Error::custom(what);
    if !(2..=3).contains(&significant_digits) || counts.len() > MAX_BUCKETS {
        return Err(wrong("a histogram has 2 or 3 significant digits and at most 100,000 counts".into()));
    }
    let mut histogram = latencies(significant_digits);
    let mut all: u64 = 0;
    for (nanoseconds, count) in counts {
        // The highest bucket ends above the bound.
        if nanoseconds > 2 * MAX_LATENCY_NS {
            return Err(wrong(format!("{nanoseconds} ns is longer than a load measures")));
        }
        all = all.checked_add(count).ok_or_else(|| wrong("the counts of a histogram are too large".into()))?;
        histogram.saturating_record_n(nanoseconds, count);
    }
    Ok(histogram)
}
