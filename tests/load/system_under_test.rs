//! The system under test: what a load says of it, and what it uses where a load has several rounds.

use super::common::{target, vouch};
use super::{Cloud, stdout};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A target file of a mock cloud whose metrics say that so many processors are busy, with 100 MiB of memory and a queue of seven.
fn with_metrics(cloud: &Cloud, processors: f64) -> (tempfile::TempDir, PathBuf) {
    let text = std::fs::read_to_string(cloud.target()).expect("a target file");
    let script = format!(
        "import time; print('process_cpu_seconds_total', time.monotonic() * {processors}); \
         print('process_resident_memory_bytes', 100 << 20); print('waiting', 7)"
    );
    target(&format!("{text}\n[cloud.metrics]\ncommand = [\"python3\", \"-c\", \"{script}\"]\nqueue = \"waiting\"\n"))
}

/// Runs a load with several rounds. Returns its summary and its JSON report.
fn load(target: &Path, args: &[&str]) -> (String, Value) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let json = folder.path().join("report.json");
    let mut load = vouch();
    load.args(["load", "--progress", "off", "--installations", "60", "--target"]).arg(target);
    let out = load.args(args).arg("--json").arg(&json).assert();
    let report = std::fs::read_to_string(&json).unwrap_or_else(|_| panic!("{}", super::stderr(&out)));
    (stdout(&out), serde_json::from_str(&report).expect("JSON"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[test]
fn a_comparison_has_the_cpu_time_of_both_builds() {
    let cloud = Cloud::start(&[]);
    let (old, new) = (with_metrics(&cloud, 1.0), with_metrics(&cloud, 4.0));
    let args = ["-a", "60/s", "-d", "6s", "--rounds", "10", "--baseline"];
    let (out, report) = load(&new.1, &[&args[..], &[old.1.to_str().expect("a path")]].concat());
    let cpu = &report["cpuPerGoodResponse"];
    // A busy machine shifts the readings; the second build uses several times as much all the same.
    assert!((2.0..8.0).contains(&number(&cpu["ratio"])), "{out}\n{cpu}");
    assert!((8e6..40e6).contains(&number(&cpu["baseline"])), "one processor for 60 responses a second: {cpu}");
    assert!(number(&cpu["chance"]) < 0.05 && number(&cpu["pairs"]) > 4.0, "{cpu}");
    assert!(out.contains("% more CPU time of the system for a good response") && !out.contains("✗ cpu"), "{out}");
    assert!(number(&report["pairs"][0]["target"]["cpuPerGoodResponse"]) > 0.0, "{report}");

    let (out, report) = load(&new.1, &[&args[..], &[cloud.target().to_str().expect("a path")]].concat());
    let why = "not compared: the baseline: its target file has no [cloud.metrics]";
    assert!(out.contains(why) && !out.contains("the new build:"), "{out}");
    assert!(report["cpuPerGoodResponse"]["unknown"].is_string(), "{report}");
}

#[test]
fn a_search_shows_what_the_system_and_the_generator_use_at_each_rate() {
    let cloud = Cloud::start(&[]);
    let search = ["-d", "1s", "--find-max-rate", "50/s to 100/s"];
    let (_folder, measured) = with_metrics(&cloud, 1.5);
    let (out, report) = load(&measured, &search);
    assert!(out.contains("MiB  queue  thread") && out.contains("    100      7"), "{out}");
    for trial in report["tried"].as_array().expect("probes") {
        let system = &trial["system"];
        assert!((0.7..3.0).contains(&number(&system["cpuMean"])), "{trial}");
        assert_eq!((number(&system["memoryBytesMax"]), number(&system["queueMax"])), (104_857_600.0, 7.0), "{trial}");
        assert!(number(&trial["busiestThread"]) > 0.0, "{trial}");
    }
    // On a busy machine no rate may pass.
    let highest = &report["highest"];
    assert_eq!(highest.is_null(), report["system"]["atHighest"].is_null(), "{report}");
    assert!(highest.is_null() || out.contains("/s: CPU mean ") && out.contains("queue highest 7"), "{out}");

    let (out, report) = load(cloud.target(), &search);
    assert!(!out.contains("MiB") && report["tried"][0]["system"].is_null(), "{out}");
    let why = report["system"]["unknown"].as_str().expect("a reason");
    assert!(why.contains("its target file has no [cloud.metrics]"), "{report}");
    assert!(report["highest"].is_null() || out.contains(&format!("what it uses is not known: {why}")), "{out}");
}

#[test]
fn the_first_line_says_what_is_loaded() {
    let (_folder, file) = target("profile = \"junction\"\n");
    let cloud = Cloud::start(&[]);
    let loads = [
        (
            vec!["--target", file.to_str().expect("a path")],
            "the mock cloud of Vouch, because the target file has no [cloud]",
        ),
        (vec![], "the mock cloud of Vouch, because no --target names another one"),
        (vec!["--target", cloud.target().to_str().expect("a path")], "of the target file"),
    ];
    for (more, part) in loads {
        let mut load = vouch();
        load.args(["load", "--progress", "off", "-a", "20/s", "-d", "500ms", "--installations", "10", "--no-record"]);
        let out = stdout(&load.args(more).assert());
        let first = out.lines().next().unwrap_or_default();
        assert!(first.starts_with("Loaded: ") && first.ends_with(&format!("{part}.")), "{out}");
    }
}
