use super::super::attribution::tests::case;
use super::super::verdict::Severity;
use super::super::verdict::tests::finding;
use super::*;

const LIMIT: Duration = Duration::from_millis(500);
const LONG: Duration = Duration::from_secs(3);

fn judge(first: Vec<Finding>, again: Option<(Verdict, Duration)>) -> CaseReport {
    let ran = |verdict, delay| Ran { report: CaseReport { verdict, ..case("a", vec![]) }, delay };
    let again = again.map(|(verdict, delay)| ran(verdict, delay));
    LateCases::<()>::new(LIMIT * PART_OF_REQUEST_TIMEOUT).judge(ran(Verdict::Failed(first), LONG), again)
}

fn failed(clause: &str) -> Verdict {
    Verdict::Failed(vec![finding(&[clause], Severity::ByLevel)])
}

#[test]
fn a_late_failure_counts_only_if_it_comes_again_on_a_machine_that_is_not_late() {
    let first = || vec![finding(&["REF-2"], Severity::ByLevel)];
    let again = judge(first(), Some((failed("REF-4"), Duration::ZERO)));
    assert!(matches!(&again.verdict, Verdict::Failed(found) if found[0].clauses == ["REF-4"]), "what it shows alone");
    let late = again.late.expect("it ran again");
    assert_eq!(late.to_string(), "the machine was 3.0 s late; it failed again, alone");

    assert!(matches!(judge(first(), Some((Verdict::Passed, LONG))).verdict, Verdict::Passed));
    assert!(matches!(judge(first(), Some((failed("REF-2"), LONG))).verdict, Verdict::InDoubt(_)));
    assert!(matches!(judge(first(), None).verdict, Verdict::InDoubt(_)), "no time was left");
}

#[test]
fn a_secret_in_a_wrong_place_counts_on_any_machine() {
    let of = |clause| vec![Finding { is_of_invariant: true, ..finding(&[clause], Severity::ByLevel) }];
    for again in [Some((Verdict::Passed, Duration::ZERO)), Some((failed("REF-2"), LONG)), None] {
        let report = judge(of("EXC-3"), again.clone());
        assert!(matches!(&report.verdict, Verdict::Failed(found) if found.len() == 1), "{:?}", report.verdict);
        assert!(!matches!(judge(of("REF-4"), again).verdict, Verdict::Failed(_)), "a race may come from the machine");
    }
}

#[test]
fn only_a_failed_case_on_a_late_machine_runs_again() {
    let mut late = LateCases::new(LIMIT * PART_OF_REQUEST_TIMEOUT);
    let mut is_taken = |verdict, delay| {
        let report = CaseReport { verdict, ..case("a", vec![]) };
        late.take((), Ran { report, delay }).is_none()
    };
    assert!(is_taken(failed("REF-2"), LONG));
    assert!(!is_taken(failed("REF-2"), LIMIT));
    assert!(!is_taken(Verdict::Passed, LONG));
    assert_eq!(late.take_waiting().len(), 1);
}
