//! Rates and their confidence intervals.

use serde::Serialize;

/// Events per 1,000 devices and month of 30 days.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    pub rate: f64,
    /// The 95 % confidence interval.
    pub low: f64,
    pub high: f64,
    /// The number of events.
    pub events: u64,
    /// The number of devices that had one.
    pub devices: u64,
}

/// The 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_964;

/// The rate of events, by the number of events of each device. All devices were watched for the same time. None if there is no device.
///
/// The interval is that of a Poisson count (Byar's approximation of the exact one), widened by the dispersion between devices:
/// events of one device may depend on each other, devices do not. Source: Breslow and Day, Statistical Methods in Cancer Research
/// II, 1987, section 2.3, for Byar; `McCullagh` and Nelder, Generalized Linear Models, 1989, section 6.2.3, for the dispersion.
pub fn rate(counts: &[u64], months_per_device: f64) -> Option<Rate> {
    let events: u64 = counts.iter().sum();
    let devices = counts.iter().filter(|count| **count > 0).count() as u64;
    let per_event = 1000.0 / (number(counts.len() as u64) * months_per_device);
    if counts.is_empty() || !per_event.is_finite() {
        return None;
    }
    let dispersion = dispersion(counts);
    let (low, high) = poisson_interval(number(events) / dispersion);
    let scale = per_event * dispersion;
    Some(Rate { rate: number(events) * per_event, low: low * scale, high: high * scale, events, devices })
}

/// The variance between devices over the mean, but at least 1: a few rare events say little about it.
fn dispersion(counts: &[u64]) -> f64 {
    let n = number(counts.len() as u64);
    let mean = number(counts.iter().sum()) / n;
    if n < 2.0 || mean <= 0.0 {
        return 1.0;
    }
    let variance = counts.iter().map(|count| (number(*count) - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (variance / mean).max(1.0)
}

/// The 95 % interval of the mean of a Poisson distribution by a count, which need not be whole.
fn poisson_interval(count: f64) -> (f64, f64) {
    let cubed = |of: f64, z: f64| of * (1.0 - 1.0 / (9.0 * of) + z / (3.0 * of.sqrt())).powi(3);
    let low = if count > 0.0 { cubed(count, -Z).max(0.0) } else { 0.0 };
    (low, cubed(count + 1.0, Z))
}

#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_tables() {
        // Exact limits of a Poisson mean: 0: 0 to 3.69, 1: 0.03 to 5.57, 10: 4.80 to 18.39, 100: 81.4 to 121.6.
        for (count, low, high) in [(0.0, 0.0, 3.69), (1.0, 0.03, 5.57), (10.0, 4.80, 18.39), (100.0, 81.4, 121.6)] {
            let (got_low, got_high) = poisson_interval(count);
            assert!((got_low - low).abs() < 0.1 && (got_high - high).abs() < 0.1, "{count}: {got_low} {got_high}");
        }
    }

    #[test]
    fn a_rate_is_per_thousand_devices_and_month() {
        // 100 devices for 3 months, 60 of them with one event: 60 of 300 device-months.
        let counts: Vec<u64> = (0..100).map(|device| u64::from(device < 60)).collect();
        let found = rate(&counts, 3.0).expect("devices");
        assert!((found.rate - 200.0).abs() < 1e-9 && (found.events, found.devices) == (60, 60), "{found:?}");
        assert!(found.low < 200.0 && found.high > 200.0);
    }

    #[test]
    fn events_that_cluster_in_few_devices_widen_the_interval() {
        let even: Vec<u64> = vec![1; 100];
        let clustered: Vec<u64> = (0..100).map(|device| if device < 10 { 10 } else { 0 }).collect();
        let [even, clustered] = [even, clustered].map(|counts| rate(&counts, 1.0).expect("devices"));
        assert_eq!(rate(&[], 1.0), None);
        assert!((even.rate - clustered.rate).abs() < 1e-9);
        assert!(clustered.high - clustered.low > 2.5 * (even.high - even.low), "{even:?} {clustered:?}");
    }
}
