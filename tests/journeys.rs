//! `vouch journeys`: scenarios of the suite as a load against the Python emulator, right and broken on purpose.

mod common;

use common::{CloudProcess, stderr, stdout, vouch};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A copy of the emulator that notes each call, with one text replaced in one file.
fn emulator(file: &str, right: &str, wrong: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let copied =
        Command::new("cp").args(["-r", "adapters/cloud-python/."]).arg(folder.path()).status().expect("cp runs");
    assert!(copied.success());
    let note = "open('seen.log', 'a').write(f'{self.command} {self.path}\\n'); body = self._body()\n        loopback";
    replace(&folder.path().join("cloud/http.py"), "body = self._body()\n        loopback", note);
    replace(&folder.path().join(file), right, wrong);
    folder
}

fn replace(path: &Path, right: &str, wrong: &str) {
    let text = std::fs::read_to_string(path).expect("readable");
    assert!(text.contains(right), "{} has no `{right}`", path.display());
    std::fs::write(path, text.replacen(right, wrong, 1)).expect("writable");
}

/// Lives a scenario at an emulator for three seconds: the exit code, the summary, the results.
fn live(folder: &Path, scenario: &str, more: &[&str]) -> (Option<i32>, String, Value) {
    let json = folder.join("results.json");
    let assert = vouch()
        .args(["journeys", scenario, "--think-time", "10ms..40ms"])
        .args(if more.contains(&"-u") { &[][..] } else { &["--users", "8"] })
        .args(if more.contains(&"-d") { &[][..] } else { &["--duration", "3s"] })
        .args(["--spawn-rate", "100", "--quiet", "--no-record", "--target"])
        .arg(folder.join("vouch.toml"))
        .arg("--json")
        .arg(&json)
        .args(more)
        .assert();
    let out = stdout(&assert);
    assert_eq!(stderr(&assert), "", "{out}");
    let text = std::fs::read_to_string(&json).unwrap_or_default();
    (assert.get_output().status.code(), out, serde_json::from_str(&text).unwrap_or_default())
}

fn count(results: &Value, series: &str, figure: &str) -> u64 {
    results["series"][series][figure].as_u64().unwrap_or(u64::MAX)
}

#[test]
fn a_scenario_is_lived_and_its_counts_are_those_of_the_server() {
    let folder = emulator("control.py", "_TIMEOUT_S = 10", "_TIMEOUT_S = 10");
    let thresholds = ["--threshold", "rotation/refresh p99<2s", "--threshold", "errors<1%"];
    let (code, out, results) = live(folder.path(), "scenarios/refresh/rotation.yaml", &thresholds);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("coordinated omission") && out.contains("✓ rotation/refresh p99<2s"), "{out}");
    assert_eq!(results["all"]["errors"], 0, "{out}");
    assert_eq!((&results["model"], &results["checks"]["userClaim"]), (&"closed".into(), &"sub".into()), "{out}");
    let log = std::fs::read_to_string(folder.path().join("seen.log")).expect("the emulator was asked");
    let seen = |method: &str, part: &str| {
        log.lines().filter(|line| line.starts_with(method) && line.contains(part)).count() as u64
    };
    let good = |call: &str| count(&results, &format!("rotation/{call}"), "good");
    // Calls that went on at the end are not counted: one for each user at the most.
    for (what, measured, at_server) in [
        ("issue", good("issue"), seen("POST ", "/sign_in_token")),
        ("grants", good("exchange") + good("refresh"), seen("POST ", "/v1/token")),
        ("resource", good("resource"), seen("GET ", "/v2/user/")),
    ] {
        assert!(measured > 0 && measured <= at_server && at_server <= measured + 8, "{what}: {measured}, {at_server}");
    }
    // Each lifecycle has one exchange, three refreshes and three calls.
    let lives = count(&results, "rotation", "good");
    assert!(lives > 0 && good("refresh") >= 3 * lives && good("resource") >= 3 * lives, "{out}");
    // The users that were made are gone.
    let made = log.lines().filter(|line| line.starts_with("POST ") && line.ends_with("/v2/user")).count() as u64;
    assert_eq!((made, seen("DELETE ", "/v2/user/")), (8, 8), "{log}");
}

