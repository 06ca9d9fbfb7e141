//! Every role with an external implementation: the examples under `adapters/` pass, and fail under the right clause with an
//! injected fault. `ci/test` installs their dependencies.

mod common;

use common::{run, stderr, stdout, target, unwrapped, vouch};
use std::path::Path;
use std::process::Command;

/// A copy of an example with an injected fault: one text replaced in one file.
fn faulty_copy(example: &str, file: &str, right: &str, wrong: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let copied = Command::new("cp").args(["-r", &format!("{example}/.")]).arg(folder.path()).status();
    assert!(copied.expect("cp runs").success());
    let path = folder.path().join(file);
    let text = std::fs::read_to_string(&path).expect("readable");
    let changed = text.replace(right, wrong);
    assert_ne!(text, changed, "{example}/{file} has no `{right}`");
    std::fs::write(path, changed).expect("writable");
    folder
}

/// Runs the suite against a faulty copy and checks that it violates the clause.
fn fails(folder: &Path, clause: &str, more: &[&str]) -> String {
    let target = folder.join("vouch.toml");
    let out = stdout(&vouch().args(["run", "--ci", "--strict", "-t"]).arg(target).args(more).assert().code(1));
    assert!(out.contains(&format!("violated {clause} ")), "{out}");
    out
}

#[test]
fn a_flask_backend_passes() {
    let out = run("adapters/backend-python/vouch.toml", &[]);
    assert!(out.contains("python-backend on HTTP") && out.contains("8 satisfied"), "{out}");
}

#[test]
fn an_express_backend_with_the_vendors_own_sdk_passes() {
    let out = run("adapters/backend-node/vouch.toml", &[]);
    assert!(out.contains("node-backend on HTTP") && out.contains("8 satisfied"), "{out}");
}

#[test]
fn a_backend_with_a_cacheable_response_violates_iss_8() {
    let folder = faulty_copy("adapters/backend-python", "backend/app.py", "no-store", "max-age=60");
    let out = fails(folder.path(), "ISS-8", &["-f", "ISS-8"]);
    assert!(out.contains("Cache-Control: no-store"), "the advice: {out}");
}

#[test]
fn a_backend_that_does_not_start_is_reported_with_its_output() {
    let (_folder, file) = common::target(
        "[backend]\nname = \"dead\"\ncommand = [\"sh\", \"-c\", \"echo no database >&2; exit 3\"]\n\
         [backend.login]\nrequest = \"POST /login\"\ncredential = \"/s\"\n\
         [backend.tokenRequest]\nrequest = \"POST /t\"\ntoken = \"/t\"\n",
    );
    let out = stdout(&vouch().args(["run", "-f", "ISS-8", "-t"]).arg(file).assert().code(1));
    assert!(out.contains("ended before it was ready: exit code 3") && out.contains("no database"), "{out}");
}

#[test]
fn an_external_emulator_passes_on_both_its_roles() {
    let out = run("adapters/cloud-python/vouch.toml", &[]);
    assert!(out.contains("python-emulator on HTTP") && out.contains("0 violated"), "{out}");
    assert!(out.contains("the wire profile does not claim RFC 6749"), "skip reason: {out}");
    let out = run("adapters/cloud-python/vouch.toml", &["--role", "idp", "-f", "IDP"]);
    assert!(out.contains("identity"), "{out}");
}

#[test]
fn an_emulator_with_one_realm_is_tested_there() {
    let (_, one) =
        EMULATOR.split_once("[[cloud.realms]]\nenvironment = \"sandbox\"\nregion = \"eu\"").expect("its realm");
    let (one, _) = one.split_once("[[cloud.realms]]").expect("the next");
    let (all, _) = EMULATOR.split_once("[cloud.hooks]").expect("the hooks");
    let (_, all) = all.split_once("[[cloud.realms]]").expect("the first");
    let one = format!("\nenvironment = \"sandbox\"\nregion = \"eu\"{one}");
    let folder = faulty_copy("adapters/cloud-python", "vouch.toml", all, &one);
    let args = ["run", "--ci", "--report", "json=-", "-t", "vouch.toml"];
    let out = stdout(&vouch().current_dir(folder.path()).args(args).assert().success());
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let count =
        |name: &str| report["summary"][name].as_u64().unwrap_or_else(|| panic!("{name}: {}", report["summary"]));
    // Those that are skipped name another realm, or need what only the mock cloud can give.
    assert!(count("passed") > 60 && count("failed") == 0, "{}", report["summary"]);
}

