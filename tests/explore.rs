//! `vouch explore`, run as a command.

mod common;

use common::{stdout, target, vouch};
use predicates::str::contains;
use std::path::{Path, PathBuf};

#[test]
fn the_reference_keeps_to_the_model_on_many_walks() {
    let args = ["explore", "--seed", "1", "--walks", "150", "--seconds", "60"];
    let out = stdout(&vouch().args(args).assert().success());
    assert!(out.contains("150 walks of 30 events from seed 1"), "{out}");
    assert!(out.contains("no walk leaves the model or breaks an invariant"), "{out}");
}

#[test]
fn a_mutant_is_detected_and_its_shrunk_walk_is_saved_as_a_scenario_that_fails_too() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let args = ["explore", "--seed", "1", "--seconds", "60", "--jobs", "1", "--mutant", "region-ignored", "--output"];
    let out = stdout(&vouch().args(args).arg(folder.path()).assert().code(1));
    let short = (1..=4).any(|events| out.contains(&format!("shortened to {events} events")));
    assert!(short && out.contains("OtherRegion"), "{out}");
    let files = [found(folder.path())];
    vouch().args(["run", "--ci"]).arg(&files[0]).assert().success().stdout(contains("1 passed"));
    let replay = vouch().args(["run", "--ci", "--mutant", "region-ignored"]).arg(&files[0]).assert().code(1);
    assert!(stdout(&replay).contains("violated MIG-5"), "{}", stdout(&replay));
    // The same seed reports the same walk.
    let again = stdout(&vouch().args(args).arg(folder.path()).assert().code(1));
    let walk = |text: &str| text.lines().filter(|line| line.starts_with("    ")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(walk(&out), walk(&again));
}

/// Explores a mutant, and runs the saved scenario with and without the mutant.
fn finds_and_replays(fault: &str, clause: &str, more: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let args = ["explore", "--seed", "1", "--seconds", "60", "--mutant", fault, "--output"];
    vouch().args(args).arg(folder.path()).args(more).assert().code(1);
    let file = found(folder.path());
    vouch().args(["run", "--ci"]).arg(&file).assert().success().stdout(contains("1 passed"));
    // Parallel steps race: a single run may miss the fault.
    let args = ["run", "--ci", "--strict", "--repeat", "20", "--mutant", fault];
    let replay = vouch().args(args).arg(&file).assert().code(1);
    assert!(stdout(&replay).contains(&format!("violated {clause}")), "{fault}: {}", stdout(&replay));
}

/// The scenario that was written.
fn found(folder: &Path) -> PathBuf {
    let files = std::fs::read_dir(folder).expect("readable").flatten().map(|entry| entry.path());
    let ours = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("explored-"));
    let files: Vec<_> = files.filter(ours).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn faults_that_only_other_clients_or_parallel_calls_show_are_reproduced_by_their_scenarios() {
    finds_and_replays("no-queue", "LIF-5", &[]);
    finds_and_replays("cloud-many-uses", "IDP-1", &[]);
    finds_and_replays("cloud-old-refresh-tokens-good", "IDP-2", &[]);
    finds_and_replays("backend-no-turns", "ISS-2", &[]);
}

#[test]
fn faults_of_status_changes_corrupt_storage_and_waiting_calls_are_reproduced_by_their_scenarios() {
    finds_and_replays("silent-hold", "LIF-6", &[]);
    finds_and_replays("trips-over-its-mark", "PER-5", &[]);
    finds_and_replays("waiters-signed-out", "DEL-5", &[]);
}

#[test]
fn faults_of_updates_second_processes_and_background_launches_are_reproduced_by_their_scenarios() {
    finds_and_replays("update-signs-out", "UPD-1", &[]);
    finds_and_replays("process-misses-sign-out", "MUL-2", &[]);
    finds_and_replays("wake-never-recovers", "WAK-1", &[]);
}

/// A target file whose SDK is the reference, served from outside with these arguments.
fn outside(more: &str) -> (tempfile::TempDir, PathBuf) {
    let program = assert_cmd::cargo::cargo_bin("vouch");
    target(&format!(
        "[sdk]\nname = \"from outside\"\ncommand = [{:?}, \"reference-sdk\"{more}]\n[deadlines]\ncall = \"10s\"\n",
        program.display().to_string()
    ))
}

#[test]
fn external_sdks_that_conform_pass() {
    let (_folder, reference) = outside("");
    for path in [reference.as_path(), Path::new("adapters/python/vouch.toml")] {
        for profile in ["junction", "gcip"] {
            let args = ["explore", "--seed", "1", "--walks", "3", "--seconds", "60", "--profile", profile, "--target"];
            let out = stdout(&vouch().args(args).arg(path).assert().success());
            assert!(out.contains(&format!("virtual time, {profile}")), "{out}");
            assert!(out.contains("left out: Backend, Client (35 actions)"), "{out}");
            assert!(out.contains("3 walks of 30 events from seed 1"), "{out}");
        }
    }
}

