use super::super::verdict::tests::finding;
use super::*;
use vouch_sim::wire::redact::Redactor;

pub fn case(id: &str, findings: Vec<Finding>) -> CaseReport {
    CaseReport { group: "g".into(), ..CaseReport::bare(id, Verdict::Failed(findings)) }
}

fn caused(cause: &str, clauses: &[&str], severity: Severity) -> Finding {
    let cause = super::super::cause::key(&[Redactor::default().scrub(cause)]);
    Finding { exact_cause: cause, ..finding(clauses, severity) }
}

fn settled(cases: Vec<CaseReport>) -> Vec<CaseReport> {
    let mut attribution = Attribution::default();
    let mut settled: Vec<_> = cases.into_iter().filter_map(|case| attribution.take(case)).collect();
    settled.extend(attribution.settle());
    settled
}

fn clauses(case: &CaseReport) -> Vec<&str> {
    match &case.verdict {
        Verdict::Failed(findings) => findings.iter().flat_map(|f| f.clauses.iter().map(String::as_str)).collect(),
        _ => vec![],
    }
}

#[test]
fn a_failed_preparation_is_explained_by_a_finding_with_the_same_cause_or_clause() {
    let cases = vec![
        case("same-cause", vec![caused("no session", &["MIG-5"], Severity::Setup)]),
        case("same-clause", vec![caused("another error", &["EXC-1"], Severity::Setup)]),
        case("root", vec![caused("no session", &["EXC-1"], Severity::ByLevel)]),
    ];
    let settled = settled(cases);
    assert_eq!(settled[0].id, "root");
    for case in &settled[1..] {
        let Verdict::NotReached(not_reached) = &case.verdict else { panic!("{} was reached", case.id) };
        assert_eq!((not_reached.because_of.as_str(), &not_reached.clauses[..]), ("root", &["EXC-1".to_owned()][..]));
    }
}

#[test]
fn a_failed_preparation_that_nothing_explains_violates_its_clauses() {
    let settled = settled(vec![
        case("own", vec![caused("a", &["MIG-5"], Severity::Setup)]),
        case("nameless", vec![caused("b", &[], Severity::Setup)]),
    ]);
    assert_eq!(clauses(&settled[0]), ["MIG-5"]);
    assert!(matches!(&settled[1].verdict, Verdict::Failed(findings) if findings[0].severity == Severity::Always));
}

#[test]
fn what_a_case_shows_beside_its_failed_preparation_is_kept() {
    let both = vec![caused("leak", &["EXC-3"], Severity::ByLevel), caused("no", &["EXC-1"], Severity::Setup)];
    let settled = settled(vec![case("root", vec![caused("no", &["EXC-1"], Severity::ByLevel)]), case("both", both)]);
    assert_eq!(clauses(&settled[1]), ["EXC-3"]);
}

#[test]
fn a_case_that_runs_alone_has_no_other_to_explain_it() {
    let alone = settle_alone(case("alone", vec![caused("a", &["MIG-5"], Severity::Setup)]));
    assert_eq!(clauses(&alone), ["MIG-5"]);
}
