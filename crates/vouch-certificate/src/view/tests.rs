//! Tests of the page and the badge, on the record of a real run.

use super::{CertificateView, FileNames, cut, listed};
use crate::key::SigningKey;
use crate::statement::Statement;
use serde_json::{Value, json};
use vouch_runner::record::RunRecord;
use vouch_runner::run::event::RunEvent;
use vouch_runner::run::summary::{ClauseStatus, RunEnd};
use vouch_spec::text::OutsideText;

/// What a hostile build, file or server puts into every text.
const HOSTILE: &str = "\u{1b}[2J\0\u{9b}31m\u{202e}\u{2066}\u{feff}\u{ffff}</title></style></svg>]]><script>alert(1)</script>\
    <img src=x onerror=a>\"'><!--\r\n&amp;";

/// A record that can be certified, after changes of its start.
fn record(change: impl FnOnce(&mut Value)) -> RunRecord {
    let (mut started, mut cases) = (None, vec![]);
    for line in include_str!("../../../vouch-report/tests/fixtures/conforming.jsonl").lines() {
        match serde_json::from_str(line).expect("an event") {
            RunEvent::Started(of) => started = Some(*of),
            RunEvent::CaseFinished(case) => cases.push(*case),
            RunEvent::Progress { .. } | RunEvent::Finished(_) => {}
        }
    }
    let mut value = serde_json::to_value(started.expect("a start")).expect("JSON");
    value["buildDigest"] = json!({ "name": "dist/sdk.tar.gz", "sha256": "b".repeat(64) });
    value["roles"] = json!(["sdk"]);
    change(&mut value);
    let started = serde_json::from_value(value).expect("a start");
    let mut record = RunRecord { started, cases, written_summary: None, sha256: "c".repeat(64) };
    record.written_summary = Some(record.summarize(RunEnd::default()));
    record
}

/// The page and the badge.
fn views(record: &RunRecord, files: FileNames<'_>) -> (String, String) {
    let key = SigningKey::generate().expect("a key").public_key();
    let statement = Statement::of(record).expect("a statement");
    let view = CertificateView { statement: &statement, record, key: &key, files };
    let page = view.page();
    assert!(page.contains(&key.id()));
    (page, view.badge())
}

/// Waivers with a text in each field.
fn waivers(count: usize, text: &str) -> Value {
    let waiver = json!({
        "clause": text, "case": text, "reason": text, "owner": text, "expires": text,
        "location": { "file": text, "line": 1, "column": 1 },
    });
    json!({ "day": "2026-11-28", "waivers": vec![waiver; count] })
}

/// A record with a text in the place of each text that comes from outside.
fn of_text(text: &str) -> RunRecord {
    let mut record = record(|started| {
        started["sdk"] = json!({ "name": text, "version": text, "platform": text });
        started["buildDigest"] = json!({ "name": text, "sha256": text });
        for field in ["roles", "capabilities"] {
            started[field] = json!(vec![text; 40]);
        }
        for field in ["target", "profile", "vouch"] {
            started[field] = json!(text);
        }
        started["suite"]["sha256"] = json!(text);
        started["gate"] = waivers(9, text);
    });
    let summary = record.written_summary.as_mut().expect("a summary");
    let statuses = [ClauseStatus::Satisfied, ClauseStatus::Violated, ClauseStatus::Waived, ClauseStatus::NotTested];
    let clause = summary.clauses[0].clone();
    for number in 0..400 {
        let mut other = clause.clone();
        (other.id, other.status) = (format!("{text}{number}"), statuses[number % 4]);
        summary.clauses.push(other);
    }
    record
}

#[test]
fn the_page_says_what_was_tested_and_how_to_verify_it() {
    let record = record(|_| ());
    let files = FileNames { certificate: Some("cert.json"), key: Some("a b.pub"), record: Some("-x") };
    let (page, badge) = views(&record, files);
    let (build, of_record) = ("b".repeat(64), "c".repeat(64));
    for text in [
        "The build conforms.",
        "vouch-reference",
        "Role sdk, profile junction",
        "dist/sdk.tar.gz",
        &format!("SHA-256 {build}"),
        &format!("SHA-256 {of_record}"),
        "edition 2, bundled with Vouch",
        "No waivers.",
        "No known failures",
        "MIG-5",
        "region-ignored",
        "2026-11-28",
        // A name that a shell does not take as it is gives way to the usual one.
        &format!("vouch verify cert.json --key team.pem.pub --record run.vouch --require must --build-digest {build}"),
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(
        badge.contains("<title>vouch-reference 0.1.0 conforms (sdk, profile junction, suite edition 2, 2026-11-28)<")
    );
    assert!(badge.contains(">0.1.0 conforms</text>") && badge.contains("#2a7e2e"), "{badge}");
}

#[test]
fn a_reservation_is_in_the_verdict_of_page_and_badge() {
    let mut record = record(|started| started["gate"] = waivers(1, "MIG-5"));
    let (page, badge) = views(&record, FileNames::default());
    assert!(page.contains("The build conforms, 1 waiver.") && page.contains("--waivers-allowed"), "{page}");
    assert!(badge.contains("conforms, 1 waiver</text>") && badge.contains("#8f5f00"), "{badge}");
    record.started.gate = vouch_runner::gate::Gate::default();
    record.written_summary.as_mut().expect("a summary").clauses[0].status = ClauseStatus::NotTested;
    let (page, badge) = views(&record, FileNames::default());
    assert!(page.contains("It conforms as far as it was tested.") && !page.contains("--require must"), "{page}");
    assert!(badge.contains("conforms, 1 clause not tested</text>"), "{badge}");
}

#[test]
fn hostile_texts_stay_text_in_page_and_badge() {
    let (page, badge) = views(&of_text(HOSTILE), FileNames::default());
    for view in [&page, &badge] {
        assert!(!view.contains("<script") && !view.contains("<img"), "{view}");
        assert_eq!(view.matches("</title>").count(), 1);
        let unsafe_character = view.chars().find(|character| *character != '\n' && !OutsideText::is_safe(*character));
        assert_eq!(unsafe_character, None);
        assert!(view.contains("\\u{202e}"), "{view}");
    }
    assert_eq!((page.matches("</style>").count(), badge.matches("</svg>").count()), (1, 1));
    // Each element of the badge ends: it is well-formed XML.
    assert_eq!(badge.matches("</").count() * 2, badge.matches('<').count());
}

#[test]
fn texts_of_100_kilobytes_are_cut_with_their_length() {
    // Also a text of which each character becomes an escape.
    for text in ["W".repeat(100_000), "\u{202e}".repeat(100_000)] {
        let (page, badge) = views(&of_text(&text), FileNames::default());
        assert!(page.len() < 25_000, "{} bytes", page.len());
        assert!(badge.len() < 4_000, "{} bytes", badge.len());
        for view in [page, badge] {
            assert!(view.contains("… (100000 characters)") || view.contains("… (200001 characters)"), "{view}");
        }
    }
    assert_eq!(cut("abcdef", 3), "abc… (6 characters)");
    assert_eq!(listed(["a", "b", "c", "d"].into_iter(), 6), (vec!["a".to_owned(), "b".to_owned()], 2));
}

#[test]
fn the_page_asks_for_nothing() {
    let (page, badge) = views(&record(|_| ()), FileNames::default());
    for request in ["<script", "src=", "@import", "url(", "http://", "https://"] {
        assert!(!page.contains(request), "{request}");
    }
    assert!(page.contains("default-src 'none'"));
    assert_eq!(badge.matches("http").count(), 1, "the namespace of SVG");
}
