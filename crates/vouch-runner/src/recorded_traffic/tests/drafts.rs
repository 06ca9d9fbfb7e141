//! The drafts of scenarios that recordings give, and the files that the proxy writes.

use super::*;

#[test]
fn a_draft_has_the_steps_that_the_wire_shows_and_asks_about_the_rest() {
    let refused = |word: &str| json!({ "detail": { "error_type": word } }).to_string();
    let mut recording = Recording::new();
    recording.exchange(&jwt("ADA-1"), 1);
    let path =
        |id: &str, number: usize| (format!("{API}/v2/user/{id}/devices?a=b"), format!("Bearer {}", access(number)));
    let (url, bearer) = path("ada-1", 1);
    recording.send("GET", &url, &[("Authorization", &bearer)], "", (401, "{}"));
    recording.refresh(&refresh(1), 2);
    let (url, bearer) = path("ADA-1", 2);
    recording.send("GET", &url.replace("ADA", "ada"), &[("Authorization", &bearer)], "", (200, "{}"));
    recording.pause(60_000);
    recording.send("POST", &url, &[("Authorization", &bearer)], "{}", (503, ""));
    recording.refresh_answered(&refresh(2), 400, &refused("invalid_token"));
    recording.exchange(&jwt("bob-1"), 3).exchange(&jwt("ada-1"), 4);
    let expected = "  - issueToken: {user: ada, as: token1}
  - signIn: $token1
  # The API refused the access token; the SDK refreshed and repeated the request.
  - refuseAccessTokens: ada
  - request: GET /v2/user/$ada.id/devices?a=b
    expect: 200
    sent: {refresh: 1}
  # 60 s later. Was the app launched again? Then add `- relaunch`.
  # It had a body: give its fields with `json:`, see `vouch steps request`.
  # Answered 503. Add the `fault` before it that makes the mock cloud do so.
  - request: POST /v2/user/$ada.id/devices?a=b
    expect: any
  # The refresh was refused; this is the usual cause.
  - deleteUser: ada
  # A call of the app, or the SDK by itself? In the second case take this step out.
  - refresh:
    expect: invalidUser
  - issueToken: {user: bob, as: token2}
  - signIn: $token2
  # Another user signs in: after a sign-out, or on another device. Then take these steps out.
  - signOut
  - issueToken: {user: ada, as: token3}
  - signIn: $token3
";
    assert_eq!(recording.draft(), expected);
}

#[test]
fn a_draft_of_the_older_scheme_and_of_odd_requests_is_valid() {
    let key = [("X-Vital-API-Key", KEY)];
    let mut recording = Recording::new();
    recording.send("GET", &format!("{API}/v2/user/ada-1"), &key, "", (200, "{}"));
    recording.send("GET", &format!("{API}/v2/$odd/'x'?key={KEY}"), &key, "", (404, "{}"));
    recording.send("DELETE", &format!("{API}/v2/user/ADA-1"), &key, "", (200, "{}"));
    let expected = "  # A call with the API key. Of a backend? Then take it out, with this step.
  - signedInWithApiKey: ada
  - request: GET /v2/user/$ada.id
    expect: 200
  # A request that no step can have: GET /v2/$odd/'x'?key=[API key of production us]
  - deleteUser: ada
";
    assert_eq!(recording.draft(), expected);
}

#[test]
fn what_the_proxy_recorded_is_a_har_file_that_is_judged_alike() {
    let mut recording = Recording::new();
    session(&mut recording, "ada", 1);
    recording.refresh(&refresh(1), 9);
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, har: &Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, har.to_string()).expect("writable");
        path
    };
    let dialects = [Dialect { hosts: Hosts::of_profile(&Profile::junction()), profile: Profile::junction() }];
    let first = write("first.har", &json!({ "log": { "entries": recording.entries } }));
    let recorded = exchanges::of_entries(har_file::read(&first).expect("a HAR file"), &dialects).exchanges;
    let exchanges: Vec<_> = recorded.into_iter().map(|of| of.exchange).collect();
    let again = write("again.har", &har(&exchanges, &Profile::junction()));
    let judged = [first, again].map(|path| judge_har(&path, &dialects).expect("a HAR file"));
    assert_eq!(judged[0].findings, judged[1].findings);
    assert_eq!(judged[1].findings.iter().map(|finding| finding.clause).collect::<Vec<_>>(), ["REF-5"]);
}
