//! The commands `run`, `check`, `list`, `clauses`, `mutants`, `schema` and `completions`, as a user calls them.

mod common;

use common::{stderr, stdout, target, unwrapped, vouch};
use predicates::str::contains;

#[test]
fn the_whole_suite_passes_with_the_reference_implementations() {
    let assert = vouch().args(["run", "--ci", "--strict"]).assert().success();
    let out = stdout(&assert);
    assert!(out.contains("the build conforms"), "{out}");
    assert!(out.contains("0 violated, 0 not tested"), "{out}");
}

#[test]
fn the_reference_sdk_passes_the_suite_as_a_child_process() {
    let program = assert_cmd::cargo::cargo_bin("vouch");
    let (_folder, file) = target(&format!("[sdk]\nname = \"reference\"\ncommand = [{program:?}, \"reference-sdk\"]\n"));
    vouch().args(["run", "--ci", "--strict", "-t"]).arg(file).assert().success().stdout(contains("the build conforms"));
}

#[test]
fn the_python_sdk_passes_the_whole_suite() {
    let assert = vouch().args(["run", "--ci", "--strict", "--target", "adapters/python/vouch.toml"]).assert().success();
    let out = stdout(&assert);
    assert!(out.contains("the build conforms") && !out.contains("skipped"), "{out}");
}

#[test]
fn the_python_sdk_has_the_same_verdicts_in_a_process_per_launch() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/adapters/python/adapter.py");
    let run = |option: &str| {
        let command = format!("command = [\"python3\", \"-I\", \"-S\", \"{script}\", {option}]");
        let (_folder, file) = target(&format!("[sdk]\nname = \"python\"\n{command}\n"));
        let report = file.with_file_name("run.json");
        let json = format!("json={}", report.display());
        let names = ["-f", "sign-out-twice", "-f", "first-sign-in", "-f", "OUT-1"];
        vouch().args(["run", "--ci", "-j2", "--report", &json]).args(names).arg("-t").arg(&file).assert().success();
        let text = std::fs::read_to_string(report).expect("a report");
        let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let cases = report["cases"].as_array().expect("cases");
        let mut verdicts: Vec<_> =
            cases.iter().map(|case| (case["id"].to_string(), case["verdict"].to_string())).collect();
        verdicts.sort();
        (verdicts, report["summary"]["processes"]["reused"].as_u64(), report["summary"]["survived"].as_u64())
    };
    let (reused, launches, survived) = run("");
    let (fresh, none, _) = run("\"--no-reuse\"");
    assert_eq!(reused, fresh);
    assert!(launches > Some(0) && none.is_none() && survived == Some(0), "{launches:?} {none:?} {survived:?}");
}

#[test]
fn a_python_sdk_that_ignores_the_region_violates_mig_5() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let copied = std::process::Command::new("cp").args(["-r", "adapters/python/."]).arg(folder.path()).status();
    assert!(copied.expect("cp runs").success());
    let file = folder.path().join("signin/sdk.py");
    let text = std::fs::read_to_string(&file).expect("readable");
    let faulty = text.replace("session.place != token.place", "session.place.environment != token.place.environment");
    assert_ne!(text, faulty, "the README shows this replacement");
    std::fs::write(&file, faulty).expect("writable");
    let assert =
        vouch().args(["run", "--ci", "-f", "MIG", "-t"]).arg(folder.path().join("vouch.toml")).assert().code(1);
    let out = stdout(&assert);
    assert!(out.contains("1 violated") && out.contains("violated MIG-5"), "{out}");
    assert!(out.contains("scenarios/migration/other-region.yaml:12:5"), "{out}");
    assert!(!out.contains("eyJ"), "a secret in the report: {out}");
}

