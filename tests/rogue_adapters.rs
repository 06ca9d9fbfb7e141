//! Misbehaving adapters: the fault is reported within the deadline, and the other cases still run.

mod common;

use common::{stderr, stdout, target, unwrapped, vouch};
use std::time::{Duration, Instant};

/// Runs two scenarios, one of them with a relaunch, against a misbehaving adapter and returns the report.
fn run_rogue(mode: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/adapters/rogue.py");
    let (_folder, file) = target(&format!(
        "[sdk]\nname = \"rogue\"\ncommand = [\"python3\", \"-I\", \"-S\", \"{script}\", \"{mode}\"]\n[deadlines]\ncall = \"1s\"\nstop = \"500ms\"\n"
    ));
    let started = Instant::now();
    let assert =
        vouch().args(["run", "--ci", "-f", "first-sign-in", "-f", "sign-out-twice", "-t"]).arg(&file).assert().code(1);
    assert!(started.elapsed() < Duration::from_secs(15), "{mode} took {:?}", started.elapsed());
    stdout(&assert)
}

/// Runs one scenario against a misbehaving adapter that gets the path of a file which does not exist yet.
fn run_rogue_with_file(mode: &str, scenario: &str, code: i32) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/adapters/rogue.py");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file.json");
    let command = format!(r#"["python3", "-I", "-S", "{script}", "{mode}", "{}"]"#, file.display());
    let deadlines = "[deadlines]\nrequest = \"1s\"\ncall = \"5s\"\nstop = \"500ms\"\n";
    let (_folder, target) = target(&format!("[sdk]\nname = \"rogue\"\ncommand = {command}\n{deadlines}"));
    unwrapped(&stdout(&vouch().args(["run", "--ci", "-f", scenario, "-t"]).arg(&target).assert().code(code)))
}

fn expect(mode: &str, words: &[&str]) {
    let out = run_rogue(mode);
    for word in words {
        assert!(unwrapped(&out).contains(word), "{mode}: `{word}` is not in\n{out}");
    }
    assert!(out.contains("the build does not conform"), "{mode}:\n{out}");
}

#[test]
fn an_adapter_that_exits_is_reported_with_its_exit_code_and_stderr() {
    expect("exits", &["during `signIn`, the adapter failed", "exit code 7", "fatal: the SDK gave up"]);
}

#[test]
fn an_adapter_that_hangs_is_reported_at_its_deadline() {
    expect("hangs", &["the adapter did not answer `signIn` within 1s", "waiting for the moon"]);
}

#[test]
fn an_adapter_that_prints_other_text_is_quoted() {
    expect("babbles", &["not a JSON-RPC message: `Traceback (most recent call last):`"]);
}

#[test]
fn an_answer_with_a_wrong_id_is_reported() {
    expect("wrong-id", &["it answered the id `4711`, which was not asked"]);
}

#[test]
fn an_answer_of_the_wrong_type_is_reported() {
    expect("wrong-type", &["its answer to `status` has the wrong shape"]);
}

#[test]
fn an_error_without_a_kind_is_reported() {
    expect("no-kind", &["an error without a valid `data.kind`", "oops"]);
}

#[test]
fn an_adapter_that_floods_the_harness_is_stopped() {
    expect("floods", &["more than 10000 messages that nobody asked for"]);
}

#[test]
fn an_endless_line_is_stopped() {
    expect("long-line", &["a line of over 1024 KiB"]);
}

#[test]
fn an_adapter_that_closes_its_input_is_reported() {
    expect("closes-stdin", &["the adapter did not answer `signIn` within 1s"]);
}

#[test]
fn an_adapter_that_does_not_exit_after_stop_is_reported() {
    expect("will-not-end", &["answered `stop` but was still running"]);
}

#[test]
fn a_secret_on_standard_error_is_a_finding_and_is_redacted() {
    let out = run_rogue("leaks");
    assert!(out.contains("no secret in the SDK's log or standard error"), "{out}");
    assert!(out.contains("my parameters were {\"token\": \"[sign-in token"), "{out}");
    assert!(!out.contains("eyJ"), "{out}");
}

