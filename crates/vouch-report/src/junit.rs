//! The `JUnit` XML report for CI servers: one test suite for each group.

use crate::ViewError;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::collections::BTreeMap;
use vouch_runner::record::RunRecord;
use vouch_runner::run::verdict::{CaseReport, Finding, Verdict};

pub(crate) fn render(record: &RunRecord) -> Result<String, ViewError> {
    let mut suites: BTreeMap<&str, Vec<TestCase>> = BTreeMap::new();
    for case in &record.cases {
        suites.entry(&case.group).or_default().push(test_case(case));
    }
    let sdk = &record.started.sdk;
    let mut report = Report::new(format!("vouch: {} {}", sdk.name, sdk.version));
    report.set_time(record.summary().duration);
    for (group, mut cases) in suites {
        cases.sort_by(|a, b| a.name.as_str().cmp(b.name.as_str()));
        let mut suite = TestSuite::new(group);
        suite.add_test_cases(cases);
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| ViewError(error.to_string()))
}

/// A case with warnings is a success, in agreement with the exit code; its output contains the findings.
fn test_case(case: &CaseReport) -> TestCase {
    let describe_all = |findings: &[Finding]| findings.iter().map(describe).collect::<Vec<_>>().join("\n");
    let status = match &case.verdict {
        Verdict::Passed | Verdict::Warned(_) => TestCaseStatus::success(),
        Verdict::Skipped(reason) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason.as_str());
            status
        }
        Verdict::NotReached(not_reached) => {
            let mut status = TestCaseStatus::skipped();
            let clauses = not_reached.clauses.join(" ");
            status.set_message(format!("not reached because of {}: {clauses}", not_reached.because_of));
            status.set_description(describe(&not_reached.setup));
            status
        }
        Verdict::Failed(findings) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let heading =
                findings.first().map(|f| format!("{}: expected {}, got {}", f.clauses.join(" "), f.expected, f.got));
            status.set_message(heading.unwrap_or_default()).set_type("nonconformance");
            status.set_description(describe_all(findings));
            status
        }
        Verdict::BadScenario(what) | Verdict::HarnessFailed(what) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(what.as_str()).set_type("harness");
            status
        }
    };
    let mut test = TestCase::new(case.id.as_str(), status);
    if let Verdict::Warned(findings) = &case.verdict {
        test.set_system_out(format!("warning: a should clause is violated\n{}", describe_all(findings)));
    }
    test.set_classname(format!("vouch.{}", case.group)).set_time(case.duration);
    test.add_property(("file", case.file.as_str())).add_property(("proves", case.proves.join(" ").as_str()));
    test
}

fn describe(finding: &Finding) -> String {
    let wire: Vec<_> = finding.wire.iter().map(vouch_sim::wire::redact::Redacted::as_str).collect();
    format!(
        "{}\nstep: {}\nexpected: {}\ngot: {}\n{}wire:\n{}\nstandard error:\n{}",
        finding.location,
        finding.step,
        finding.expected,
        finding.got,
        finding.advice.as_ref().map(|advice| format!("advice: {advice}\n")).unwrap_or_default(),
        wire.join("\n"),
        finding.stderr
    )
}
