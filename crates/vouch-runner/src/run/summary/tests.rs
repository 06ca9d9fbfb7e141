use super::super::verdict::tests::{clauses, finding};
use super::super::verdict::{Severity, Strictness};
use super::*;
use vouch_sim::wire::redact::Redacted;

fn case(proves: &[&str], verdict: Verdict) -> CaseReport {
    CaseReport { proves: proves.iter().map(|id| (*id).to_owned()).collect(), ..CaseReport::bare("case", verdict) }
}

fn scope(require_all: bool) -> RunScope {
    RunScope { completeness: Completeness::Whole, shard: None, servers_first: false, require_all }
}

fn summarize(strictness: Strictness, cases: &[CaseReport], interrupted: bool) -> Summary {
    let clauses = clauses();
    let mut summary = SummaryBuilder::new(clauses.clone(), scope(false), Gate::default());
    for case in cases {
        summary.add(&CaseReport {
            verdict: Gate::default().apply(&case.id, case.verdict.clone(), &clauses, strictness),
            ..case.clone()
        });
    }
    summary.finish(cases.len() + 2, RunEnd { duration: Duration::from_secs(1), interrupted, ..RunEnd::default() })
}

fn failed(clauses: &[&str]) -> CaseReport {
    case(&["AB-1"], Verdict::Failed(vec![finding(clauses, Severity::ByLevel)]))
}

#[test]
fn the_verdicts_of_the_cases_decide_the_outcome() {
    use Strictness::{Lenient, Strict};
    let passed = || case(&["AB-1"], Verdict::Passed);
    let skipped = || case(&["AB-1"], Verdict::Skipped("no clock".into()));
    let bad = || case(&["AB-1"], Verdict::BadScenario(Redacted::default()));
    let harness = || case(&["AB-1"], Verdict::HarnessFailed(Redacted::default()));
    for (cases, strictness, interrupted, outcome, code) in [
        (vec![passed()], Lenient, false, Outcome::Conforms, 0),
        (vec![failed(&["AB-2"])], Lenient, false, Outcome::Inconclusive, 4),
        (vec![passed(), failed(&["AB-2"])], Lenient, false, Outcome::Conforms, 0),
        (vec![failed(&["AB-2"])], Strict, false, Outcome::DoesNotConform, 1),
        (vec![passed(), failed(&["AB-1"])], Lenient, false, Outcome::DoesNotConform, 1),
        (vec![failed(&[])], Lenient, false, Outcome::DoesNotConform, 1),
        (vec![case(&[], Verdict::Failed(vec![]))], Lenient, false, Outcome::DoesNotConform, 1),
        (vec![bad(), passed()], Lenient, false, Outcome::BadScenario, 2),
        (vec![bad(), harness(), passed()], Lenient, false, Outcome::HarnessFailed, 3),
        (vec![failed(&["AB-1"]), bad(), harness()], Lenient, false, Outcome::DoesNotConform, 1),
        (vec![failed(&["AB-1"]), bad(), harness()], Lenient, true, Outcome::Interrupted, 130),
        (vec![skipped(), skipped()], Lenient, false, Outcome::Inconclusive, 4),
        (vec![], Lenient, false, Outcome::Inconclusive, 4),
        (vec![passed(), harness()], Lenient, true, Outcome::Interrupted, 130),
    ] {
        let summary = summarize(strictness, &cases, interrupted);
        assert_eq!((summary.outcome(), summary.outcome().exit_code()), (outcome, code));
    }
}

#[test]
fn with_require_all_a_run_with_an_untested_must_clause_is_inconclusive() {
    let cases = [case(&["AB-1"], Verdict::Passed), case(&["AC-1"], Verdict::Skipped("no clock".into()))];
    let outcome = |require_all, cases: &[CaseReport]| {
        let mut summary = SummaryBuilder::new(clauses(), scope(require_all), Gate::default());
        cases.iter().for_each(|case| summary.add(case));
        summary.finish(cases.len(), RunEnd::default()).outcome()
    };
    assert_eq!([false, true].map(|all| outcome(all, &cases)), [Outcome::Conforms, Outcome::Inconclusive]);
    // Clauses that no case tests and `should` clauses are not required.
    let should = case(&["AB-2"], Verdict::Skipped("no clock".into()));
    assert_eq!(outcome(true, &[cases[0].clone(), should]), Outcome::Conforms);
}

#[test]
fn cases_are_counted_by_verdict_and_skip_reason() {
    let of = |verdict| case(&["AB-1"], verdict);
    let mut cases = vec![of(Verdict::Passed), of(Verdict::Passed), failed(&["AB-1"]), failed(&["AB-2"])];
    cases.extend(["no clock", "no clock", "no backend"].map(|reason| of(Verdict::Skipped(reason.into()))));
    cases.extend([1, 2].map(|_| of(Verdict::BadScenario(Redacted::default()))));
    cases.extend([1, 2, 3].map(|_| of(Verdict::HarnessFailed(Redacted::default()))));
    let all = summarize(Strictness::Lenient, &cases, false);
    assert_eq!((all.duration, all.passed, all.failed, all.warned), (Duration::from_secs(1), 2, 1, 1));
    assert_eq!((all.skipped, all.bad_scenarios, all.harness_failures, all.not_run), (3, 2, 3, 2));
    assert_eq!((all.skip_reasons["no clock"], all.skip_reasons["no backend"]), (2, 1));
}

#[test]
fn the_status_of_a_clause_follows_from_its_cases() {
    let skipped = |id| case(&[id], Verdict::Skipped("no clock".into()));
    let cases = [case(&["AB-1"], Verdict::Passed), case(&["AB-1"], Verdict::Passed), skipped("AB-1"), skipped("AB-2")];
    let status = |summary: &Summary| -> Vec<_> {
        summary.clauses.iter().map(|result| (result.id.clone(), result.status, result.satisfied_count)).collect()
    };
    let clause = |id: &str, status, satisfied_count| (id.to_owned(), status, satisfied_count);
    let summary = summarize(Strictness::Lenient, &cases, false);
    let expected = [
        clause("AB-1", ClauseStatus::Satisfied, 2),
        clause("AB-2", ClauseStatus::NotTested, 0),
        clause("AC-1", ClauseStatus::NotApplicable, 0),
    ];
    assert_eq!(status(&summary), expected);
    // One violation outweighs any number of passed cases; each case counts once.
    let twice = vec![finding(&["AB-1"], Severity::ByLevel), finding(&["AB-1", "AC-1"], Severity::ByLevel)];
    let violating = case(&["AB-1"], Verdict::Failed(twice));
    let summary = summarize(Strictness::Lenient, &[case(&["AB-1"], Verdict::Passed), violating], false);
    assert_eq!(status(&summary)[0], clause("AB-1", ClauseStatus::Violated, 1));
    assert_eq!(summary.clauses[0].violated_by, ["case"]);
    assert_eq!(summary.clauses[2].status, ClauseStatus::Violated);
}