#[test]
fn a_secret_before_the_shown_part_of_standard_error_is_found() {
    expect("leaks-before-much-else", &["no secret in the SDK's log or standard error", "[sign-in token"]);
}

#[test]
fn a_secret_in_the_url_of_a_preflight_is_found_and_not_shown() {
    let words = ["EXC-2", "no secret in a CORS preflight", "in the preflight OPTIONS /v1/token?t=[sign-in token"];
    expect("leaks-in-a-preflight", &words);
}

#[test]
fn a_secret_in_a_temporary_file_is_found() {
    expect(
        "leaks-to-a-temporary-file",
        &["a sign-in token that is not stored", "the plain item `$TMPDIR/request.json`"],
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_secret_in_a_file_outside_the_folders_of_the_device_is_found() {
    for scenario in ["first-sign-in", "crash-in-exchange"] {
        let out = run_rogue_with_file("leaks-outside", scenario, 1);
        assert!(out.contains("no token in a file outside the folders of the device"), "{out}");
        assert!(out.contains("the sign-in token"), "{out}");
        assert!(out.contains("file.json"), "{out}");
    }
}

#[test]
fn the_adapters_own_files_are_not_searched() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/adapters/rogue.py");
    let (folder, target) = target(&format!(
        "[sdk]\nname = \"rogue\"\ncommand = [\"python3\", \"-I\", \"-S\", \"{script}\", \"leaks-outside\", \"log.json\"]\nadapterFiles = [\"log.json\"]\n"
    ));
    let out = stdout(&vouch().args(["run", "--ci", "-f", "first-sign-in", "-t"]).arg(&target).assert().code(1));
    assert!(!out.contains("log.json") && folder.path().join("log.json").exists(), "{out}");
}

#[test]
fn a_capability_that_this_version_does_not_know_is_named_and_ignored() {
    let out = run_rogue("exits");
    assert!(out.contains("this version of Vouch does not know what the adapter claims: `teleport`"), "{out}");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/adapters/rogue.py");
    let test = vouch().args(["adapter", "test", "--", "python3", "-I", "-S", script, "exits"]).assert().code(1);
    let out = unwrapped(&stdout(&test));
    assert!(out.contains("it claims `teleport`, which this version of Vouch does not know"), "{out}");
}

#[test]
fn a_case_that_fails_while_the_machine_is_late_runs_again_alone() {
    let out = run_rogue_with_file("freezes-the-harness-once", "first-sign-in", 1);
    assert!(out.contains("s late; it failed again, alone)"), "{out}");
    assert!(out.contains("the build does not conform"), "{out}");
}

#[test]
fn a_case_that_fails_on_a_machine_that_stays_late_breaks_no_clause() {
    let out = run_rogue_with_file("freezes-the-harness-always", "first-sign-in", 4);
    assert!(out.contains("it failed again, and the machine was late again)"), "{out}");
    assert!(out.contains("0 violated"), "{out}");
    assert!(out.contains("inconclusive: 1 case failed on a machine that was late"), "{out}");
}

#[test]
fn an_adapter_that_does_not_show_its_storage_is_reported() {
    expect("hides-storage", &["does not claim `storageFiles` and refused `storage`, with the error unsupported"]);
}

#[test]
fn an_adapter_that_is_busy_while_no_call_goes_on_is_reported() {
    expect("busy-with-nothing", &["the adapter answered `signIn` with the error busy, and no other call went on"]);
}

#[test]
fn an_invalid_notification_is_reported() {
    expect("mumbles", &["its notification `statusChanged` cannot be read"]);
}

/// Runs cases one after the other with an SDK that conforms and whose adapter breaks its claim `reuse`.
fn run_reused(mode: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/adapters/reused.py");
    let command = format!("command = [\"python3\", \"-I\", \"-S\", \"{script}\", \"{mode}\"]");
    let (_folder, target) = target(&format!("[sdk]\nname = \"reused\"\n{command}\n[deadlines]\nstop = \"300ms\"\n"));
    let assert = vouch().args(["run", "--ci", "-j1", "-f", "OUT-1", "-t"]).arg(&target).assert().success();
    unwrapped(&stdout(&assert))
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_outside_the_folders_is_found_in_a_reused_process_too() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/adapters/reused.py");
    let (folder, target) = target(&format!(
        "[sdk]\nname = \"reused\"\ncommand = [\"python3\", \"-I\", \"-S\", \"{script}\", \"leaks-outside\", \"token\"]\n"
    ));
    let report = folder.path().join("report.json");
    let to = format!("json={}", report.display());
    vouch().args(["run", "--ci", "-j1", "-f", "sign-out", "--report", &to, "-t"]).arg(&target).assert().code(1);
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(report).expect("a report")).expect("it is JSON");
    let cases = report["cases"].as_array().expect("cases");
    let failed = cases.iter().filter(|case| case["verdict"] == "failed").count();
    assert!(failed > 3, "{report}");
}

