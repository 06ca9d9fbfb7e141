//! The CTRF report is valid by the published JSON Schema.

use crate::common::{
    HOSTILE, assert_valid, excused, failing, hostile, hostile_of, of_every_verdict, render, unsafe_characters,
};

const SCHEMA: &str = include_str!("../schemas/ctrf.schema.json");

#[test]
fn the_document_is_valid_by_the_schema_of_ctrf() {
    for record in [failing(), of_every_verdict(), excused(), hostile(), hostile_of(excused(), HOSTILE)] {
        assert_valid(SCHEMA, &render("ctrf", &record));
    }
}

#[test]
fn every_verdict_has_a_status_and_the_counts_agree() {
    let report: serde_json::Value = serde_json::from_str(&render("ctrf", &of_every_verdict())).expect("JSON");
    let summary = &report["results"]["summary"];
    let counts = ["tests", "passed", "failed", "skipped", "other"].map(|name| summary[name].as_u64().expect("a count"));
    assert_eq!(counts, [8, 2, 2, 2, 2]);
    assert_eq!(summary["stop"].as_u64(), Some(summary["start"].as_u64().expect("a start") + 1234));
    let tests = report["results"]["tests"].as_array().expect("tests");
    let failed = tests.iter().find(|test| test["status"] == "failed").expect("a failure");
    assert!(failed["message"].as_str().is_some_and(|message| message.starts_with("MIG-5: expected ")), "{failed}");
    assert!(failed["line"].as_u64().is_some_and(|line| line > 1), "{failed}");
}

#[test]
fn a_start_time_that_is_none_is_an_error() {
    let mut record = failing();
    record.started.started_at = "yesterday".into();
    let error = vouch_report::Format::Ctrf.render(&record).expect_err("no time");
    assert!(error.to_string().contains("yesterday"), "{error}");
}

#[test]
fn hostile_text_has_no_effect() {
    assert_eq!(unsafe_characters(&render("ctrf", &hostile())), "");
}
