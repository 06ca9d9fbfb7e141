//! Thresholds: the pass criteria of a run, such as `p99<50ms`, `errors<0.1%` or `refresh rate>=5000/s`. They decide the
//! verdict and the exit code.
//!
//! ```
//! use vouch_load::threshold::Threshold;
//! let threshold: Threshold = "refresh p99.9 < 50ms".parse().unwrap();
//! assert_eq!(threshold.to_string(), "refresh p99.9<50ms");
//! assert!("errors<0%".parse::<Threshold>().unwrap_err().to_string().contains("can never"));
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A bound on one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Threshold {
    /// The workload or call that it refers to; `None` for the whole run.
    pub of: Option<String>,
    pub metric: Metric,
    pub bound: Bound,
    /// In the unit of the metric: nanoseconds, per cent, a count, or responses per second.
    pub limit: f64,
}

/// A measured value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Metric {
    /// Latency from the intended start, at this percentile.
    Percentile(f64),
    Mean,
    Max,
    /// The share of requests that failed or had a wrong response, in per cent.
    ErrorShare,
    /// The number of requests that failed or had a wrong response.
    Errors,
    /// The number of wrong responses with a successful status.
    Wrong,
    /// Good responses per second.
    Rate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Bound {
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Bound {
    const ALL: [(&'static str, Bound); 4] =
        [("<=", Bound::AtMost), (">=", Bound::AtLeast), ("<", Bound::Below), (">", Bound::Above)];

    fn sign(self) -> &'static str {
        Self::ALL.iter().find(|(_, bound)| *bound == self).map_or("", |(sign, _)| sign)
    }

    /// Whether a value satisfies the bound.
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Bound::Below => value < limit,
            Bound::AtMost => value <= limit,
            Bound::Above => value > limit,
            Bound::AtLeast => value >= limit,
        }
    }
}

/// The results of a workload or a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// The number of requests that ended.
    pub done: u64,
    /// The number of requests with a latency.
    pub timed: u64,
    pub errors: u64,
    pub wrong: u64,
    /// Good responses per second.
    pub rate: f64,
    /// In nanoseconds.
    pub mean: f64,
    /// In nanoseconds.
    pub max: u64,
}

impl Threshold {
    /// The measured value; `None` if nothing was measured. `percentile` returns latencies in nanoseconds.
    pub fn value(&self, figures: &Figures, percentile: impl Fn(f64) -> u64) -> Option<f64> {
        let latency = matches!(self.metric, Metric::Percentile(_) | Metric::Mean | Metric::Max);
        if figures.done == 0 || latency && figures.timed == 0 {
            return None;
        }
        #[allow(clippy::cast_precision_loss, reason = "counts and nanoseconds far below 2^53")]
        Some(match self.metric {
            Metric::Percentile(p) => percentile(p) as f64,
            Metric::Mean => figures.mean,
            Metric::Max => figures.max as f64,
            Metric::ErrorShare => 100.0 * figures.errors as f64 / figures.done as f64,
            Metric::Errors => figures.errors as f64,
            Metric::Wrong => figures.wrong as f64,
            Metric::Rate => figures.rate,
        })
    }

    /// Whether a value passes the threshold.
    pub fn holds(&self, value: f64) -> bool {
        self.bound.holds(value, self.limit)
    }

    /// Formats a value of this metric.
    pub fn show(&self, value: f64) -> String {
        match self.metric {
            Metric::Percentile(_) | Metric::Mean | Metric::Max => time(value),
            Metric::ErrorShare => format!("{}%", short(value)),
            Metric::Errors | Metric::Wrong => format!("{value:.0}"),
            Metric::Rate => format!("{}/s", short(value)),
        }
    }

    /// Whether no run with this arrival rate (arrivals per second) can pass it.
    pub fn is_impossible_at(&self, peak: f64) -> bool {
        let needs_more = matches!(self.bound, Bound::Above | Bound::AtLeast);
        self.metric == Metric::Rate && needs_more && self.limit > peak
    }
}

/// Formats nanoseconds with three significant digits.
pub fn time(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "µs"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    format!("{}{unit}", short(value))
}

/// Formats a duration as [`time`] does.
#[allow(clippy::cast_precision_loss, reason = "for readers")]
pub fn show_duration(duration: std::time::Duration) -> String {
    time(duration.as_nanos() as f64)
}