#[test]
fn a_refusal_that_the_scenario_expects_is_right() {
    let folder = emulator("control.py", "_TIMEOUT_S = 10", "_TIMEOUT_S = 10");
    let (code, out, results) = live(folder.path(), "scenarios/deletion/at-refresh.yaml", &["--region", "eu"]);
    assert_eq!(code, Some(0), "{out}");
    let name = "deletion-at-refresh[production eu]";
    assert!(count(&results, name, "good") > 0 && count(&results, &format!("{name}/refresh"), "good") > 0, "{out}");
}

#[test]
fn what_is_wrong_behind_a_200_is_noticed() {
    let twice = "        if grant in session.latest:\n            return grant\n        if grant in session.latest:";
    for (file, right, wrong, scenario, words) in [
        (
            "cloud/sessions.py",
            "        if grant in session.latest:",
            twice,
            "scenarios/refresh/rotation.yaml",
            "the refresh token was not rotated",
        ),
        (
            "cloud/sessions.py",
            "        session = Session(user)\n",
            "        self.first, self.n = getattr(self, 'first', user), getattr(self, 'n', 0) + 1\n        \
             session = Session(user if self.n % 15 else self.first)\n",
            "scenarios/refresh/rotation.yaml",
            "tokens of another user",
        ),
        (
            "cloud/api.py",
            "    if user is not None and user.id != user_id.lower():",
            "    if False:",
            "scenarios/lifecycle/next-user.yaml",
            "another result than the scenario expects",
        ),
    ] {
        let folder = emulator(file, right, wrong);
        let (code, out, results) = live(folder.path(), scenario, &[]);
        assert_eq!(code, Some(1), "{words}: {out}");
        assert!(out.contains(words) && results["all"]["wrong"].as_u64() > Some(0), "{words}: {out}");
        for secret in ["eyJ", "rt+/", "pk_us_emulator"] {
            assert!(!out.contains(secret) && !results.to_string().contains(secret), "{secret}: {out}");
        }
    }
}

#[test]
fn an_unfit_scenario_is_refused_with_its_place() {
    let assert = vouch().args(["journeys", "scenarios/persistence/kill.yaml"]).assert().code(2);
    let told = stderr(&assert);
    assert!(
        told.contains("scenarios/persistence/kill.yaml:") && told.contains("`kill` makes this scenario unfit"),
        "{told}"
    );
    let assert = vouch().args(["journeys", "--list", "scenarios/persistence"]).assert().success();
    let list = stdout(&assert);
    assert!(list.contains("✓ persists-relaunch") && list.contains("kill.yaml:"), "{list}");
    for (args, words) in [
        (&["--think-time", "3s..1s"][..], "the minimum is longer than the maximum"),
        (&["--threshold", "rotation/refesh p99<1s"], "rotation/refresh"),
        (&["--spawn-rate", "0"], "above 0"),
        (&["--region", "mars"], "expected us or eu"),
    ] {
        let assert = vouch().args(["journeys", "scenarios/refresh/rotation.yaml"]).args(args).assert().code(2);
        assert!(stderr(&assert).contains(words), "{args:?}: {}", stderr(&assert));
    }
}

#[test]
fn ctrl_c_ends_it_with_a_report() {
    let folder: PathBuf = "adapters/cloud-python/vouch.toml".into();
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("vouch"))
        .args(["journeys", "scenarios/refresh/rotation.yaml", "-u", "4", "-d", "60s", "--think-time", "20ms"])
        .args(["--spawn-rate", "100", "--target"])
        .arg(folder)
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("vouch runs");
    std::thread::sleep(Duration::from_secs(4));
    let id = i32::try_from(child.id()).expect("an id");
    // SAFETY: a plain system call on a child that has not been waited for.
    unsafe { libc::kill(id, libc::SIGINT) };
    let began = std::time::Instant::now();
    let mut out = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().expect("piped"), &mut out).expect("readable");
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{out}");
    assert!(began.elapsed() < Duration::from_secs(10) && out.contains("interrupted"), "{out}");
}

#[test]
fn calls_that_wait_at_the_end_count() {
    let cloud = CloudProcess::start(&["--keys", "hmac", "--stall", "30s@2s"]);
    let out = vouch()
        .args(["journeys", "scenarios/refresh/rotation.yaml", "--users", "8", "--duration", "4s", "--timeout", "4s"])
        .args(["--think-time", "10ms..40ms", "--spawn-rate", "100", "--quiet", "--no-record", "--target"])
        .arg(&cloud.target)
        .assert()
        .code(1);
    let out = stdout(&out);
    assert!(out.contains("timeout") && out.contains("8 of 8 users waited"), "{out}");
}

