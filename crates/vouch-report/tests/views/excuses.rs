//! Waived findings and known failures are no passes, and apart from failures, in every view.

use crate::common::{HOSTILE, excused, failing, hostile_of, render, unsafe_characters};
use serde_json::Value;
use vouch_report::{Console, Detail, Format, History, Matrix, MatrixFormat, diff};
use vouch_runner::record::RunRecord;
use vouch_runner::run::summary::Outcome;
use vouch_runner::run::verdict::Verdict;

fn console(record: &RunRecord) -> String {
    let mut out = vec![];
    record.replay(&mut Console::new(&mut out, Detail::default(), false)).expect("written");
    String::from_utf8(out).expect("UTF-8").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn each_view_for_people_names_waiver_known_failures_and_what_is_out_of_date() {
    let record = excused();
    assert_eq!(record.summary().outcome(), Outcome::GateOutdated);
    for (name, view) in [
        ("console", console(&record)),
        ("html", render("html", &record)),
        ("markdown", render("markdown", &record)),
        ("github-summary", render("github-summary", &record)),
    ] {
        assert!(view.contains("1 waived, 3 known to fail"), "{name}: {view}");
        assert!(view.contains("unexpected pass") && view.contains("remove line 4 of known.txt"), "{name}: {view}");
        assert!(view.contains("out of date"), "{name}: {view}");
    }
    // The specimen of the cause is waived; the waiver covers no other case.
    assert!(render("markdown", &record).contains("until 2027-01-31: ticket 7 (owner: team sdk)"));
    assert!(render("html", &record).contains("known failure: known.txt:1"));
}

#[test]
fn a_clause_that_only_known_failures_violate_is_known_failing_in_each_view() {
    let mut record = excused();
    record.started.gate = serde_json::from_value({
        let mut gate = serde_json::to_value(&record.started.gate).expect("JSON");
        gate["waivers"] = serde_json::json!([]);
        gate
    })
    .expect("a gate");
    record.cases.retain(|case| !matches!(case.verdict, Verdict::Waived(_)));
    record.written_summary = None;
    for (name, view) in [
        ("console", console(&record)),
        ("html", render("html", &record)),
        ("markdown", render("markdown", &record)),
        ("junit", render("junit", &record)),
        ("ctrf", render("ctrf", &record)),
        ("json", render("json", &record)),
        ("matrix", Matrix::of(&[("a".into(), record.clone())]).render(MatrixFormat::Console)),
    ] {
        assert!(view.contains("known failing") || view.contains("nownFailing"), "{name}: {view}");
        assert!(!view.contains("1 violated") && !view.contains("must violated"), "{name}: {view}");
    }
    assert!(render("junit", &record).contains("<property name=\"clauses.knownFailing\" value=\"MIG-5\"/>"));
    let ctrf: Value = serde_json::from_str(&render("ctrf", &record)).expect("JSON");
    assert_eq!(ctrf["results"]["summary"]["extra"]["clauses"], serde_json::json!({ "knownFailing": ["MIG-5"] }));
    let mut history = History::new();
    history.add("a", &record);
    assert!(
        history.render(MatrixFormat::Console).contains("known failing"),
        "{}",
        history.render(MatrixFormat::Console)
    );
}

#[test]
fn ci_servers_see_neither_a_pass_nor_a_failure() {
    let record = excused();
    let junit = render("junit", &record);
    assert!(junit.contains("tests=\"9\" failures=\"1\" errors=\"0\" time="), "{junit}");
    assert_eq!(junit.matches("<skipped").count(), 4);
    assert!(junit.contains("<failure type=\"unexpected pass\""), "{junit}");
    let ctrf: Value = serde_json::from_str(&render("ctrf", &record)).expect("JSON");
    let count = |name: &str| ctrf["results"]["summary"][name].as_u64();
    assert_eq!(["tests", "passed", "failed", "skipped"].map(count), [Some(9), Some(4), Some(1), Some(4)]);
    let json: Value = serde_json::from_str(&render("json", &record)).expect("JSON");
    let words = json["cases"].as_array().expect("cases").iter().map(|case| case["verdict"].as_str());
    let words: Vec<_> = words.flatten().filter(|word| *word != "passed").collect();
    assert_eq!(words.iter().filter(|word| **word == "knownFailure").count(), 3, "{words:?}");
    assert_eq!(words.iter().filter(|word| **word == "waived").count(), 1, "{words:?}");
}

#[test]
fn dashboards_get_suppressed_results_and_the_entries_that_are_out_of_date() {
    let record = excused();
    let sarif: Value = serde_json::from_str(&render("sarif", &record)).expect("JSON");
    let run = &sarif["runs"][0];
    assert_eq!(run["results"][0]["suppressions"][0]["status"], "accepted");
    assert_eq!(run["invocations"][0]["toolExecutionNotifications"][0]["descriptor"]["id"], "gateOutdated");
    let plain: Value = serde_json::from_str(&render("sarif", &failing())).expect("JSON");
    assert!(plain["runs"][0]["results"][0]["suppressions"].is_null());
    let annotations = render("github-annotations", &record);
    assert!(annotations.starts_with("::error file=known.txt,line=4,title=unexpected pass::"), "{annotations}");
    assert!(annotations.lines().nth(1).is_some_and(|line| line.starts_with("::notice ")), "{annotations}");
    let gitlab: Value = serde_json::from_str(&render("gitlab-code-quality", &record)).expect("JSON");
    assert_eq!((&gitlab[0]["severity"], &gitlab[1]["location"]["path"]), (&"info".into(), &"known.txt".into()));
}

#[test]
fn comparisons_show_waived_clauses_and_no_regression() {
    let (old, mut new) = (failing(), excused());
    let mut all_waived = serde_json::to_value(&new.started.gate).expect("JSON");
    all_waived["waivers"][0].as_object_mut().expect("a waiver").remove("case");
    all_waived.as_object_mut().expect("a gate").remove("knownFailures");
    new.started.gate = serde_json::from_value(all_waived).expect("a gate");
    new.cases = old.cases.clone();
    for case in &mut new.cases {
        let verdict = case.verdict.clone();
        case.verdict = new.started.gate.apply(&case.id, verdict, &new.started.suite.clauses, new.started.strictness);
    }
    new.written_summary = None;
    let matrix = Matrix::of(&[("a".into(), old.clone()), ("b".into(), new.clone())]);
    let row = matrix.render(MatrixFormat::Console);
    assert!(row.lines().any(|line| line.split_whitespace().eq(["MIG-5", "must", "violated", "waived"])), "{row}");
    let mut good = crate::common::conforming();
    good.cases.retain(|case| new.cases.iter().any(|other| other.id == case.id));
    let change = diff(&good, &new);
    assert_eq!((change.has_regression(), change.newly_excused.len()), (false, 4));
    assert!(change.to_text().contains("breaks 4 cases that waivers or known failures accept"), "{}", change.to_text());
}

#[test]
fn hostile_reasons_and_paths_have_no_effect() {
    let record = hostile_of(excused(), HOSTILE);
    for (name, format) in Format::ALL.iter().filter(|(name, _)| *name != "json") {
        let text = format.render(&record).expect("a report");
        assert_eq!(unsafe_characters(&text), "", "{name}");
    }
    assert!(!render("html", &record).contains("<script"));
}