#[test]
fn the_python_sdks_own_tests_pass() {
    let out = std::process::Command::new("python3")
        .args(["-m", "unittest", "discover", "-s", "adapters/python/tests"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("python3 runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn an_sdk_without_a_virtual_clock_runs_in_real_time_with_skipped_cases() {
    let assert = vouch()
        .args(["run", "--ci", "--target", "adapters/python/vouch-real-time.toml"])
        .args(["-f", "deletion", "-f", "exchange", "-f", "PER", "-f", "REF"])
        .assert()
        .success();
    let out = stdout(&assert);
    assert!(out.contains("real time"), "{out}");
    assert!(out.contains("because the SDK does not claim clock"), "{out}");
}

#[test]
fn a_toml_syntax_error_is_reported() {
    let (_folder, file) = target("[sdk\nname = 3\n");
    let assert = vouch().args(["run", "-t"]).arg(&file).assert().code(2);
    assert!(stderr(&assert).contains("this is not TOML"), "{}", stderr(&assert));
}

#[test]
fn mistakes_in_files_go_to_the_reports_of_check_and_of_a_run_that_does_not_start() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::copy("scenarios/clauses.yaml", folder.path().join("clauses.yaml")).expect("copied");
    let text = "id: same\ntitle: t\nproves: [EXC-1]\nsteps: [{signin: ada}]\n";
    std::fs::write(folder.path().join("a.yaml"), text).expect("written");
    let sarif = |command: &[&str]| -> serde_json::Value {
        let mut vouch = vouch();
        vouch.args(command).args(["--report", "sarif=x.sarif", "--report", "junit=x.xml"]).current_dir(folder.path());
        vouch.assert().code(2).stderr(contains("signin"));
        assert!(std::fs::read_to_string(folder.path().join("x.xml")).expect("written").contains("a.yaml:4:10"));
        let path = folder.path().join("x.sarif");
        let text = std::fs::read(&path).expect("written");
        std::fs::remove_file(path).expect("removed");
        serde_json::from_slice(&text).expect("JSON")
    };
    for command in [["check", "."], ["run", "."]] {
        let place = &sarif(&command)["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a.yaml");
        assert_eq!((&place["region"]["startLine"], &place["region"]["startColumn"]), (&4.into(), &10.into()));
    }
    let refused = vouch().args(["check", "--report", "html=x.html"]).assert().code(2);
    assert!(stderr(&refused).contains("sarif, github-annotations"), "{}", stderr(&refused));
}

#[test]
fn a_duplicate_id_is_reported_with_both_locations() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::copy("scenarios/clauses.yaml", folder.path().join("clauses.yaml")).expect("copied");
    for name in ["a.yaml", "b.yaml"] {
        let text = "id: same\ntitle: t\nproves: [EXC-1]\nsteps: [{signedIn: ada}]\n";
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let assert = vouch().args(["check", "."]).current_dir(folder.path()).assert().code(2);
    let err = stderr(&assert);
    assert!(err.contains("the id `same` is taken") && err.contains("a.yaml:1:5"), "{err}");
}

#[test]
fn a_path_or_filter_that_matches_nothing_is_an_error() {
    vouch().args(["run", "no/such/folder"]).assert().code(2).stderr(contains("no/such/folder does not exist"));
    vouch().args(["run", "-f", "MIG-99"]).assert().code(2).stderr(contains("no case matches MIG-99"));
}

#[test]
fn a_filter_matches_ids_groups_and_clauses() {
    let count = |word: &str| {
        let out = stdout(&vouch().args(["list", "-f", word]).assert().success());
        out.lines().count() - 1
    };
    assert_eq!(count("migration-region-mismatch"), 4);
    assert_eq!(count("MIG-5"), 4);
    assert_eq!(count("mig-5"), 4);
    assert!(count("migration") >= 20 && count("MIG") >= 20);
}

#[test]
fn clauses_lists_every_clause_and_those_without_a_scenario() {
    let out = stdout(&vouch().arg("clauses").assert().success());
    assert!(out.contains("MIG-5") && out.contains("· migration-region-mismatch (4 cases)"), "{out}");
    assert!(out.contains("clauses have a scenario") && !out.contains("without a scenario"), "{out}");
    vouch().args(["clauses", "--require-all"]).assert().success();
    let some = stdout(&vouch().args(["clauses", "--require-all", "scenarios/migration"]).assert().code(1));
    assert!(some.contains("without a scenario: ISS-1"), "{some}");
}

#[test]
fn a_suite_that_leaves_requirements_untested_gives_no_verdict_on_the_build() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    std::fs::copy("scenarios/clauses.yaml", folder.path().join("clauses.yaml")).expect("copied");
    write("own.yaml", "id: own\ntitle: t\nproves: [EXC-1]\nsteps: [{signedIn: ada}]\n");
    let out = stdout(&vouch().arg("run").arg(folder.path()).assert().success());
    assert!(out.contains("no verdict on the build follows") && !out.contains("the build conforms"), "{out}");
    let clauses = "groups:\n  - id: EXC\n    title: own\n    clauses:\n      - {id: EXC-1, level: must, since: 1, source: 'safety: own', text: own}\n";
    write("clauses.yaml", clauses);
    vouch().arg("run").arg(folder.path()).assert().success().stdout(contains("the build conforms"));
}

#[test]
fn every_mutant_is_killed_and_every_scenario_is_needed_or_has_a_rationale() {
    let out = stdout(&vouch().arg("mutants").timeout(std::time::Duration::from_secs(900)).assert().success());
    assert!(out.contains("0 survived or missing") && out.contains(" 0 false alarms"), "{out}");
    assert!(out.contains("for a stated reason, 0 are redundant"), "{out}");
}

#[test]
fn json_and_junit_agree_with_the_console() {
    let out = stdout(&vouch().args(["run", "--ci", "-f", "MIG-5", "--report", "json=-"]).assert().success());
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(report["outcome"], "partPassed");
    assert_eq!(report["cases"].as_array().map(Vec::len), Some(4));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("junit.xml");
    let junit = format!("junit={}", file.display());
    vouch().args(["run", "--ci", "-f", "MIG-5", "--report", &junit]).assert().success();
    let xml = std::fs::read_to_string(file).expect("written");
    assert!(xml.contains("<testsuite name=\"migration\" tests=\"4\""), "{xml}");
}

#[test]
fn records_of_two_builds_are_compared() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let record = |name: &str, more: &[&str], code| {
        let path = folder.path().join(name);
        vouch().args(["run", "--ci", "-f", "MIG-5", "--record"]).arg(&path).args(more).assert().code(code);
        path
    };
    let (old, new) = (record("old.vouch", &[], 0), record("new.vouch", &["--mutant", "region-ignored"], 1));
    vouch().arg("diff").arg(&old).arg(&new).assert().code(1).stdout(contains("The new build breaks 4 cases"));
    vouch().arg("diff").arg(&new).arg(&old).assert().success().stdout(contains("fixes 4 cases"));
    vouch().arg("diff").arg(&old).arg(folder.path()).assert().code(2).stderr(contains("cannot read the record"));
    let matrix = |format: &str| vouch().args(["matrix", "--format", format]).arg(&old).arg(&new).assert();
    matrix("markdown").success().stdout(contains("| MIG-5 | must | satisfied | **violated** |"));
    matrix("htlm").code(2).stderr(contains("did you mean `html`?"));
    let report = |format: &str| vouch().arg("report").arg(&new).args(["--report", &format!("{format}=-")]).assert();
    report("github-annotations").success().stdout(contains(",title=MIG-5::"));
    report("sarif").success().stdout(contains("\"ruleId\": \"MIG-5\""));
}

