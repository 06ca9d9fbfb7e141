//! The history of builds in a folder of records.

use crate::common::{conforming, failing};
use vouch_report::{History, MatrixFormat};
use vouch_runner::record::{BuildDigest, RunRecord};

/// A record of the day of November 2026, of a build with this digest.
fn of(mut record: RunRecord, day: u32, digest: Option<&str>) -> RunRecord {
    record.started.target = "ours".into();
    record.started.started_at = format!("2026-11-{day:02}T10:00:00Z");
    record.started.build_digest = digest.map(|sha256| BuildDigest { name: "sdk".into(), sha256: sha256.repeat(64) });
    record
}

fn history(runs: &[(u32, RunRecord, Option<&str>)]) -> String {
    let mut history = History::new();
    for (day, record, digest) in runs {
        history.add(&format!("{day}.vouch"), &of(record.clone(), *day, *digest));
    }
    let text = history.render(MatrixFormat::Console);
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
}

#[test]
fn the_record_that_broke_a_clause_and_the_one_that_mended_it_are_named() {
    // Records are added in any order.
    let (good, bad) = (conforming, failing);
    let text = history(&[(4, bad(), Some("c")), (1, good(), Some("a")), (3, bad(), Some("b")), (2, good(), Some("a"))]);
    assert!(text.contains("ours (role built in, profile junction): 4 runs"), "{text}");
    assert!(text.contains("MIG-5 ++XX violated 3.vouch (2026-11-03, "), "{text}");
    assert!(text.contains("No case is flaky"), "{text}");
    let text = history(&[(1, bad(), None), (2, bad(), None), (3, good(), None)]);
    assert!(text.contains("MIG-5 XX+ satisfied 1.vouch (2026-11-01, "), "{text}");
    assert!(text.contains("3.vouch (2026-11-03, ") && text.contains("3 runs have no digest"), "{text}");
}

#[test]
fn a_case_is_flaky_only_if_one_build_passes_and_fails_it() {
    let flaky = history(&[(1, conforming(), Some("a")), (2, failing(), Some("a")), (3, failing(), Some("a"))]);
    assert!(flaky.contains("[production eu] aaaaaaaaaaaa 1 2 3.vouch"), "{flaky}");
    for (first, second) in [(Some("a"), Some("b")), (None, None)] {
        let text = history(&[(1, conforming(), first), (2, failing(), second)]);
        assert!(text.contains("No case is flaky"), "{text}");
    }
}

#[test]
fn other_targets_are_other_series_in_every_format() {
    let mut history = History::new();
    history.add("a.vouch", &of(conforming(), 1, None));
    let mut other = of(failing(), 2, None);
    other.started.target = "<b>theirs|\u{1b}".into();
    history.add("b.vouch", &other);
    let page = history.render(MatrixFormat::Html);
    assert_eq!(page.matches("<h2>").count(), 2, "{page}");
    assert!(page.contains("&lt;b&gt;theirs|\\u{1b}") && !page.contains("<b>"), "{page}");
    let markdown = history.render(MatrixFormat::Markdown);
    assert!(markdown.contains("## &lt;b&gt;theirs\\|\\\\u{1b} (role built in"), "{markdown}");
    assert!(markdown.contains("| clause | trend | now |"), "{markdown}");
}