/// A target file of the Python SDK beside the emulator of a folder.
fn with_python_sdk(folder: &Path, arguments: &str) {
    let adapter = std::path::absolute("adapters/python/adapter.py").expect("a path");
    let sdk = format!(
        "\n[sdk]\nname = \"python\"\ncommand = [\"python3\", \"-I\", \"-S\", \"{}\"{arguments}]\n",
        adapter.display()
    );
    let path = folder.join("vouch.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(path, text + &sdk).expect("writable");
}

#[test]
fn an_sdk_of_the_target_file_is_driven_in_processes() {
    let folder = emulator("control.py", "_TIMEOUT_S = 10", "_TIMEOUT_S = 10");
    with_python_sdk(folder.path(), "");
    let (code, out, results) = live(folder.path(), "scenarios/refresh/rotation.yaml", &["-d", "6s"]);
    assert_eq!(code, Some(0), "{out}");
    let first = out.lines().next().unwrap_or_default();
    assert!(
        first.starts_with(
            "Loaded: the cloud `python-emulator` of the target file. By: 8 processes of the SDK `python` "
        ),
        "{out}"
    );
    assert!(first.contains("Vouch advances their clocks"), "{out}");
    // The sum of what was measured is that of the server, so the calls of the SDK passed through Vouch.
    let log = std::fs::read_to_string(folder.path().join("seen.log")).expect("the emulator was asked");
    let at_server = log.lines().filter(|line| line.starts_with("POST ") && line.contains("/v1/token")).count() as u64;
    let measured = count(&results, "rotation/exchange", "good") + count(&results, "rotation/refresh", "good");
    assert!(measured > 8 && measured <= at_server && at_server <= measured + 8, "{measured}, {at_server}: {out}");
    let lives = count(&results, "rotation", "good");
    assert!(lives > 0 && count(&results, "rotation/refresh", "good") >= 3 * lives, "{out}");
    // What they use is read before the load and at its end: a Python process needs a few MiB, and this machine holds some.
    let note = out.lines().find(|line| line.contains("of this SDK used most memory after")).expect("a note");
    assert!(note.contains("MiB each); at the end: ") && note.contains("this machine holds about "), "{note}");
    let memory = &results["sdkMemory"];
    let samples = memory["samples"].as_array().expect("samples");
    assert!(samples.len() >= 2 && samples.last() == Some(&memory["last"]), "{memory}");
    let bytes = |sample: &Value| sample["bytes"].as_u64().expect("a number");
    assert!(samples.iter().all(|sample| bytes(sample) <= bytes(&memory["peak"])), "{memory}");
    // They had all started before the load.
    let first = &samples[0];
    let processes = first["processes"].as_u64().expect("a number");
    assert!(processes == 8 && first["at"].as_f64() < Some(1.0), "{memory}");
    assert!(((processes << 20)..((processes * 100) << 20)).contains(&bytes(first)), "{memory}");
    // What is loaded is said once in the text, and it is in the other reports.
    assert_eq!(out.matches("Loaded: ").count(), 1, "{out}");
    assert!(
        results["loaded"].as_str().is_some_and(|loaded| loaded.starts_with("the cloud `python-emulator`")),
        "{results}"
    );
}

#[test]
fn users_who_wait_for_their_processes_are_reported() {
    let folder = emulator("control.py", "_TIMEOUT_S = 10", "_TIMEOUT_S = 10");
    // Each lifecycle needs a new process, and only a few start at a time.
    with_python_sdk(folder.path(), ", \"--no-reuse\"");
    let (_, out, _) = live(folder.path(), "scenarios/exchange/first-sign-in.yaml", &["-u", "24", "-d", "5s"]);
    assert!(out.contains("! the load generator was the limit: the users waited "), "{out}");
}

/// A target file for an SDK of which only one process starts beside those that Vouch asks and measures; where it counts its starts.
fn starts_no_more(folder: &Path, then: &str) -> (PathBuf, PathBuf) {
    let adapter = std::path::absolute("tests/adapters/starts_thrice.py").expect("a path");
    let (target, starts) = (folder.join("vouch.toml"), folder.join("starts"));
    let command =
        format!("[\"python3\", \"-I\", \"-S\", \"{}\", \"{}\", \"{then}\"]", adapter.display(), starts.display());
    std::fs::write(&target, format!("[sdk]\nname = \"no-room\"\ncommand = {command}\n")).expect("writable");
    (target, starts)
}

#[test]
fn a_process_of_an_sdk_that_does_not_start_ends_the_run_before_the_load() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = vouch()
        .args(["journeys", "scenarios/exchange/first-sign-in.yaml", "-u", "3", "-d", "2s", "--no-record", "-q", "-t"])
        .arg(starts_no_more(folder.path(), "end").0)
        .assert()
        .code(3);
    let text = common::unwrapped(&stderr(&run));
    assert!(text.contains("of 3 processes of the SDK were started, then one failed: "), "{text}");
    assert!(text.contains("help: use fewer --users; `ulimit -u`"), "{text}");
    assert!(!stdout(&run).contains("good/s"), "no load: {}", stdout(&run));
}