/// Formats a number with at least three significant digits and without trailing zeros.
pub fn short(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 || v == 0.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 4,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Metric::Percentile(p) => write!(f, "p{p}"),
            Metric::Mean => f.write_str("mean"),
            Metric::Max => f.write_str("max"),
            Metric::ErrorShare | Metric::Errors => f.write_str("errors"),
            Metric::Wrong => f.write_str("wrong"),
            Metric::Rate => f.write_str("rate"),
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(of) = &self.of {
            write!(f, "{of} ")?;
        }
        write!(f, "{}{}{}", self.metric, self.bound.sign(), self.show(self.limit))
    }
}

/// A text that is not a threshold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseThresholdError {
    #[error("`{0}` is not a threshold; write for example `p99<50ms`, `errors<0.1%` or `refresh rate>=5000/s`")]
    Form(String),
    #[error("`{0}` can never hold")]
    Impossible(String),
    #[error("`{0}` is not a duration; write for example `50ms`")]
    Duration(String),
    #[error("`{0}` is not a number of requests")]
    Count(String),
    #[error("`{0}` is not a share; write for example `0.1%`")]
    Share(String),
    #[error("`{0}` is not a rate; write for example `5000/s`")]
    Rate(String),
    #[error("`{0}` is not a metric; metrics are p50, p99, p99.9 …, mean, max, errors, wrong and rate")]
    Metric(String),
    #[error("`{0}` is not a percentile: the highest is p100")]
    Percentile(String),
}

impl FromStr for Threshold {
    type Err = ParseThresholdError;

    fn from_str(text: &str) -> Result<Self, ParseThresholdError> {
        let form = || ParseThresholdError::Form(text.to_owned());
        let (at, sign, bound) = Bound::ALL
            .iter()
            .filter_map(|(sign, bound)| Some((text.find(sign)?, *sign, *bound)))
            .min_by_key(|(at, sign, _)| (*at, std::cmp::Reverse(sign.len())))
            .ok_or_else(form)?;
        let (what, limit) = (text[..at].trim(), text[at + sign.len()..].trim());
        let (of, word) = match what.rsplit_once(char::is_whitespace) {
            Some((of, word)) => (Some(of.trim().to_owned()), word),
            None => (None, what),
        };
        if word.is_empty() {
            return Err(form());
        }
        let (metric, limit) = metric(word, limit)?;
        let threshold = Threshold { of, metric, bound, limit };
        let below_nothing = bound == Bound::Below && limit <= 0.0;
        let above_all = metric == Metric::ErrorShare
            && (bound == Bound::Above && limit >= 100.0 || bound == Bound::AtLeast && limit > 100.0);
        if below_nothing || above_all {
            return Err(ParseThresholdError::Impossible(text.to_owned()));
        }
        Ok(threshold)
    }
}

