//! Faults during a load: what they lead to is linked to its cause, and a server that fails is not excused by them.

use super::common::vouch;
use super::defects::{Defect, defective_vendor, request, vendor};
use super::{Cloud, cloud_at, server, stdout};
use serde_json::Value;
use std::io::{BufReader, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// Runs a load of refreshes with faults. Returns its exit code, its summary and its JSON report.
fn load(target: &Path, faults: &str, more: &str) -> (Option<i32>, String, Value) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, json) = (folder.path().join("load.yaml"), folder.path().join("report.json"));
    let text = format!("arrivals: 100/s\ninstallations: 300\nusers: 1\n{more}\nfaults:\n{faults}");
    std::fs::write(&file, text).expect("written");
    let assert = vouch()
        .args(["load", "--progress", "off", "--target"])
        .arg(target)
        .arg(&file)
        .arg("--json")
        .arg(&json)
        .assert();
    let report = std::fs::read_to_string(&json).unwrap_or_else(|_| panic!("{}", super::stderr(&assert)));
    (assert.get_output().status.code(), stdout(&assert), serde_json::from_str(&report).expect("JSON"))
}

fn count(report: &Value, name: &str) -> u64 {
    report["faults"][0][name].as_u64().unwrap_or_else(|| panic!("{name}: {report}"))
}

/// Asserts that no failure of the server was counted. A busy machine can make a load inconclusive.
fn without_failures(code: Option<i32>, out: &str, report: &Value) {
    assert!(matches!(code, Some(0 | 4)) && report["all"]["errors"] == 0, "{code:?}\n{out}");
    assert!(out.contains("✓ errors<1%: 0%") && out.contains("✓ wrong<=0: 0"), "{out}");
}

const LOST: &str = "  - {from: 0s, until: 1s, answers: lost, share: 20%, at: refresh}\n";

#[test]
fn lost_answers_are_linked_to_the_sign_outs_that_follow() {
    let strict = Cloud::start(&["--mutant", "cloud-locked-out"]);
    // The retries come after the fault: the same calls are hit in each run.
    let runs = [0, 1].map(|_| load(strict.target(), LOST, "duration: 3s\ntimeout: 1200ms"));
    for (code, out, report) in &runs {
        without_failures(*code, out, report);
        let injected = count(report, "injected");
        assert!((8..=35).contains(&injected), "about a fifth of 100 answers: {out}");
        assert_eq!(count(report, "usedTokenRefreshes"), injected, "{out}");
        assert_eq!(count(report, "reuseRefusals"), injected, "a provider without grace: {out}");
        assert_eq!(count(report, "signedOut"), injected, "{out}");
        let chain = format!(
            "{injected} answers lost\n    → {injected} retries with a used refresh token\n    → {injected} reuse \
             detections\n    → {injected} installations signed out\n"
        );
        assert!(out.contains(&chain), "{out}");
    }
    assert_eq!(count(&runs[0].2, "injected"), count(&runs[1].2, "injected"), "the seed decides what is hit");

    let lenient = Cloud::start(&[]);
    let (code, out, report) = load(lenient.target(), LOST, "duration: 3s\ntimeout: 1200ms");
    without_failures(code, &out, &report);
    assert_eq!(count(&report, "accepted"), count(&report, "injected"), "a provider with grace: {out}");
    assert!(count(&report, "signedOut") == 0 && out.contains("→ 0 reuse detections"), "{out}");
}

#[test]
fn answers_that_are_cut_off_or_too_late_are_lost_and_others_are_not() {
    let strict = Cloud::start(&["--mutant", "cloud-locked-out"]);
    for (fault, lost) in [("reset", true), ("delayed, delay: 5s", true), ("delayed, delay: 900ms", false)] {
        let faults = format!("  - {{from: 0s, until: 500ms, answers: {fault}, share: 30%}}\n");
        let (code, out, report) = load(strict.target(), &faults, "duration: 2s\ntimeout: 1s");
        without_failures(code, &out, &report);
        let (injected, signed_out) = (count(&report, "injected"), count(&report, "signedOut"));
        assert!(injected > 5 && signed_out == if lost { injected } else { 0 }, "{fault}: {out}");
        assert!(report["all"]["latency"]["max"].as_u64().is_some_and(|ns| ns < 900_000_000), "{fault}: {out}");
    }
}

