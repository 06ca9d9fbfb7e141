//! What the faults of a load led to, as metrics.

use super::metrics_writer::{MetricType, MetricsWriter, unique_labels};
use crate::faults::{FAULT_COUNTS, FaultCount, Recovery};
use crate::record::LoadRecord;
use crate::{FaultOutcome, FaultReport, RetryOutcome};

/// A gauge of `T`: its name, its help text, and its value; `None` if it has none.
type Figure<T> = (&'static str, &'static str, fn(&T) -> Option<f64>);

const TIMES: [Figure<FaultOutcome>; 3] = [
    ("vouch_load_fault_start_seconds", "When the fault started, since the start of the run.", |fault| {
        Some(fault.from.as_secs_f64())
    }),
    ("vouch_load_fault_end_seconds", "When the fault ended, since the start of the run.", |fault| {
        Some(fault.until.as_secs_f64())
    }),
    (
        "vouch_load_fault_last_recovery_seconds",
        "When the last call that the fault hit had its answer, after the end of the fault; absent if none had.",
        |fault| (fault.recovered > 0).then_some(fault.last_recovery.as_secs_f64()),
    ),
];

impl LoadRecord {
    /// The families of the metrics; none of a load without faults and retries.
    pub(super) fn fault_metrics(&self, writer: &mut MetricsWriter) {
        let Some(report) = &self.result.round.faults else { return };
        let names = unique_labels(report.faults.iter().map(|fault| fault.description.clone()));
        if !names.is_empty() {
            for FaultCount { name, help, of, .. } in FAULT_COUNTS {
                let family = format!("vouch_load_fault_{name}");
                writer.family(&family, MetricType::Counter, help);
                let sample = format!("{family}_total");
                for (name, fault) in names.iter().zip(&report.faults) {
                    writer.count(&sample, &[("fault", name)], of(fault));
                }
            }
            let faults = names.iter().map(String::as_str).zip(&report.faults);
            write_figures(writer, &TIMES, &faults.collect::<Vec<_>>());
        }
        self.recovery_metrics(writer, &names, report);
        retry_metrics(writer, &report.retries);
    }

