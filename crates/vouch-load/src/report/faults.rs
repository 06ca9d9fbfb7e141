//! What the faults of a load led to: the section of the summary and of the HTML page.

use super::escape::escape;
use crate::faults::{Recovery, RecoveryEnd};
use crate::record::LoadRecord;
use crate::threshold::show_duration as show;
use crate::{FaultOutcome, FaultReport, RetryOutcome};
use console::Style;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;
use vouch_spec::text::OutsideText;

const HEAD: &str = "Faults";
const ABOUT: &str = "The load generator caused them. They do not count as failures of the server.";

impl LoadRecord {
    /// The section of the summary.
    pub(super) fn write_faults(&self, out: &mut dyn Write, bold: &Style, dim: &Style) -> io::Result<()> {
        let Some(report) = &self.result.round.faults else { return Ok(()) };
        if !report.faults.is_empty() {
            writeln!(out, "\n{}\n{}", bold.apply_to(HEAD), dim.apply_to(ABOUT))?;
        }
        for fault in &report.faults {
            writeln!(out, "  {}", OutsideText::line(&fault.description))?;
            for (number, step) in self.steps(fault).iter().enumerate() {
                let arrow = if number == 0 { ' ' } else { '→' };
                writeln!(out, "    {arrow} {}", OutsideText::line(step))?;
            }
        }
        if let Some(line) = retries(report) {
            writeln!(out, "\n{line}")?;
        }
        Ok(())
    }

    /// The consequences of a fault, and after an outage how the server stood the return.
    fn steps(&self, fault: &FaultOutcome) -> Vec<String> {
        let mut steps = fault.steps();
        let round = &self.result.round;
        steps.extend(Recovery::of(fault, &round.intervals, self.settings.warm_up).map(recovery).into_iter().flatten());
        steps
    }

    /// When faults acted, in seconds of a plot of this duration, and what they were.
    pub(super) fn fault_times(&self, duration: f64) -> Vec<(f64, f64, String)> {
        let faults = self.result.round.faults.iter().flat_map(|report| &report.faults);
        let time = |fault: &FaultOutcome| {
            let [from, until] = [fault.from, fault.until].map(|time| time.as_secs_f64().min(duration));
            (from, until, fault.description.clone())
        };
        faults.map(time).filter(|(from, until, _)| from < until).collect()
    }

    /// The faults of the JSON report.
    pub(super) fn faults_json(&self, report: &FaultReport) -> Value {
        let one = |fault: &FaultOutcome| {
            let mut value = json!(fault);
            if let Some(recovery) = Recovery::of(fault, &self.result.round.intervals, self.settings.warm_up) {
                value["recovery"] = json!({ "callsBefore": recovery.before, "callsPeak": recovery.peak,
                    "p99Worst": recovery.worst_p99_ns, "normalAfterSeconds": recovery.normal_after().map(|after| after.as_secs_f64()) });
            }
            value
        };
        report.faults.iter().map(one).collect()
    }

    /// The section of the page.
    pub(super) fn write_faults_html(&self, out: &mut String) {
        let Some(report) = &self.result.round.faults else { return };
        if !report.faults.is_empty() {
            let _ = writeln!(
                out,
                "<h2>{HEAD}</h2>\n<p class=\"dim\">{ABOUT}</p>\n<table>\n<thead><tr><th>fault</th><th>what it led to</th></tr></thead>"
            );
            for fault in &report.faults {
                let steps: Vec<_> = self.steps(fault).iter().map(|step| escape(step)).collect();
                let _ =
                    writeln!(out, "<tr><td>{}</td><td>{}</td></tr>", escape(&fault.description), steps.join("<br>→ "));
            }
            out.push_str("</table>\n");
        }
        if let Some(line) = retries(report) {
            let _ = writeln!(out, "<h2>Retries</h2>\n<p>{line}</p>");
        }
    }
}

/// How a server stood the return after an outage.
fn recovery(recovery: Recovery) -> [String; 2] {
    let Recovery { before, peak, worst_p99_ns, end } = recovery;
    let p99 = show(Duration::from_nanos(worst_p99_ns));
    let normal = match end {
        RecoveryEnd::After(Duration::ZERO) => {
            "the server stood it: no failures, and p99 at most twice that before the outage".into()
        }
        RecoveryEnd::After(after) => {
            format!(
                "back to normal {} after the end: no failures, p99 at most twice that before, for five seconds",
                show(after)
            )
        }
        RecoveryEnd::NothingToCompare => {
            "not compared with the time before the outage: no answer was measured there".into()
        }
        RecoveryEnd::NotReached => {
            "not back to normal at the end of the load: failures, or p99 more than twice that before".into()
        }
    };
    [format!("then at most {peak} calls a second ({before} before the outage), p99 of a second at most {p99}"), normal]
}