#[test]
fn calls_that_are_not_sent_are_retried_until_the_fault_is_over() {
    let strict = Cloud::start(&["--mutant", "cloud-locked-out"]);
    for (fault, wait) in [("429, retryAfter: 2s", 2.0), ("503", 0.0), ("refused", 0.0)] {
        let faults = format!("  - {{from: 500ms, until: 1s, answers: {fault}}}\n");
        let more = "workload: launch\nduration: 4s\nretries: 5";
        let (code, out, report) = load(strict.target(), &faults, more);
        without_failures(code, &out, &report);
        let (injected, recovered) = (count(&report, "injected"), count(&report, "recovered"));
        assert!(recovered >= 45 && injected >= recovered && count(&report, "signedOut") == 0, "{fault}: {out}");
        let last = report["faults"][0]["lastRecoverySeconds"].as_f64().expect("a time");
        assert!(last >= wait - 0.6, "{fault}: {out}");
        assert!(out.contains("simulated by the generator") && out.contains("in a later attempt"), "{out}");
    }
}

#[test]
fn a_sign_in_without_an_answer_fails_and_is_not_repeated() {
    let cloud = Cloud::start(&[]);
    let faults = "  - {from: 0s, until: 2s, answers: lost, share: 50%, at: exchange}\n";
    let (code, out, report) = load(cloud.target(), faults, "workload: signIn\nduration: 2s\ntimeout: 1s");
    without_failures(code, &out, &report);
    assert!(count(&report, "failedSignIns") == count(&report, "injected") && count(&report, "retries") == 0, "{out}");
    assert!(out.contains("sign-ins failed"), "{out}");
}

