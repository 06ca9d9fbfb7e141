//! Identity providers whose token endpoint comes from a discovery document (RFC 8414): for runs, loads, journeys and the doctor.

mod common;

use common::{CloudProcess, stderr, stdout, unwrapped, vouch};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// Serves one document at every path, on loopback, until the test ends. Returns its origin.
fn serve(status: &'static str, document: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let length = document.len();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all((head + &document).as_bytes());
        }
    });
    origin
}

/// A mock cloud, and the base URL of its identity provider for production us.
fn cloud() -> (CloudProcess, String, String) {
    let cloud = CloudProcess::start(&["--keys", "hmac"]);
    let text = std::fs::read_to_string(&cloud.target).expect("readable");
    let auth = text.lines().find_map(|line| line.strip_prefix("auth = \"")).expect("an identity provider");
    let auth = auth.trim_end_matches('"').to_owned();
    assert!(auth.contains("/production/us/"), "{auth}");
    (cloud, auth, text)
}

/// The target file of a mock cloud with one realm, whose identity provider is named by a document alone.
fn target(text: &str, auth: &str, discovery: &str) -> (tempfile::TempDir, PathBuf) {
    let (head, realms) = text.split_once("[[cloud.realms]]").expect("realms");
    let realm = realms.split("[[cloud.realms]]").next().expect("a realm");
    let named = format!("name = \"mock-cloud\"\ndiscovery = {discovery:?}");
    let text = format!("{head}[[cloud.realms]]{realm}").replace("name = \"mock-cloud\"", &named);
    common::target(&text.replace(&format!("auth = {auth:?}"), "auth = \"http://127.0.0.1:1/nobody\""))
}

fn doctor(target: &Path) -> String {
    let assert = vouch().args(["doctor", "--target"]).arg(target).assert();
    unwrapped(&(stdout(&assert) + &stderr(&assert)))
}

#[test]
fn the_token_endpoint_of_the_document_is_called() {
    let (_cloud, auth, text) = cloud();
    let document =
        serve("200 OK", format!("{{\"issuer\": \"https://id.example\", \"token_endpoint\": \"{auth}/v1/token\"}}"));
    let (_folder, target) = target(&text, &auth, &format!("{document}/metadata.json"));
    let run = ["run", "--ci", "--role", "idp", "-f", "exchange", "-f", "rotated-out", "-t"];
    let out = stdout(&vouch().args(run).arg(&target).assert().success());
    assert!(out.contains("0 violated") && !out.contains(" 0 passed"), "{out}");
    let load =
        ["load", "--progress", "off", "--duration", "1500ms", "--installations", "20", "-w", "launch", "-a", "50/s"];
    let load = vouch().args(load).args(["--no-record", "--target"]).arg(&target).assert();
    assert!(matches!(load.get_output().status.code(), Some(0 | 4)), "{}{}", stdout(&load), stderr(&load));
    assert!(stdout(&load).contains("errors<1%: 0%"), "{}", stdout(&load));
    common::journeys_pass(&target);
    let said = doctor(&target);
    let found = format!(
        "{document}/metadata.json names the token endpoint {auth}/v1/token, which is another server, and no keys"
    );
    assert!(said.contains("ok discovery: ") && said.contains(&found), "{said}");
}

#[test]
fn a_document_of_no_use_ends_run_and_load_with_its_reason() {
    let (_cloud, auth, text) = cloud();
    let endpoint = format!("\"token_endpoint\": \"{auth}/v1/token\"");
    for (status, document, place, part) in [
        ("404 Not Found", "{}".to_owned(), "/metadata.json", "answers with status 404"),
        ("200 OK", "<html>".to_owned(), "/metadata.json", "is not a discovery document"),
        ("200 OK", "{}".to_owned(), "/metadata.json", "has no `token_endpoint`"),
        (
            "200 OK",
            format!("{{\"issuer\": \"https://id.example\", {endpoint}}}"),
            "/.well-known/openid-configuration",
            "RFC 8414 section 3.3",
        ),
    ] {
        let url = serve(status, document) + place;
        let (_folder, target) = target(&text, &auth, &url);
        let run = vouch().args(["run", "--ci", "--role", "idp", "-f", "exchange", "-t"]).arg(&target).assert().code(3);
        let load = ["load", "--progress", "off", "--duration", "1s", "-w", "launch", "--no-record", "--target"];
        let load = vouch().args(load).arg(&target).assert().code(3);
        for said in
            [unwrapped(&(stdout(&run) + &stderr(&run))), unwrapped(&(stdout(&load) + &stderr(&load))), doctor(&target)]
        {
            assert!(said.contains(part) && said.contains(&url), "{part}: {said}");
        }
    }
    // Nobody answers at the port of the realm.
    let (_folder, target) = target(&text, &auth, "/.well-known/openid-configuration");
    let run = vouch().args(["run", "--ci", "--role", "idp", "-f", "exchange", "-t"]).arg(&target).assert().code(3);
    let said = unwrapped(&(stdout(&run) + &stderr(&run)));
    assert!(said.contains("cannot read the discovery document") && said.contains("refused"), "{said}");
}

#[test]
fn a_place_that_is_no_path_is_reported() {
    let (_cloud, auth, text) = cloud();
    let (_folder, target) = target(&text, &auth, "openid-configuration");
    let refused = vouch().args(["check", "--target"]).arg(&target).assert().code(2);
    let said = unwrapped(&(stdout(&refused) + &stderr(&refused)));
    assert!(said.contains("`openid-configuration` is neither a path nor a URL"), "{said}");
}
