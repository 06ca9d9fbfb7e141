//! Exploration as its users meet it.

mod common;

use common::{stdout, vouch};
use predicates::str::contains;

#[test]
fn the_reference_keeps_to_the_model_on_many_walks() {
    let args = ["explore", "--seed", "1", "--walks", "150", "--seconds", "60"];
    let out = stdout(&vouch().args(args).assert().success());
    assert!(out.contains("150 walks of 30 events from seed 1"), "{out}");
    assert!(out.contains("no walk leaves the model or breaks an invariant"), "{out}");
}

#[test]
fn a_planted_fault_is_found_shortened_and_written_as_a_scenario_that_replays() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let args = ["explore", "--seed", "1", "--seconds", "60", "--jobs", "1", "--plant", "region-ignored", "--output"];
    let out = stdout(&vouch().args(args).arg(folder.path()).assert().code(1));
    let short = (1..=4).any(|events| out.contains(&format!("shortened to {events} events")));
    assert!(short && out.contains("OtherRegion"), "{out}");
    let files: Vec<_> = std::fs::read_dir(folder.path()).expect("readable").flatten().map(|e| e.path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    std::fs::copy("scenarios/clauses.yaml", folder.path().join("clauses.yaml")).expect("copied");
    vouch().args(["run", "--ci"]).arg(&files[0]).assert().success().stdout(contains("the build conforms"));
    let replay = vouch().args(["run", "--ci", "--plant", "region-ignored"]).arg(&files[0]).assert().code(1);
    assert!(stdout(&replay).contains("broken MIG-5"), "{}", stdout(&replay));
    // The same seed tells the same.
    let again = stdout(&vouch().args(args).arg(folder.path()).assert().code(1));
    let walk = |text: &str| text.lines().filter(|line| line.starts_with("    ")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(walk(&out), walk(&again));
}

#[test]
fn a_fault_that_does_not_exist_is_told_with_the_nearest_one() {
    let assert = vouch().args(["run", "--plant", "keeps-keys"]).assert().code(2);
    assert!(common::stderr(&assert).contains("did you mean `keeps-key`?"), "{}", common::stderr(&assert));
}
