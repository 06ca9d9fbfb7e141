//! What `vouch check` says about broken files: scenarios, target files and load files under `tests/broken/`. It must find all that
//! a run would refuse.

mod common;

use common::{stderr, stdout, vouch};
use std::path::{Path, PathBuf};

/// The files of the corpus with this ending.
fn corpus(extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable").path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    files.sort();
    assert!(!files.is_empty(), "no *.{extension} in tests/broken");
    files
}

fn name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().replace('.', "-")
}

#[test]
fn every_mistake_of_a_target_file_is_reported_with_its_place() {
    for file in corpus("toml") {
        let relative = Path::new("tests/broken").join(file.file_name().expect("a name"));
        let err = stderr(&vouch().args(["check", "-f", "MIG-5", "-t"]).arg(&relative).assert().code(2));
        insta::assert_snapshot!(name(&file), err);
        // A run refuses the same, before it starts anything.
        let run = stderr(&vouch().args(["run", "-f", "MIG-5", "-t"]).arg(&relative).assert().code(2));
        assert_eq!(err, run);
    }
}

#[test]
fn every_mistake_of_a_scenario_is_reported_with_its_place() {
    for file in corpus("yaml").into_iter().filter(|file| !name(file).starts_with("load")) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::copy("scenarios/clauses.yaml", folder.path().join("clauses.yaml")).expect("copied");
        std::fs::copy(&file, folder.path().join(file.file_name().expect("a name"))).expect("copied");
        let assert = vouch().args(["check", "."]).current_dir(folder.path()).assert().code(2);
        insta::assert_snapshot!(name(&file), stderr(&assert));
    }
}

#[test]
fn every_mistake_of_a_load_file_is_reported_with_its_place() {
    let args = ["check", "-f", "MIG-5", "--load", "tests/broken/load.yaml"];
    insta::assert_snapshot!("load-yaml", stderr(&vouch().args(args).assert().code(2)));
    vouch().args(["load", "tests/broken/load.yaml"]).assert().code(2);
}

#[test]
fn a_load_file_that_no_load_can_follow_is_refused_by_check() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("load.yaml");
    std::fs::write(&file, "thresholds: [rate>=500/s]\narrivals: 100/s\n").expect("written");
    let err = stderr(&vouch().args(["check", "--load"]).arg(&file).assert().code(2));
    assert!(err.contains("load.yaml: `rate>=500/s` can never hold"), "{err}");
    vouch().args(["check", "--load", "loads/morning.yaml"]).assert().success();
}

#[test]
fn a_folder_of_ones_own_adds_clauses_and_scenarios_with_either_ending() {
    for (clauses, scenario) in [("clauses.yaml", "vip.yml"), ("clauses.yml", "vip.yaml")] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = "groups:\n  - id: OWN\n    title: Our own\n    clauses:\n      - {id: OWN-1, level: should, since: 1, source: ours, text: 'The first sign-in works.'}\n";
        std::fs::write(folder.path().join(clauses), text).expect("written");
        let text = "id: own-sign-in\ntitle: t\nproves: [OWN-1, EXC-1]\nsteps: [{signedIn: ada}]\n";
        std::fs::write(folder.path().join(scenario), text).expect("written");
        let own = || {
            let mut command = vouch();
            command.arg("run").args(["--ci", "-f", "OWN", "--with"]).arg(folder.path());
            command
        };
        let out = stdout(&own().assert().success());
        assert!(out.contains("1 passed"), "{out}");
        let all = stdout(&vouch().args(["clauses", "--with"]).arg(folder.path()).assert().success());
        assert!(all.contains("OWN-1") && all.contains("MIG-5"), "{all}");
    }
}
