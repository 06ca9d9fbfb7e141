//! Signals, closed pipes and full disks: the run ends in order and leaves no process behind.

mod common;

use common::{target, vouch};
use predicates::str::contains;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A target with an adapter that hangs in `signIn`. `mark` is one of its arguments, so that `pgrep` finds it.
fn hanging(mark: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/adapters/rogue.py");
    target(&format!(
        "[sdk]\nname = \"rogue\"\ncommand = [\"python3\", \"-I\", \"-S\", \"{script}\", \"hangs\", \"{mark}\"]\n"
    ))
}

fn is_running(mark: &str) -> bool {
    let out = Command::new("pgrep").args(["-f", &format!("rogue.py hangs {mark}")]).output().expect("pgrep runs");
    !out.stdout.is_empty()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(10), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a command, sends it a signal when `ready` returns, and returns its exit code and its output.
fn signalled_when(command: &mut Command, signal: i32, ready: impl FnOnce()) -> (Option<i32>, String) {
    let command = command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    ready();
    let id = i32::try_from(child.id()).expect("an id");
    // SAFETY: a plain system call on a child that has not been waited for.
    unsafe { libc::kill(id, signal) };
    let out = child.wait_with_output().expect("it ends");
    (out.status.code(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
}

fn program() -> Command {
    Command::new(assert_cmd::cargo::cargo_bin("vouch"))
}

/// Runs vouch against the hanging adapter, sends it a signal, and returns its exit code and its output.
fn signalled(mark: &str, signal: i32) -> (Option<i32>, String) {
    let (_folder, file) = hanging(mark);
    let ready = || {
        wait_until("the adapter", || is_running(mark));
        std::thread::sleep(Duration::from_millis(200));
    };
    let result = signalled_when(program().args(["run", "--ci", "-f", "first-sign-in", "-t"]).arg(&file), signal, ready);
    wait_until("the adapter's end", || !is_running(mark));
    result
}

fn after_seconds(seconds: u64) -> impl FnOnce() {
    move || std::thread::sleep(Duration::from_secs(seconds))
}

#[test]
fn ctrl_c_ends_the_run_with_a_report_and_without_orphans() {
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
fn a_closed_terminal_does_the_same() {
    let (code, out) = signalled("hangup", libc::SIGHUP);
    assert_eq!(code, Some(130), "{out}");
}

#[test]
fn under_nohup_a_closed_terminal_is_ignored() {
    let walk = ["explore", "--seed", "1", "--seconds", "3", "--jobs", "1"];
    let mut command = Command::new("nohup");
    command.arg(program().get_program()).args(walk);
    let (code, out) = signalled_when(&mut command, libc::SIGHUP, after_seconds(1));
    assert!(code == Some(0) && out.contains("no walk leaves the model"), "{code:?} {out}");
}

#[test]
fn interrupted_walks_report_their_progress() {
    let mut command = program();
    command.args(["explore", "--seed", "1", "--seconds", "60", "--jobs", "1"]);
    let (code, out) = signalled_when(&mut command, libc::SIGINT, after_seconds(1));
    assert!(code == Some(130) && out.contains("interrupted; no walk so far") && out.contains("states"), "{out}");
    // Walks do not detect this mutant.
    command.args(["--mutants", "--mutant", "short-column"]);
    let (code, out) = signalled_when(&mut command, libc::SIGINT, after_seconds(1));
    assert!(code == Some(130) && out.contains("interrupted; 1 mutants were not run"), "{out}");
}

#[test]
fn interrupted_mutant_trials_are_reported_and_leave_no_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, out) =
        signalled_when(program().arg("mutants").env("TMPDIR", folder.path()), libc::SIGTERM, after_seconds(3));
    assert!(code == Some(130) && out.contains("mutants were not run") && out.contains(" 0 false alarms"), "{out}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn a_killed_harness_leaves_no_adapter_behind() {
    let (code, _) = signalled("kill-nine", libc::SIGKILL);
    assert_eq!(code, None);
}

#[test]
fn a_full_disk_is_a_fault_of_the_environment() {
    vouch()
        .args(["run", "--ci", "-f", "first-sign-in", "--report", "json=/dev/full"])
        .assert()
        .code(3)
        .stderr(contains("cannot write the report /dev/full"));
}

#[test]
fn a_closed_standard_error_does_not_fail_a_load_test() {
    let mut child = program()
        .args(["load", "-a", "constant 50/s", "--duration", "3s"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("vouch runs");
    drop(child.stderr.take());
    let out = child.wait_with_output().expect("it ends");
    let output = String::from_utf8_lossy(&out.stdout);
    // Exit code 4: on a busy machine the load generator may have been the bottleneck.
    assert!(output.contains("good/s") && matches!(out.status.code(), Some(0 | 4)), "{:?}: {output}", out.status);
}

#[test]
fn a_closed_standard_output_is_not_a_failure() {
    let program = assert_cmd::cargo::cargo_bin("vouch");
    let line = format!("{} list | head -1; exit ${{PIPESTATUS[0]}}", program.display());
    let out =
        Command::new("bash").args(["-c", &line]).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("bash runs");
    assert!(out.status.success() && out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// Runs one case with these redirections, and returns the exit code and standard error.
fn redirected(redirections: &str, arguments: &str, folder: &std::path::Path) -> (Option<i32>, String) {
    let program = assert_cmd::cargo::cargo_bin("vouch");
    let line = format!("exec {} run --ci -f first-sign-in {arguments} {redirections}", program.display());
    let mut command = Command::new("bash");
    command.args(["-c", &line]).current_dir(folder).env("XDG_STATE_HOME", "/proc/no-such-folder");
    let out = command.output().expect("bash runs");
    (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn a_closed_or_full_standard_output_is_a_fault_of_the_environment_and_the_reports_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    for (redirection, why) in [(">&-", "standard output is closed"), (">/dev/full", "No space left")] {
        let (junit, record) = (folder.path().join("junit.xml"), folder.path().join("run.vouch"));
        let (code, err) = redirected(redirection, "--report junit=junit.xml --record run.vouch", folder.path());
        assert!(code == Some(3) && err.contains(why), "{redirection}: {code:?} {err}");
        let xml = std::fs::read_to_string(&junit).expect("a report");
        assert!(xml.contains("</testsuites>"), "{redirection}: {xml}");
        vouch().arg("show").arg(&record).assert().success().stdout(contains("1 passed"));
        std::fs::remove_file(junit).and_then(|()| std::fs::remove_file(record)).expect("they were written");
    }
}

#[test]
fn without_a_place_for_the_record_the_run_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, err) = redirected("", "", folder.path());
    assert!(
        code == Some(0) && err.contains("cannot write the run record") && err.contains("goes on"),
        "{code:?} {err}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_that_left_its_group_ends_with_the_run() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/adapters/rogue.py");
    let mark = format!("36{}", std::process::id());
    let (_folder, file) = target(&format!(
        "[sdk]\nname = \"rogue\"\ncommand = [\"python3\", \"-I\", \"-S\", \"{script}\", \"daemon\", \"{mark}\"]\n"
    ));
    vouch().args(["run", "--ci", "-f", "first-sign-in", "-t"]).arg(&file).assert().code(1);
    let out = Command::new("pgrep").args(["-f", &format!("sleep {mark}")]).output().expect("pgrep runs");
    assert!(out.stdout.is_empty(), "it lives on: {}", String::from_utf8_lossy(&out.stdout));
}

#[test]
fn a_record_beyond_the_limit_on_the_size_of_files_is_an_error_and_the_verdict_is_shown() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vouch = assert_cmd::cargo::cargo_bin("vouch");
    let record = folder.path().join("r.vouch");
    let script = format!("ulimit -f 1; exec '{}' run -f exchange --record '{}'", vouch.display(), record.display());
    let out = Command::new("sh").arg("-c").arg(script).env("NO_COLOR", "1").output().expect("sh runs");
    let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert_eq!(out.status.code(), Some(3), "{:?} {stdout}{stderr}", out.status);
    assert!(stderr.contains("cannot write the run record") && stdout.contains("passed"), "{stdout}{stderr}");
}

#[test]
fn a_small_stack_of_the_main_thread_is_enough() {
    let vouch = assert_cmd::cargo::cargo_bin("vouch");
    for arguments in ["run --no-record -f first-sign-in", "check", "load --help"] {
        let script = format!("ulimit -s 100; exec '{}' {arguments}", vouch.display());
        let out = Command::new("sh").args(["-c", &script]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let out = out.expect("sh runs");
        assert_eq!(out.status.code(), Some(0), "{arguments}: {}", String::from_utf8_lossy(&out.stderr));
    }
}

/// A process and those that it started, and theirs.
#[cfg(target_os = "linux")]
fn family(process: u32) -> Vec<i32> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let children: Vec<u32> =
        lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect();
    i32::try_from(process).into_iter().chain(children.into_iter().flat_map(family)).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn a_machine_that_is_suspended_in_the_middle_of_a_run_changes_no_verdict() {
    // Longer than any deadline of a call.
    const SUSPENDED: Duration = Duration::from_secs(12);
    let mut command = program();
    command.args(["run", "--ci", "--no-record", "-t", "adapters/python/vouch.toml"]);
    command.args(["-f", "exchange"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    wait_until("an adapter", || family(child.id()).len() > 1);
    std::thread::sleep(Duration::from_secs(2));
    // The harness first, so that it starts no more.
    let signal = |ids: &[i32], signal| {
        for id in ids {
            // SAFETY: a plain system call; the harness has not been waited for, and its children are stopped, so not reused.
            unsafe { libc::kill(*id, signal) };
        }
    };
    signal(&[i32::try_from(child.id()).expect("an id")], libc::SIGSTOP);
    let ids = family(child.id());
    signal(&ids, libc::SIGSTOP);
    std::thread::sleep(SUSPENDED);
    signal(&ids, libc::SIGCONT);
    let out = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(ids.len() > 1, "no adapter was running: {text}");
    // Inconclusive if the machine is late a second time.
    assert!(matches!(out.status.code(), Some(0 | 4)), "{:?} {text}", out.status);
    assert!(!text.contains("FAIL ") && !text.contains("violated "), "{text}");
}
