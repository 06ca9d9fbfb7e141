//! Comparisons of run records.

use crate::common::{conforming, failing, hostile, of_every_verdict, unsafe_characters};
use vouch_report::{Matrix, MatrixFormat, diff};
use vouch_runner::record::RunRecord;
use vouch_runner::run::verdict::Verdict;

#[test]
fn a_record_does_not_differ_from_itself() {
    let diff = diff(&failing(), &failing());
    assert_eq!(diff.to_text(), "No case changed between passed and failed.\n");
    assert!(!diff.has_regression());
}

#[test]
fn what_a_new_build_broke_is_named_with_clause_and_reason_and_what_changed_on_the_wire() {
    let diff = diff(&conforming(), &failing());
    assert!(diff.has_regression());
    assert_eq!((diff.broke.len(), diff.fixed.len(), diff.same_suite), (4, 0, true));
    assert!(
        diff.broke.iter().all(|case| case.clauses == ["MIG-5"] && case.before == "passed" && case.after == "failed")
    );
    // The mutant sends what it must not send; cases that pass in both are the same on the wire.
    assert_eq!(diff.wire.values().flatten().count(), 4, "{:#?}", diff.wire);
    let text = diff.to_text();
    for part in ["broke: 4\n", "(MIG-5): passed, now failed\n    expected ", "changed on the wire: ", "    + sdk to "] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(text.ends_with("The new build breaks 4 cases and fixes 0 cases.\n"), "{text}");
}

#[test]
fn what_a_new_build_fixed_is_no_regression() {
    let diff = diff(&failing(), &conforming());
    assert_eq!((diff.broke.len(), diff.fixed.len(), diff.has_regression()), (0, 4, false));
    assert!(diff.fixed.iter().all(|case| !case.why.is_empty()), "the finding that is gone");
}

#[test]
fn a_case_that_became_skipped_is_no_longer_tested_and_not_broken() {
    let mut new = conforming();
    new.cases[0].verdict = Verdict::Skipped("it needs the capability `clock`".into());
    new.started.capabilities.retain(|word| word != "clock");
    let diff = diff(&conforming(), &new);
    assert_eq!((diff.no_longer_tested.len(), diff.has_regression()), (1, false));
    assert!(diff.to_text().contains("capabilities that the new build does not claim: clock"), "{}", diff.to_text());
}

/// The record with another suite, whose first case has one more step.
fn other_suite(mut record: RunRecord) -> RunRecord {
    record.started.suite.sha256 = "0".repeat(64);
    let first = record.cases.iter_mut().min_by(|a, b| a.id.cmp(&b.id)).expect("a case");
    first.record.as_mut().expect("steps").planned_steps += 1;
    record
}

#[test]
fn changes_of_the_suite_are_told_apart_from_changes_of_the_build() {
    let failed = |record: &RunRecord| {
        record
            .cases
            .iter()
            .filter(|case| matches!(case.verdict, Verdict::Failed(_)))
            .map(|case| case.id.clone())
            .collect::<Vec<_>>()
    };
    let mut new = other_suite(failing());
    let all = failed(&new);
    let added = new.cases.iter_mut().find(|case| case.id == all[0]).expect("it is there");
    added.id = "an-added-case".into();
    let changed =
        all.iter().skip(1).filter(|id| *id == new.cases.iter().map(|case| &case.id).min().expect("cases")).count();
    let diff = diff(&conforming(), &new);
    assert_eq!((diff.only_before.len(), diff.only_after.len()), (1, 1));
    assert_eq!(diff.broke.len(), 3 - changed, "an added case that fails is no regression");
    let text = diff.to_text();
    for part in ["changes of the suite: ", "an-added-case: only in the new record, failed", "the scenario is another"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn other_cases_of_the_same_suite_are_no_change_of_it() {
    let mut new = conforming();
    new.cases.truncate(5);
    let text = diff(&conforming(), &new).to_text();
    assert!(text.contains("the runs had other cases of the same suite: 3\n"), "{text}");
}

fn matrix(records: Vec<RunRecord>) -> Matrix {
    let named = records.into_iter().enumerate().map(|(number, record)| (format!("run-{number}.vouch"), record));
    Matrix::of(&named.collect::<Vec<_>>())
}

#[test]
fn a_matrix_has_a_column_for_each_build_and_a_row_for_each_clause_that_applies() {
    let matrix = matrix(vec![conforming(), failing()]);
    let text = matrix.render(MatrixFormat::Console);
    assert!(text.starts_with("A  vouch-reference 0.1.0 (run-0.vouch, edition 2): The chosen cases passed."), "{text}");
    let row = text.lines().find(|line| line.starts_with("MIG-5 ")).expect("a row");
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["MIG-5", "must", "satisfied", "violated"]);
    let markdown = matrix.render(MatrixFormat::Markdown);
    assert!(markdown.contains("| MIG-5 | must | satisfied | **violated** | "), "{markdown}");
    let html = matrix.render(MatrixFormat::Html);
    assert!(
        html.contains(
            "<th scope=\"row\">MIG-5</th><td>must</td><td>satisfied</td><td class=\"violated\">violated</td>"
        )
    );
    assert!(text.contains("clauses apply to none of the runs."), "{text}");
}

#[test]
fn a_clause_that_a_suite_does_not_have_is_marked() {
    let mut old = conforming();
    let mut summary = old.summary();
    summary.clauses.retain(|clause| clause.id != "MIG-5");
    old.written_summary = Some(summary);
    let text = matrix(vec![failing(), old]).render(MatrixFormat::Console);
    let row = text.lines().find(|line| line.starts_with("MIG-5 ")).expect("a row");
    assert!(row.ends_with("violated        not in suite"), "{row}");
}

#[test]
fn hostile_text_has_no_effect() {
    let text = diff(&conforming(), &hostile()).to_text() + &diff(&hostile(), &of_every_verdict()).to_text();
    assert_eq!(unsafe_characters(&text), "");
    for (word, format) in MatrixFormat::ALL {
        let text = matrix(vec![hostile(), conforming()]).render(format);
        assert_eq!(unsafe_characters(&text), "", "{word}");
        assert!(word == "console" || !text.contains("<script"), "{text}");
    }
}