#[test]
fn a_server_that_fails_is_not_excused_by_faults() {
    for (defect, part) in [
        (Defect::OneTokenForAll, "wrong: a refresh token was issued twice"),
        (Defect::NoLifetime, "wrong: a response without a token, lifetime or id"),
        (Defect::NoErrorCode, "wrong: a refusal without an error code"),
    ] {
        let vendor = defective_vendor(defect);
        let (_folder, path) = cloud_at(&vendor, &vendor);
        let faults = "  - {from: 0s, until: 2s, answers: reset}\n";
        let (code, out, _) = load(&path, faults, "duration: 2s");
        assert!(code == Some(1) && out.contains(part), "{part}: {out}");
    }
    // The fault hits other calls; it excuses only refusals of the tokens that it made used ones.
    let vendor = refusing_vendor("400 Bad Request", "", r#"{"detail":{"error_type":"too_old"}}"#);
    let (_folder, path) = cloud_at(&vendor, &vendor);
    let (code, out, report) = load(&path, "  - {from: 1s, until: 2s, answers: lost, share: 50%}\n", "duration: 2s");
    assert!(code == Some(1) && out.contains("20 × status 400") && out.contains("✗ errors<1%"), "{out}");
    assert!(count(&report, "injected") > 20 && count(&report, "signedOut") == 0, "{out}");
}

/// A vendor that refuses every third of its first 60 refreshes with this status, header and body.
fn refusing_vendor(refusal: &'static str, header: &'static str, text: &'static str) -> String {
    let (count, refreshes) = (AtomicU32::new(0), AtomicU32::new(0));
    server(move |stream| {
        let mut reader = BufReader::new(stream);
        while let Some((path, body)) = request(&mut reader) {
            let refresh = body.contains("grant_type=refresh_token");
            let (status, answer) = match refresh.then(|| refreshes.fetch_add(1, Ordering::Relaxed)) {
                Some(number) if number < 60 && number % 3 == 0 => (refusal, text.to_owned()),
                _ => vendor(Defect::None, &count, &path, &body),
            };
            let header = if status == refusal { header } else { "" };
            let head = format!("HTTP/1.1 {status}\r\n{header}content-length: {}\r\n\r\n", answer.len());
            if reader.get_mut().write_all((head + &answer).as_bytes()).is_err() {
                return;
            }
        }
    })
}

#[test]
fn installations_wait_as_long_as_the_server_asks() {
    for (header, part) in [
        ("retry-after: 2\r\n", "20 of them with Retry-After of at most 2s, and the installations waited as long"),
        ("", "it refused 20 calls with 429 or 503, none of them with Retry-After"),
    ] {
        let vendor = refusing_vendor("503 Busy", header, "{}");
        let (_folder, path) = cloud_at(&vendor, &vendor);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("load.yaml");
        let text =
            "arrivals: 100/s\ninstallations: 300\nusers: 1\nduration: 4s\nretries: 3\nthresholds: [errors<50%]\n";
        std::fs::write(&file, text).expect("written");
        let out = vouch().args(["load", "--progress", "off", "--target"]).arg(path).arg(file).assert();
        let out = stdout(&out);
        assert!(out.contains("After failures of the server 20 calls were made again, and 0 gave up"), "{out}");
        assert!(out.contains(part), "{out}");
        // They are failures of the server all the same.
        assert!(out.contains("20 × status 503"), "{out}");
    }
}

#[test]
fn calls_that_wait_beyond_the_end_are_counted_and_do_not_mean_that_the_server_fell_behind() {
    for (header, part, good) in [
        ("retry-after: 60\r\n", "0 gave up; 20 waited for their next attempt when the load ended", 80),
        ("retry-after: 2\r\n", "After failures of the server 20 calls were made again, and 0 gave up; it", 100),
    ] {
        let vendor = refusing_vendor("503 Busy", header, "{}");
        let (folder, path) = cloud_at(&vendor, &vendor);
        let (file, json) = (folder.path().join("load.yaml"), folder.path().join("report.json"));
        let text =
            "arrivals: 100/s\ninstallations: 300\nusers: 1\nduration: 1s\nretries: 3\nthresholds: [errors<50%]\n";
        std::fs::write(&file, text).expect("written");
        let mut command = vouch();
        command.args(["load", "--progress", "off", "--target"]).arg(path).arg(file).arg("--json").arg(&json);
        let out = stdout(&command.assert());
        assert!(out.contains(part) && !out.contains("fell behind"), "{out}");
        let report: Value = serde_json::from_str(&std::fs::read_to_string(&json).expect("a report")).expect("JSON");
        assert_eq!(report["all"]["good"], good, "{report}");
        assert!(report["all"]["rate"].as_f64().is_some_and(|rate| (60.0..81.0).contains(&rate)), "{report}");
    }
}

/// The preset of an outage, in a few seconds.
fn short_outage() -> tempfile::TempDir {
    let preset = stdout(&vouch().args(["load", "--preset", "outage-return", "--print-preset"]).assert().success());
    let mut text = preset;
    for (long, short) in [
        ("spike 1500 at 80s within 3s over 30/s", "spike 300 at 4s within 500ms over 30/s"),
        ("duration: 150s", "duration: 10s"),
        ("warmUp: 5s", "warmUp: 500ms"),
        ("installations: 5000", "installations: 500\nusers: 1"),
        ("{from: 20s, until: 80s", "{from: 2s, until: 4s"),
    ] {
        assert!(text.contains(long), "{long}: {text}");
        text = text.replace(long, short);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("load.yaml"), text).expect("written");
    folder
}

#[test]
fn the_report_says_how_a_server_stood_the_return_after_an_outage() {
    let folder = short_outage();
    let load = |cloud: &Cloud, connections: &str| {
        let args = ["load", "--progress", "off", "load.yaml", "-c", connections, "--target"];
        stdout(&vouch().args(args).arg(cloud.target()).current_dir(folder.path()).assert())
    };
    let out = load(&Cloud::start(&[]), "64");
    assert!(out.contains("✓ errors<1%: 0%") && out.contains("(30 before the outage)"), "{out}");
    assert!(out.contains("the server stood it") || out.contains("back to normal"), "{out}");
    assert!(out.contains("it had no need of Retry-After"), "{out}");
    // With two connections and answers of 20 ms, the herd waits for seconds.
    let out = load(&Cloud::start(&["--delay", "20ms"]), "2");
    assert!(out.contains("back to normal") && !out.contains("the server stood it"), "{out}");
}

#[test]
fn a_comparison_has_the_faults_in_each_round_and_shows_their_consequences_at_both_builds() {
    let (lenient, strict) = (Cloud::start(&[]), Cloud::start(&["--mutant", "cloud-locked-out"]));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, json) = (folder.path().join("load.yaml"), folder.path().join("report.json"));
    // Without retries the used tokens are sent in a later round.
    let fault = "{from: 0s, until: 300ms, answers: reset, share: 30%, at: refresh}";
    let text =
        format!("arrivals: 100/s\nduration: 6s\ninstallations: 200\nusers: 1\nretries: 0\nfaults:\n  - {fault}\n");
    std::fs::write(&file, text).expect("written");
    let mut load = vouch();
    load.arg("load").arg(&file).args(["--progress", "off", "--rounds", "10", "--target"]).arg(strict.target());
    let out = stdout(&load.arg("--baseline").arg(lenient.target()).arg("--json").arg(&json).assert());
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&json).expect(&out)).expect("JSON");
    let count = |build: &str, name: &str| report["faults"][build][0][name].as_u64().expect("a number");
    for build in ["baseline", "target"] {
        assert!(count(build, "injected") > 20 && count(build, "usedTokenRefreshes") > 0, "{build}: {out}");
    }
    assert_eq!(count("baseline", "accepted"), count("baseline", "usedTokenRefreshes"), "a grace period: {out}");
    assert_eq!(count("target", "signedOut"), count("target", "usedTokenRefreshes"), "none: {out}");
    assert_eq!(count("baseline", "signedOut"), 0, "{out}");
    // Neither the latencies nor the thresholds have the consequences.
    assert!(!out.contains("inconclusive: the") && !out.contains("✗ errors"), "{out}");
    assert!(out.contains("    baseline: ") && out.contains("    new build: "), "{out}");
}

