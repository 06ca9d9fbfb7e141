//! What the tests of the binary share.

use assert_cmd::Command;
use std::path::PathBuf;

/// The `vouch` binary, run at the repository's root without colours and without CI's influence.
pub fn vouch() -> Command {
    let mut command = Command::cargo_bin("vouch").expect("the binary is built");
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .env_remove("CI")
        .timeout(std::time::Duration::from_secs(400));
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