#[test]
fn ctrl_c_while_the_processes_of_an_sdk_start_ends_it_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (target, starts) = starts_no_more(folder.path(), "hang");
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("vouch"))
        .args(["journeys", "scenarios/exchange/first-sign-in.yaml", "-u", "3", "--no-record", "-q", "-t"])
        .arg(target)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("vouch runs");
    let began = std::time::Instant::now();
    let count = || std::fs::metadata(&starts).map_or(0, |file| file.len());
    while count() < 4 && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    // SAFETY: a plain system call on a child that has not been waited for.
    unsafe { libc::kill(i32::try_from(child.id()).expect("an id"), libc::SIGINT) };
    let interrupted = std::time::Instant::now();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().expect("piped"), &mut text).expect("readable");
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{text}");
    assert!(text.contains("interrupted while the processes of the SDK were started"), "{text}");
    // An adapter has ten seconds to answer; nobody waits for it.
    assert!(interrupted.elapsed() < Duration::from_secs(8), "{:?}", interrupted.elapsed());
}

/// A target file for the Python SDK with one more behaviour beside the emulator of a folder.
fn with_behaviour(folder: &Path, behaviour: &str) {
    let adapter = std::path::absolute("tests/adapters/lawful.py").expect("a path");
    let command = format!("[\"python3\", \"-I\", \"-S\", \"{}\", \"{behaviour}\"]", adapter.display());
    let path = folder.join("vouch.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(path, format!("{text}\n[sdk]\nname = \"{behaviour}\"\ncommand = {command}\n")).expect("writable");
}

#[test]
fn other_calls_of_an_sdk_to_the_identity_provider_are_no_exchanges() {
    let folder = emulator("control.py", "_TIMEOUT_S = 10", "_TIMEOUT_S = 10");
    with_behaviour(folder.path(), "looks-up");
    let threshold = ["--threshold", "rotation/other p99<5s"];
    let (code, out, results) = live(folder.path(), "scenarios/refresh/rotation.yaml", &threshold);
    assert_eq!((code, &results["all"]["errors"]), (Some(0), &0.into()), "{out}");
    let good = |call: &str| count(&results, &format!("rotation/{call}"), "good");
    // Two after each exchange and each refresh; the last lifecycles may have ended in between.
    let (grants, other) = (good("exchange") + good("refresh"), good("other"));
    assert!(good("exchange") > 0 && other <= 2 * grants && 2 * grants <= other + 16, "{grants}, {other}: {out}");
    assert!(out.contains("the first was `POST /v1/accounts:lookup`"), "{out}");
    // An exchange with a wrong response is still found, and it is the exchange that is blamed.
    let others = "        self.first, self.n = getattr(self, 'first', user), getattr(self, 'n', 0) + 1\n        \
                  session = Session(user if self.n % 3 else self.first)\n";
    for (file, right, wrong, words) in [
        ("cloud/sessions.py", "        session = Session(user)\n", others, "tokens of another user"),
        ("cloud/identity.py", "\"access_token\": access_token,", "", "a response without a token"),
    ] {
        let folder = emulator(file, right, wrong);
        with_behaviour(folder.path(), "looks-up");
        let (code, out, results) = live(folder.path(), "scenarios/exchange/first-sign-in.yaml", &[]);
        let wrong = |call: &str| count(&results, &format!("first-sign-in/{call}"), "wrong");
        assert!(code == Some(1) && out.contains(words), "{words}: {out}");
        assert!(wrong("exchange") > 0 && wrong("other") == 0, "{words}: {out}");
    }
}

