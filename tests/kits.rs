//! The kits of `adapters/` and their helpers for test runners. A test whose toolchain is not there says so and tests nothing.

mod common;

use common::{CloudProcess, run, stdout, vouch};
use std::path::Path;
use std::process::Command;

/// Whether Node runs. Without it the tests of the Node kit say so and test nothing.
fn node_runs() -> bool {
    let runs = Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success());
    if !runs {
        eprintln!("not tested: there is no program node");
    }
    runs
}

#[test]
fn a_node_sdk_passes() {
    if !node_runs() {
        return;
    }
    // One of each kind: the wire, the status stream, locked storage, a retry, callers at the same time, an update.
    let cases = [
        "first-sign-in",
        "status-stream-identify",
        "locked-in-flight",
        "retry-keeps-body",
        "waiting-callers-same-error",
        "update-from-older-wire",
    ];
    let filters: Vec<&str> = cases.iter().flat_map(|case| ["-f", case]).collect();
    let out = run("adapters/node/vouch.toml", &filters);
    assert!(out.contains("node-example 1.0.0 on node") && !out.contains("skipped"), "{out}");
}

#[test]
fn the_node_kits_own_tests_and_its_example_of_a_test_pass() {
    if !node_runs() {
        return;
    }
    let kit = Path::new(env!("CARGO_MANIFEST_DIR")).join("adapters/node");
    let folder = std::fs::read_dir(kit.join("test")).expect("a readable folder");
    let files = folder.map(|entry| entry.expect("a readable entry").path());
    let tests = files.filter(|path| path.to_string_lossy().ends_with(".test.mjs"));
    let output = Command::new("node")
        .args(["--test", "--test-reporter=tap"])
        .args(tests)
        .arg(kit.join("examples/conformance.test.mjs"))
        .envs([("VOUCH_FILTER", "first-sign-in"), ("NO_COLOR", "1")])
        .env("VOUCH", assert_cmd::cargo::cargo_bin("vouch"))
        .output()
        .expect("node runs");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{out}");
    assert!(out.contains("- EXC-1 (must)") && out.contains("- requests run in parallel"), "tests of both: {out}");
}

/// Whether Node, the packages of `adapters/browser` and Chromium are there. Without them its tests say so and test nothing.
fn browser_runs() -> bool {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("adapters/browser/node_modules");
    let chromium = std::env::var_os("CHROMIUM").unwrap_or_else(|| "/usr/bin/chromium".into());
    if !packages.is_dir() {
        eprintln!("not tested: adapters/browser/node_modules is missing (npm ci --prefix adapters/browser)");
    } else if !Path::new(&chromium).exists() {
        eprintln!("not tested: there is no Chromium at {}", chromium.display());
    }
    node_runs() && packages.is_dir() && Path::new(&chromium).exists()
}

#[test]
fn a_browser_sdk_passes() {
    if !browser_runs() {
        return;
    }
    // The wire, a reload, a renderer that is killed, the data of the site cleared, callers at the same time, a second tab.
    let cases = [
        "first-sign-in",
        "persists-relaunch",
        "killed-in-exchange",
        "reinstall",
        "waiting-callers-same-error",
        "refresh-at-once",
    ];
    let filters: Vec<&str> = cases.iter().flat_map(|case| ["-f", case]).collect();
    let out = run("adapters/browser/vouch.toml", &filters);
    assert!(out.contains("browser-example 1.0.0 on web") && !out.contains("skipped"), "{out}");
}

#[test]
fn what_chromium_records_of_a_page_is_judged() {
    if !browser_runs() {
        return;
    }
    let cloud = CloudProcess::start(&[]);
    let har = cloud.target.with_file_name("traffic.har");
    let output = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("adapters/browser/record-har.mjs"))
        .args([&cloud.target, &har])
        .output()
        .expect("node runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let out = stdout(&vouch().arg("judge").arg(&har).arg("--target").arg(&cloud.target).assert().success());
    assert!(out.contains("exchanges with the vendor: 7") && out.contains("no violation found"), "{out}");
}

#[test]
fn two_tabs_of_a_browser_share_one_session() {
    if !browser_runs() {
        return;
    }
    let output = Command::new("node")
        .args(["--test", "--test-reporter=tap", "test/two-tabs.test.mjs"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("adapters/browser"))
        .output()
        .expect("node runs");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && out.contains("ok 2 - tabs that need a new access token"), "{out}");
}

#[test]
fn a_jvm_sdk_and_the_jvm_kits_own_tests_pass() {
    let compiler = Command::new("sh").args(["-c", "command -v javac"]).output().expect("sh runs");
    if !compiler.status.success() {
        eprintln!("not tested: there is no program javac");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let copied = Command::new("cp").args(["-r", "adapters/jvm/."]).arg(folder.path()).status();
    assert!(copied.expect("cp runs").success());
    for script in ["build.sh", "test.sh"] {
        let output = Command::new("sh").arg(folder.path().join(script)).output().expect("sh runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{script}: {out}{err}");
    }
    // The wire, a process that is killed, locked storage, an update.
    let target = folder.path().join("vouch.toml");
    let cases = ["first-sign-in", "killed-while-deleted", "locked-in-flight", "update-from-older-wire"];
    let filters: Vec<&str> = cases.iter().flat_map(|case| ["-f", case]).collect();
    let out = run(target.to_str().expect("UTF-8"), &filters);
    assert!(out.contains("jvm-example 1.0.0 on jvm") && !out.contains("skipped"), "{out}");
    shows_clauses_in_junit_5(folder.path());
}

/// The helper for `JUnit` 5 of a built copy of the JVM kit: its own tests, and its example with the real program.
fn shows_clauses_in_junit_5(kit: &Path) {
    let jar = Path::new("/usr/share/java/junit-platform-console-standalone.jar");
    if std::env::var_os("JUNIT_JAR").is_none() && !jar.exists() {
        eprintln!("not tested: there is no {} and no JUNIT_JAR", jar.display());
        return;
    }
    let junit = |class: &str| {
        let output = Command::new("sh")
            .arg(kit.join("junit5/run.sh"))
            .args([class, "--details=tree", "--details-theme=ascii", "--disable-ansi-colors"])
            .env("VOUCH", assert_cmd::cargo::cargo_bin("vouch"))
            .env("VOUCH_FILTER", "first-sign-in")
            .output()
            .expect("sh runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{class}: {out}{err}");
        out.into_owned()
    };
    let out = junit("test.StatusesTest");
    assert!(out.contains("5 tests successful"), "{out}");
    let out = junit("example.ConformanceTest");
    assert!(out.contains("+-- EXC-1 (must)") && out.contains("'-- vouch: the verdict [OK]"), "{out}");
}

#[test]
fn the_pytest_plugin_shows_each_clause_as_a_test() {
    let installed = Command::new("python3").args(["-c", "import pytest_vouch"]).output();
    if !installed.is_ok_and(|output| output.status.success()) {
        eprintln!("not tested: pytest-vouch is not installed; `ci/test` installs it");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new("python3")
        .args(["-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp"])
        .arg(folder.path().join("pytest"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("adapters/python/pytest-vouch"))
        .env("VOUCH", assert_cmd::cargo::cargo_bin("vouch"))
        .env_remove("PYTEST_ADDOPTS")
        .output()
        .expect("python3 runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains(" passed") && !out.contains("skipped"), "{out}{err}");
}