const EMULATOR: &str = include_str!("../adapters/cloud-python/vouch.toml");

#[test]
fn an_emulator_that_accepts_a_sign_in_token_twice_violates_idp_1() {
    let (right, wrong) = ("self._waiting.pop(identity, (None, 0, 0))", "self._waiting.get(identity, (None, 0, 0))");
    let folder = faulty_copy("adapters/cloud-python", "cloud/sessions.py", right, wrong);
    fails(folder.path(), "IDP-1", &["-f", "IDP-1"]);
}

#[test]
fn an_emulator_that_ignores_regions_violates_sco_4() {
    let folder = faulty_copy("adapters/cloud-python", "vouch.toml", "production/eu", "production/us");
    fails(folder.path(), "SCO-4", &["-f", "SCO-4"]);
}

#[test]
fn an_external_app_passes() {
    let out = run("adapters/python-app/vouch.toml", &[]);
    assert!(out.contains("python-example-app") && out.contains("0 violated"), "{out}");
}

#[test]
fn an_app_that_does_not_migrate_violates_rec_7() {
    let folder = faulty_copy("adapters/python-app", "app.py", "_WANTS_TOKEN.isdisjoint(status)", "True");
    // The example imports the protocol code of the example beside it.
    let neighbour = folder.path().parent().expect("a parent").join("python");
    let created = !neighbour.exists();
    if created {
        std::os::unix::fs::symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("adapters/python"), &neighbour)
            .expect("a link");
    }
    let out = fails(folder.path(), "REC-7", &["-f", "REC-7"]);
    if created {
        std::fs::remove_file(&neighbour).expect("removable");
    }
    assert!(out.contains("signIn"), "{out}");
}

#[test]
fn an_external_sdk_passes_with_the_wire_profile_of_older_releases() {
    let out =
        run("adapters/python/vouch.toml", &["--profile", "gcip", "-f", "exchange", "-f", "REF", "-f", "deletion"]);
    assert!(out.contains("0 violated"), "{out}");
}

#[test]
fn a_custom_wire_profile_is_a_mapping_in_the_target_file() {
    let mapping = r#"
profile = "custom"
[custom]
name = "acme"
claims = ["rfc6749"]
exchange = { path = "/oauth/token", encoding = "form", fields = { grant_type = "exchange", assertion = "$token" }, answer = { accessToken = "/tokens/access", refreshToken = "/tokens/refresh", expiresIn = "/ttl", expiresInIs = "text" } }
refresh = { path = "/oauth/refresh", encoding = "json", fields = { token = "$refreshToken" }, answer = { accessToken = "/tokens/access", refreshToken = "/tokens/refresh", expiresIn = "/ttl" } }
[custom.errors]
word = "/problem"
body = { problem = "$word" }
badRequest = "what"
exchange = [{ word = "bad", means = "invalidSignInToken" }]
refresh = [{ word = "gone", means = "invalidUser" }, { word = "again", means = "needsReauthentication" }]
"#;
    let program = assert_cmd::cargo::cargo_bin("vouch");
    let sdk = format!("{mapping}\n[sdk]\nname = \"reference\"\ncommand = [{program:?}, \"reference-sdk\"]\n");
    let (_folder, file) = common::target(&sdk);
    let out = run(&file.display().to_string(), &[]);
    // The target file names no previous build.
    assert!(
        out.contains("0 violated, 5 not tested") && unwrapped(&out).contains("UPD-1 UPD-2 UPD-3 UPD-4 UPD-5"),
        "{out}"
    );
    // The mapping claims RFC 6749, and its responses do not comply with it.
    let (_folder, file) = common::target(mapping);
    let out = stdout(&vouch().args(["run", "--ci", "--role", "idp", "-f", "IDP-6", "-t"]).arg(file).assert().code(1));
    assert!(out.contains("violated IDP-6") && out.contains("RFC 6749 section 5.1"), "{out}");
}

