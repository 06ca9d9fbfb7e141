//! `vouch forecast`: its options, files and exit codes.

mod common;

use common::{stdout, vouch};
use std::path::Path;
use std::time::Duration;

/// A file of a temporary folder.
fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file");
    path.to_string_lossy().into_owned()
}

#[test]
fn the_policy_that_is_printed_is_the_one_that_is_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let printed = stdout(&vouch().args(["forecast", "--print-policy"]).assert().success());
    let path = write(folder.path(), "policy.toml", &printed);
    let small = ["forecast", "--devices", "5", "--days", "10"];
    let own = stdout(&vouch().args(small).args(["--policy", &path]).assert().success());
    let built_in = stdout(&vouch().args(small).assert().success());
    assert_eq!(own, built_in);
    assert!(own.contains("all that the provider did not order"), "{own}");
}

#[test]
fn a_mistake_in_a_policy_file_is_shown_in_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "policy.toml", "[life]\nlostAnswers = 2\nlostAnsers = 1\n");
    let failed = vouch().args(["forecast", "--policy", &path]).assert().code(2);
    let said = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    assert!(said.contains("policy.toml:3") && said.contains("lostAnsers"), "{said}");
}

/// Devices that much happens to in a few days.
const HARSH: &str = "name = \"harsh\"\n[provider]\ngrace = \"0s\"\n[life]\nlostAnswers = 0.03\nlostRequests = 0.03\nkillsPerWake = 0.15\n\
                     crashesPerUse = 0.1\nrebootsPerMonth = 10\nclockErrorsPerMonth = 5\n";

/// A target file whose SDK is this program.
fn reference_in_processes(folder: &Path, name: &str, arguments: &str) -> String {
    let program = assert_cmd::cargo::cargo_bin!("vouch").display();
    let text = format!("[sdk]\nname = \"{name}\"\ncommand = [\"{program}\", \"reference-sdk\"{arguments}]\n");
    write(folder, &format!("{name}.toml"), &text)
}

#[test]
fn an_sdk_in_processes_lives_as_the_same_sdk_does_in_this_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = write(folder.path(), "policy.toml", HARSH);
    let right = reference_in_processes(folder.path(), "right", "");
    let defect = reference_in_processes(folder.path(), "defect", ", \"--mutant\", \"saves-late\"");
    let json = folder.path().join("f.json");
    let python = "adapters/python/vouch.toml";
    let run = vouch()
        .args(["forecast", "--policy", &policy, "--devices", "2", "--days", "6", "--mutant", "saves-late"])
        .args(["--target", &right, "--target", &defect, "--target", python, "--json"])
        .arg(&json)
        .assert()
        .success();
    let out = stdout(&run);
    assert!(out.contains("Played: processes of the SDK `right` (vouch-reference "), "{out}");
    assert!(
        out.contains("Every build lives on the same 2 devices for 6 days") && out.contains("times as wide"),
        "{out}"
    );
    let results: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&json).expect("JSON")).expect("JSON");
    let of = |at: usize, what: &str| results["forecasts"][at][what].clone();
    let builds: Vec<_> = (0..5).map(|at| of(at, "build")).collect();
    assert_eq!(builds, ["reference", "saves-late", "right", "defect", "python-example"]);
    for (in_process, in_processes) in [(0, 2), (1, 3), (0, 4)] {
        for what in ["all", "causes", "reauthentications", "signOuts", "calls"] {
            assert_eq!(of(in_process, what), of(in_processes, what), "{what} of {in_processes}: {out}");
        }
    }
    let events = |at: usize| results["forecasts"][at]["all"]["events"].as_u64().expect("a number");
    assert!(events(2) > 0 && events(3) > 2 * events(2), "the defect shows: {out}");
}

#[test]
fn a_target_file_that_cannot_be_forecast_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let rogue = std::path::absolute("tests/adapters/rogue.py").expect("a path");
    let command =
        |mode: &str| format!("[sdk]\nname = \"rogue\"\ncommand = [\"python3\", \"{}\", \"{mode}\"]\n", rogue.display());
    for (target, code, words) in [
        (
            reference_in_processes(folder.path(), "real-time", ", \"--no-clock\""),
            2,
            "a month of its life would take a month",
        ),
        (write(folder.path(), "cloud.toml", "profile = \"junction\"\n"), 2, "this one has no [sdk]"),
        (write(folder.path(), "exits.toml", &command("exits")), 1, "exit code 7"),
        (
            write(folder.path(), "refuses.toml", &command("hides-storage")),
            1,
            "cannot sign in on an undisturbed network",
        ),
        (
            write(folder.path(), "gone.toml", "[sdk]\nname = \"gone\"\ncommand = [\"/nowhere/sdk\"]\n"),
            3,
            "/nowhere/sdk",
        ),
    ] {
        let run = vouch().args(["forecast", "--devices", "1", "--days", "1", "--target", &target]).assert().code(code);
        let said = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
        assert!(said.contains(words), "{target}: {said}");
        assert!(!stdout(&run).contains("cause"), "no figure without a life: {}", stdout(&run));
    }
}