    /// How the server stood the return after each outage.
    fn recovery_metrics(&self, writer: &mut MetricsWriter, names: &[String], report: &FaultReport) {
        let recovery = |fault| Recovery::of(fault, &self.result.round.intervals, self.settings.warm_up);
        let outages =
            names.iter().zip(&report.faults).filter_map(|(name, fault)| Some((name.as_str(), recovery(fault)?)));
        let outages: Vec<_> = outages.collect();
        if !outages.is_empty() {
            let outages = outages.iter().map(|(name, recovery)| (*name, recovery));
            write_figures(writer, &RECOVERY, &outages.collect::<Vec<_>>());
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts and nanoseconds far below 2^53")]
const RECOVERY: [Figure<Recovery>; 4] = [
    ("vouch_load_outage_calls_before_per_second", "Calls in a second before the outage, on average.", |recovery| {
        Some(recovery.before as f64)
    }),
    ("vouch_load_outage_max_calls_per_second", "Most calls in a second after the outage.", |recovery| {
        Some(recovery.peak as f64)
    }),
    ("vouch_load_outage_max_p99_latency_seconds", "Highest p99 latency of a second after the outage.", |recovery| {
        Some(recovery.worst_p99_ns as f64 / 1e9)
    }),
    (
        "vouch_load_outage_recovery_seconds",
        "Time from the end of the outage until the server was back to normal; absent if it was not.",
        |recovery| recovery.normal_after().map(|after| after.as_secs_f64()),
    ),
];

/// Writes a family for each figure, with a sample for each fault that has it.
fn write_figures<T>(writer: &mut MetricsWriter, figures: &[Figure<T>], faults: &[(&str, &T)]) {
    for (family, help, of) in figures {
        let samples = faults.iter().filter_map(|(name, fault)| Some((vec![("fault", *name)], of(fault)?)));
        writer.gauge(family, help, &samples.collect::<Vec<_>>());
    }
}

/// What installations did about failures of the server.
fn retry_metrics(writer: &mut MetricsWriter, outcome: &RetryOutcome) {
    let RetryOutcome { retries, gave_up, unfinished, refusals, with_retry_after, longest_retry_after } = outcome;
    let mut count = |family: &str, help: &str, samples: &[(&[(&str, &str)], u64)]| {
        writer.family(family, MetricType::Counter, help);
        samples.iter().for_each(|(labels, count)| writer.count(&format!("{family}_total"), labels, *count));
    };
    count("vouch_load_retries", "Calls that were made again after a failure of the server.", &[(&[], *retries)]);
    count("vouch_load_given_up_calls", "Calls that failed at the server in every attempt.", &[(&[], *gave_up)]);
    let help = "Calls that failed at the server and waited for their next attempt when the load ended.";
    count("vouch_load_unfinished_calls", help, &[(&[], *unfinished)]);
    let without = refusals.saturating_sub(*with_retry_after);
    count(
        "vouch_load_refusals",
        "Answers of the server with 429 or 503, by whether they had Retry-After.",
        &[(&[("retry_after", "true")], *with_retry_after), (&[("retry_after", "false")], without)],
    );
    let longest = longest_retry_after.as_secs_f64();
    writer.gauge(
        "vouch_load_longest_retry_after_seconds",
        "The longest Retry-After of the server.",
        &[(vec![], longest)],
    );
}

#[cfg(test)]
mod tests {
    use super::super::Exposition;
    use super::super::fixtures::{faulty, record, scrape, steady, value_of};

    #[test]
    fn the_metrics_have_every_count_of_every_fault() {
        let mut round = faulty();
        let faults = &mut round.faults.as_mut().expect("faults").faults;
        for fault in faults.iter_mut() {
            "1s to 2s: all answers lost".clone_into(&mut fault.description);
        }
        let metrics = scrape(&record(round));
        let of = |name: &str, fault: &str| value_of(&metrics, &format!("vouch_load_{name}"), &[("fault", fault)]);
        let (first, second) = ("1s to 2s: all answers lost", "1s to 2s: all answers lost #2");
        for (name, expected) in [
            ("fault_hit_calls_total", [52.0, 90.0]),
            ("fault_retries_total", [50.0, 80.0]),
            ("fault_used_token_refreshes_total", [50.0, 0.0]),
            ("fault_accepted_reuses_total", [10.0, 0.0]),
            ("fault_reuse_refusals_total", [40.0, 0.0]),
            ("fault_signed_out_installations_total", [40.0, 0.0]),
            ("fault_failed_sign_ins_total", [0.0, 7.0]),
            ("fault_given_up_calls_total", [0.0, 3.0]),
            ("fault_unfinished_calls_total", [2.0, 0.0]),
            ("fault_recovered_calls_total", [0.0, 60.0]),
            ("fault_failed_attempts_total", [0.0, 4.0]),
            ("fault_start_seconds", [0.0, 3.0]),
            ("fault_end_seconds", [0.0, 5.0]),
        ] {
            assert_eq!([of(name, first), of(name, second)], expected.map(Some), "{name}");
        }
        // The first fault was no outage, and no call had its answer later.
        for (name, expected) in [
            ("fault_last_recovery_seconds", 2.5),
            ("outage_calls_before_per_second", 100.0),
            ("outage_max_calls_per_second", 100.0),
            ("outage_max_p99_latency_seconds", 0.01),
            ("outage_recovery_seconds", 0.0),
        ] {
            assert_eq!([of(name, first), of(name, second)], [None, Some(expected)], "{name}");
        }
        let all = |name: &str, labels: &[(&str, &str)]| value_of(&metrics, &format!("vouch_load_{name}"), labels);
        assert_eq!([all("retries_total", &[]), all("given_up_calls_total", &[])], [Some(9.0), Some(1.0)]);
        assert_eq!(all("unfinished_calls_total", &[]), Some(5.0));
        let refusals = |has| all("refusals_total", &[("retry_after", has)]);
        assert_eq!([refusals("true"), refusals("false")], [Some(6.0), Some(2.0)]);
        assert_eq!(all("longest_retry_after_seconds", &[]), Some(2.0));
        let without = record(steady()).metrics(Exposition::Text);
        assert!(!without.contains("fault") && !without.contains("vouch_load_retries"), "{without}");
    }
}