#[test]
fn a_target_file_with_several_roles_needs_the_role_option() {
    let (_folder, file) =
        common::target("[sdk]\nname = \"a\"\ncommand = [\"a\"]\n[app]\nname = \"b\"\ncommand = [\"b\"]\n");
    let assert = vouch().args(["run", "-t"]).arg(&file).assert().code(2);
    assert!(common::stderr(&assert).contains("--role sdk, --role app"), "{}", common::stderr(&assert));
    let assert = vouch().args(["run", "--role", "idp", "-t"]).arg(&file).assert().code(2);
    assert!(common::stderr(&assert).contains("does not fill the role idp"), "{}", common::stderr(&assert));
}

#[test]
fn a_shuffled_run_prints_its_seed_and_can_be_repeated() {
    let args = ["run", "--ci", "-f", "lifecycle", "--repeat", "3", "--shuffle", "7"];
    let out = stdout(&vouch().args(args).assert().success());
    assert!(out.contains("51 cases, shuffled with seed 7") && out.contains("51 passed"), "{out}");
}

#[test]
fn a_varied_run_passes_and_shows_what_it_drew_and_how_to_repeat_it() {
    let out = stdout(&vouch().args(["run", "--ci", "-f", "refresh", "--vary", "3"]).assert().success());
    assert!(out.contains("varied with seed 3"), "{out}");
    let args = ["run", "--ci", "-f", "fresh-token", "--mutant", "fixed-leeway", "--vary", "1"];
    let out = stdout(&vouch().args(args).assert().code(1));
    assert!(out.contains("access-token lifetime: ") && out.contains("TZ: "), "{out}");
    assert!(out.contains("--filter 'fresh-token-serves-calls[") && out.contains("--vary 1"), "{out}");
    let json = stdout(&vouch().args(args).args(["--report", "json=-"]).assert().code(1));
    let report: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(report["run"]["vary"], 1);
    assert!(report["cases"][0]["conditions"]["TZ"].is_string(), "{json}");
}

#[test]
fn an_sdk_with_permitted_extra_behaviour_passes() {
    const REFRESHES: &[&str] = &[
        "kill-mid-refresh",
        "temporary-failure[status503]",
        "killed-while-deleted[killAfter]",
        "many-callers[5 user]",
    ];
    // Each behaviour with the cases in which it could be mistaken for a fault.
    let behaviours = [
        ("pipe", &["first-sign-in"][..]),
        ("other-letter-case", &["first-sign-in", "expired-access-token"]),
        ("asks-after-sign-in", &["first-sign-in"]),
        ("exchanges-again", &["concurrent-sign-in"]),
        ("tells-first-status", &["status-stream"]),
        ("timer", &["first-sign-in", "expired-access-token"]),
        ("shows-storage-late", &["failed-write-in-sign-out"]),
        ("refreshes-at-launch", REFRESHES),
        ("refreshes-when-time-passes", REFRESHES),
        ("looks-up", &["rotation", "first-sign-in", "deletion-at-refresh"]),
        ("asks-at-launch", &["deletion-while-closed", "kill-mid-refresh", "crash-in-exchange[12]"]),
    ];
    let adapter = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/adapters/lawful.py");
    for (behaviour, cases) in behaviours {
        let filters: Vec<_> = cases.iter().flat_map(|case| ["-f", case]).collect();
        let command = format!("[\"python3\", \"-I\", \"-S\", \"{adapter}\", \"{behaviour}\"]");
        let (_folder, file) = common::target(&format!("[sdk]\nname = \"{behaviour}\"\ncommand = {command}\n"));
        let out = run(&file.display().to_string(), &filters);
        assert!(out.contains("0 violated, 0 not tested") && !out.contains("skipped"), "{behaviour}: {out}");
    }
}