#[test]
fn the_shards_of_a_run_are_merged_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let shard = |shard: &str, name: &str| {
        let mut run = vouch();
        run.args(["run", "--ci", "-f", "MIG-5", "--mutant", "region-ignored", "--shard", shard, "--record"]);
        let assert = run.arg(path(name)).assert().code(1);
        assert!(unwrapped(&stdout(&assert)).contains(&format!("2 cases, shard {shard}")), "{}", stdout(&assert));
    };
    shard("1/2", "a.vouch");
    shard("2/2", "b.vouch");
    let merge = |shards: &[&str]| {
        let mut merge = vouch();
        merge.arg("merge").args(shards.iter().map(|name| path(name))).arg("--record").arg(path("all.vouch"));
        merge
    };
    merge(&["a.vouch"]).assert().code(2).stderr(contains("the shard 2/2 is missing"));
    let junit = format!("junit={}", path("junit.xml").display());
    let assert = merge(&["b.vouch", "a.vouch"]).args(["--report", &junit]).assert().code(1);
    let out = unwrapped(&stdout(&assert));
    assert!(out.contains("4 cases, merged from 2 shards") && out.contains("the build does not conform"), "{out}");
    let xml = std::fs::read_to_string(path("junit.xml")).expect("written");
    assert!(xml.contains("<testsuite name=\"migration\" tests=\"4\""), "{xml}");
    vouch().arg("rejudge").arg(path("all.vouch")).assert().success();
    vouch().args(["run", "-f", "MIG-5", "--shard", "5/5"]).assert().code(2).stderr(contains("at most 4 shards"));
}

