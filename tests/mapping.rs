//! Identity providers whose answers are not those of the scheme: they lack what RFC 6749 sections 5.1 and 6 leave open (the
//! refresh token of a refresh, the lifetime of the access token), or their errors are texts.

mod common;

use assert_cmd::assert::Assert;
use common::{CloudProcess, stderr, stdout, unwrapped, vouch};
use std::path::{Path, PathBuf};

/// A provider that names neither in its answers.
const SILENT: &str = r#"
profile = "custom"

[custom]
name = "acme"
claims = ["rfc6749"]
defaultExpiresIn = 3600

[custom.exchange]
path = "/oauth/token"
encoding = "form"
fields = { grant_type = "exchange", assertion = "$token" }
answer = { accessToken = "/access_token", refreshToken = "/refresh_token", also = { token_type = "Bearer" } }

[custom.refresh]
path = "/oauth/token"
encoding = "form"
fields = { grant_type = "refresh_token", refresh_token = "$refreshToken" }
answer = { accessToken = "/access_token", also = { token_type = "Bearer" } }

[custom.errors]
word = "/error_description"
body = { error = "invalid_grant", error_description = "$word" }
badRequest = "invalid_request"
badRequestBody = { error = "$word" }
exchange = [{ word = "bad", means = "invalidSignInToken" }]
refresh = [{ word = "gone", means = "invalidUser" }, { word = "again", means = "needsReauthentication" }]
"#;

/// The same answers as a client reads them that would take the members.
fn reads_both() -> String {
    let in_exchange = "refreshToken = \"/refresh_token\", also";
    let in_refresh = "answer = { accessToken = \"/access_token\", also";
    let both = "answer = { accessToken = \"/access_token\", refreshToken = \"/refresh_token\", expiresIn = \"/expires_in\", also";
    SILENT
        .replace(in_exchange, "refreshToken = \"/refresh_token\", expiresIn = \"/expires_in\", also")
        .replace(in_refresh, both)
}

/// A mock cloud that leaves both out, and a target file that leads to it with another mapping.
fn cloud(mapping: &str) -> (CloudProcess, tempfile::TempDir, PathBuf) {
    let (_folder, file) = common::target(SILENT);
    let cloud = CloudProcess::start(&["--keys", "hmac", "--mapping", &file.display().to_string()]);
    let text = std::fs::read_to_string(&cloud.target).expect("readable");
    let (_, of_cloud) = text.split_once("[cloud]").expect("a cloud");
    let (folder, file) = common::target(&format!("{mapping}\n[cloud]{of_cloud}"));
    (cloud, folder, file)
}

fn run(target: &Path, code: i32) -> String {
    let run =
        vouch().args(["run", "--ci", "--full", "--role", "idp", "-f", "IDP", "-t"]).arg(target).assert().code(code);
    stdout(&run)
}

fn load(target: &Path) -> Assert {
    let mut command = vouch();
    command.args(["load", "--progress", "off", "--duration", "1500ms", "--installations", "20", "-w", "refresh"]);
    command.args(["-a", "60/s", "--no-record", "--target"]).arg(target).assert()
}

#[test]
fn a_provider_that_leaves_them_out_passes_run_load_and_journeys() {
    for mapping in [SILENT.to_owned(), reads_both()] {
        let (_cloud, _folder, target) =
            cloud(&mapping.replace("defaultExpiresIn", "rotation = \"never\"\ndefaultExpiresIn"));
        let out = run(&target, 0);
        assert!(out.contains("0 violated") && !out.contains(" 0 passed"), "{out}");
        let load = load(&target);
        let out = stdout(&load);
        assert!(matches!(load.get_output().status.code(), Some(0 | 4)), "{out}\n{}", stderr(&load));
        assert!(out.contains("errors<1%: 0%"), "{out}");
        common::journeys_pass(&target);
    }
}

