//! `vouch init`: the files that it writes, and its questions on a terminal.

mod common;

use common::{stderr, stdout, unwrapped, vouch};
use predicates::str::contains;
use std::path::Path;

#[test]
fn init_writes_an_adapter_with_which_a_run_gives_a_verdict_and_overwrites_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let init = |part: &str, more: &[&str]| {
        vouch().args(["init", "--role", part]).args(more).arg(folder.path().join(part)).assert()
    };
    let run = |part: &str, filter: &str| {
        let target = folder.path().join(part).join("vouch.toml");
        vouch().args(["run", "--ci", "--no-record", "-f", filter, "-t"]).arg(target).assert().code(1)
    };
    let written = stdout(&init("sdk", &["--name", "acme-health", "--ci", "github"]).success());
    assert!(written.contains("conformance.yml") && written.contains("vouch adapter test --target"), "{written}");
    assert!(
        written.contains("vouch_adapter/ ") && !written.contains("peer.py"),
        "the folder of the library: {written}"
    );
    let out = unwrapped(&stdout(&run("sdk", "first-sign-in")));
    assert!(out.contains("acme-health") && out.contains("adapter.py: fill in sign_in"), "{out}");
    init("app", &[]).success();
    let out = unwrapped(&stdout(&run("app", "REC-1")));
    assert!(out.contains("is not filled in"), "{out}");
    for part in ["backend", "cloud"] {
        init(part, &[]).success();
        vouch().args(["check", "-t"]).arg(folder.path().join(part).join("vouch.toml")).assert().success();
    }
    let file = folder.path().join("sdk/adapter.py");
    std::fs::write(&file, "mine").expect("writable");
    init("sdk", &["--language", "node"]).code(2).stderr(contains("vouch.toml exists already"));
    std::fs::remove_file(folder.path().join("sdk/vouch.toml")).expect("it was written");
    let refused = stderr(&init("sdk", &[]).code(2));
    assert!(refused.contains("adapter.py and 10 more files exist already"), "{refused}");
    assert!(refused.contains("nothing was written"), "{refused}");
    assert!(!folder.path().join("sdk/vouch.toml").exists());
    assert_eq!(std::fs::read_to_string(&file).expect("readable"), "mine");
    vouch().arg("init").arg(folder.path()).assert().code(2).stderr(contains("say what is under test: --role"));
}

#[test]
fn the_node_adapter_as_written_fails_where_it_is_not_filled_in() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    vouch().args(["init", "--role", "sdk", "--language", "node"]).arg(folder.path()).assert().success();
    let run = vouch()
        .args(["run", "--ci", "--no-record", "-f", "first-sign-in", "-t"])
        .arg(folder.path().join("vouch.toml"))
        .assert()
        .code(1);
    let out = unwrapped(&stdout(&run));
    assert!(out.contains("violated EXC-1") && out.contains("adapter.mjs: fill in signIn"), "{out}");
}

#[test]
fn a_write_that_fails_midway_leaves_no_half_set_of_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let is_empty = || std::fs::read_dir(folder.path()).expect("readable").next().is_none();
    // The target file is shorter than the limit, the adapter longer.
    let vouch_path = assert_cmd::cargo::cargo_bin("vouch");
    let command = format!("ulimit -f 4; exec '{}' init --role sdk '{}'", vouch_path.display(), folder.path().display());
    let out = std::process::Command::new("sh").args(["-c", &command]).output().expect("sh runs");
    let err = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(3) && err.contains("adapter.py") && err.contains("nothing was written"), "{err}");
    assert!(is_empty());
    // A file where the kit's folder would be.
    std::fs::write(folder.path().join("vouch-kit"), "mine").expect("writable");
    let assert = vouch().args(["init", "--role", "sdk", "--language", "node"]).arg(folder.path()).assert().code(2);
    assert!(stderr(&assert).contains("nothing was written"), "{}", stderr(&assert));
    std::fs::remove_file(folder.path().join("vouch-kit")).expect("the only file");
    assert!(is_empty());
}

/// Runs `vouch init FOLDER` on a terminal: for each pair, waits for the text and types the keys. Returns the exit code and what
/// the terminal showed.
fn on_a_terminal(folder: &Path, dialogue: &[(&str, &str)]) -> (Option<i32>, String) {
    let dialogue = serde_json::to_string(dialogue).expect("JSON");
    let out = std::process::Command::new("python3")
        .args(["tests/terminal.py", &dialogue])
        .arg(assert_cmd::cargo::cargo_bin("vouch"))
        .arg("init")
        .arg(folder)
        .env_remove("NO_COLOR")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("python3 runs");
    (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned())
}

const DOWN: &str = "\u{1b}[B";
const SHOW_CURSOR: &str = "\u{1b}[?25h";

#[test]
fn on_a_terminal_it_asks_and_shows_the_answers_in_short() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let new = folder.path().join("new");
    let second = format!("{DOWN}\r");
    let dialogue = [
        ("What is under test?", "\r"),
        ("In which language", &second),
        ("What do reports call the build?", "two words\r"),
        ("error: write 1 to 60 letters", "-2.0\r"),
        ("Which CI system", "\r"),
    ];
    let (code, shown) = on_a_terminal(&new, &dialogue);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("will the adapter be? node\r") && !shown.contains("?:"), "{shown}");
    assert!(shown.contains("vouch doctor --target"), "{shown}");
    let target = std::fs::read_to_string(new.join("vouch.toml")).expect("written");
    assert!(target.contains("name = \"-2.0\"") && target.contains("adapter.mjs"), "{target}");
    // It refuses before it asks.
    let (code, shown) = on_a_terminal(&new, &[]);
    assert!(code == Some(2) && shown.contains("vouch.toml exists already"), "{shown}");
}

#[test]
fn a_question_that_is_broken_off_writes_nothing_and_shows_the_cursor_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for key in ["\u{3}", "\u{1b}"] {
        let new = folder.path().join("new");
        let (code, shown) = on_a_terminal(&new, &[("What is under test?", key)]);
        assert_eq!(code, Some(130), "{shown}");
        assert!(shown.rfind(SHOW_CURSOR) > shown.rfind("\u{1b}[?25l"), "{shown:?}");
        assert!(!new.exists());
    }
}
