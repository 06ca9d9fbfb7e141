//! The binary without its repository: copied alone into an empty folder, it runs the suite that is bundled with it.

use assert_cmd::Command;
use predicates::str::contains;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder with nothing but the binary.
struct Installed {
    folder: TempDir,
}

impl Installed {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let installed = Self { folder };
        // `cp` copies, not this process: a child that another test starts meanwhile would inherit the file open for writing, and a file that
        // is open for writing cannot be executed ("Text file busy").
        Command::new("cp").arg(assert_cmd::cargo::cargo_bin("vouch")).arg(installed.path("vouch")).assert().success();
        installed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The binary, run from its folder with nothing of this build's environment but the search path.
    fn vouch(&self) -> Command {
        let mut command = Command::new(self.path("vouch"));
        command.current_dir(self.folder.path()).env_clear().env("CI", "true").env("NO_COLOR", "1");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.timeout(std::time::Duration::from_secs(120));
        command
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("created");
    for entry in std::fs::read_dir(from).expect("readable") {
        let path = entry.expect("readable").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, target).expect("copied");
        }
    }
}

#[test]
fn the_binary_alone_runs_the_bundled_suite_on_the_built_in_roles() {
    Installed::new().vouch().args(["run", "--strict"]).assert().success().stdout(contains("the build conforms"));
}

#[test]
fn the_binary_alone_tests_an_adapter_that_lies_beside_it() {
    let installed = Installed::new();
    let adapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("adapters/python");
    copy_folder(&adapter, &installed.path("adapter"));
    std::fs::rename(installed.path("adapter/vouch.toml"), installed.path("my.toml")).expect("moved");
    let text = std::fs::read_to_string(installed.path("my.toml")).expect("readable");
    let text = text.replace("adapter.py", "adapter/adapter.py");
    std::fs::write(installed.path("my.toml"), text).expect("writable");
    installed
        .vouch()
        .args(["run", "--strict", "--target", "my.toml"])
        .assert()
        .success()
        .stdout(contains("the build conforms"));
}

#[test]
fn the_exported_suite_runs_as_the_bundled_one_does() {
    let installed = Installed::new();
    installed.vouch().args(["suite", "export", "mine"]).assert().success();
    assert!(installed.path("mine/clauses.yaml").is_file());
    assert!(installed.path("mine/migration/snapshots").is_dir());
    let count = |args: &[&str]| {
        let output = installed.vouch().arg("list").args(args).assert().success().get_output().stdout.clone();
        String::from_utf8_lossy(&output).lines().last().map(str::to_owned)
    };
    assert_eq!(count(&[]), count(&["mine"]));
    installed.vouch().args(["run", "--strict", "-f", "MIG", "mine"]).assert().success();
}

#[test]
fn an_export_writes_over_files_only_when_forced() {
    let installed = Installed::new();
    installed.vouch().args(["suite", "export", "."]).assert().code(2).stderr(contains("is not empty"));
    assert!(!installed.path("clauses.yaml").exists());
    installed.vouch().args(["suite", "export", ".", "--force"]).assert().success();
    assert!(installed.path("clauses.yaml").is_file());
}

#[test]
fn a_folder_of_ones_own_adds_scenarios_and_clauses() {
    let installed = Installed::new();
    std::fs::create_dir(installed.path("mine")).expect("created");
    let clauses = "groups:\n  - {id: OWN, title: Ours, clauses: [{id: OWN-1, level: must, text: Ada can sign in.}]}\n";
    let scenario = "id: ours\ntitle: t\nproves: [OWN-1]\nsteps: [{signedIn: ada}]\n";
    std::fs::write(installed.path("mine/clauses.yaml"), clauses).expect("written");
    std::fs::write(installed.path("mine/ours.yaml"), scenario).expect("written");
    let run = ["run", "--with", "mine", "-f", "OWN", "-f", "MIG-5"];
    installed.vouch().args(run).assert().success().stdout(contains("5 passed"));
    let taken = clauses.replace("OWN", "MIG");
    std::fs::write(installed.path("mine/clauses.yaml"), taken).expect("written");
    installed.vouch().args(run).assert().code(2).stderr(contains("the clause id `MIG-1` is taken"));
}

#[test]
fn snapshots_of_the_bundled_suite_are_not_updated() {
    let assert = Installed::new().vouch().env_remove("CI").args(["run", "--update-snapshots"]).assert().code(2);
    let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(stderr.contains("vouch suite export"), "{stderr}");
}