#[test]
fn schemas_are_json_schemas_and_the_scenario_schema_has_the_steps() {
    for what in ["scenario", "target", "protocol"] {
        let out = stdout(&vouch().args(["schema", what]).assert().success());
        let schema: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        assert!(schema["$schema"].as_str().is_some_and(|s| s.contains("json-schema.org")), "{what}");
    }
    vouch().arg("schema").assert().stdout(contains("corruptStorage"));
}

#[test]
fn completions_are_generated_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        vouch().args(["completions", shell]).assert().success().stdout(contains("vouch"));
    }
}

#[test]
fn man_pages_are_written_for_the_program_and_each_command() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("man1");
    vouch().arg("man").arg(&path).assert().success().stdout(contains("vouch.1"));
    let page = |name: &str| std::fs::read_to_string(path.join(name)).unwrap_or_default();
    assert!(page("vouch.1").contains(".TH vouch 1") && page("vouch.1").contains("Exit codes"), "{}", page("vouch.1"));
    assert!(page("vouch-run.1").contains("\\-\\-shard"), "{}", page("vouch-run.1"));
    vouch().arg("man").arg("Cargo.toml").assert().code(3).stderr(contains("cannot write the man pages to Cargo.toml"));
}

#[test]
fn the_shell_gate_runs_shards_merges_them_and_exits_with_the_verdict() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let (program, vouch) = (path("vouch"), assert_cmd::cargo::cargo_bin("vouch"));
    let keys = path("keys.txt");
    let script = format!("#!/bin/sh\necho \"${{VOUCH_KEY:-none}}\" >>{keys:?}\nexec {vouch:?} \"$@\"\n");
    std::fs::write(&program, script).expect("writable");
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("executable");
    let gate = |key: &str, arguments: &[&str], vouch_args: &str| {
        let mut gate = assert_cmd::Command::new("sh");
        gate.arg("ci/gates/vouch-gate.sh").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
        gate.env("VOUCH", &program).env("VOUCH_OUT", path("out")).env("VOUCH_KEY", key);
        gate.env("VOUCH_ARGS", vouch_args).env("VOUCH_SHARDS", "2").env("GITHUB_STEP_SUMMARY", path("summary.md"));
        gate.env_remove("VOUCH_TARGET").assert()
    };
    gate("", &["all"], "-f MIG-5").success();
    // A key asks for a certificate, which a part of the suite does not get.
    gate("the key", &["merge"], "").code(1).stderr(contains("is not certified"));
    let seen = std::fs::read_to_string(path("keys.txt")).expect("written");
    assert_eq!(seen, "none\n".repeat(seen.lines().count()), "the key is in the environment of vouch");
    for name in ["run.vouch", "junit.xml", "report.html", "code-quality.json"] {
        assert!(path("out").join(name).exists(), "{name}");
    }
    let summary = std::fs::read_to_string(path("summary.md")).expect("written");
    assert!(summary.contains("merged from 2 shards"), "{summary}");
    let assert = gate("", &["all"], "-f MIG-5 --mutant region-ignored").code(1);
    assert!(stdout(&assert).contains(",title=MIG-5::"), "annotations: {}", stdout(&assert));
    std::fs::remove_file(path("out/shard-1.vouch")).expect("the record of a shard");
    gate("", &["merge"], "").code(2).stderr(contains("the shard 1/2 is missing"));
    gate("", &["shard", "one"], "").code(2).stderr(contains("write `shard I/N`"));
}

#[test]
fn a_missing_snapshot_fails_in_ci_and_leaves_nothing_pending() {
    let (folder, scenario) = small_suite();
    vouch().arg("run").arg(&scenario).env("CI", "true").assert().code(1).stdout(contains("a wire snapshot"));
    assert!(!folder.path().join("snapshots").exists());
}

