//! Identity providers that authenticate the OAuth client (RFC 6749 section 2.3): the mapping of a target file says how, the mock
//! cloud with this mapping wants it, and no output shows the secret.

mod common;

use assert_cmd::assert::Assert;
use common::{CloudProcess, stderr, stdout, unwrapped, vouch};
use std::path::Path;

/// Needs form encoding before Base64.
const SECRET: &str = "s3cr3t+of/the=app%25&more";
/// Base64 of `health%3Asdk:s3cr3t%2Bof%2Fthe%3Dapp%2525%26more`.
const BASIC: &str = "aGVhbHRoJTNBc2RrOnMzY3IzdCUyQm9mJTJGdGhlJTNEYXBwJTI1MjUlMjZtb3Jl";

const MAPPING: &str = r#"
profile = "custom"

[custom]
name = "acme"
claims = ["rfc6749"]
client = { id = "health:sdk", secret = "s3cr3t+of/the=app%25&more" }

[custom.exchange]
path = "/oauth/token"
encoding = "form"
basicAuth = { user = "$clientId", password = "$clientSecret" }
headers = { x-api-version = "2024-01-01" }
fields = { grant_type = "exchange", assertion = "$token", audience = ["https://a.example", "https://b.example"] }
answer = { accessToken = "/access_token", refreshToken = "/refresh_token", expiresIn = "/expires_in", also = { token_type = "Bearer" } }

[custom.refresh]
path = "/oauth/token"
encoding = "form"
fields = { grant_type = "refresh_token", refresh_token = "$refreshToken", client_id = "$clientId", client_secret = "$clientSecret" }
answer = { accessToken = "/access_token", refreshToken = "/refresh_token", expiresIn = "/expires_in", also = { token_type = "Bearer" } }

[custom.errors]
word = "/error_description"
body = { error = "invalid_grant", error_description = "$word" }
badRequest = "invalid_request"
badRequestBody = { error = "$word" }
exchange = [{ word = "bad", means = "invalidSignInToken" }]
refresh = [{ word = "gone", means = "invalidUser" }, { word = "again", means = "needsReauthentication" }]
"#;

/// A mock cloud that speaks the mapping, and a target file that leads to it with this mapping.
fn cloud(mapping: &str) -> (CloudProcess, tempfile::TempDir, std::path::PathBuf) {
    let (_folder, file) = common::target(MAPPING);
    let cloud = CloudProcess::start(&["--keys", "hmac", "--mapping", &file.display().to_string()]);
    let text = std::fs::read_to_string(&cloud.target).expect("readable");
    let (_, of_cloud) = text.split_once("[cloud]").expect("a cloud");
    let (folder, file) = common::target(&format!("{mapping}\n[cloud]{of_cloud}"));
    (cloud, folder, file)
}

/// No output shows the secret, whatever its form.
fn keeps_the_secret(text: &str) {
    for form in ["s3cr3t", BASIC, &BASIC[8..48]] {
        assert!(!text.contains(form), "{form} in {text}");
    }
}

