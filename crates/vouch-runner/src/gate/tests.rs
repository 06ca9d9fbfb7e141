use super::*;
use crate::run::cause::CauseKey;
use crate::run::summary::{ClauseStatus, Completeness, Outcome, RunEnd, RunScope, Summary, SummaryBuilder};
use crate::run::verdict::tests::{clauses, finding};
use crate::run::verdict::{CaseReport, NotReached};

/// A plan without cases. `is_part`: other cases may exist.
fn plan(is_part: bool) -> Plan {
    Plan { clauses: clauses(), cases: vec![], is_part, shard: None }
}

fn gate(waivers: &str, known: Option<&str>) -> Gate {
    let mut gate = Gate { day: "2026-11-28".into(), ..Gate::default() };
    gate.add_waivers(&Source::new("waivers.toml", waivers), &plan(true)).expect("waivers");
    if let Some(known) = known {
        gate.add_known_failures(&Source::new("known.txt", known), &plan(true)).expect("a list");
    }
    gate
}

fn waiver(about: &str, expires: &str) -> String {
    format!("[[waiver]]\n{about}\nreason = \"ticket 7\"\nowner = \"team sdk\"\nexpires = {expires}\n")
}

fn case(id: &str, verdict: Verdict) -> CaseReport {
    CaseReport { proves: vec!["AB-1".into()], ..CaseReport::bare(id, verdict) }
}

fn failed(id: &str, violated: &[&str]) -> CaseReport {
    case(id, Verdict::Failed(vec![finding(violated, Severity::ByLevel)]))
}

fn passed(id: &str) -> CaseReport {
    case(id, Verdict::Passed)
}

fn not_reached(id: &str, because_of: &str) -> CaseReport {
    let setup = finding(&["AB-1"], Severity::Setup);
    let why = NotReached { setup, because_of: because_of.into(), clauses: vec!["AB-1".into()] };
    case(id, Verdict::NotReached(Box::new(why)))
}

fn summarize(gate: &Gate, cases: &[CaseReport]) -> Summary {
    summarize_part(gate, cases, Completeness::Whole)
}

fn summarize_part(gate: &Gate, cases: &[CaseReport], completeness: Completeness) -> Summary {
    let clauses = clauses();
    let scope = RunScope { completeness, shard: None, servers_first: false, require_all: false };
    let mut summary = SummaryBuilder::new(clauses.clone(), scope, gate.clone());
    for case in cases {
        let verdict = gate.apply(&case.id, case.verdict.clone(), &clauses, Strictness::Lenient);
        summary.add(&CaseReport { verdict, ..case.clone() });
    }
    summary.finish(cases.len(), RunEnd::default())
}

