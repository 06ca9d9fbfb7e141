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
fn every_mistake_of_a_fault_is_reported_with_its_place() {
    for name in ["load_faults", "load_fault_fields", "load_numbers", "load_seed", "load_whole"] {
        let file = format!("tests/broken/{name}.yaml");
        let err = stderr(&vouch().args(["check", "-f", "MIG-5", "--load", &file]).assert().code(2));
        insta::assert_snapshot!(format!("{name}-yaml"), err);
    }
}

#[test]
fn a_load_file_that_no_load_can_follow_is_refused_by_check() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("load.yaml");
    std::fs::write(&file, "thresholds: [rate>=500/s]\narrivals: 100/s\n").expect("written");
    let err = stderr(&vouch().args(["check", "--load"]).arg(&file).assert().code(2));
    assert!(err.contains("`rate>=500/s` can never hold") && err.contains("load.yaml:1:14]"), "{err}");
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

/// A target file with a cloud at this URL.
fn realm_at(url: &str) -> String {
    format!(
        "[cloud]\nname = \"c\"\n[[cloud.realms]]\nenvironment = \"production\"\nregion = \"us\"\napi = \"{url}\"\n\
         auth = \"{url}\"\napiKey = \"k\"\n"
    )
}

/// Files that nobody writes by hand: each is refused at once, with a text that a terminal does not obey.
fn generated(folder: &Path) -> Vec<(PathBuf, &'static str)> {
    let far = "x".repeat(70_000);
    let files = [
        ("far.toml", format!("a = \"{far}\" oops = 1\n"), "this is not TOML"),
        ("far-field.toml", format!("sdk = {{ name = \"{far}\", zork = 1 }}\n"), "unknown field `zork`"),
        ("long-name.toml", format!("{far} = 1\n"), "unknown field"),
        ("escapes.toml", "\"\\u001b]0;owned\\u0007\\nthe build conforms\" = 1\n".into(), "\\u{1b}]0;owned"),
        ("long.toml", format!("a = [{}]\n", "1,".repeat(2 << 20)), "it is longer than 2 MiB"),
        ("many.toml", "x = 1\n".repeat(20_000), "… and"),
        ("port.toml", realm_at("http://127.0.0.1:99999"), "ports are 1 to 65535"),
    ];
    let mut all = vec![(PathBuf::from("/dev/zero"), "it is not a regular file")];
    let pipe = folder.join("pipe.toml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    all.push((pipe, "it is not a regular file"));
    for (name, text, why) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("writable");
        all.push((path, why));
    }
    all
}

#[test]
fn generated_files_are_refused_at_once_and_safely() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (path, why) in generated(folder.path()) {
        let started = std::time::Instant::now();
        let err = stderr(&vouch().args(["check", "-f", "MIG-5", "-t"]).arg(&path).assert().code(2));
        assert!(err.contains(why), "{}: {err}", path.display());
        assert!(err.len() < 200_000, "{}: {} bytes", path.display(), err.len());
        let obeyed = err.chars().find(|character| character.is_control() && *character != '\n');
        assert_eq!(obeyed, None, "{}", path.display());
        assert!(!err.lines().any(|line| line.trim() == "the build conforms"), "{err}");
        assert!(started.elapsed() < std::time::Duration::from_secs(20), "{}: {:?}", path.display(), started.elapsed());
    }
}

#[test]
fn absurd_numbers_are_refused_with_their_range() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("load.yaml");
    for (text, why) in [
        ("threads: 100000", "`threads` is 100000; it must be 1 to 256"),
        ("connections: 4000000000", "`connections` is 4000000000; it must be 1 to 10000000"),
        ("duration: 18446744073709551615h", "is longer than a century"),
        ("arrivals: 99999999999999/s", "more than one machine can send"),
    ] {
        std::fs::write(&file, format!("{text}\n")).expect("written");
        let err = stderr(&vouch().args(["check", "-f", "MIG-5", "--load"]).arg(&file).assert().code(2));
        assert!(err.contains(why), "{text}: {err}");
    }
}