fn load(target: &Path, folder: &Path) -> (Assert, String) {
    let json = folder.join("load.json");
    let mut command = vouch();
    command.args(["load", "--progress", "off", "--duration", "1500ms", "--installations", "40", "-w", "launch"]);
    command.args(["-a", "100/s", "--target"]).arg(target).arg("--json").arg(&json).arg("--record");
    let assert = command.arg(folder.join("load.vouch-load")).assert();
    let files: String = std::fs::read_dir(folder)
        .expect("readable")
        .filter_map(|entry| std::fs::read(entry.expect("an entry").path()).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .filter(|text| !text.contains("profile = \"custom\""))
        .collect();
    (assert, files)
}

#[test]
fn an_sdk_authenticates_its_client_and_no_report_has_the_secret() {
    let program = assert_cmd::cargo::cargo_bin("vouch");
    let sdk = format!("{MAPPING}\n[sdk]\nname = \"reference\"\ncommand = [{program:?}, \"reference-sdk\"]\n");
    let (folder, file) = common::target(&sdk);
    let (record, html) = (folder.path().join("run.vouch"), folder.path().join("run.html"));
    let assert = vouch()
        .args(["run", "--ci", "--strict", "--full", "-f", "exchange", "-f", "REF", "-f", "lifecycle", "-t"])
        .arg(&file)
        .arg("--record")
        .arg(&record)
        .args(["--report", &format!("html={}", html.display())])
        .assert()
        .success();
    let out = stdout(&assert);
    assert!(out.contains("0 violated"), "{out}");
    keeps_the_secret(&out);
    for file in [record, html] {
        keeps_the_secret(&String::from_utf8_lossy(&std::fs::read(&file).expect("readable")));
    }
}

#[test]
fn an_identity_provider_is_spoken_to_as_its_client_in_runs() {
    let (_cloud, _folder, target) = cloud(MAPPING);
    let run = |target: &Path, code| {
        vouch().args(["run", "--ci", "--full", "--role", "idp", "-f", "IDP", "-t"]).arg(target).assert().code(code)
    };
    let out = stdout(&run(&target, 0));
    assert!(out.contains("0 violated"), "{out}");
    keeps_the_secret(&out);
    // Each part of what the provider wants can be missing; its word for it is in the transcript, without the credential.
    for (right, wrong, word) in [
        ("s3cr3t+of", "wrong+of", "invalid_client"),
        (
            "client_id = \"$clientId\", client_secret = \"$clientSecret\" }",
            "client_id = \"$clientId\" }",
            "invalid_client",
        ),
        ("basicAuth = { user = \"$clientId\", password = \"$clientSecret\" }", "", "invalid_client"),
        ("headers = { x-api-version = \"2024-01-01\" }", "", "invalid_request"),
    ] {
        assert!(MAPPING.contains(right), "{right}");
        let (_cloud, _folder, target) = cloud(&MAPPING.replace(right, wrong));
        let out = stdout(&run(&target, 1));
        assert!(out.contains(word), "{wrong}: {out}");
        keeps_the_secret(&out);
        assert!(!out.contains("wrong+of") && !out.contains("wrong%2Bof"), "{out}");
    }
}

#[test]
fn loads_and_journeys_authenticate_the_client() {
    let (_cloud, folder, target) = cloud(MAPPING);
    let (assert, files) = load(&target, folder.path());
    let out = stdout(&assert);
    assert!(matches!(assert.get_output().status.code(), Some(0 | 4)), "{out}\n{}", stderr(&assert));
    assert!(out.contains("errors<1%: 0%"), "{out}");
    keeps_the_secret(&(out + &files));
    let journeys = vouch()
        .args(["journeys", "scenarios/refresh/rotation.yaml", "--users", "4", "--duration", "2s", "--think-time"])
        .args(["10ms..40ms", "--quiet", "--no-record", "--threshold", "errors<1%", "--target"])
        .arg(&target)
        .assert()
        .success();
    assert!(stdout(&journeys).contains("✓ errors<1%"), "{}", stdout(&journeys));
    let (_cloud, folder, target) = cloud(&MAPPING.replace("s3cr3t+of", "wrong+of"));
    let (assert, files) = load(&target, folder.path());
    let said = unwrapped(&(stdout(&assert) + &stderr(&assert) + &files));
    assert!(!assert.get_output().status.success() && said.contains("status 401"), "{said}");
    assert!(!said.contains("wrong+of"), "{said}");
}

#[test]
fn a_load_without_a_cloud_gives_its_mapping_to_the_mock_cloud() {
    let (folder, target) = common::target(MAPPING);
    let (assert, files) = load(&target, folder.path());
    let out = stdout(&assert);
    assert!(matches!(assert.get_output().status.code(), Some(0 | 4)), "{out}\n{}", stderr(&assert));
    assert!(out.contains("errors<1%: 0%"), "{out}");
    keeps_the_secret(&(out + &files));
}

#[test]
fn a_client_secret_comes_from_the_environment_or_the_file() {
    let from_environment = MAPPING.replace(&format!("secret = {SECRET:?}"), "secretEnv = \"ACME_CLIENT_SECRET\"");
    let (_folder, file) = common::target(&from_environment);
    let check = || {
        let mut command = vouch();
        command.env_remove("ACME_CLIENT_SECRET").args(["check", "--target"]).arg(&file);
        command
    };
    let refused = check().assert().code(2);
    let said = unwrapped(&(stdout(&refused) + &stderr(&refused)));
    assert!(said.contains("the environment variable `ACME_CLIENT_SECRET` is not set"), "{said}");
    check().env("ACME_CLIENT_SECRET", SECRET).assert().success();
    let (_folder, file) = common::target(&MAPPING.replace("$clientSecret", "$clientsecret"));
    let refused = vouch().args(["check", "--target"]).arg(file).assert().code(2);
    let said = unwrapped(&(stdout(&refused) + &stderr(&refused)));
    assert!(said.contains("undefined variable `$clientsecret`; did you mean `$clientSecret`?"), "{said}");
}