fn problems(summary: &Summary) -> Vec<String> {
    summary.gate_problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_waived_finding_does_not_fail_the_run_and_is_no_pass() {
    let gate = gate(&waiver("clause = \"AB-1\"", "2026-11-28"), None);
    let summary = summarize(&gate, &[failed("x", &["AB-1"]), passed("y")]);
    assert_eq!((summary.outcome(), summary.outcome().exit_code()), (Outcome::ConformsWithWaivers, 0));
    assert_eq!((summary.waived, summary.passed, summary.failed), (1, 1, 0));
    assert_eq!(
        (summary.clauses[0].status, &summary.clauses[0].waived_in),
        (ClauseStatus::Waived, &vec!["x".to_owned()])
    );
    assert_eq!(summary.causes[0].excuse, Some(Excuse::Waived));
}

#[test]
fn a_finding_is_waived_only_if_each_of_its_clauses_is() {
    let gate = gate(&waiver("clause = \"AB-1\"", "2026-12-01"), None);
    let summary = summarize(&gate, &[failed("x", &["AB-1", "AC-1"]), passed("y")]);
    assert_eq!((summary.outcome(), problems(&summary)), (Outcome::DoesNotConform, vec![]));
    // A build that cannot be tested is no violation of the clause.
    let broken = case("x", Verdict::Failed(vec![finding(&["AB-1"], Severity::Always)]));
    assert_eq!(summarize(&gate, &[broken]).failed, 1);
}

#[test]
fn a_waiver_of_a_case_covers_that_case_only() {
    for about in ["case = \"x\"", "case = \"x\"\nclause = \"AB-1\""] {
        let gate = gate(&waiver(about, "\"2027-01-31\""), None);
        let summary = summarize(&gate, &[failed("x", &["AB-1"]), failed("y", &["AB-1"])]);
        assert_eq!((summary.waived, summary.failed), (1, 1), "{about}");
        assert_eq!(summary.clauses[0].status, ClauseStatus::Violated, "{about}");
    }
}

#[test]
fn an_expired_waiver_fails_the_run_also_where_the_build_is_mended() {
    let gate = gate(&waiver("clause = \"AB-1\"", "2026-11-27"), None);
    assert_eq!(summarize(&gate, &[failed("x", &["AB-1"]), passed("y")]).outcome(), Outcome::DoesNotConform);
    let mended = summarize(&gate, &[passed("x")]);
    assert_eq!((mended.outcome(), mended.outcome().exit_code()), (Outcome::GateOutdated, 1));
    let expected = "waivers.toml:2:10: expired waiver: the waiver of AB-1 ended on 2026-11-27";
    assert!(problems(&mended)[0].starts_with(expected), "{:?}", problems(&mended));
}

#[test]
fn a_waiver_is_needless_only_where_its_cases_ran() {
    let gate = gate(&waiver("clause = \"AB-1\"", "2027-01-31"), None);
    let needless = summarize(&gate, &[passed("x")]);
    assert_eq!(needless.outcome(), Outcome::GateOutdated);
    assert_eq!(
        problems(&needless),
        ["waivers.toml:2:10: needless waiver: no finding violates AB-1; remove the waiver"]
    );
    let part = summarize_part(&gate, &[passed("x")], Completeness::Part);
    assert_eq!(part.outcome(), Outcome::PartPassed);
    let skipped = case("x", Verdict::Skipped("no clock".into()));
    let other = CaseReport { proves: vec!["AC-1".into()], ..passed("y") };
    assert_eq!(summarize(&gate, &[skipped, other]).outcome(), Outcome::Conforms);
}

#[test]
fn what_a_waived_finding_keeps_from_being_reached_does_not_make_the_run_inconclusive() {
    let cases = [failed("x", &["AB-1"]), passed("y"), not_reached("z", "x")];
    let waived = summarize(&gate(&waiver("clause = \"AB-1\"", "2027-01-31"), None), &cases);
    assert_eq!((waived.outcome(), waived.not_reached_excused), (Outcome::ConformsWithWaivers, 1));
    // A case that a known failure may hide must be listed itself.
    assert_eq!(summarize(&gate("", Some("x\n")), &cases).outcome(), Outcome::Inconclusive);
    assert_eq!(summarize(&gate("", Some("x\nz\n")), &cases).outcome(), Outcome::OnlyKnownFailures);
}

#[test]
fn known_failures_pass_the_gate_and_new_ones_do_not() {
    let gate = gate("", Some("# of 2019\n\nx # the old parser\n"));
    let known = summarize(&gate, &[failed("x", &["AB-1"]), passed("y")]);
    assert_eq!((known.outcome(), known.known_failures), (Outcome::OnlyKnownFailures, 1));
    assert_eq!(
        (known.clauses[0].status, &known.clauses[0].known_failing_in),
        (ClauseStatus::KnownFailing, &vec!["x".to_owned()])
    );
    assert_eq!(known.causes[0].excuse, Some(Excuse::KnownFailure));
    let new = summarize(&gate, &[failed("x", &["AB-1"]), failed("y", &["AB-1"])]);
    assert_eq!((new.outcome(), new.failed), (Outcome::DoesNotConform, 1));
    assert_eq!(new.causes[0].excuse, None, "the cause has a new failure");
    assert_eq!(new.clauses[0].status, ClauseStatus::Violated);
}

#[test]
fn a_clause_that_a_waiver_and_a_known_failure_excuse_is_known_failing() {
    let gate = gate(&waiver("case = \"y\"", "2027-01-31"), Some("x\n"));
    let summary = summarize(&gate, &[failed("x", &["AB-1"]), failed("y", &["AB-1"])]);
    let clause = &summary.clauses[0];
    assert_eq!(clause.status, ClauseStatus::KnownFailing);
    assert_eq!(
        (clause.known_failing_in.as_slice(), clause.waived_in.as_slice()),
        (&["x".to_owned()][..], &["y".to_owned()][..])
    );
}

#[test]
fn an_unexpected_pass_fails_and_names_its_line() {
    let gate = gate("", Some("# of 2019\nx\n"));
    let summary = summarize(&gate, &[passed("x")]);
    assert_eq!(summary.outcome(), Outcome::GateOutdated);
    let expected = "known.txt:2:1: unexpected pass: x no longer fails; remove line 2 of known.txt";
    assert_eq!(problems(&summary), [expected]);
    // In one of several rounds it still fails.
    assert_eq!(summarize(&gate, &[passed("x"), failed("x", &["AB-1"])]).outcome(), Outcome::OnlyKnownFailures);
}

#[test]
fn every_mistake_in_the_files_has_its_place() {
    let text = waiver("clause = \"AB-11\"", "\"2026-02-30\"")
        + "[[waiver]]\nreason = \" \"\nowner = \"me\"\nexpires = 2027-01-31\n";
    let mistakes = |result: Result<(), Vec<Diagnostic>>| -> Vec<String> {
        let mistakes = result.expect_err("mistakes");
        mistakes.iter().map(|mistake| format!("{}: {}", mistake.place(), mistake.message)).collect()
    };
    let found = mistakes(Gate::default().add_waivers(&Source::new("w.toml", text), &plan(false)));
    for expected in [
        "w.toml:2:10: there is no clause `AB-11`",
        "w.toml:5:11: `2026-02-30` is not a day",
        "w.toml:6:1: the waiver names neither a clause nor a case",
        "w.toml:7:10: the waiver has no reason",
    ] {
        assert!(found.iter().any(|mistake| mistake == expected), "{expected} is not in {found:?}");
    }
    let twice = waiver("clause = \"AB-1\"", "2027-01-31").repeat(2);
    let found = mistakes(Gate::default().add_waivers(&Source::new("w.toml", twice), &plan(false)));
    assert!(found[0].contains("AB-1 is waived twice"), "{found:?}");
    let found = mistakes(Gate::default().add_known_failures(&Source::new("k.txt", "#\n  y\ny"), &plan(false)));
    let expected =
        ["k.txt:2:3: there is no case `y`", "k.txt:3:1: `y` is listed twice", "k.txt:3:1: there is no case `y`"];
    assert_eq!(found, expected);
}

#[test]
fn a_written_list_keeps_comments_and_cases_that_did_not_run() {
    let before = "# why\nmended\nfails # ticket 7\nabsent\n";
    let cases = [passed("mended"), failed("fails", &[]), failed("new", &[]), not_reached("behind", "new")];
    assert_eq!(updated(Some(before), &cases), "# why\nfails # ticket 7\nabsent\nbehind\nnew\n");
    let first = updated(None, &cases);
    assert!(first.starts_with("# Known failures") && first.ends_with("behind\nfails\nnew\n"), "{first}");
}

#[test]
fn the_secrets_of_a_reason_are_redacted() {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlc2lnbmF0dXJl";
    let text = waiver("clause = \"AB-1\"", "2027-01-31").replace("ticket 7", jwt);
    let reason = gate(&text, None).waivers[0].reason.to_string();
    assert!(!reason.contains("eyJzdWIi"), "{reason}");
}

#[test]
fn findings_of_one_cause_may_be_waived_in_part() {
    let gate = gate(&waiver("case = \"x\"", "2027-01-31"), None);
    let summary = summarize(&gate, &[failed("x", &["AB-1"]), failed("y", &["AB-1"])]);
    assert_eq!(
        (summary.causes.len(), &summary.causes[0].key, summary.causes[0].excuse),
        (1, &CauseKey::default(), None)
    );
}
