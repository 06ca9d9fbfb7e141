use super::super::{FORMAT, Host, SuiteInfo};
use super::*;
use crate::gate::{Gate, KnownFailures};
use crate::run::summary::{Completeness, Outcome, RunEnd};
use crate::run::verdict::tests::{clauses, finding};
use crate::run::verdict::{CaseReport, Finding, Severity, Strictness, Verdict};
use vouch_spec::protocol::message::SdkName;

/// The record of a shard whose run took ten seconds.
fn shard(shard: &str, cases: Vec<CaseReport>) -> NamedRecord {
    let shard: Shard = shard.parse().expect("a shard");
    let arguments = ["run", "--shard", &shard.to_string(), "-t", "vouch.toml", "--report=json=a.json", "-j", "4"];
    let started = Started {
        format: FORMAT,
        vouch: "1.0.0".into(),
        started_at: format!("2026-01-01T00:00:0{}Z", shard.number()),
        target: "ours".into(),
        target_file: Some("vouch.toml".into()),
        roles: vec!["sdk".into()],
        sdk: SdkName { name: "sdk".into(), version: "1".into(), platform: String::new() },
        build_digest: None,
        capabilities: vec![],
        profile: "junction".into(),
        suite: SuiteInfo { sha256: "5".into(), edition: 1, bundled: true, clauses: (*clauses()).clone() },
        arguments: arguments.map(str::to_owned).to_vec(),
        host: Host { name: format!("host-{}", shard.number()), ..Host::this() },
        sdk_under_test: true,
        cloud_under_test: false,
        token_storage: vec![],
        time: "virtual".into(),
        cases: cases.len(),
        jobs: 4,
        completeness: Completeness::Part,
        shard: Some(RunShard { shard, together: Completeness::Whole }),
        merged_from: vec![],
        gate: Gate::default(),
        require_all: false,
        strictness: Strictness::Lenient,
        seed: None,
        vary: None,
    };
    let mut record = RunRecord { started, cases, written_summary: None, sha256: shard.to_string() };
    record.written_summary = Some(record.summarize(RunEnd { duration: Duration::from_secs(10), ..RunEnd::default() }));
    NamedRecord { path: format!("{}.vouch", shard.number()).into(), record }
}

fn case(id: &str, proves: &str, verdict: Verdict) -> CaseReport {
    CaseReport { group: "g".into(), proves: vec![proves.into()], ..CaseReport::bare(id, verdict) }
}

fn passed(id: &str) -> Vec<CaseReport> {
    vec![case(id, "AB-1", Verdict::Passed)]
}

#[test]
fn the_shards_of_a_run_make_the_record_of_the_whole_run() {
    let (one, two) = (shard("1/2", passed("a")), shard("2/2", passed("b")));
    for part in [&one, &two] {
        let summary = part.record.summary();
        assert_eq!((summary.outcome(), summary.completeness), (Outcome::PartPassed, Completeness::Part));
    }
    let merged = merge(vec![two, one]).expect("a record");
    let summary = merged.summary();
    assert_eq!(summary.outcome(), Outcome::Conforms);
    assert_eq!((summary.passed, summary.not_run, summary.duration), (2, 0, Duration::from_secs(11)));
    let started = &merged.started;
    assert_eq!((started.started_at.as_str(), started.cases), ("2026-01-01T00:00:01Z", 2));
    assert_eq!((started.shard, started.completeness), (None, Completeness::Whole));
    assert_eq!(started.arguments, ["run", "-t", "vouch.toml"]);
    let from: Vec<_> = started.merged_from.iter().map(|of| (of.host.name.as_str(), &*of.record_sha256)).collect();
    assert_eq!(from, [("host-1", "1/2"), ("host-2", "2/2")]);
}

