//! The JSON report. `schema` is the version of its format.

use super::PERCENTILES;
use crate::record::LoadRecord;
use crate::{Evaluation, IntervalStats, Series, ThresholdResult};
use serde_json::{Value, json};

impl LoadRecord {
    /// The results as JSON. Times are in nanoseconds unless the name says otherwise.
    pub fn json(&self) -> String {
        let (load, round) = (&self.settings, &self.result.round);
        let result = thresholds_json(&self.result.evaluation);
        let all: serde_json::Map<String, Value> =
            round.series.iter().map(|(name, series)| (name.clone(), series_json(series, round.seconds()))).collect();
        let mut report = json!({
            "schema": 1,
            "vouch": env!("CARGO_PKG_VERSION"),
            "title": load.title,
            "target": load.target,
            "loaded": load.loaded,
            "targetFile": load.target_file,
            "startedAt": load.started_at,
            "host": load.host,
            "system": self.system_json(),
            "realm": { "environment": load.realm.environment, "region": load.realm.region },
            "arrivals": load.arrivals,
            "measuredSeconds": round.seconds(),
            "warmUpSeconds": load.warm_up.as_secs_f64(),
            "installations": load.installations, "users": load.users, "connections": load.connections, "threads": load.threads,
            "protocol": load.protocol, "seed": load.seed,
            "verdict": self.result.evaluation.verdict,
            "interrupted": round.interrupted,
            "thresholds": result,
            "limits": self.result.evaluation.generator_limits,
            "notes": self.notes().collect::<Vec<_>>(),
            "series": all,
            "all": series_json(&round.total, round.seconds()),
            "generator": {
                "lagP999": round.lag.value_at_quantile(0.999), "lagMax": round.lag.max(),
                "startedLate": late_share(&round.lag), "starved": round.starved, "waitedForConnection": round.waited_for_connection,
            },
            "checks": { "userClaim": round.learned_claims.user, "constantClaims": round.learned_claims.constant, "opaqueTokens": round.opaque_tokens,
                "handedOutTwiceOneIn": round.sample_one_in },
            "tls": { "handshakes": round.handshakes.0, "resumed": round.handshakes.1 },
            "timeline": round.intervals.iter().map(interval_json).collect::<Vec<_>>(),
        });
        if let (Some(faults), Some(report)) = (&round.faults, report.as_object_mut()) {
            report.insert("faults".into(), self.faults_json(faults));
            report.insert("retries".into(), json!(faults.retries));
        }
        if let (Some(memory), Some(report)) = (&self.result.sdk_memory, report.as_object_mut()) {
            let [peak, last] = [memory.peak(), memory.samples.last().copied()];
            report.insert("sdkMemory".into(), json!({ "peak": peak, "last": last, "samples": memory.samples }));
        }
        if let (Some(closed), Some(report)) = (&load.closed_model, report.as_object_mut()) {
            let think_seconds = [closed.min_think_time, closed.max_think_time].map(|time| time.as_secs_f64());
            report.shift_remove("arrivals");
            report.shift_remove("installations");
            report.insert("model".into(), "closed".into());
            report.insert("users".into(), closed.users.into());
            report.insert("spawnRate".into(), closed.spawn_rate.into());
            report.insert("thinkSeconds".into(), json!(think_seconds));
        }
        format!("{report:#}\n")
    }
}

/// The thresholds of a load with their measured values and results.
pub fn thresholds_json(evaluation: &Evaluation) -> Vec<Value> {
    let one = |result: &ThresholdResult| json!({ "threshold": result.threshold.to_string(), "value": result.value, "passed": result.passed });
    evaluation.thresholds.iter().map(one).collect()
}

/// The share of arrivals that started more than a millisecond late.
fn late_share(lag: &crate::Latencies) -> f64 {
    let all = lag.len();
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    if all == 0 { 0.0 } else { 1.0 - lag.count_between(0, 1_000_000) as f64 / all as f64 }
}

pub(super) fn series_json(series: &Series, seconds: f64) -> Value {
    let figures = series.figures(seconds);
    let percentiles = |histogram: &crate::Latencies| {
        let of = |p: &f64| (format!("p{p}"), json!(histogram.value_at_percentile(*p)));
        let mut all: serde_json::Map<String, Value> = PERCENTILES.iter().map(of).collect();
        all.insert("mean".into(), json!(histogram.mean()));
        all.insert("max".into(), json!(histogram.max()));
        all.insert("count".into(), json!(histogram.len()));
        Value::Object(all)
    };
    let failures: serde_json::Map<String, Value> = series
        .failures
        .iter()
        .map(|(failure, failed)| (failure.to_string(), json!({ "count": failed.count, "example": failed.example })))
        .collect();
    json!({
        "good": series.good, "errors": figures.errors, "wrong": figures.wrong, "rate": figures.rate,
        "latency": percentiles(&series.latency), "service": percentiles(&series.service), "failures": failures,
    })
}

pub(super) fn interval_json(interval: &IntervalStats) -> Value {
    json!({
        "second": interval.second, "started": interval.started, "good": interval.good, "errors": interval.errors,
        "p50": interval.p50_ns, "p99": interval.p99_ns, "max": interval.max_ns, "lag": interval.lag_ns, "cpu": interval.cpu_ns,
    })
}