#[test]
fn an_adapter_with_a_virtual_clock_can_run_in_real_time() {
    let out = run("adapters/python/vouch.toml", &["--real-time", "-f", "first-sign-in", "-f", "one-refresh-one-retry"]);
    assert!(out.contains("real time") && out.contains("0 violated"), "{out}");
}

#[test]
fn cases_that_need_a_missing_hook_are_skipped() {
    let folder = faulty_copy("adapters/cloud-python", "vouch.toml", "refuseAccessTokens = ", "deleteUser = ");
    let target = folder.path().join("vouch.toml");
    let assert =
        vouch().args(["run", "--ci", "scenarios/refresh/unauthorized.yaml", "-t"]).arg(target).assert().code(4);
    assert!(stdout(&assert).contains("no hook refuseAccessTokens"), "{}", stdout(&assert));
}

#[test]
fn updates_from_every_release_pass() {
    for target in ["update-from-1.toml", "update-from-3.toml"] {
        let out = run(&format!("adapters/python/{target}"), &["-f", "UPD"]);
        assert!(out.contains("5 satisfied, 0 violated, 0 not tested"), "{target}: {out}");
    }
}

#[test]
fn an_update_that_drops_sessions_of_the_older_wire_violates_upd_5_and_where_the_target_names_that_wire_upd_1() {
    let right = "session.profile in (self.name, \"gcip\")";
    let folder = faulty_copy("adapters/python", "signin/junction.py", right, "session.profile == self.name");
    fails(folder.path(), "UPD-5", &["-f", "update-from-older-wire"]);
    let target = folder.path().join("vouch.toml");
    let text = std::fs::read_to_string(&target).expect("readable");
    std::fs::write(&target, text + "profile = \"gcip\"\n").expect("writable");
    fails(folder.path(), "UPD-1", &["-f", "update-on-hold"]);
}

#[test]
fn an_update_that_erases_the_old_session_first_violates_upd_2() {
    let right = "if session is not None and self._secure.read(SESSION) != records.encode(session):";
    let folder =
        faulty_copy("adapters/python", "signin/storage.py", right, &format!("old.erase()\n            {right}"));
    fails(folder.path(), "UPD-2", &["-f", "crash-in-update"]);
}

#[test]
fn a_process_that_does_not_follow_the_others_violates_mul_1_and_mul_2() {
    let right = "if stored == self._stored or self._unsaved:";
    let folder = faulty_copy("adapters/python", "signin/installation.py", right, "if True:");
    fails(folder.path(), "MUL-1", &["-f", "refresh-by-turns"]);
    fails(folder.path(), "MUL-2", &["-f", "signed-out-in-one"]);
}

#[test]
fn a_previous_build_that_cannot_be_started_is_the_fault_of_the_environment() {
    let folder = faulty_copy("adapters/python", "vouch.toml", "\"--release=2\"]", "]");
    let target = folder.path().join("vouch.toml");
    let text = std::fs::read_to_string(&target).expect("readable");
    let (before, _) = text.split_once("[sdk.previous]").expect("the table");
    std::fs::write(&target, format!("{before}[sdk.previous]\ncommand = [\"./no-such-release\"]\n")).expect("writable");
    let assert = vouch().args(["run", "-f", "UPD-1", "-t"]).arg(target).assert().code(3);
    assert!(stderr(&assert).contains("no-such-release"), "{}", stderr(&assert));
}

#[test]
fn a_crash_is_injected_at_every_write() {
    let first = "temporary = self._path(name + _TEMPORARY)\n";
    let journal = "journal = os.open(self._path('journal'), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)\n        \
                   [os.write(journal, b'.') for _ in range(30)]\n        os.close(journal)\n        ";
    let only = ["-f", "crash-in-refresh"];
    let atomic = faulty_copy("adapters/python", "signin/storage.py", first, &format!("{journal}{first}"));
    let out = run(atomic.path().join("vouch.toml").to_str().expect("a path"), &only);
    assert!(out.contains("1 passed"), "{out}");
    // Writes in place instead of to a temporary file that is renamed: a crash after the thirty writes of the journal leaves a
    // partial file.
    let torn = format!("{journal}temporary = self._path(name)\n");
    let torn = faulty_copy("adapters/python", "signin/storage.py", first, &torn);
    let out = fails(torn.path(), "PER-3", &only);
    assert!(out.contains("(the process was killed instead of write 3"), "{out}");
}

