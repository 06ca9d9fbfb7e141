//! Tests of the HTML report, on lines of a real run of the mutant `region-ignored`.

use super::render;
use vouch_runner::record::RunRecord;
use vouch_runner::run::event::RunEvent;
use vouch_runner::run::summary::Completeness;
use vouch_runner::run::verdict::Verdict;

/// The record, after a change of its text.
fn record(change: impl Fn(String) -> String) -> RunRecord {
    let text = change(include_str!("fixtures/region-ignored.jsonl").to_owned());
    let (mut started, mut cases) = (None, Vec::new());
    for line in text.lines() {
        match serde_json::from_str(line).expect("an event") {
            RunEvent::Started(of) => started = Some(*of),
            RunEvent::CaseFinished(case) => cases.push(*case),
            RunEvent::Progress { .. } | RunEvent::Finished(_) => {}
        }
    }
    RunRecord { started: started.expect("a start"), cases, written_summary: None, sha256: String::new() }
}

fn page(record: &RunRecord) -> String {
    render(record).expect("a page")
}

/// The text of a JSON string without its quotes.
fn json(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("JSON");
    quoted[1..quoted.len() - 1].to_owned()
}

#[test]
fn the_diagram_marks_the_arrow_of_the_failed_step_only() {
    let page = page(&record(|text| text));
    assert_eq!(page.matches("<g class=\"failing\">").count(), 1);
    let marked =
        page.split_once("<g class=\"failing\">").and_then(|(_, rest)| rest.split_once("</g>")).expect("a mark").0;
    assert!(
        marked.contains("4: exchange") && marked.contains("POST /v1/token") && marked.contains("✗ 200"),
        "{marked}"
    );
    assert_eq!(page.matches("<g class=\"exchange\">").count(), 3);
    assert!(page.contains("changed by the failed step"));
}

#[test]
fn hostile_texts_stay_text() {
    let clean = page(&record(|text| text));
    let hostile = "</title></style></pre><script>alert(1)</script>]]>\u{1b}[31m\u{202e}\"'><img src=x onerror=a>";
    // In a name, a title, a path, a body, a description, a stored value and a party.
    let page = page(&record(|text| {
        [
            "vouch-reference",
            "A token from another region",
            "/v1/token",
            "grant_type",
            "signIn with",
            "scheme\\\\\\\"",
            "production us",
        ]
        .iter()
        .fold(text, |text, part| text.replace(part, &json(hostile)))
    }));
    let tags = |page: &str, tag: &str| page.matches(tag).count();
    assert_eq!(tags(&page, "<script"), 0);
    assert_eq!(tags(&page, "<img"), 0);
    for tag in ["</title>", "</style>", "</pre>", "</svg>", "</details>"] {
        // The diagram has a `title` for each text that it cuts.
        assert!(tag == "</title>" || tags(&page, tag) == tags(&clean, tag), "{tag}");
    }
    assert!(page.contains("&lt;script&gt;"));
    assert!(page.contains("\\u{202e}") && page.contains("\\u{1b}"), "they are visible");
    let unsafe_character = page.chars().find(|character| character.is_control() && *character != '\n');
    assert_eq!((unsafe_character, page.contains('\u{202e}')), (None, false));
}

#[test]
fn a_text_of_a_megabyte_is_cut() {
    let long = "x".repeat(1 << 20);
    let page = page(&record(|text| text.replace("/v1/token", &long).replace("signIn with", &long)));
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
    assert!(page.contains("characters)"));
}

#[test]
fn of_very_many_failed_cases_only_some_are_shown_in_full_and_each_is_there() {
    let mut record = record(|text| text);
    let failed =
        record.cases.iter().find(|case| matches!(case.verdict, Verdict::Failed(_))).expect("a failed case").clone();
    for number in 0..2_000 {
        record.cases.push(vouch_runner::run::verdict::CaseReport { id: format!("copy {number}"), ..failed.clone() });
    }
    let page = page(&record);
    assert_eq!(page.matches("<details class=\"case\"").count(), 200);
    assert_eq!(page.matches("id=\"case-").count(), record.cases.len(), "each case has its place");
    assert!(page.contains("Further cases that did not pass: 1801"), "the rest is counted");
}

#[test]
fn a_part_of_the_suite_never_conforms() {
    let mut record = record(|text| text);
    record.cases.retain(|case| matches!(case.verdict, Verdict::Passed));
    record.started.cases = record.cases.len();
    let mut summary = record.summarize(vouch_runner::run::summary::RunEnd::default());
    record.written_summary = Some(summary.clone());
    assert!(page(&record).contains("The build conforms"));
    summary.completeness = Completeness::Part;
    record.written_summary = Some(summary);
    let page = page(&record);
    assert!(page.contains("The chosen cases passed.") && !page.to_lowercase().contains("conform"));
}

#[test]
fn the_page_asks_for_nothing() {
    let page = page(&record(|text| text));
    for request in ["<script", "src=", "@import", "url(", "http-equiv=\"refresh\""] {
        assert!(!page.contains(request), "{request}");
    }
    assert!(page.contains("default-src 'none'"));
}
