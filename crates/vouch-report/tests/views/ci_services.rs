//! The reports for GitHub and GitLab.

use crate::common::{HOSTILE, conforming, failing, hostile, hostile_with, of_every_verdict, render, unsafe_characters};
use serde_json::Value;
use vouch_runner::record::RunRecord;

/// A record whose findings have this many causes.
fn with_causes(count: usize) -> RunRecord {
    let mut record = failing();
    let lines = record.cases.iter().map(|case| serde_json::to_value(case).expect("JSON")).collect::<Vec<_>>();
    let failed = lines.iter().find(|case| case["verdict"]["kind"] == "failed").expect("a failure");
    record.cases = (0..count)
        .map(|number| {
            let mut case = failed.clone();
            case["id"] = format!("case {number}").into();
            let finding = &mut case["verdict"]["detail"][0];
            finding["cause"] = format!("cause {number}").into();
            finding["expected"] = "e".repeat(500).into();
            finding["got"] = "g".repeat(500).into();
            serde_json::from_value(case).expect("a case")
        })
        .collect();
    record.written_summary = None;
    record
}

#[test]
fn an_annotation_stands_at_the_line_of_the_scenario() {
    let text = render("github-annotations", &failing());
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("::error file=") && text.contains(".yaml,line="), "{text}");
    assert!(text.contains(",title=MIG-5::MIG-5: expected "), "{text}");
    assert_eq!(render("github-annotations", &conforming()), "");
}

#[test]
fn hostile_text_makes_no_other_annotation_and_no_other_property() {
    let text = render("github-annotations", &hostile());
    assert_eq!(unsafe_characters(&text), "");
    for line in text.lines() {
        let (properties, _) = line.strip_prefix("::").and_then(|rest| rest.split_once("::")).expect("a command");
        let (kind, properties) = properties.split_once(' ').expect("properties");
        assert!(["error", "warning"].contains(&kind), "{line}");
        let names: Vec<_> = properties.split(',').map(|property| property.split('=').next()).collect();
        assert!(names.iter().all(|name| matches!(name, Some("file" | "line" | "title"))), "{line}");
    }
    assert!(text.contains("%25"), "a percent sign is escaped: {text}");
}

#[test]
fn ten_annotations_are_shown_and_the_last_counts_the_rest() {
    assert_eq!(render("github-annotations", &with_causes(10)).lines().count(), 10);
    let text = render("github-annotations", &with_causes(12));
    assert_eq!(text.lines().count(), 10);
    assert!(text.lines().last().is_some_and(|last| last.starts_with("::error title=3 more::")), "{text}");
}

#[test]
fn the_summary_has_verdict_causes_and_clauses_and_stays_below_a_megabyte() {
    let text = render("github-summary", &failing());
    for part in ["**The build does not conform.**", "1. **MIG-5**: expected ", "| MIG-5 | must | violated |"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(render("github-summary", &hostile_with(&"y".repeat(1 << 18))).len() < 1 << 20);
    let many = render("github-summary", &with_causes(1_500));
    assert!(many.len() < 1 << 20 && many.contains("The summary is cut here."), "{} bytes", many.len());
}

#[test]
fn the_markdown_report_shows_each_case_that_did_not_pass() {
    let record = of_every_verdict();
    let text = render("markdown", &record);
    assert_eq!(text.matches("\n### ").count(), 7, "{text}");
    assert!(text.contains("it needs the capability \\`cancel\\`"), "{text}");
}

#[test]
fn hostile_text_has_no_meaning_in_markdown() {
    for format in ["markdown", "github-summary"] {
        let text = render(format, &hostile());
        assert_eq!(unsafe_characters(&text), "", "{format}");
        // Blocks that are indented show text as it is.
        let prose: Vec<_> = text.lines().filter(|line| !line.starts_with("    ")).collect();
        let prose = prose.join("\n");
        for wrong in ["<script", "<!--", "[a](", "![i](", "\n```", "\n# heading", "://"] {
            assert!(!prose.contains(wrong), "{format}: {wrong}\n{prose}");
        }
    }
    assert!(HOSTILE.contains("<script"));
}

#[test]
fn the_code_quality_report_has_the_fields_that_gitlab_asks_for() {
    for record in [failing(), of_every_verdict(), hostile()] {
        let text = render("gitlab-code-quality", &record);
        assert_eq!(unsafe_characters(&text), "");
        let issues: Vec<Value> = serde_json::from_str(&text).expect("a list");
        assert!(!issues.is_empty());
        for issue in &issues {
            for field in ["description", "check_name", "fingerprint"] {
                assert!(issue[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {issue}");
            }
            let severity = issue["severity"].as_str().unwrap_or_default();
            assert!(["info", "minor", "major", "critical", "blocker"].contains(&severity), "{issue}");
            let path = issue["location"]["path"].as_str().expect("a path");
            assert!(!path.starts_with('/') && !path.starts_with("./"), "{path}");
            assert!(issue["location"]["lines"]["begin"].as_u64().is_some_and(|line| line > 0), "{issue}");
        }
    }
    assert_eq!(render("gitlab-code-quality", &conforming()), "[]\n");
}