#[test]
fn a_wrong_claim_of_reuse_fails_no_build_and_is_named() {
    let out = run_reused("remembers");
    assert!(out.contains("it failed in a reused process, and not in a new one;"), "{out}");
    assert!(out.contains("survives `stop`, so that the adapter must not claim `reuse`"), "{out}");
    for (mode, why) in [
        ("hangs", "the adapter did not answer `stop` within 300ms"),
        ("exits", "during `stop`, the adapter failed: it closed its standard output"),
    ] {
        let out = run_reused(mode);
        let note = out.split_once("the adapter claims `reuse`, and ").map(|(_, note)| note);
        assert!(note.is_some_and(|note| note.contains(why)), "{mode}: {out}");
    }
}

#[test]
fn an_adapter_that_exits_at_once_does_not_conform() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/adapters/rogue.py");
    let (_folder, file) =
        target(&format!("[sdk]\nname = \"rogue\"\ncommand = [\"python3\", \"{script}\", \"dies-at-start\"]\n"));
    let (record, junit) = (file.with_file_name("run.vouch"), file.with_file_name("junit.xml"));
    let report = format!("junit={}", junit.display());
    let assert =
        vouch().args(["run", "--report", &report, "--record"]).arg(&record).arg("-t").arg(&file).assert().code(1);
    let err = stderr(&assert);
    assert!(err.contains("exit code 1") && err.contains("ModuleNotFoundError"), "{err}");
    // Whoever collects reports sees it, too.
    let xml = std::fs::read_to_string(junit).expect("a report");
    assert!(xml.contains("<failure") && xml.contains("exit code 1") && xml.contains("ModuleNotFoundError"), "{xml}");
    let shown = stdout(&vouch().arg("show").arg(record).assert().code(1));
    assert!(shown.contains("the build does not conform") && shown.contains("exit code 1"), "{shown}");
}

#[test]
fn a_program_that_does_not_exist_is_a_fault_of_the_environment() {
    let (_folder, file) = target("[sdk]\nname = \"ghost\"\ncommand = [\"no-such-adapter\"]\n");
    let record = file.with_file_name("run.vouch");
    let assert = vouch().args(["run", "--record"]).arg(&record).arg("-t").arg(&file).assert().code(3);
    assert!(stderr(&assert).contains("cannot start `no-such-adapter`"), "{}", stderr(&assert));
    let shown = stdout(&vouch().arg("show").arg(record).assert().code(3));
    assert!(unwrapped(&shown).contains("the harness or its environment failed"), "{shown}");
}

#[test]
fn the_test_of_an_adapter_names_the_rules_that_it_breaks() {
    let test = |command: &[&str]| vouch().args(["adapter", "test", "--"]).args(command).assert();
    let report = stdout(&test(&["python3", "-I", "-S", "adapters/python/adapter.py"]).success());
    assert!(report.contains("20 rules followed, 0 broken, 0 not applicable"), "{report}");
    let report = stdout(&test(&["python3", "-I", "-S", "adapters/python/template.py"]).code(1));
    assert!(
        report.contains("TO DO   no session: template.py: fill in request") && !report.contains("BROKEN"),
        "{report}"
    );
    assert!(report.contains(" 0 broken, ") && report.contains(" to do: functions of the template"), "{report}");
    let report = stdout(&test(&["cat"]).code(1));
    assert!(report.contains("BROKEN  initialize"), "{report}");
    test(&["a-program-that-is-not-there"]).code(3);
    vouch().args(["adapter", "test"]).assert().code(2);
}
