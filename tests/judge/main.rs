//! `vouch judge`, as a user calls it.

#[path = "../common/mod.rs"]
mod common;

use common::{stderr, stdout, unwrapped, vouch};
use serde_json::Value;
use std::path::Path;

/// The report without the number of the clauses that no recording can show, which grows with the suite.
fn without_count(out: &str) -> String {
    let line = out.lines().find(|line| line.contains(" more clauses need")).expect("a count");
    let count = line.trim_start().split(' ').next().expect("a count");
    assert!(count.parse::<usize>().is_ok_and(|count| count > 80), "{line}");
    out.replace(line, &line.replace(count, "[count]"))
}

#[test]
fn a_recording_without_a_violation_says_what_it_can_and_cannot_show() {
    let assert = vouch().args(["judge", "tests/judge/conforms.har"]).assert().code(0);
    let out = stdout(&assert);
    insta::assert_snapshot!(without_count(&out));
    let out = unwrapped(&stdout(&vouch().args(["judge", "--all", "tests/judge/conforms.har"]).assert().code(0)));
    let listed = out.split_once("what it cannot show").map(|(_, listed)| listed).unwrap_or_default();
    assert!(listed.contains("LIF-6") && !listed.contains("REF-5"), "{out}");
}

#[test]
fn the_violations_of_a_recording_have_clause_level_entry_and_time() {
    let assert = vouch().args(["judge", "tests/judge/violates.har"]).assert().code(1);
    let out = stdout(&assert);
    assert!(!out.contains("9sKw31Zx") && !out.contains("k3Jd82hQ"), "{out}");
    insta::assert_snapshot!(without_count(&out));
}

#[test]
fn findings_as_json_have_the_levels_of_their_clauses() {
    let files = ["tests/judge/conforms.har", "tests/judge/violates.har"];
    let out = stdout(&vouch().args(["judge", "--json"]).args(files).assert().code(1));
    let json: Value = serde_json::from_str(&out).expect("JSON");
    let findings = json.pointer("/files/1/findings").and_then(Value::as_array).expect("findings");
    let found: Vec<_> = findings.iter().map(|of| (of["clause"].as_str(), of["level"].as_str())).collect();
    let expected = [("REF-5", "must"), ("EXC-3", "must"), ("REF-9", "should")];
    assert_eq!(found, expected.map(|(clause, level)| (Some(clause), Some(level))));
    assert_eq!(json.pointer("/files/0/file"), Some(&"tests/judge/conforms.har".into()));
}

#[test]
fn a_record_is_judged_again_with_its_exchanges() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = folder.path().join("run.vouch");
    vouch().args(["run", "--ci", "-f", "REF-5", "--record"]).arg(&record).assert().success();
    let out = stdout(&vouch().arg("judge").arg(&record).assert().success());
    assert!(out.contains("cases, 0 disagreements"), "{out}");
}