#[test]
fn a_snapshot_is_proposed_accepted_and_then_compared() {
    let (folder, scenario) = small_suite();
    let snap = folder.path().join("snapshots/small.snap");
    vouch().arg("run").arg(&scenario).assert().code(1);
    assert!(snap.with_extension("snap.new").exists(), "a pending snapshot");
    vouch().args(["run", "--update-snapshots"]).arg(&scenario).assert().success();
    vouch().args(["run", "--ci"]).arg(&scenario).assert().success();
    let text = std::fs::read_to_string(&snap).expect("written");
    assert!(!text.contains("eyJ") && text.contains("[sign-in token 1]"), "{text}");
    std::fs::write(&snap, text.replace("/v1/token", "/v2/token")).expect("written");
    vouch()
        .args(["run", "--ci"])
        .arg(&scenario)
        .assert()
        .code(1)
        .stdout(contains("+4. sdk → auth (home): POST /v1/token"));
}

/// One scenario with a snapshot, in a suite of its own.
fn small_suite() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::copy("scenarios/clauses.yaml", folder.path().join("clauses.yaml")).expect("copied");
    let text = "id: small\ntitle: t\nproves: [EXC-1]\nsteps: [{signedIn: ada}]\nwire: snapshot\n";
    let scenario = folder.path().join("small.yaml");
    std::fs::write(&scenario, text).expect("written");
    (folder, scenario)
}

/// A run of four cases that the mutant fails.
fn gated_run(folder: &std::path::Path, args: &[&str]) -> assert_cmd::assert::Assert {
    vouch().args(["run", "--no-record", "--filter", "MIG-5"]).args(args).current_dir(folder).assert()
}

#[test]
fn a_waiver_accepts_a_finding_until_its_last_day() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |clause: &str, day: &str| {
        let entry = format!("[[waiver]]\nclause = \"{clause}\"\nreason = \"later\"\nowner = \"me\"\nexpires = {day}\n");
        std::fs::write(folder.path().join("w.toml"), entry).expect("writable");
    };
    let run = || gated_run(folder.path(), &["--mutant", "region-ignored", "--waivers", "w.toml"]);
    write("MIG-5", "2999-12-31");
    let out = unwrapped(&stdout(&run().success()));
    assert!(out.contains("WAIVED 4 cases, MIG-5 MIG-5 is waived until 2999-12-31: later (owner: me)"), "{out}");
    write("MIG-5", "2020-01-31");
    let out = unwrapped(&stdout(&run().code(1)));
    assert!(out.contains("w.toml:2:10: expired waiver: the waiver of MIG-5 ended on 2020-01-31"), "{out}");
    write("MIG-55", "2999-12-31");
    let err = stderr(&run().code(2));
    assert!(err.contains("there is no clause `MIG-55`") && err.contains("w.toml:2:10"), "{err}");
}

#[test]
fn a_list_of_known_failures_is_written_and_gets_shorter() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |args: &[&str]| gated_run(folder.path(), &[&["--known-failures", "known.txt"], args].concat());
    let mutant = ["--mutant", "region-ignored"];
    run(&mutant).code(2).stderr(contains("--write-known-failures` makes it"));
    run(&[&mutant[..], &["--write-known-failures"]].concat()).success();
    let out = unwrapped(&stdout(&run(&mutant).success()));
    assert!(out.contains("KNOWN 4 cases") && out.contains("no failure is new"), "{out}");
    let out = unwrapped(&stdout(&run(&[]).code(1)));
    assert!(out.contains("known.txt:3:1: unexpected pass: migration-region-mismatch[production eu]"), "{out}");
    let list = std::fs::read_to_string(folder.path().join("known.txt")).expect("readable");
    let shorter: Vec<_> = list.lines().filter(|line| !line.contains("[sandbox us]")).collect();
    std::fs::write(folder.path().join("known.txt"), shorter.join("\n")).expect("writable");
    let out = unwrapped(&stdout(&run(&mutant).code(1)));
    assert!(out.contains("3 known to fail") && out.contains("1 failed"), "{out}");
}
