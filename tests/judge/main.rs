//! `vouch judge`, as a user calls it.

#[path = "../common/mod.rs"]
mod common;

use common::{stderr, stdout, unwrapped, vouch};
use serde_json::Value;

/// The report up to the list of the clauses that no recording can show, which grows with the suite.
fn before_other_clauses(out: &str) -> &str {
    out.split("  what it cannot show").next().unwrap_or_default()
}

#[test]
fn a_recording_without_a_violation_says_what_it_can_and_cannot_show() {
    let assert = vouch().args(["judge", "tests/judge/conforms.har"]).assert().code(0);
    let out = stdout(&assert);
    insta::assert_snapshot!(before_other_clauses(&out));
    assert!(
        unwrapped(&out).contains("what it cannot show") && out.contains("no violation found; this is no verdict"),
        "{out}"
    );
}

#[test]
fn the_violations_of_a_recording_have_clause_level_entry_and_time() {
    let assert = vouch().args(["judge", "tests/judge/violates.har"]).assert().code(1);
    let out = stdout(&assert);
    assert!(!out.contains("9sKw31Zx") && !out.contains("k3Jd82hQ"), "{out}");
    insta::assert_snapshot!(before_other_clauses(&out));
}

#[test]
fn findings_as_json_have_the_levels_of_their_clauses() {
    let files = ["tests/judge/conforms.har", "tests/judge/violates.har"];
    let out = stdout(&vouch().args(["judge", "--json"]).args(files).assert().code(1));
    let json: Value = serde_json::from_str(&out).expect("JSON");
    let findings = json.pointer("/files/1/findings").and_then(Value::as_array).expect("findings");
    let found: Vec<_> = findings.iter().map(|of| (of["clause"].as_str(), of["level"].as_str())).collect();
    let expected = [("REF-5", "must"), ("EXC-3", "must"), ("REF-9", "should")];
    assert_eq!(found, expected.map(|(clause, level)| (Some(clause), Some(level))));
    assert_eq!(json.pointer("/files/0/file"), Some(&"tests/judge/conforms.har".into()));
}

#[test]
fn a_record_is_judged_again_with_its_exchanges() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = folder.path().join("run.vouch");
    vouch().args(["run", "--ci", "-f", "REF-5", "--record"]).arg(&record).assert().success();
    let out = stdout(&vouch().arg("judge").arg(&record).assert().success());
    assert!(out.contains("cases, 0 disagreements"), "{out}");
}

#[test]
fn a_recording_without_the_vendor_is_inconclusive_and_bad_files_and_options_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = folder.path().join("other.har");
    std::fs::write(&other, "{\"log\": {\"entries\": []}}").expect("writable");
    let out = stdout(&vouch().arg("judge").arg(&other).assert().code(4));
    assert!(out.contains("nothing to judge"), "{out}");

    std::fs::write(&other, "{\"log\": {\"entries\": [").expect("writable");
    for (args, reason) in [
        (vec![other.to_str().expect("UTF-8")], "is not a HAR file"),
        (vec!["/no/such.har"], "cannot read /no/such.har"),
        (vec!["tests/judge/conforms.har", "--profile", "other"], "unknown wire profile `other`"),
        (vec!["tests/judge/conforms.har", "--target", "adapters/python/vouch.toml"], "has no [cloud]"),
    ] {
        let said = unwrapped(&stderr(&vouch().arg("judge").args(&args).assert().code(2)));
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn the_hosts_of_a_target_file_take_the_place_of_the_vendors() {
    let (_folder, target) = common::target(
        "[cloud]\nname = \"staging\"\n[cloud.lifetimes]\nsignInToken = \"300s\"\naccessToken = \"3600s\"\n\
         [[cloud.realms]]\nenvironment = \"sandbox\"\nregion = \"eu\"\napi = \"https://api.staging.example.com/eu\"\n\
         auth = \"https://auth.staging.example.com\"\napiKey = \"sk_eu_0123456789\"\n",
    );
    let har = std::fs::read_to_string("tests/judge/violates.har").expect("readable");
    let har = har.replace("https://api.sandbox.eu.junction.com", "https://api.staging.example.com/eu");
    let har = har.replace("auth.sandbox.eu.junction.com", "auth.staging.example.com");
    let file = target.with_file_name("staging.har");
    std::fs::write(&file, har).expect("writable");
    vouch().arg("judge").arg(&file).assert().code(4);
    let out = stdout(&vouch().arg("judge").arg(&file).arg("--target").arg(&target).assert().code(1));
    assert!(out.contains("FAIL REF-5") && out.contains("FAIL EXC-3"), "{out}");
}