#[test]
fn api_calls_that_the_scenario_does_not_have_are_no_resources() {
    let folder = emulator("control.py", "_TIMEOUT_S = 10", "_TIMEOUT_S = 10");
    with_behaviour(folder.path(), "asks-after-sign-in");
    let (code, out, results) = live(folder.path(), "scenarios/exchange/first-sign-in.yaml", &[]);
    assert_eq!((code, &results["all"]["errors"]), (Some(0), &0.into()), "{out}");
    let good = |call: &str| count(&results, &format!("first-sign-in/{call}"), "good");
    // The SDK reads its user's record after each sign-in, and the scenario has it read the same record once more.
    let (exchanges, other, lives) = (good("exchange"), good("other"), count(&results, "first-sign-in", "good"));
    assert!(lives > 0 && other <= exchanges && exchanges <= other + 8, "{exchanges}, {other}: {out}");
    let resources = good("resource");
    assert!(lives <= resources && resources <= exchanges, "{lives}, {resources}, {exchanges}: {out}");
    assert!(out.contains("calls that the scenario does not have, the first was `GET /v2/user/"), "{out}");
}

#[test]
fn what_is_loaded_is_said_where_the_target_file_has_no_cloud() {
    let folder = tempfile::tempdir().expect("a folder");
    with_python_sdk(folder.path(), ", \"--no-clock\"");
    let (code, out, _) = live(folder.path(), "scenarios/exchange/first-sign-in.yaml", &["-u", "2"]);
    assert_eq!(code, Some(0), "{out}");
    let first = out.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("Loaded: the mock cloud of Vouch, because the target file has no [cloud]. By: 2 processes"),
        "{out}"
    );
    assert!(first.contains("in real time"), "{out}");
    // An SDK whose clock cannot be advanced cannot play the expiry of a token, and more processes than fit are not started.
    let refused = |args: &[&str], code: i32| {
        let run = vouch().arg("journeys").args(args).arg("--target").arg(folder.path().join("vouch.toml")).assert();
        stderr(&run.code(code))
    };
    let text = refused(&["scenarios/refresh/rotation.yaml"], 2);
    assert!(text.contains("the SDK does not claim `clock`"), "{text}");
    let text = refused(&["scenarios/exchange/first-sign-in.yaml", "-u", "100000"], 2);
    assert!(text.contains("this machine holds about") && text.contains("100000 users"), "{text}");
    std::fs::write(folder.path().join("vouch.toml"), "[sdk]\nname = \"gone\"\ncommand = [\"false\"]\n")
        .expect("writable");
    let text = refused(&["scenarios/exchange/first-sign-in.yaml"], 1);
    assert!(text.contains("gone does not conform"), "{text}");
    let out = stdout(
        &vouch()
            .args(["journeys", "scenarios/exchange/first-sign-in.yaml", "-u", "2", "-d", "1s", "--no-record"])
            .assert(),
    );
    assert!(
        out.starts_with(
            "Loaded: the mock cloud of Vouch, because no --target names another one. By: 2 users with the reference SDK"
        ),
        "{out}"
    );
}

#[test]
fn a_fault_of_the_sdk_shows_with_its_step_and_what_was_expected() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = assert_cmd::cargo::cargo_bin("vouch");
    let target = format!(
        "[sdk]\nname = \"faulty\"\ncommand = [\"{}\", \"reference-sdk\", \"--mutant\", \"memory-only\"]\n",
        program.display()
    );
    std::fs::write(folder.path().join("vouch.toml"), target).expect("writable");
    let (code, out, _) = live(folder.path(), "scenarios/refresh/rotation.yaml", &["-u", "2"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("scenarios/refresh/rotation.yaml:") && out.contains("expected HTTP 200, got"), "{out}");
}

#[test]
fn a_should_clause_that_is_not_satisfied_is_a_warning_as_in_a_run() {
    let folder = emulator("cloud/sessions.py", "self._waiting.pop(identity,", "self._waiting.get(identity,");
    let (code, out, results) = live(folder.path(), "scenarios/identity/once.yaml", &[]);
    assert!(out.contains("warning, a `should` clause is not satisfied, scenarios/identity/once.yaml:"), "{out}");
    assert_eq!((code, &results["all"]["errors"]), (Some(0), &0.into()), "{out}");
    assert_eq!(count(&results, "sign-in-token-once", "good"), 0, "{out}");
}