#[test]
fn a_load_whose_faults_cannot_happen_is_refused() {
    let cloud = Cloud::start(&[]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("load.yaml");
    // The duration that counts is that of the command.
    std::fs::write(&file, format!("duration: 500ms\nfaults:\n{LOST}")).expect("written");
    let longer = ["-d", "1s", "--progress", "off", "--installations", "50", "--users", "1", "--target"];
    let longer = vouch().arg("load").arg(&file).args(longer).arg(cloud.target()).assert();
    assert!(stdout(&longer).contains("answers lost"), "{}", super::stderr(&longer));
    std::fs::write(&file, format!("duration: 5s\nfaults:\n{LOST}")).expect("written");
    for (more, part) in [
        (&["-d", "900ms"][..], "ends after the end of the load at 900ms"),
        (&["-w", "exchange"], "hits no call of this load; its calls are exchange"),
        (&["-a", "max"], "cannot have faults or retries"),
        (&["--find-max-rate", "1/s to 2/s"], "each rate would seem to fall behind"),
        (&["--baseline", "old.toml"], "ends at 1s, and each round of the comparison lasts 500ms"),
    ] {
        let out = vouch().arg("load").arg(&file).arg("--target").arg(cloud.target()).args(more).assert().code(2);
        let err = super::stderr(&out);
        // A message at a place of the file is wrapped.
        let words: Vec<_> = err.split_whitespace().filter(|word| *word != "│").collect();
        assert!(words.join(" ").contains(part), "{more:?}: {err}");
    }
}