#[test]
fn an_sdk_without_a_clock_is_explored_in_real_time_without_actions_that_take_long() {
    let (_folder, path) = outside(", \"--no-clock\"");
    let args = ["explore", "--seed", "1", "--walks", "4", "--length", "12", "--seconds", "60", "--target"];
    let out = stdout(&vouch().args(args).arg(path).assert().success());
    assert!(out.contains("real time, junction") && out.contains("the SDK does not claim clock"), "{out}");
}

#[test]
fn a_fault_of_an_external_sdk_is_detected_and_its_shrunk_walk_is_saved_as_a_scenario_that_fails_too() {
    let (folder, path) = outside(", \"--mutant\", \"region-ignored\"");
    let args = ["explore", "--seed", "347", "--seconds", "60", "--output"];
    let out = stdout(&vouch().args(args).arg(folder.path()).arg("--target").arg(&path).assert().code(1));
    assert!(out.contains("(MIG-5)") && out.contains("OtherRegion") && out.contains("last exchanges:"), "{out}");
    assert!((1..=4).any(|events| out.contains(&format!("shortened to {events} events"))), "{out}");
    let file = found(folder.path());
    let replay = vouch().args(["run", "--ci", "--target"]).arg(&path).arg(&file).assert().code(1);
    assert!(stdout(&replay).contains("violated MIG-5"), "{}", stdout(&replay));
    let (_honest, path) = outside("");
    vouch().args(["run", "--ci", "--target"]).arg(&path).arg(&file).assert().success();
}

/// A target file whose SDK does this when it is to sign in.
fn misbehaving(how: &str) -> (tempfile::TempDir, PathBuf) {
    let adapter = format!(
        r#"
import json, sys, time
for line in sys.stdin:
    call = json.loads(line)
    method, result = call.get("method"), {{}}
    if method == "initialize":
        result = {{"protocol": 1, "sdk": {{"name": "odd", "version": "1", "platform": "test"}}, "capabilities": ["clock"]}}
    if method == "status":
        result = {{"status": []}}
    if method == "storage":
        result = {{"items": []}}
    if method == "currentUserId":
        result = {{"userId": None}}
    if method == "signIn":
        print("the end is near", file=sys.stderr, flush=True)
        {how}
    if "id" in call:
        print(json.dumps({{"jsonrpc": "2.0", "id": call["id"], "result": result}}), flush=True)
"#
    );
    let text = "[sdk]\nname = \"odd\"\ncommand = [\"python3\", \"-S\", \"adapter.py\"]\n[deadlines]\ncall = \"1s\"\nstop = \"1s\"\n";
    let (folder, path) = target(text);
    std::fs::write(folder.path().join("adapter.py"), adapter).expect("written");
    (folder, path)
}

#[test]
fn an_adapter_that_dies_or_hangs_is_a_finding_with_its_standard_error() {
    for how in ["sys.exit(3)", "time.sleep(60)"] {
        let (folder, path) = misbehaving(how);
        let args = ["explore", "--seed", "1", "--seconds", "20", "--length", "4", "--output"];
        let out = stdout(&vouch().args(args).arg(folder.path()).arg("--target").arg(&path).assert().code(1));
        assert!(out.contains("an adapter that complies with the protocol"), "{how}: {out}");
        assert!(out.contains("the end is near"), "{how}: {out}");
    }
}

#[test]
fn an_interrupt_ends_external_walks_in_order() {
    let (_folder, path) = outside("");
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("vouch"));
    command.args(["explore", "--seed", "1", "--seconds", "100", "--target"]).arg(path);
    let child = command.stdout(std::process::Stdio::piped()).spawn().expect("started");
    std::thread::sleep(std::time::Duration::from_secs(2));
    // SAFETY: a plain system call on a process of this test.
    unsafe { libc::kill(i32::try_from(child.id()).expect("a process id"), libc::SIGINT) };
    let ended = child.wait_with_output().expect("ended");
    let out = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status.code(), Some(130), "{out}");
    assert!(out.contains("interrupted; no walk so far"), "{out}");
}

#[test]
fn a_target_file_without_an_sdk_is_rejected() {
    let (_folder, path) = target("profile = \"gcip\"\n");
    let assert = vouch().args(["explore", "--target"]).arg(path).assert().code(2);
    assert!(common::stderr(&assert).contains("add a section [sdk]"), "{}", common::stderr(&assert));
}

#[test]
fn an_unknown_mutant_is_reported_with_the_most_similar_name() {
    let assert = vouch().args(["run", "--mutant", "keeps-keys"]).assert().code(2);
    assert!(common::stderr(&assert).contains("did you mean `keeps-key`?"), "{}", common::stderr(&assert));
}
