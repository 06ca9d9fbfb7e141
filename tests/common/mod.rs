//! What the tests of the binary share.

use assert_cmd::Command;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Stdio};

/// The `vouch` binary, run at the repository's root without colours and without CI's influence.
pub fn vouch() -> Command {
    let mut command = Command::cargo_bin("vouch").expect("the binary is built");
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .env_remove("CI")
        .timeout(std::time::Duration::from_secs(120));
    command
}

/// A target file in a folder of its own.
#[allow(dead_code, reason = "not every test file needs it")]
pub fn target(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("vouch.toml");
    std::fs::write(&path, text).expect("writable");
    (folder, path)
}

/// Runs the suite against a target that conforms, and returns the console report.
#[allow(dead_code, reason = "not every test file needs it")]
pub fn run(target: &str, more: &[&str]) -> String {
    stdout(&vouch().args(["run", "--ci", "--strict", "-t", target]).args(more).assert().success())
}

/// Runs journeys of two users against a target, and checks that they have no errors.
#[allow(dead_code, reason = "not every test file needs it")]
pub fn journeys_pass(target: &Path) {
    let journeys = vouch()
        .args(["journeys", "scenarios/refresh/rotation.yaml", "--users", "2", "--duration", "2s", "--quiet"])
        .args(["--think-time", "10ms..40ms", "--no-record", "--threshold", "errors<1%", "--target"])
        .arg(target)
        .assert()
        .success();
    assert!(stdout(&journeys).contains("\u{2713} errors<1%"), "{}", stdout(&journeys));
}

/// A report without its line breaks, which come where a line is full.
#[allow(dead_code, reason = "not every test file needs it")]
pub fn unwrapped(report: &str) -> String {
    report.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A `vouch mock-cloud` of its own. It ends with this.
#[allow(dead_code, reason = "not every test file needs it")]
pub struct CloudProcess {
    pub child: Child,
    /// Its target file.
    pub target: PathBuf,
    pub stderr: BufReader<ChildStderr>,
    _folder: tempfile::TempDir,
}

#[allow(dead_code, reason = "not every test file needs it")]
impl CloudProcess {
    /// Starts it and waits until it listens.
    pub fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let target = folder.path().join("vouch.toml");
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("vouch"));
        command.args(["mock-cloud", "--listen", "127.0.0.1:0", "--target"]).arg(&target).args(args);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("vouch starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("readable");
        assert!(line.contains("listens on http"), "{line}");
        Self { child, target, stderr, _folder: folder }
    }
}

impl Drop for CloudProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Standard output of a finished command.
#[allow(dead_code, reason = "not every test file needs it")]
pub fn stdout(assert: &assert_cmd::assert::Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

/// Standard error of a finished command.
#[allow(dead_code, reason = "not every test file needs it")]
pub fn stderr(assert: &assert_cmd::assert::Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}