#[test]
fn what_a_profile_requires_is_missed() {
    let required = reads_both().replace("defaultExpiresIn", "rotation = \"required\"\ndefaultExpiresIn");
    let (_cloud, _folder, target) = cloud(&required);
    let out = run(&target, 1);
    assert!(out.contains("IDP-2"), "{out}");
    let load = load(&target);
    assert!(stdout(&load).contains("no refresh token"), "{}{}", stdout(&load), stderr(&load));
    let required = reads_both()
        .replace("expiresIn = \"/expires_in\", also", "expiresIn = \"/expires_in\", required = [\"expiresIn\"], also");
    let (_cloud, _folder, target) = cloud(&required);
    run(&target, 1);
    let load = self::load(&target);
    let said = unwrapped(&(stdout(&load) + &stderr(&load)));
    assert!(said.contains("the response has no lifetime of the access token"), "{said}");
}

#[test]
fn an_sdk_is_tested_against_a_provider_that_leaves_them_out() {
    let program = assert_cmd::cargo::cargo_bin("vouch");
    let sdk = format!("{SILENT}\n[sdk]\nname = \"reference\"\ncommand = [{program:?}, \"reference-sdk\"]\n");
    let (_folder, file) = common::target(&sdk);
    let run = ["run", "--ci", "--full", "-f", "exchange", "-f", "REF", "--no-record", "-t"];
    let out = stdout(&vouch().args(run).arg(&file).assert().success());
    assert!(out.contains("0 violated") && !out.contains(" 0 passed"), "{out}");
}

#[test]
fn a_mapping_that_contradicts_itself_is_refused() {
    for (change, part) in [
        (("defaultExpiresIn = 3600\n", ""), "it has no `expiresIn`"),
        (("defaultExpiresIn", "rotation = \"required\"\ndefaultExpiresIn"), "needs `refreshToken`"),
        (("defaultExpiresIn = 3600", "defaultExpiresIn = 0"), "`defaultExpiresIn` is 0"),
    ] {
        let (_folder, file) = common::target(&SILENT.replace(change.0, change.1));
        let refused = vouch().args(["check", "--target"]).arg(&file).assert().code(2);
        let said = unwrapped(&(stdout(&refused) + &stderr(&refused)));
        assert!(said.contains(part) && said.contains("vouch.toml:"), "{part}: {said}");
    }
}

#[test]
fn an_error_is_a_plain_text_or_says_what_it_was_in_place_of_a_word() {
    let texts = SILENT
        .replace("claims = [\"rfc6749\"]\n", "rotation = \"never\"\n")
        .replace("word = \"/error_description\"", "word = \"\"")
        .replace("body = { error = \"invalid_grant\", error_description = \"$word\" }", "body = \"$word\"")
        .replace("badRequestBody = { error = \"$word\" }\n", "")
        .replace("\"bad\"", "\"Bad sign-in token\"")
        .replace("\"again\"", "\"Session: expired or revoked\"");
    let (_folder, file) = common::target(&texts);
    let cloud = CloudProcess::start(&["--keys", "hmac", "--mapping", &file.display().to_string()]);
    let text = std::fs::read_to_string(&cloud.target).expect("readable");
    let (_, of_cloud) = text.split_once("[cloud]").expect("a cloud");
    let (_folder, target) = common::target(&format!("{texts}\n[cloud]{of_cloud}"));
    let out = run(&target, 0);
    assert!(out.contains("0 violated") && !out.contains(" 0 passed"), "{out}");
    // A client that looks elsewhere, and sends what the provider refuses.
    let wrong = texts
        .replace("word = \"\"", "word = \"/error/code\"")
        .replace("body = \"$word\"", "body = { error = { code = \"$word\" } }")
        .replace("grant_type = \"refresh_token\"", "grant_type = \"refresh\"");
    let (_folder, target) = common::target(&format!("{wrong}\n[cloud]{of_cloud}"));
    let load = load(&target);
    let said = unwrapped(&(stdout(&load) + &stderr(&load)));
    let expected = "status 400 without an error code at `/error/code`; the body is `unsupported_grant_type`";
    assert!(said.contains(expected), "{said}");
}
