//! Ctrl-C, a closed pipe, a full disk: the run ends in order and leaves no process behind.

mod common;

use common::{target, vouch};
use predicates::str::contains;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A target whose adapter hangs in `signIn` and carries a mark that `ps` can find.
fn hanging(mark: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/adapters/rogue.py");
    target(&format!(
        "[sdk]\nname = \"rogue\"\ncommand = [\"python3\", \"-I\", \"-S\", \"{script}\", \"hangs\", \"{mark}\"]\n"
    ))
}

fn alive(mark: &str) -> bool {
    let out = Command::new("pgrep").args(["-f", &format!("rogue.py hangs {mark}")]).output().expect("pgrep runs");
    !out.stdout.is_empty()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(10), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs vouch against the hanging adapter, sends it a signal, and returns its exit code.
fn signalled(mark: &str, signal: i32) -> (Option<i32>, String) {
    let (_folder, file) = hanging(mark);
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("vouch"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", "--ci", "-f", "first-sign-in", "-t"])
        .arg(&file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("vouch runs");
    wait_until("the adapter", || alive(mark));
    std::thread::sleep(Duration::from_millis(200));
    let id = i32::try_from(child.id()).expect("an id");
    // SAFETY: a plain system call on a child that has not been waited for.
    unsafe { libc::kill(id, signal) };
    let mut out = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().expect("piped"), &mut out).expect("readable");
    let status = child.wait().expect("it ends");
    wait_until("the adapter's end", || !alive(mark));
    (status.code(), out)
}

#[test]
fn ctrl_c_ends_the_run_with_a_report_and_no_orphans() {
    let (code, out) = signalled("ctrl-c", libc::SIGINT);
    assert_eq!(code, Some(130), "{out}");
    assert!(out.contains("interrupted"), "{out}");
}

#[test]
fn sigterm_does_the_same() {
    let (code, out) = signalled("term", libc::SIGTERM);
    assert_eq!(code, Some(130), "{out}");
}

#[test]
fn a_killed_harness_leaves_no_adapter_behind() {
    let (code, _) = signalled("kill-nine", libc::SIGKILL);
    assert_eq!(code, None);
}

#[test]
fn a_full_disk_is_the_environments_fault() {
    vouch()
        .args(["run", "--ci", "-f", "first-sign-in", "-o", "/dev/full"])
        .assert()
        .code(3)
        .stderr(contains("cannot write the output"));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let program = assert_cmd::cargo::cargo_bin("vouch");
    let line = format!("{} list | head -1; exit ${{PIPESTATUS[0]}}", program.display());
    let out =
        Command::new("bash").args(["-c", &line]).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("bash runs");
    assert!(out.status.success() && out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
}