/// Runs cases of an SDK over a connection, which a target file with this section describes.
fn passes_over_a_connection(section: &str, more: &[&str]) -> String {
    let adapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("adapters/python/over_http.py");
    let program = assert_cmd::cargo::cargo_bin("vouch");
    let section = section.replace("ADAPTER", &adapter.display().to_string());
    let (_folder, target) = target(&section.replace("VOUCH", &program.display().to_string()));
    let target = target.display().to_string();
    let args = ["run", "--no-record", "--target", &target].into_iter().chain(more.iter().copied());
    stdout(&vouch().args(args).assert().success())
}

#[test]
fn an_sdk_is_tested_over_tcp_web_socket_and_http_in_both_directions() {
    let sections = [
        r#"command = ["VOUCH", "reference-sdk", "--listen", "127.0.0.1:$port"]
           connect = "tcp://127.0.0.1:$port""#,
        r#"command = ["VOUCH", "reference-sdk", "--dial", "$url", "--installation", "$installation"]
           listen = "127.0.0.1:0""#,
        r#"command = ["python3", "-I", "-S", "ADAPTER", "$port"]
           connect = "http://127.0.0.1:$port/adapter""#,
    ];
    for section in sections {
        let section = format!("[sdk]\nname = \"remote\"\n{section}\n");
        let report = passes_over_a_connection(&section, &["-f", "lost-answer", "-f", "PER-1"]);
        assert!(report.contains("passed") && !report.contains("skipped"), "{section}{report}");
    }
}

#[test]
fn an_app_on_an_android_device_is_launched_killed_and_rebooted_by_adb() {
    let (folder, target) = target(
        r#"
        [sdk]
        name = "health on an emulator"
        listen = "127.0.0.1:0"
        [sdk.device]
        preset = "adb"
        device = "emulator-5554"
        app = "com.example.health"
        activity = ".Main"
        "#,
    );
    // It stands in for `adb`: it notes each call, and the app of the device is the reference SDK.
    let stand_in = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/adapters/android");
    let paths = format!("{stand_in}:{}", std::env::var("PATH").unwrap_or_default());
    let mut command = vouch();
    command.env("PATH", paths).env("VOUCH", assert_cmd::cargo::cargo_bin("vouch"));
    let target = target.display().to_string();
    let args =
        ["run", "--no-record", "-t", &target, "-f", "killed-while", "-f", "reboot", "-f", "reinstall", "-f", "crash"];
    let report = stdout(&command.args(args).assert().success());
    // Nothing can be reinstalled without the package, and the writes of a process on a device are out of reach.
    assert!(unwrapped(&report).contains("there is no device hook reinstall"), "{report}");
    assert!(unwrapped(&report).contains("Vouch must start it, on Linux with seccomp"), "{report}");
    let calls = std::fs::read_to_string(folder.path().join("calls")).expect("calls");
    let device = "-s emulator-5554";
    for call in [
        format!("{device} shell am start -W -n com.example.health/.Main --es vouchUrl ws://127.0.0.1:"),
        format!("{device} shell pm clear com.example.health"),
        format!("{device} shell am force-stop com.example.health"),
        format!("{device} reboot"),
        format!("{device} reverse tcp:"),
    ] {
        assert!(calls.contains(&call), "{call} is not in\n{calls}");
    }
}

#[test]
fn a_device_hook_that_fails_is_the_fault_of_the_environment() {
    let (_folder, target) = target(
        r#"
        [sdk]
        name = "health"
        listen = "127.0.0.1:0"
        [sdk.device.hooks]
        launch = ["sh", "-c", "echo no such device >&2; exit 7"]
        "#,
    );
    let assert = vouch().args(["run", "--no-record", "-t"]).arg(target).assert().code(3);
    assert!(unwrapped(&stderr(&assert)).contains("the device hook `launch` failed"), "{}", stderr(&assert));
    assert!(stderr(&assert).contains("no such device"), "{}", stderr(&assert));
}
