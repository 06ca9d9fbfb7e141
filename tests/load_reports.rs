//! Reports of `vouch load` against an emulator that is not ours: what they hold, and what becomes of files that cannot be
//! written.

mod common;

use common::{stderr, stdout, unwrapped, vouch};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn load(duration: &str) -> assert_cmd::Command {
    let mut command = vouch();
    command.args([
        "load",
        "--target",
        "adapters/cloud-python/vouch.toml",
        "-w",
        "launch",
        "-a",
        "20/s",
        "-d",
        duration,
    ]);
    command.args(["--installations", "20", "--progress", "off"]);
    command
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a parser of Prometheus' own makes of a file; none where Python has none.
fn parsed(module: &str, path: &Path) -> Option<bool> {
    let has = Command::new("python3").args(["-c", "import prometheus_client"]).stderr(Stdio::null()).status().ok()?;
    let script = format!(
        "import sys; from {module} import text_string_to_metric_families as parse\nassert len(list(parse(open(sys.argv[1]).read()))) > 12"
    );
    has.success().then(|| Command::new("python3").args(["-c", &script]).arg(path).status().is_ok_and(|s| s.success()))
}

#[test]
fn a_load_writes_every_report() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [html, text, open, json] = ["a.html", "a.prom", "a.openmetrics", "a.json"].map(|name| folder.path().join(name));
    let record = folder.path().join("a.vouch");
    // What stood there is gone, however long it was.
    std::fs::write(&text, "stale\n".repeat(100_000)).expect("writable");
    let mut command = load("3s");
    let k6 = folder.path().join("a.k6.json");
    command.arg("--k6-summary").arg(&k6);
    command.arg("--html").arg(&html).arg("--prometheus").arg(&text).arg("--openmetrics").arg(&open);
    let assert = command.arg("--json").arg(&json).arg("--record").arg(&record).assert();
    let code = assert.get_output().status.code();
    assert!(matches!(code, Some(0 | 4)), "{code:?} {}\n{}", stdout(&assert), stderr(&assert));
    let results: serde_json::Value = serde_json::from_str(&read(&json)).expect("JSON");
    let good = results["series"]["launch"]["good"].as_u64().expect("a count");
    assert!(good > 30, "{results:#}");

    let sample = format!("vouch_load_requests_total{{series=\"launch\",level=\"workload\",outcome=\"good\"}} {good}\n");
    let count = format!("vouch_load_latency_seconds_count{{series=\"launch\",level=\"workload\"}} {good}\n");
    let (text_page, open_page) = (read(&text), read(&open));
    for page in [&text_page, &open_page] {
        assert!(page.contains(&sample) && page.contains(&count) && !page.contains("stale"), "{page}");
        let value = |line: &str| line.rsplit_once(' ').is_some_and(|(_, value)| value.parse::<f64>().is_ok());
        assert!(page.lines().all(|line| line.starts_with('#') || value(line)), "{page}");
    }
    assert!(open_page.ends_with("\n# EOF\n") && !text_page.contains("# EOF"));
    for (module, path) in [("prometheus_client.parser", &text), ("prometheus_client.openmetrics.parser", &open)] {
        assert_ne!(parsed(module, path), Some(false), "{module}: {}", read(path));
    }
    let page = read(&html);
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{page}");
    // The memory of the mock cloud is known on Linux only.
    let plots = if cfg!(target_os = "linux") { 6 } else { 5 };
    assert_eq!(page.matches("<svg class=\"plot\"").count(), plots, "{page}");
    assert!(page.contains(&format!("<td>{good}</td>")), "{page}");
    let summary: serde_json::Value = serde_json::from_str(&read(&k6)).expect("JSON");
    assert_eq!(summary["metrics"]["iteration_duration{name:launch}"]["type"], "trend", "{summary:#}");
    let written =
        [("html", &*html), ("k6-summary", &*k6), ("prometheus", &*text), ("openmetrics", &*open), ("json", &*json)];
    assert_record_has_all(&record, &stdout(&assert), &written);
}

