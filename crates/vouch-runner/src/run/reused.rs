//! Cases that fail in a process which has served other cases: they run again in new processes. A wrong claim of `reuse` must not
//! fail a build.

use super::late;
use super::plan::PlannedCase;
use super::role_setup::RoleSetup;
use super::snapshots::Snapshots;
use super::verdict::{CaseReport, Survived, Verdict};
use vouch_sim::wire::redact::Redactor;

/// Whether a process that served other cases may be why this case failed.
pub(super) fn is_suspect(report: &CaseReport) -> bool {
    report.reused && matches!(report.verdict, Verdict::Failed(_))
}

/// Runs a case that failed in a process with a history once more, in new processes. That result counts.
pub(super) async fn run_in_new_processes(
    first: CaseReport,
    case: &PlannedCase,
    setup: &RoleSetup,
    snapshots: Option<&Snapshots>,
) -> CaseReport {
    let setup = RoleSetup { sdk_processes: None, ..setup.clone() };
    judge(first, super::case::run(case, &setup, snapshots).await)
}

fn judge(first: CaseReport, again: CaseReport) -> CaseReport {
    if matches!(again.verdict, Verdict::Failed(_)) {
        return again;
    }
    let what = first.verdict.findings().first().map(|finding| {
        let of = format!("{}: expected {}, got {}", finding.step, finding.expected, finding.got);
        Redactor::default().scrub(&of)
    });
    let survived = Some(Survived { failed: what.unwrap_or_default() });
    // A secret of this case in a wrong place comes from no other case.
    let leaks = late::timeless(&first);
    match leaks.is_empty() {
        true => CaseReport { survived, ..again },
        false => CaseReport { survived, verdict: Verdict::Failed(leaks), ..first },
    }
}

#[cfg(test)]
mod tests {
    use super::super::verdict::tests::finding;
    use super::super::verdict::{Finding, Severity};
    use super::*;

    fn failed(clause: &str) -> CaseReport {
        let finding = Finding { is_of_invariant: true, ..finding(&[clause], Severity::ByLevel) };
        CaseReport { reused: true, ..CaseReport::bare("a", Verdict::Failed(vec![finding])) }
    }

    #[test]
    fn the_verdict_in_new_processes_counts_and_the_case_says_so() {
        let report = judge(failed("REF-4"), CaseReport::bare("a", Verdict::Passed));
        assert!(matches!(report.verdict, Verdict::Passed) && report.survived.is_some());
        let report = judge(failed("REF-4"), failed("REF-2"));
        assert!(matches!(&report.verdict, Verdict::Failed(found) if found[0].clauses == ["REF-2"]));
        assert!(report.survived.is_none(), "the build fails in new processes, too");
    }

    #[test]
    fn a_secret_in_a_wrong_place_counts_in_any_process() {
        let report = judge(failed("EXC-3"), CaseReport::bare("a", Verdict::Passed));
        assert!(matches!(&report.verdict, Verdict::Failed(found) if found.len() == 1));
    }

    #[test]
    fn only_a_failed_case_in_a_process_with_a_history_is_suspect() {
        assert!(is_suspect(&failed("REF-2")));
        assert!(!is_suspect(&CaseReport { reused: false, ..failed("REF-2") }));
        assert!(!is_suspect(&CaseReport { reused: true, ..CaseReport::bare("a", Verdict::Passed) }));
    }
}
