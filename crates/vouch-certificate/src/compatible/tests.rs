use super::*;
use serde_json::json;
use vouch_runner::record::BuildDigest;
use vouch_runner::run::event::RunEvent;
use vouch_runner::run::summary::Completeness;
use vouch_runner::run::verdict::CaseReport;

/// Lines of two real runs of the reference SDK. In the second one, four cases violate MIG-5.
const CONFORMING: &str = include_str!("../../../vouch-report/tests/fixtures/conforming.jsonl");
const FAILING: &str = include_str!("../../../vouch-report/tests/fixtures/region-ignored.jsonl");

/// A part of which the run can be certified.
fn part(kind: PartKind) -> Part {
    let role = if kind == PartKind::Cloud { "idp" } else { kind.word() };
    let mut record = read(CONFORMING);
    record.started.roles = vec![role.into()];
    record.started.target_file = Some("vouch.toml".into());
    record.started.build_digest = Some(BuildDigest { name: "build".into(), sha256: "5".repeat(64) });
    record.started.completeness = Completeness::Whole;
    record.started.cases = record.cases.len();
    summarized(Part { kind, record })
}

/// A part that waives MIG-5, which it violates.
fn waiving(kind: PartKind) -> Part {
    let mut part = part(kind);
    part.record.cases = read(FAILING).cases;
    let gate = json!({ "day": "2026-11-28", "waivers": [{
        "clause": "MIG-5", "reason": "later", "owner": "me", "expires": "2999-12-31",
        "location": { "file": "waivers.toml", "line": 2, "column": 10 },
    }] });
    part.record.started.gate = serde_json::from_value(gate).expect("a gate");
    let started = &part.record.started;
    let waived = |case: &CaseReport| {
        let verdict = started.gate.apply(&case.id, case.verdict.clone(), &started.suite.clauses, started.strictness);
        CaseReport { verdict, ..case.clone() }
    };
    part.record.cases = part.record.cases.iter().map(waived).collect();
    part.record.started.cases = part.record.cases.len();
    summarized(part)
}

fn summarized(mut part: Part) -> Part {
    part.record.written_summary = Some(part.record.summarize(vouch_runner::run::summary::RunEnd::default()));
    part
}

fn read(lines: &str) -> RunRecord {
    let (mut started, mut cases) = (None, vec![]);
    for line in lines.lines() {
        match serde_json::from_str(line).expect("an event") {
            RunEvent::Started(of) => started = Some(*of),
            RunEvent::CaseFinished(case) => cases.push(*case),
            RunEvent::Finished(_) | RunEvent::Progress { .. } => {}
        }
    }
    RunRecord { started: started.expect("a start"), cases, written_summary: None, sha256: String::new() }
}

/// What keeps the parts from fitting.
fn problems(parts: &[Part]) -> Vec<String> {
    let failed =
        compatible(parts).into_iter().filter_map(|check| Some(format!("{}: {}", check.name, check.result.err()?)));
    failed.collect()
}

#[test]
fn parts_of_one_suite_profile_and_environment_fit() {
    let parts = PartKind::ALL.map(|(_, kind)| part(kind));
    assert_eq!(problems(&parts), [""; 0]);
    let environment = compatible(&parts).into_iter().find(|check| check.name == "environment").expect("the check");
    assert!(environment.result.is_ok_and(|words| words.contains("production")));
}

#[test]
fn a_record_of_another_role_or_that_cannot_be_certified_does_not_fit() {
    let mut other = part(PartKind::App);
    other.kind = PartKind::Backend;
    assert_eq!(problems(&[part(PartKind::Sdk), other]), ["backend: the record tests app, not the backend"]);
    let mut without = part(PartKind::App);
    without.record.started.build_digest = None;
    assert!(problems(&[part(PartKind::Sdk), without])[0].starts_with("app: the record has no digest of the build"));
}

#[test]
fn other_profiles_suites_and_environments_do_not_fit() {
    let mut other = part(PartKind::App);
    other.record.started.profile = "gcip".into();
    other.record.started.suite.sha256 = "0".repeat(64);
    for case in &mut other.record.cases {
        let exchanges = case.record.iter_mut().flat_map(|record| &mut record.wire);
        exchanges.for_each(|exchange| exchange.realm = "moon".into());
    }
    let found = problems(&[part(PartKind::Sdk), other]);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains("sdk: junction, app: gcip"), "{found:?}");
    assert!(found[1].starts_with("suite: the parts differ: sdk: edition "), "{found:?}");
    assert!(found[2].starts_with("environment: the parts have none in common; app: moon; sdk: "), "{found:?}");
}

#[test]
fn a_waiver_counts_only_where_another_part_relies_on_its_clause() {
    let found = problems(&[part(PartKind::App), waiving(PartKind::Sdk)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("waivers: the sdk waives MIG-5, on which the app relies: "), "{found:?}");
    // The cases of this app do not test the clause.
    let mut app = part(PartKind::App);
    app.record.cases.iter_mut().for_each(|case| case.proves.retain(|clause| clause != "MIG-5"));
    assert_eq!(problems(&[summarized(app), waiving(PartKind::Sdk)]), [""; 0]);
}
