//! `vouch mock-cloud ctl`: changes a running mock cloud, and shows what came through its proxy.

use super::common::{CloudProcess, stderr, stdout, vouch};
use super::served::Served;
use std::path::Path;

fn ctl(target: &Path, args: &[&str]) -> assert_cmd::assert::Assert {
    vouch().args(["mock-cloud", "ctl", "--target"]).arg(target).args(args).assert()
}

/// What a command prints.
fn said(served: &Served, args: &[&str]) -> String {
    stdout(&ctl(served.target_path(), args).success()).trim_end().to_owned()
}

fn refused(served: &Served, args: &[&str]) -> String {
    stderr(&ctl(served.target_path(), args).code(2))
}

#[test]
fn users_are_made_deleted_and_brought_back() {
    let served = Served::start(&["--keys", "hmac"]);
    assert_eq!(said(&served, &["user", "list"]), "no users");
    let id = said(&served, &["user", "create", "ada", "--environment", "sandbox", "--region", "eu"]);
    assert_eq!(said(&served, &["user", "list"]), format!("sandbox eu  {id}  ada"));
    assert!(said(&served, &["user", "token", "ada"]).starts_with("eyJ"));
    assert!(refused(&served, &["user", "create", "ada", "--environment", "sandbox", "--region", "eu"]).contains(&id));
    said(&served, &["user", "create", "ada"]);
    let why = refused(&served, &["user", "delete", "ada"]);
    assert!(why.contains("`ada` is a user of production us, sandbox eu; add --environment and --region"), "{why}");
    said(&served, &["user", "delete", &id]);
    let why = refused(&served, &["user", "delete", &id]);
    assert!(why.contains(&format!("there is no user `{id}`")), "{why}");
    assert!(said(&served, &["user", "undo-delete", &id]).contains("back"));
    assert!(refused(&served, &["user", "undo-delete", "bob"]).contains("there is no deleted user `bob`"));
}

#[test]
fn a_session_meets_expiry_faults_and_revocation_and_the_log_shows_it_without_secrets() {
    let served = Served::start(&["--keys", "hmac"]);
    said(&served, &["user", "create", "ada", "--environment", "sandbox", "--region", "eu"]);
    let token = said(&served, &["user", "token", "ada"]);
    let envelope = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, token).expect("Base64");
    let envelope: serde_json::Value = serde_json::from_slice(&envelope).expect("JSON");
    let ask = |fields: &[&str]| {
        let fields = fields.iter().flat_map(|field| ["--data-urlencode", field]);
        let url = "https://auth.sandbox.eu.junction.com/v1/token";
        let args: Vec<_> = ["-w", "%{http_code}"].into_iter().chain(fields).chain([url]).collect();
        served.curl(&args, &[("CURL_CA_BUNDLE", served.ca())]).out
    };
    let exchange = format!("subject_token={}", envelope["user_token"].as_str().expect("a JWT"));
    let kind = "subject_token_type=urn:junction:sign-in-token";
    let answer = ask(&["grant_type=urn:ietf:params:oauth:grant-type:token-exchange", kind, &exchange]);
    let tokens: serde_json::Value = serde_json::from_str(answer.strip_suffix("200").expect("tokens")).expect("JSON");
    let [access, refresh] = ["access_token", "refresh_token"].map(|field| tokens[field].as_str().expect("text"));
    let refreshing = format!("refresh_token={refresh}");
    let refresh_now = || ask(&["grant_type=refresh_token", &refreshing]);
    let read = || {
        let (bearer, url) =
            (format!("authorization: Bearer {access}"), "https://api.sandbox.eu.junction.com/v2/user/me");
        let args = ["-o", "/dev/null", "-w", "%{http_code}", "-H", &bearer, url];
        served.curl(&args, &[("CURL_CA_BUNDLE", served.ca())]).out
    };
    assert_ne!(read(), "401");
    said(&served, &["expire", "ada"]);
    assert_eq!(read(), "401");

    let fault = ["fault", "add", "status", "--status", "503", "--on", "refresh", "--times", "1", "--retry-after", "2"];
    assert_eq!(said(&served, &fault), "fault on refresh: the server answers 503 with Retry-After 2");
    assert!(said(&served, &["fault", "list"]).contains("503"));
    assert!(refresh_now().ends_with("503"));
    assert!(refresh_now().ends_with("200"));
    said(&served, &["fault", "add", "loseResponse"]);
    assert_eq!(
        (said(&served, &["fault", "clear"]), said(&served, &["fault", "list"])),
        ("no faults".into(), "no faults".into())
    );

    assert_eq!(said(&served, &["advance", "5s"]), "the clock of the cloud is 5 s further ahead");
    assert!(said(&served, &["revoke", "ada"]).starts_with("revoked 1 session(s)"));
    assert!(refresh_now().contains("reauthentication_required"));

    let log = said(&served, &["log"]);
    for part in
        ["(exchange)", "! fault: fault on refresh", "reauthentication_required", "[refresh token 1]", "sandbox eu"]
    {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert!(!log.contains(refresh) && !log.contains(access) && !log.contains("eyJ"), "{log}");
    assert_eq!(said(&served, &["log", "--last", "1"]).matches("POST").count(), 1);
}

#[test]
fn what_cannot_be_done_is_explained() {
    let served = Served::start(&["--keys", "hmac"]);
    assert!(refused(&served, &["fault", "add", "killAfter"]).contains("only a scenario can kill the app"));
    assert!(refused(&served, &["fault", "add", "status"]).contains("needs --status"));
    assert!(refused(&served, &["fault", "add", "delay", "--times", "0"]).contains("strikes 0 times"));
    assert!(refused(&served, &["fault", "add", "lose"]).contains("loseResponse"));
    assert_eq!(said(&served, &["log"]), "nothing came through the proxy yet");
    let target = served.target_path().to_owned();
    let text = std::fs::read_to_string(&target).expect("readable");
    std::fs::write(&target, text.replace("\"control-", "\"other-")).expect("writable");
    assert!(refused(&served, &["user", "list"]).contains("of another run"));
    std::fs::write(&target, text).expect("writable");
    let copy = tempfile::tempdir().expect("a folder");
    let kept = copy.path().join("vouch.toml");
    std::fs::copy(&target, &kept).expect("copied");
    served.end();
    let why = stderr(&ctl(&kept, &["user", "list"]).code(3));
    assert!(why.contains("cannot be reached; is `vouch mock-cloud` running?"), "{why}");
    std::fs::write(&kept, "profile = \"junction\"\n").expect("writable");
    let why = stderr(&ctl(&kept, &["user", "list"]).code(2));
    assert!(why.contains("is not a target file that `vouch mock-cloud` wrote"), "{why}");
    let mut alone = vouch();
    alone.args(["mock-cloud", "ctl", "log"]).env_remove("VOUCH_CONTROL_URL").env_remove("VOUCH_CONTROL_KEY");
    assert!(stderr(&alone.assert().code(2)).contains("vouch mock-cloud --target FILE"));

    let without = CloudProcess::start(&["--keys", "hmac"]);
    for args in [&["fault", "list"][..], &["log"]] {
        assert!(stderr(&ctl(&without.target, args).code(2)).contains("with --proxy"));
    }
}
