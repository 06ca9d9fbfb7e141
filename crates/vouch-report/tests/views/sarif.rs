//! The SARIF report is valid by the JSON Schema of OASIS.

use crate::common::{
    HOSTILE, assert_valid, conforming, excused, failing, hostile, hostile_of, of_every_verdict, render,
    unsafe_characters,
};
use serde_json::Value;

pub const SCHEMA: &str = include_str!("../schemas/sarif-schema-2.1.0.json");

fn run_of(document: &str) -> Value {
    serde_json::from_str::<Value>(document).expect("JSON")["runs"][0].take()
}

#[test]
fn the_document_is_valid_by_the_schema_of_oasis() {
    for record in [failing(), conforming(), of_every_verdict(), excused(), hostile(), hostile_of(excused(), HOSTILE)] {
        assert_valid(SCHEMA, &render("sarif", &record));
    }
}

#[test]
fn a_cause_is_one_result_at_a_line_of_a_scenario_with_the_rule_of_its_clause() {
    let run = run_of(&render("sarif", &failing()));
    let results = run["results"].as_array().expect("results");
    assert_eq!(results.len(), 1);
    let result = &results[0];
    let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("small");
    let rule = &run["tool"]["driver"]["rules"][index];
    assert_eq!((&result["ruleId"], &rule["id"], &result["level"]), (&"MIG-5".into(), &"MIG-5".into(), &"error".into()));
    assert!(rule["help"]["text"].as_str().is_some_and(|text| text.contains("another region")), "{rule}");
    let place = &result["locations"][0]["physicalLocation"];
    assert!(place["artifactLocation"]["uri"].as_str().is_some_and(|uri| uri.ends_with(".yaml")), "{place}");
    assert!(place["region"]["startLine"].as_u64().is_some_and(|line| line > 1), "{place}");
    assert_eq!(result["relatedLocations"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_cause_has_the_same_fingerprint_in_every_run() {
    let fingerprint = |record| run_of(&render("sarif", &record))["results"][0]["partialFingerprints"].take();
    let mut reversed = failing();
    reversed.cases.reverse();
    assert_eq!(fingerprint(failing()), fingerprint(reversed));
    assert_eq!(fingerprint(failing())["vouchCause/v1"].as_str().map(str::len), Some(32));
}

#[test]
fn a_run_without_findings_has_no_results() {
    assert_eq!(run_of(&render("sarif", &conforming()))["results"], serde_json::json!([]));
}

#[test]
fn a_case_without_a_verdict_is_a_notification_and_no_result() {
    let invocation = run_of(&render("sarif", &of_every_verdict()))["invocations"][0].take();
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(invocation["toolExecutionNotifications"].as_array().map(Vec::len), Some(2));
}

#[test]
fn hostile_text_has_no_effect() {
    assert_eq!(unsafe_characters(&render("sarif", &hostile())), "");
}