/// The reports that are made of the record later are those that the load wrote, byte by byte, and so is its summary.
fn assert_record_has_all(record: &Path, summary: &str, written: &[(&str, &Path)]) {
    let shown = vouch().arg("show").arg(record).assert();
    assert_eq!(stdout(&shown), summary);
    for (format, path) in written {
        let later = vouch().arg("report").arg(record).args(["--report", &format!("{format}=-")]).assert().success();
        assert_eq!(stdout(&later), read(path), "{format}");
    }
    // Views of a run say what they got.
    let wrong = vouch().arg("certify").arg(record).args(["--key", "none"]).assert().failure();
    assert!(unwrapped(&stderr(&wrong)).contains("is the record of a load"), "{}", stderr(&wrong));
    let none = vouch().arg("report").arg(record).args(["--report", "junit=-"]).assert().code(2);
    assert!(stderr(&none).contains("no format `junit`"), "{}", stderr(&none));
}

#[test]
fn a_folder_that_is_missing_is_told_before_the_run() {
    let began = Instant::now();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let kept = folder.path().join("made.html");
    let mut command = load("60s");
    let assert = command.arg("--html").arg(&kept).args(["--openmetrics", "/nowhere/at/all.txt"]).assert().code(3);
    assert!(stderr(&assert).contains("cannot write /nowhere/at/all.txt"), "{}", stderr(&assert));
    assert!(began.elapsed() < Duration::from_secs(20) && !kept.exists(), "it ran, or left an empty report");
    let assert = load("60s").args(["--html", "same", "--json", "same"]).assert().code(2);
    assert!(stderr(&assert).contains("two reports"), "{}", stderr(&assert));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_after_the_summary_and_costs_no_other_report() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = folder.path().join("a.openmetrics");
    let mut command = load("1500ms");
    let assert = command.args(["--html", "/dev/full", "--openmetrics"]).arg(&open).assert().code(3);
    assert!(stderr(&assert).contains("cannot write /dev/full"), "{}", stderr(&assert));
    assert!(stdout(&assert).contains("launch/refresh"), "{}", stdout(&assert));
    assert!(read(&open).ends_with("# EOF\n"));
}

#[test]
fn a_load_whose_target_does_not_answer_leaves_no_record() {
    let realm = "environment = \"production\"\nregion = \"us\"\napiKey = \"k\"";
    let url = "http://127.0.0.1:1";
    let text = format!("[cloud]\nname = \"c\"\n[[cloud.realms]]\n{realm}\napi = \"{url}\"\nauth = \"{url}\"\n");
    let (folder, file) = common::target(&text);
    let run = |command: &[&str], more: &[&str]| {
        let mut vouch = vouch();
        vouch.args(command).arg("--target").arg(&file).args(more).env("XDG_STATE_HOME", folder.path());
        vouch.current_dir(folder.path()).assert().failure()
    };
    let records = || {
        let state = std::fs::read_dir(folder.path().join("vouch")).map(Iterator::count).unwrap_or_default();
        state + usize::from(folder.path().join("given.vouch").exists())
    };
    let load = ["load", "-w", "launch", "-a", "10/s", "-d", "1s", "--progress", "off"];
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/exchange/first-sign-in.yaml");
    let journeys = ["journeys", scenario, "--users", "1", "--duration", "1s", "--quiet"];
    for command in [&load[..], &journeys] {
        for more in [&[][..], &["--record", "given.vouch"]] {
            let assert = run(command, more);
            let err = stderr(&assert);
            assert!(err.contains("127.0.0.1:1") || err.contains("refused"), "{command:?}: {err}");
            assert_eq!(records(), 0, "{command:?} {more:?}");
        }
    }
    // A file that was there before the load, and a device, stay.
    std::fs::write(folder.path().join("given.vouch"), "mine").expect("writable");
    for command in [&load[..], &journeys] {
        run(command, &["--record", "given.vouch"]);
        assert_eq!(read(&folder.path().join("given.vouch")), "mine");
    }
    run(&load, &["--record", "/dev/null"]);
    assert!(Path::new("/dev/null").exists());
}
