//! Cases that failed while the machine was late: they run again, alone. What then still fails on a late machine is in doubt,
//! and breaks no clause.

use super::delay::DelayMeter;
use super::verdict::{CaseReport, Finding, InDoubt, Late, Verdict};
use std::time::{Duration, Instant};

/// A case is late if something waited for more than this part of the time that the SDK gives to an HTTP answer.
const PART_OF_REQUEST_TIMEOUT: u32 = 4;
/// A process under test was starved if a thread of it waited for a processor in more than this part of its case.
const PART_OF_CASE: u32 = 4;
/// Cases run again for at least this long, and for as long as the run took so far if that is longer.
const MIN_TIME: Duration = Duration::from_secs(60);
/// Clauses about secrets in a wrong place. A late machine puts none there.
const TIMELESS: [&str; 2] = ["EXC-3", "ISS-4"];

/// For how long cases may run again after a run of this duration.
pub(super) fn time_for(ran: Duration) -> Duration {
    ran.max(MIN_TIME)
}

/// The report of a case that ended, and how late the machine was meanwhile.
pub(super) struct Ran {
    pub report: CaseReport,
    pub delay: Duration,
}

impl Ran {
    /// A case that started at `started` and ended now.
    pub fn new(report: CaseReport, started: Instant, meter: &DelayMeter) -> Self {
        let waited = Some(report.cpu_wait).filter(|waited| *waited * PART_OF_CASE > report.duration);
        let delay = meter.since(started).max(waited.unwrap_or_default());
        Self { report, delay }
    }
}

/// The cases that must run again, each with what is needed for that.
pub(super) struct LateCases<C> {
    limit: Duration,
    waiting: Vec<(C, Ran)>,
}

impl<C> LateCases<C> {
    /// `request_timeout`: how long the SDK waits for an HTTP answer, in real time.
    pub fn new(request_timeout: Duration) -> Self {
        Self { limit: request_timeout / PART_OF_REQUEST_TIMEOUT, waiting: vec![] }
    }

    /// The machine was late during a case if its delay was longer.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Takes a case that ended. Returns its report, unless it must run again.
    pub fn take(&mut self, case: C, ran: Ran) -> Option<CaseReport> {
        if matches!(ran.report.verdict, Verdict::Failed(_)) && ran.delay > self.limit {
            self.waiting.push((case, ran));
            return None;
        }
        Some(ran.report)
    }

    /// The cases that must run again, in the order in which they ended.
    pub fn take_waiting(&mut self) -> Vec<(C, Ran)> {
        std::mem::take(&mut self.waiting)
    }

    /// The report of a case that failed late and ran again, if there was time.
    pub fn judge(&self, first: Ran, again: Option<Ran>) -> CaseReport {
        // A secret in a wrong place stays a finding, however the case ends the second time.
        let mut leaks = timeless(&first.report);
        let (again, why) = match again {
            None => (first, "there was no time left to run it again"),
            Some(again) if !matches!(again.report.verdict, Verdict::Failed(_)) => {
                let late = Late { delay: first.delay, again: "it did not fail again, alone".into() };
                return match leaks.is_empty() {
                    true => with(again.report, late),
                    false => with(CaseReport { verdict: Verdict::Failed(leaks), ..first.report }, late),
                };
            }
            Some(again) if again.delay <= self.limit => {
                return with(again.report, Late { delay: first.delay, again: "it failed again, alone".into() });
            }
            Some(again) => {
                leaks.extend(timeless(&again.report));
                (again, "it failed again, and the machine was late again")
            }
        };
        let late = Late { delay: again.delay, again: why.into() };
        let verdict = match leaks.is_empty() {
            true => Verdict::InDoubt(Box::new(InDoubt { findings: again.report.verdict.findings().to_vec() })),
            false => Verdict::Failed(leaks),
        };
        with(CaseReport { verdict, ..again.report }, late)
    }
}

fn with(report: CaseReport, late: Late) -> CaseReport {
    CaseReport { late: Some(late), ..report }
}

/// Findings that do not depend on how late the machine was.
pub(super) fn timeless(report: &CaseReport) -> Vec<Finding> {
    let is_timeless = |finding: &&Finding| {
        finding.is_of_invariant
            && !finding.clauses.is_empty()
            && finding.clauses.iter().all(|clause| TIMELESS.contains(&clause.as_str()))
    };
    report.verdict.findings().iter().filter(is_timeless).cloned().collect()
}

#[cfg(test)]
mod tests;