/// Parses a metric, and the limit in its unit.
fn metric(word: &str, limit: &str) -> Result<(Metric, f64), ParseThresholdError> {
    let wrong_limit = |error: fn(String) -> ParseThresholdError| error(limit.to_owned());
    let number = |text: &str| text.trim().replace('_', "").parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    let time = || {
        let duration: Duration =
            humantime::parse_duration(limit).map_err(|_| wrong_limit(ParseThresholdError::Duration))?;
        #[allow(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
        Ok::<_, ParseThresholdError>(duration.as_nanos() as f64)
    };
    let count = || number(limit).ok_or_else(|| wrong_limit(ParseThresholdError::Count));
    Ok(match word {
        "mean" => (Metric::Mean, time()?),
        "max" => (Metric::Max, time()?),
        "wrong" => (Metric::Wrong, count()?),
        "errors" => match limit.strip_suffix('%') {
            Some(share) => (Metric::ErrorShare, number(share).ok_or_else(|| wrong_limit(ParseThresholdError::Share))?),
            None => (Metric::Errors, count()?),
        },
        "rate" => {
            let rate = number(limit.strip_suffix("/s").unwrap_or(limit));
            (Metric::Rate, rate.ok_or_else(|| wrong_limit(ParseThresholdError::Rate))?)
        }
        _ => {
            let percentile = word.strip_prefix('p').and_then(number);
            let percentile = percentile.ok_or_else(|| ParseThresholdError::Metric(word.to_owned()))?;
            if percentile > 100.0 {
                return Err(ParseThresholdError::Percentile(word.to_owned()));
            }
            (Metric::Percentile(percentile), time()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_parsed_and_printed() {
        for (text, printed) in [
            ("p99<50ms", "p99<50ms"),
            ("p99.9 <= 1s", "p99.9<=1s"),
            ("p100<1s", "p100<1s"),
            ("mean<1500us", "mean<1.5ms"),
            ("max<2s", "max<2s"),
            ("errors<0.1%", "errors<0.1%"),
            ("errors<=0", "errors<=0"),
            ("wrong<=0", "wrong<=0"),
            ("launch wave rate>=5_000/s", "launch wave rate>=5000/s"),
            ("refresh rate > 10", "refresh rate>10/s"),
            ("rate>200", "rate>200/s"),
            ("rate>=200", "rate>=200/s"),
            ("errors>99%", "errors>99%"),
            ("errors>=100%", "errors>=100%"),
            ("errors<200%", "errors<200%"),
        ] {
            assert_eq!(text.parse::<Threshold>().map(|t| t.to_string()).as_deref(), Ok(printed), "{text}");
        }
    }

    #[test]
    fn invalid_and_impossible_thresholds_are_errors() {
        for (text, part) in [
            ("p99", "is not a threshold"),
            ("<5ms", "is not a threshold"),
            ("p101<5ms", "highest is p100"),
            ("p99<5", "not a duration"),
            ("speed>3", "is not a metric"),
            ("p99<0ms", "can never"),
            ("wrong<0", "can never"),
            ("errors>100%", "can never"),
            ("errors>=101%", "can never"),
            ("errors<=-1", "not a number"),
            ("rate>=x", "not a rate"),
            ("rate>=-5/s", "not a rate"),
            ("rate>inf", "not a rate"),
        ] {
            let error = text.parse::<Threshold>().expect_err(text);
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
        let rate: Threshold = "rate>=500/s".parse().expect("a threshold");
        assert!(rate.is_impossible_at(499.0) && !rate.is_impossible_at(500.0));
        let other: Threshold = "rate<500/s".parse().expect("a threshold");
        assert!(!other.is_impossible_at(1.0));
    }

    #[test]
    fn each_metric_is_compared_with_its_own_value() {
        let figures = Figures { done: 1000, timed: 998, errors: 2, wrong: 1, rate: 99.8, mean: 4e6, max: 9_000_000 };
        let holds = |text: &str| {
            let threshold: Threshold = text.parse().expect(text);
            threshold.value(&figures, |p| if p > 98.0 { 8_000_000 } else { 3_000_000 }).map(|v| threshold.holds(v))
        };
        for (text, expected) in [
            ("p99<8ms", false),
            ("p99<=8ms", true),
            ("p50<8ms", true),
            ("p99>7ms", true),
            ("p99>8ms", false),
            ("p99>=8ms", true),
            ("mean<4ms", false),
            ("mean<=4ms", true),
            ("max<9ms", false),
            ("max<10ms", true),
            ("errors<0.2%", false),
            ("errors<=0.2%", true),
            ("errors<2", false),
            ("errors<3", true),
            ("wrong<1", false),
            ("wrong<=1", true),
            ("rate>=99.8/s", true),
            ("rate>99.8/s", false),
        ] {
            assert_eq!(holds(text), Some(expected), "{text}");
        }
        let nothing: Threshold = "p99<1s".parse().expect("a threshold");
        assert_eq!(nothing.value(&Figures::default(), |_| 0), None);
        // Without a good response there is no latency to compare.
        let refused = Figures { done: 5, errors: 5, ..Figures::default() };
        for text in ["p99<1s", "mean<1s", "max<1s"] {
            assert_eq!(text.parse::<Threshold>().expect(text).value(&refused, |_| 0), None, "{text}");
        }
        assert_eq!("errors<1%".parse::<Threshold>().expect("a threshold").value(&refused, |_| 0), Some(100.0));
    }

    #[test]
    fn times_and_numbers_have_three_significant_digits() {
        assert_eq!([time(950.0), time(12_340.0), time(1.5e6), time(2.0e9)], ["950ns", "12.3µs", "1.5ms", "2s"]);
        assert_eq!([time(999.0), time(1e3), time(1e6), time(1e9)], ["999ns", "1µs", "1ms", "1s"]);
        assert_eq!([short(0.1), short(99.8), short(5000.0), short(0.0)], ["0.1", "99.8", "5000", "0"]);
        assert_eq!([short(123.45), short(12.345), short(1.234), short(0.123_45)], ["123", "12.3", "1.23", "0.1235"]);
    }
}