#[test]
fn policies_and_builds_are_compared_in_a_table_a_plot_and_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let [json, svg, html] = ["f.json", "f.svg", "f.html"].map(|name| folder.path().join(name));
    let common = ["forecast", "--devices", "20", "--days", "20", "--compare", "grace=0s,60s", "--mutant", "saves-late"];
    let table = stdout(&vouch().args(common).arg("--json").arg(&json).arg("--plot").arg(&svg).assert().success());
    for name in ["reference, grace 0s", "reference, grace 60s", "saves-late, grace 0s", "saves-late, grace 60s"] {
        assert!(table.contains(name), "{table}");
    }
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let text = std::fs::read_to_string(&json).expect("JSON");
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let rate = |at: usize| value["forecasts"][at]["all"]["rate"].as_f64().expect("a rate");
    assert!(rate(0) > rate(1), "grace helps: {} and {}", rate(0), rate(1));
    assert!(rate(2) > 10.0 * rate(0), "a token that is not saved is lost: {} and {}", rate(2), rate(0));
    let plot = std::fs::read_to_string(&svg).expect("SVG");
    assert!(
        plot.starts_with("<?xml") && plot.contains("saves-late, grace 60s") && plot.contains("lost refresh answer")
    );
    vouch().args(common).arg("--plot").arg(&html).assert().success();
    assert!(std::fs::read_to_string(&html).expect("HTML").contains("<svg"));
    vouch().args(common).arg("--plot").arg("f.png").assert().code(2);
}

#[test]
fn a_replay_is_a_scenario_that_check_accepts_and_a_run_confirms() {
    let folder = tempfile::tempdir().expect("a folder");
    let replays = folder.path().join("replays");
    let policy = write(
        folder.path(),
        "policy.toml",
        "[provider]\nrevocationsPerMonth = 1\n[life]\nlostAnswers = 0.02\nkillsPerWake = 0.2\n",
    );
    let args = ["forecast", "--policy", &policy, "--devices", "10", "--days", "30", "--replays"];
    let out = stdout(&vouch().args(args).arg(&replays).assert().success());
    vouch().arg("check").arg(&replays).assert().success();
    for (cause, variant) in [("lost-refresh-answer", 1), ("killed-during-a-refresh", 1), ("revoked-by-the-provider", 0)]
    {
        let file = replays.join(format!("forecast-reference-{cause}.yaml"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("no replay of {cause}:\n{out}"));
        assert!(text.lines().count() < 30, "{text}");
        // The provider of a run keeps the old refresh token good; this variant does not.
        let run = ["run", "--strict", "--no-record"];
        vouch().args(run).arg(&file).assert().code(0);
        vouch().args(run).arg(&file).args(["--variant", "cloud-no-grace"]).assert().code(variant);
    }
}

#[test]
fn an_sdk_of_any_name_has_replays_that_check_accepts() {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = write(folder.path(), "policy.toml", HARSH);
    let program = assert_cmd::cargo::cargo_bin!("vouch").display().to_string();
    let sdk = format!("[sdk]\nname = \"Acme/SDK 1.0\"\ncommand = [\"{program}\", \"reference-sdk\"]\n");
    let (target, replays) = (write(folder.path(), "vouch.toml", &sdk), folder.path().join("replays"));
    let args = ["forecast", "--policy", &policy, "--devices", "2", "--days", "6", "--target", &target, "--replays"];
    let out = stdout(&vouch().args(args).arg(&replays).assert().success());
    assert!(out.contains("replays/2/forecast-acme-sdk-1-0-"), "{out}");
    vouch().arg("check").arg(replays.join("2")).assert().success();
}

#[cfg(unix)]
#[test]
fn an_interrupt_shows_the_devices_that_were_done() {
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("vouch"))
        .args(["forecast", "--devices", "1000000", "--days", "1"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("vouch");
    std::thread::sleep(Duration::from_secs(2));
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill").args(["-INT", &id]).status().expect("kill");
    assert!(sent.success());
    let mut out = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().expect("piped"), &mut out).expect("text");
    assert_eq!(child.wait().expect("an end").code(), Some(130));
    assert!(out.contains(" of 1000000 devices × 1 days"), "{out}");
}