/// What installations did about failures of the server; `None` if there is nothing to say.
fn retries(report: &FaultReport) -> Option<String> {
    let RetryOutcome { retries, gave_up, unfinished, refusals, with_retry_after, longest_retry_after } =
        &report.retries;
    if [retries, gave_up, unfinished, refusals].iter().all(|count| **count == 0) {
        let outage = report.faults.iter().any(|fault| fault.outage && fault.recovered > 0);
        return outage.then(|| "The server refused no call with 429 or 503: it had no need of Retry-After.".into());
    }
    let honoured = match (refusals, with_retry_after) {
        (0, _) => String::new(),
        (_, 0) => format!("; it refused {refusals} calls with 429 or 503, none of them with Retry-After"),
        _ => format!(
            "; it refused {refusals} calls with 429 or 503, {with_retry_after} of them with Retry-After of at most {}, and the installations waited as long",
            show(*longest_retry_after)
        ),
    };
    let waited = match unfinished {
        0 => String::new(),
        _ => format!("; {unfinished} waited for their next attempt when the load ended, and have no answer"),
    };
    Some(format!(
        "After failures of the server {retries} calls were made again, and {gave_up} gave up{waited}{honoured}."
    ))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{faulty, record, steady};

    #[test]
    fn consequences_follow_their_cause() {
        let mut out = Vec::new();
        record(faulty()).write_summary(&mut out, false).expect("memory can be written to");
        let text = String::from_utf8(out).expect("UTF-8");
        let from = text.find("Faults").expect("a section");
        let section: Vec<_> = text[from..].lines().take_while(|line| !line.starts_with('✓')).collect();
        let expected = [
            "Faults",
            "The load generator caused them. They do not count as failures of the server.",
            "  5% of the <b>answers\\u{1b}[31m lost",
            "      52 answers <i>lost",
            "    → 50 retries with a used refresh token, 10 of them accepted",
            "    → 40 reuse detections",
            "    → 40 installations signed out",
            "    → 2 calls still waited at the end of the load",
            "  all calls of exchange and refresh without a connection",
            "      90 calls without a connection (simulated by the generator: the server did not see these calls)",
            "    → 7 sign-ins failed: an exchange is not retried",
            "    → 80 retries",
            "    → 60 calls had their answer in a later attempt, the last 2.5s after the end of the fault",
            "    → 3 calls gave up",
            "    → 4 later attempts failed at the server; they count as its failures",
            "    → then at most 100 calls a second (100 before the outage), p99 of a second at most 10ms",
            "    → the server stood it: no failures, and p99 at most twice that before the outage",
            "",
            "After failures of the server 9 calls were made again, and 1 gave up; 5 waited for their next attempt \
             when the load ended, and have no answer; it refused 8 calls with 429 or 503, 6 of \
             them with Retry-After of at most 2s, and the installations waited as long.",
            "",
        ];
        assert_eq!(section, expected);
        let mut out = Vec::new();
        record(steady()).write_summary(&mut out, false).expect("memory can be written to");
        assert!(!String::from_utf8_lossy(&out).contains("Faults"));
    }

    #[test]
    fn the_page_has_a_table_of_faults() {
        let page = record(faulty()).html();
        assert!(page.contains("5% of the &lt;b&gt;answers") && !page.contains("<b>answers"), "{page}");
        assert!(page.contains("40 reuse detections<br>→ 40 installations signed out"), "{page}");
        // Of the two faults one has no duration; four plots are over time.
        assert_eq!(page.matches("class=\"tinted\"").count(), 4);
        assert!(page.contains("The tinted parts are faults."), "{page}");
        let page = record(steady()).html();
        assert!(!page.contains("<h2>Faults") && !page.contains("class=\"tinted\""), "{page}");
    }

    #[test]
    fn the_json_report_has_every_count() {
        let report: serde_json::Value = serde_json::from_str(&record(faulty()).json()).expect("JSON");
        assert_eq!((&report["faults"][0]["signedOut"], &report["faults"][1]["recovered"]), (&40.into(), &60.into()));
        assert_eq!(report["retries"]["withRetryAfter"], 6);
        assert_eq!(report["faults"][1]["recovery"]["normalAfterSeconds"], 0.0);
        assert!(report["faults"][0].get("recovery").is_none());
    }
}