#[test]
fn a_recording_without_the_vendor_is_inconclusive_and_bad_files_and_options_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = folder.path().join("other.har");
    std::fs::write(&other, "{\"log\": {\"entries\": []}}").expect("writable");
    let out = stdout(&vouch().arg("judge").arg(&other).assert().code(4));
    assert!(out.contains("nothing to judge"), "{out}");

    std::fs::write(&other, "{\"log\": {\"entries\": [").expect("writable");
    for (args, reason) in [
        (vec![other.to_str().expect("UTF-8")], "is not a HAR file"),
        (vec!["/no/such.har"], "cannot read /no/such.har"),
        (vec!["tests/judge/conforms.har", "--profile", "other"], "unknown wire profile `other`"),
        (vec!["tests/judge/conforms.har", "--target", "adapters/python/vouch.toml"], "has no [cloud]"),
    ] {
        let said = unwrapped(&stderr(&vouch().arg("judge").args(&args).assert().code(2)));
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn the_hosts_of_a_target_file_take_the_place_of_the_vendors() {
    let (_folder, target) = common::target(
        "[cloud]\nname = \"staging\"\n[cloud.lifetimes]\nsignInToken = \"300s\"\naccessToken = \"3600s\"\n\
         [[cloud.realms]]\nenvironment = \"sandbox\"\nregion = \"eu\"\napi = \"https://api.staging.example.com/eu\"\n\
         auth = \"https://auth.staging.example.com\"\napiKey = \"sk_eu_0123456789\"\n",
    );
    let har = std::fs::read_to_string("tests/judge/violates.har").expect("readable");
    let har = har.replace("https://api.sandbox.eu.junction.com", "https://api.staging.example.com/eu");
    let har = har.replace("auth.sandbox.eu.junction.com", "auth.staging.example.com");
    let file = target.with_file_name("staging.har");
    std::fs::write(&file, har).expect("writable");
    vouch().arg("judge").arg(&file).assert().code(4);
    let out = stdout(&vouch().arg("judge").arg(&file).arg("--target").arg(&target).assert().code(1));
    assert!(out.contains("FAIL REF-5") && out.contains("FAIL EXC-3"), "{out}");
}

/// `chromium.har` was recorded by adapters/browser/record-har.mjs, in Chromium with Playwright. Its tokens are those of a mock cloud.
#[test]
fn the_recording_of_a_real_browser_is_judged() {
    let (_folder, target) = common::target(
        "[cloud]\nname = \"mock-cloud\"\n[cloud.lifetimes]\nsignInToken = \"300s\"\naccessToken = \"3600s\"\n\
         [[cloud.realms]]\nenvironment = \"production\"\nregion = \"us\"\napi = \"http://127.0.0.1:9591/production/us/api\"\n\
         auth = \"http://127.0.0.1:9591/production/us/auth\"\napiKey = \"pk_us_0123456789\"\n",
    );
    let judge =
        |file: &Path, code: i32| stdout(&vouch().arg("judge").arg(file).arg("-t").arg(&target).assert().code(code));
    let out = judge(Path::new("tests/judge/chromium.har"), 0);
    assert!(out.contains("entries: 10, exchanges with the vendor: 7, sessions: 1"), "{out}");
    for line in
        ["EXC-2  not violated in 1:", "REF-1  not violated in 3:", "REF-5  not violated in 3:", "no violation found"]
    {
        assert!(out.contains(line), "{line} is not in: {out}");
    }
    // The second tab refreshes with the token that the first one had used first.
    let har = std::fs::read_to_string("tests/judge/chromium.har").expect("readable");
    let mut har: Value = serde_json::from_str(&har).expect("JSON");
    let entries = har.pointer_mut("/log/entries").and_then(Value::as_array_mut).expect("entries");
    let is_refresh =
        |entry: &&mut Value| entry["request"]["postData"]["text"].to_string().contains("grant_type=refresh_token");
    let mut refreshes: Vec<_> = entries.iter_mut().filter(is_refresh).collect();
    refreshes[2]["request"]["postData"] = refreshes[0]["request"]["postData"].clone();
    let file = target.with_file_name("reused.har");
    std::fs::write(&file, har.to_string()).expect("writable");
    let out = judge(&file, 1);
    assert!(out.contains("FAIL REF-5") && !out.contains("eyJ"), "{out}");
}

#[test]
fn a_captured_session_leaves_its_traffic_and_a_draft_that_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = || {
        let mut command = vouch();
        command.args(["capture", "--output"]).arg(folder.path()).args(["--", "tests/judge/session.sh"]);
        command.assert()
    };
    let out = unwrapped(&stdout(&capture().success()));
    assert!(out.contains("signed in as ada") && out.contains("no violation found"), "{out}");
    let draft = folder.path().join("captured-session.yaml");
    let text = std::fs::read_to_string(&draft).expect("a draft");
    assert!(text.contains("- signIn: $token1") && text.contains("region: eu, users: [ada]"), "{text}");
    vouch().args(["check", "--with"]).arg(folder.path()).assert().success();
    let mut run = vouch();
    run.args(["run", "--ci", "--no-record", "-f", "captured-session", "--with"]).arg(folder.path());
    assert!(stdout(&run.assert().success()).contains("1 passed"));
    vouch().arg("judge").arg(folder.path().join("traffic.har")).assert().success();
    // Nothing is overwritten.
    let said = unwrapped(&stderr(&capture().code(2)));
    assert!(said.contains("is there already; choose another folder"), "{said}");
}

#[test]
fn a_session_without_traffic_or_with_a_command_that_fails_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = |name: &str, command: &[&str], code: i32| {
        let output = folder.path().join(name);
        let assert = vouch().args(["capture", "-o"]).arg(&output).arg("--").args(command).assert().code(code);
        (unwrapped(&stdout(&assert)), unwrapped(&stderr(&assert)))
    };
    let (out, err) = capture("none", &["sh", "-c", "exit 7"], 4);
    assert!(out.contains("no draft of a scenario") && out.contains("nothing to judge"), "{out}");
    assert!(err.contains("`sh` failed: exit status: 7"), "{err}");
    let (_, err) = capture("missing", &["./no-such-app"], 3);
    assert!(err.contains("cannot start `./no-such-app`"), "{err}");
}

#[test]
fn a_session_without_a_command_ends_with_a_signal() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("vouch"));
    command.args(["capture", "-o"]).arg(folder.path()).stderr(std::process::Stdio::piped());
    let mut child = command.stdout(std::process::Stdio::null()).spawn().expect("vouch starts");
    let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let ready = lines.map_while(Result::ok).any(|line| line.contains("Ctrl-C ends the recording"));
    // SAFETY: a signal to our own child, which has not been waited for.
    unsafe { libc::kill(i32::try_from(child.id()).expect("a pid"), libc::SIGTERM) };
    let status = child.wait().expect("it ends");
    assert!(ready && status.code() == Some(4), "{status}");
    assert!(folder.path().join("traffic.har").exists());
}
