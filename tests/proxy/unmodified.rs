//! `vouch proxied-app`: an app that nobody changed, run by the suite through the proxy.

use super::common::{stderr, stdout, target, unwrapped, vouch};
use std::path::Path;

/// A target file for the app of `adapters/unmodified`, with this program as its adapter.
fn app_target(app: &Path) -> (tempfile::TempDir, std::path::PathBuf) {
    let program = assert_cmd::cargo::cargo_bin("vouch");
    let (program, app) = (program.display().to_string(), app.display().to_string());
    target(&format!("[sdk]\nname = \"app\"\ncommand = [{program:?}, \"proxied-app\", {app:?}]\n"))
}

fn example() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("adapters/unmodified/app.toml")
}

#[test]
fn a_curl_and_python_app_that_knows_only_the_real_hosts_is_judged_by_the_suite() {
    let (_folder, file) = app_target(&example());
    let mut run = vouch();
    run.args(["run", "--ci", "--no-record", "-t"]).arg(&file);
    let filters = ["-f", "first-sign-in", "-f", "malformed-token"];
    let out = stdout(&run.args(filters).assert().success());
    assert!(out.contains("0 violated") && out.contains("through the proxy"), "{out}");
    assert!(!out.contains("0 passed"), "{out}");
}

#[test]
fn an_app_that_does_not_trust_the_ca_is_explained_beside_its_finding() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = folder.path().join("app.toml");
    let example = example();
    let text = std::fs::read_to_string(&example).expect("readable");
    let hook = example.with_file_name("hook.sh");
    let words =
        format!("[\"env\", \"-u\", \"SSL_CERT_FILE\", \"-C\", {:?}, {hook:?}", example.parent().expect("a folder"));
    std::fs::write(&app, text.replace("[\"./hook.sh\"", &words)).expect("writable");
    let (_folder, file) = app_target(&app);
    let run = vouch().args(["run", "--ci", "--no-record", "-f", "first-sign-in", "-t"]).arg(&file).assert().code(1);
    let out = unwrapped(&stdout(&run));
    assert!(out.contains("does not trust the CA of the proxy"), "{out}");
}

#[test]
fn a_file_without_a_needed_hook_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = folder.path().join("app.toml");
    for (text, why) in [
        ("name = \"app\"\n[hooks]\nsignIn = [\"true\"]\n", "there is no hook `signOut`"),
        ("name = \"app\"\n[hooks]\nsignin = [\"true\"]\n", "unknown variant `signin`"),
        ("[hooks]\n", "missing field `name`"),
    ] {
        std::fs::write(&app, text).expect("writable");
        let said = stderr(&vouch().arg("proxied-app").arg(&app).assert().code(2));
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn a_case_that_needs_two_commands_at_once_is_skipped_for_an_app_that_takes_one() {
    let (_folder, target) = app_target(&example());
    let mut run = vouch();
    run.args(["run", "--ci", "--no-record", "-f", "waiting-callers-same-error", "-f", "sign-out-among-callers", "-t"]);
    let out = unwrapped(&stdout(&run.arg(&target).assert().code(4)));
    assert!(out.contains("because the adapter makes one call at a time, and the case needs two at once"), "{out}");
    assert!(out.contains("0 satisfied, 0 violated"), "{out}");
}
