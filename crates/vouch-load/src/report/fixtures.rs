//! Constructed rounds for the tests of reports.

use super::Exposition;
use crate::arrivals::Arrivals;
use crate::record::{LoadContext, LoadRecord, LoadSettings};
use crate::{
    Failure, FaultOutcome, FaultReport, IntervalStats, LoadFile, Overrides, RetryOutcome, Round, Series, WrongResponse,
    evaluate,
};
use prometheus_parse::{Sample, Scrape, Value};
use std::time::Duration;

/// A round of ten seconds with one series: a thousand good responses of 10 ms.
pub fn steady() -> Round {
    let mut series = Series::default();
    (0..1000).for_each(|_| series.good(10_000_000, 9_000_000));
    let (p50_ns, p99_ns, max_ns) = (10_000_000, 10_000_000, 10_000_000);
    let interval = |second| IntervalStats {
        second,
        started: 100,
        good: 100,
        p50_ns,
        p99_ns,
        max_ns,
        lag_ns: 20_000,
        ..IntervalStats::default()
    };
    round(vec![("refresh".into(), series.clone())], series, (0..10).map(interval).collect())
}

/// A second without completed requests.
pub fn nothing() -> Round {
    let intervals = vec![IntervalStats { started: 5, ..IntervalStats::default() }];
    round(vec![("refresh".into(), Series::default())], Series::default(), intervals)
}

/// A workload and its call, with failures whose examples contain HTML and control characters.
pub fn failing() -> Round {
    let (mut launch, mut call) = (Series::default(), Series::default());
    (1..=100).for_each(|n| launch.good(n * 10_000_000, n * 9_000_000));
    (1..=100).for_each(|n| call.good(n * 5_000_000, n * 4_000_000));
    (0..3).for_each(|_| launch.failed(Failure::Status(500), 0, || "<script>alert('x')</script> & more".into()));
    call.failed(Failure::Wrong(WrongResponse::OtherUser), 0, || "\"quoted\"\u{0}\u{1b}[31m".into());
    let total = launch.clone();
    let interval = |second| IntervalStats {
        second,
        good: 50,
        errors: second,
        p50_ns: 1,
        p99_ns: 5,
        max_ns: 900_000_000,
        ..IntervalStats::default()
    };
    round(vec![("launch".into(), launch), ("launch/refresh".into(), call)], total, (0..2).map(interval).collect())
}

/// A round with faults, whose texts contain HTML and control characters.
pub fn faulty() -> Round {
    let lost = FaultOutcome {
        description: "5% of the <b>answers\u{1b}[31m lost".into(),
        happened: "answers <i>lost".into(),
        sent: true,
        injected: 52,
        retries: 50,
        used_token_refreshes: 50,
        accepted: 10,
        reuse_refusals: 40,
        signed_out: 40,
        unfinished: 2,
        ..FaultOutcome::default()
    };
    let refused = FaultOutcome {
        description: "all calls of exchange and refresh without a connection".into(),
        happened: "calls without a connection".into(),
        outage: true,
        from: Duration::from_secs(3),
        until: Duration::from_secs(5),
        injected: 90,
        retries: 80,
        recovered: 60,
        last_recovery: Duration::from_millis(2500),
        failed_sign_ins: 7,
        gave_up: 3,
        failures: 4,
        ..FaultOutcome::default()
    };
    let retries = RetryOutcome {
        retries: 9,
        gave_up: 1,
        unfinished: 5,
        refusals: 8,
        with_retry_after: 6,
        longest_retry_after: Duration::from_secs(2),
    };
    Round { faults: Some(FaultReport { faults: vec![lost, refused], retries }), ..steady() }
}

fn round(series: Vec<(String, Series)>, total: Series, intervals: Vec<IntervalStats>) -> Round {
    Round { intervals, started: 1000, ..Round::new(series, total, Duration::from_secs(10)) }
}

/// The metrics of a record as a parser of the Prometheus text format reads them. Asserts that each family has a help text and a type,
/// and that counters, and they alone, end in `_total`.
pub fn scrape(record: &LoadRecord) -> Scrape {
    let text = record.metrics(Exposition::Text);
    let scrape = Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).expect("metrics");
    for sample in scrape.samples.iter().filter(|sample| sample.metric.starts_with("vouch_load_")) {
        let family = ["_sum", "_count"].iter().find_map(|end| sample.metric.strip_suffix(end));
        let family = family.filter(|family| scrape.docs.contains_key(*family)).unwrap_or(&sample.metric);
        assert!(scrape.docs.contains_key(family), "no help for {family}");
        let is_counter = matches!(sample.value, Value::Counter(_));
        assert_eq!(is_counter, family.ends_with("_total"), "the type of {family}: {:?}", sample.value);
    }
    scrape
}

/// The value of a counter or gauge; `None` if the page does not have it.
pub fn value_of(scrape: &Scrape, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let has = |sample: &&Sample| {
        sample.metric == name && labels.iter().all(|(label, value)| sample.labels.get(label) == Some(value))
    };
    match scrape.samples.iter().find(has)?.value {
        Value::Counter(value) | Value::Gauge(value) => Some(value),
        _ => None,
    }
}

/// The record of a load with this round.
pub fn record(round: Round) -> LoadRecord {
    let thresholds = ["p99<20ms", "p99<20ms"].map(|text| text.parse().expect("a threshold")).to_vec();
    let overrides = Overrides { thresholds, arrivals: Some(Arrivals::Constant(200.0)), ..Overrides::default() };
    let mut load = LoadFile::default().resolve(&overrides, None).expect("a load");
    load.title = "a \"load\" \\ of\n<script>two</script>".into();
    let evaluation = evaluate(&load, &round);
    let context = LoadContext { target: "a <b>cloud</b>".into(), ..LoadContext::default() };
    LoadRecord::new(LoadSettings::of(&load, context, None), round, evaluation, 0)
}
