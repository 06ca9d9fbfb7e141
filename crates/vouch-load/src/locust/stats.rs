//! Statistics in the format of Locust's `stats.py`: [`StatsEntry`] and [`StatsError`] are its classes of these names, and its
//! `on_worker_report` reads [`StatsReport`]. Response times are in milliseconds, times in seconds since 1970.

use aws_lc_rs::digest;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// The requests of one name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatsEntry {
    pub name: String,
    pub method: String,
    pub last_request_timestamp: Option<f64>,
    pub start_time: f64,
    pub num_requests: u64,
    /// Requests without a response time: always 0, but required by Locust.
    pub num_none_requests: u64,
    pub num_failures: u64,
    pub total_response_time: f64,
    pub max_response_time: f64,
    pub min_response_time: Option<f64>,
    pub total_content_length: u64,
    /// Counts by response time, rounded to two digits.
    pub response_times: BTreeMap<u64, u64>,
    /// Counts by second.
    pub num_reqs_per_sec: BTreeMap<u64, u64>,
    pub num_fail_per_sec: BTreeMap<u64, u64>,
}

/// Failures of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatsError {
    pub name: String,
    pub method: String,
    pub error: String,
    pub occurrences: u64,
    pub first_seen: Option<f64>,
    pub last_seen: Option<f64>,
}

/// The report of a worker, sent every three seconds: the requests since the last report, and the current users.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatsReport {
    pub stats: Vec<StatsEntry>,
    pub stats_total: StatsEntry,
    pub errors: BTreeMap<String, StatsError>,
    pub user_classes_count: BTreeMap<String, u32>,
    pub user_count: u32,
}

impl StatsEntry {
    /// An entry without requests. `start`: the start of the counting.
    pub fn new(name: &str, method: &str, start: f64) -> Self {
        Self {
            name: name.to_owned(),
            method: method.to_owned(),
            last_request_timestamp: None,
            start_time: start,
            num_requests: 0,
            num_none_requests: 0,
            num_failures: 0,
            total_response_time: 0.0,
            max_response_time: 0.0,
            min_response_time: None,
            total_content_length: 0,
            response_times: BTreeMap::new(),
            num_reqs_per_sec: BTreeMap::new(),
            num_fail_per_sec: BTreeMap::new(),
        }
    }

    /// The total, with Locust's name for it.
    pub fn total(start: f64) -> Self {
        Self::new("Aggregated", "", start)
    }

    /// Counts a request that ended at `moment`.
    pub fn request(&mut self, milliseconds: f64, bytes: u64, moment: f64) {
        self.num_requests += 1;
        self.last_request_timestamp = Some(moment);
        *self.num_reqs_per_sec.entry(whole_second(moment)).or_default() += 1;
        self.total_response_time += milliseconds;
        self.max_response_time = self.max_response_time.max(milliseconds);
        self.min_response_time = Some(self.min_response_time.map_or(milliseconds, |least| least.min(milliseconds)));
        *self.response_times.entry(bucket(milliseconds)).or_default() += 1;
        self.total_content_length += bytes;
    }

    /// Counts failures of counted requests.
    pub fn failures(&mut self, count: u64, moment: f64) {
        self.num_failures += count;
        *self.num_fail_per_sec.entry(whole_second(moment)).or_default() += count;
    }

    /// Adds another entry.
    pub fn merge(&mut self, other: &StatsEntry) {
        let latest = self.last_request_timestamp.into_iter().chain(other.last_request_timestamp);
        self.last_request_timestamp = latest.reduce(f64::max);
        self.start_time = self.start_time.min(other.start_time);
        self.num_requests += other.num_requests;
        self.num_failures += other.num_failures;
        self.total_response_time += other.total_response_time;
        self.max_response_time = self.max_response_time.max(other.max_response_time);
        self.min_response_time = self.min_response_time.into_iter().chain(other.min_response_time).reduce(f64::min);
        self.total_content_length += other.total_content_length;
        for (own, other) in [
            (&mut self.response_times, &other.response_times),
            (&mut self.num_reqs_per_sec, &other.num_reqs_per_sec),
            (&mut self.num_fail_per_sec, &other.num_fail_per_sec),
        ] {
            other.iter().for_each(|(key, count)| *own.entry(*key).or_default() += count);
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.num_requests == 0 && self.num_failures == 0
    }
}

impl StatsError {
    /// The key by which a master merges the same failure of all workers: `StatsError.create_key`.
    pub fn key(&self) -> String {
        let text = format!("{}.{}.{}", self.method, self.name, python_repr(&self.error));
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Formats a printable string like Python's `repr`.
fn python_repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for character in text.chars() {
        if character == '\\' || character == quote {
            out.push('\\');
        }
        out.push(character);
    }
    out.push(quote);
    out
}

/// Rounds a response time like Locust's histogram: to two digits, half to even.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds of a request, never negative")]
fn bucket(milliseconds: f64) -> u64 {
    let step = match milliseconds {
        few if few < 100.0 => 1.0,
        some if some < 1_000.0 => 10.0,
        many if many < 10_000.0 => 100.0,
        _ => 1_000.0,
    };
    ((milliseconds / step).round_ties_even() * step) as u64
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds since 1970")]
fn whole_second(moment: f64) -> u64 {
    moment as u64
}

/// The current time, in seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_times_are_rounded_as_locust_rounds_them() {
        let pairs = [(0.4, 0), (0.5, 0), (1.5, 2), (99.4, 99), (147.0, 150), (3432.0, 3400), (58_760.0, 59_000)];
        for (time, expected) in pairs {
            assert_eq!(bucket(time), expected, "{time}");
        }
    }

    #[test]
    fn errors_have_the_same_key_as_in_locust() {
        let error = |error: &str| StatsError {
            name: "/x".into(),
            method: "GET".into(),
            error: error.into(),
            occurrences: 1,
            first_seen: None,
            last_seen: None,
        };
        // hashlib.sha256("GET./x.'status 401'".encode()).hexdigest()
        assert_eq!(error("status 401").key(), "807e67615089a048c4aa09da18bd52fdb562f7155970bffbe23cb6947f4dbb66");
        // ... of "GET./x.\"it's\""
        assert_eq!(error("it's").key(), "2039e33d1d5db16b14565e91d1d3436e0c272e137344fa52a6130562acdaca8c");
    }

    #[test]
    fn entries_add_up() {
        let mut one = StatsEntry::new("refresh", "POST", 100.0);
        one.request(12.5, 300, 101.2);
        one.request(250.0, 0, 101.9);
        one.failures(1, 101.9);
        let mut both = StatsEntry::total(99.0);
        both.merge(&one);
        both.merge(&one);
        assert_eq!((both.num_requests, both.num_failures, both.total_content_length), (4, 2, 600));
        assert_eq!((both.min_response_time, both.max_response_time), (Some(12.5), 250.0));
        assert_eq!(both.response_times, BTreeMap::from([(12, 2), (250, 2)]));
        assert_eq!((both.num_reqs_per_sec, both.num_fail_per_sec), ([(101, 4)].into(), [(101, 2)].into()));
        assert!((both.total_response_time - 525.0).abs() < 1e-9 && (both.start_time - 99.0).abs() < 1e-9);
    }
}
