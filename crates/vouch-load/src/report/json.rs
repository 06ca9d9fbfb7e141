//! The report for programs. `schema` counts its versions.

use super::{PERCENTILES, Results};
use crate::{Held, IntervalStats, Judged, Series};
use serde_json::{Value, json};

impl Results<'_> {
    /// The results as JSON. Times are in nanoseconds unless the name says otherwise.
    pub fn json(&self) -> String {
        let (load, round) = (self.load, self.round);
        let held = thresholds_json(self.judged);
        let all: serde_json::Map<String, Value> =
            round.series.iter().map(|(name, series)| (name.clone(), figures(series, round.seconds()))).collect();
        let report = json!({
            "schema": 1,
            "vouch": env!("CARGO_PKG_VERSION"),
            "title": load.title,
            "target": self.target,
            "targetFile": self.target_file,
            "realm": { "environment": load.realm.environment, "region": load.realm.region },
            "arrivals": load.arrivals.to_string(),
            "measuredSeconds": round.seconds(),
            "warmUpSeconds": load.warm_up.as_secs_f64(),
            "fleet": load.fleet, "users": load.users, "connections": load.connections, "threads": load.threads,
            "protocol": load.protocol, "seed": load.seed,
            "verdict": self.judged.verdict,
            "interrupted": round.interrupted,
            "thresholds": held,
            "limits": self.judged.limits,
            "notes": self.judged.notes,
            "series": all,
            "all": figures(&round.whole, round.seconds()),
            "generator": {
                "lagP999": round.lag.value_at_quantile(0.999), "lagMax": round.lag.max(),
                "startedLate": late(&round.lag), "starved": round.starved, "waitedForConnection": round.held,
            },
            "checks": { "userClaim": round.learned.user, "constantClaims": round.learned.constant, "opaqueTokens": round.opaque,
                "handedOutTwiceOneIn": round.one_in },
            "tls": { "handshakes": round.handshakes.0, "resumed": round.handshakes.1 },
            "timeline": round.rows.iter().map(row).collect::<Vec<_>>(),
        });
        format!("{report:#}\n")
    }
}

/// The thresholds of a load, and what became of them.
pub fn thresholds_json(judged: &Judged) -> Vec<Value> {
    let one =
        |held: &Held| json!({ "threshold": held.threshold.to_string(), "value": held.value, "passed": held.passed });
    judged.held.iter().map(one).collect()
}

/// The share of arrivals that started more than a millisecond late.
fn late(lag: &crate::Latencies) -> f64 {
    let all = lag.len();
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    if all == 0 { 0.0 } else { 1.0 - lag.count_between(0, 1_000_000) as f64 / all as f64 }
}

pub(super) fn figures(series: &Series, seconds: f64) -> Value {
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

pub(super) fn row(row: &IntervalStats) -> Value {
    json!({
        "second": row.second, "started": row.started, "good": row.good, "errors": row.errors,
        "p50": row.p50_ns, "p99": row.p99_ns, "max": row.max_ns, "lag": row.lag_ns, "cpu": row.cpu_ns,
    })
}