#[test]
fn missing_and_doubled_shards_are_named() {
    let twice = NamedRecord { path: "again.vouch".into(), ..shard("1/4", passed("a")) };
    let error = merge(vec![shard("1/4", passed("a")), twice, shard("3/4", passed("c"))]).expect_err("incomplete");
    let words = error.to_string();
    assert!(words.contains("1/4 is there twice: 1.vouch, again.vouch"), "{words}");
    assert!(words.contains("2/4 is missing") && words.contains("4/4 is missing"), "{words}");
    assert!(!words.contains("3/4"), "{words}");
}

#[test]
fn records_of_different_runs_are_not_merged() {
    type Change = fn(&mut Started);
    let changes: [(&str, Change); 8] = [
        ("the suite", |started| started.suite.sha256 = "6".into()),
        ("the target", |started| started.target = "theirs".into()),
        ("the build digest", |started| {
            started.build_digest = Some(super::super::BuildDigest { name: "sdk".into(), sha256: "7".into() });
        }),
        ("the arguments", |started| started.arguments.push("--fail-fast".into())),
        ("the seed of the conditions", |started| started.vary = Some(1)),
        ("the waivers or known failures", |started| started.gate.known_failures = Some(KnownFailures::default())),
        ("the number of shards", |started| {
            started.shard = Some(RunShard { shard: "2/3".parse().expect("a shard"), together: Completeness::Whole });
        }),
        ("the chosen part", |started| {
            started.shard = Some(RunShard { shard: "2/2".parse().expect("a shard"), together: Completeness::Part });
        }),
    ];
    for (what, change) in changes {
        let mut other = shard("2/2", passed("b"));
        change(&mut other.record.started);
        let error = merge(vec![shard("1/2", passed("a")), other]).expect_err(what).to_string();
        assert!(error.contains(&format!("1.vouch and 2.vouch are not of one run: {what}")), "{error}");
    }
}

#[test]
fn a_whole_run_is_not_a_shard_and_a_case_is_in_one_shard() {
    let mut whole = shard("1/2", passed("a"));
    whole.record.started.shard = None;
    assert_eq!(merge(vec![whole]).map(|_| ()), Err(MergeError::NotAShard("1.vouch".into())));
    let error = merge(vec![shard("1/2", passed("a")), shard("2/2", passed("a"))]).expect_err("overlap");
    assert!(matches!(error, MergeError::Overlap { .. }), "{error}");
    assert_eq!(merge(vec![]).map(|_| ()), Err(MergeError::Nothing));
}

#[test]
fn a_finding_of_one_shard_explains_a_failed_preparation_of_another() {
    let setup = Finding { setup: true, ..finding(&["AC-1"], Severity::ByLevel) };
    let root = Finding { exact_cause: setup.exact_cause.clone(), ..finding(&["AB-1"], Severity::ByLevel) };
    let one = shard("1/2", vec![case("waiting", "AC-1", Verdict::Failed(vec![setup.clone()]))]);
    let two = shard("2/2", vec![case("root", "AB-1", Verdict::Failed(vec![root]))]);
    let merged = merge(vec![one.clone(), two]).expect("a record");
    let waiting = merged.cases.iter().find(|case| case.id == "waiting").expect("the case");
    assert!(matches!(&waiting.verdict, Verdict::NotReached(why) if why.because_of == "root"), "{waiting:?}");
    assert_eq!((merged.summary().failed, merged.summary().not_reached), (1, 1));
    // Where nothing explains it, it violates its own clause as before.
    let merged = merge(vec![one, shard("2/2", passed("b"))]).expect("a record");
    assert_eq!((merged.summary().failed, merged.summary().not_reached), (1, 0));
}

#[test]
fn a_shard_that_was_killed_makes_the_merged_run_an_interrupted_one() {
    let mut killed = shard("1/2", passed("a"));
    killed.record.written_summary = None;
    killed.record.started.cases = 3;
    let merged = merge(vec![killed, shard("2/2", passed("b"))]).expect("a record");
    assert_eq!((merged.summary().outcome(), merged.summary().not_run), (Outcome::Interrupted, 2));
}
