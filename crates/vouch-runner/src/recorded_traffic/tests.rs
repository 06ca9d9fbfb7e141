//! Each recording is written as a HAR file and judged as one.

mod drafts;

use super::*;
use crate::run::Plan;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use vouch_spec::scenario::Suite;

const AUTH: &str = "https://auth.us.junction.com";
const API: &str = "https://api.us.junction.com";
const KEY: &str = "pk_us_0123456789abcdef";

/// A HAR file that is being recorded.
struct Recording {
    entries: Vec<Value>,
    now_ms: i64,
    /// How long each exchange takes, in milliseconds.
    takes_ms: i64,
}

impl Recording {
    fn new() -> Self {
        Self { entries: vec![], now_ms: 0, takes_ms: 100 }
    }

    /// Adds an exchange that begins now, and waits for its end.
    fn send(
        &mut self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
        (status, answer): (u16, &str),
    ) -> &mut Value {
        let headers: Vec<_> = headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        let (seconds, ms) = (self.now_ms.div_euclid(1000), self.now_ms.rem_euclid(1000));
        let started = format!("2026-01-01T{:02}:{:02}:{:02}.{ms:03}Z", seconds / 3600, seconds / 60 % 60, seconds % 60);
        self.now_ms += self.takes_ms;
        self.entries.push(json!({
            "startedDateTime": started,
            "time": self.takes_ms,
            "request": { "method": method, "url": url, "headers": headers, "postData": { "text": body } },
            "response": { "status": status, "headers": [], "content": { "text": answer } },
            "timings": { "send": 0, "wait": self.takes_ms - 1, "receive": 1 },
        }));
        self.last()
    }

    fn last(&mut self) -> &mut Value {
        self.entries.last_mut().expect("an entry")
    }

    /// Exchanges the sign-in token `token` at a host for access and refresh token `number`.
    fn exchange_at(&mut self, auth: &str, token: &str, number: usize) -> &mut Self {
        let body = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&\
             subject_token_type=urn%3Ajunction%3Asign-in-token&subject_token={token}"
        );
        self.send("POST", &format!("{auth}/v1/token"), &[], &body, (200, &grant(number)));
        self
    }

    fn exchange(&mut self, token: &str, number: usize) -> &mut Self {
        self.exchange_at(AUTH, token, number)
    }

    fn refresh_answered(&mut self, used: &str, status: u16, answer: &str) -> &mut Value {
        let body = format!("grant_type=refresh_token&refresh_token={used}");
        self.send("POST", &format!("{AUTH}/v1/token"), &[], &body, (status, answer))
    }

    /// Refreshes with `used`, answered with access and refresh token `number`.
    fn refresh(&mut self, used: &str, number: usize) -> &mut Self {
        self.refresh_answered(used, 200, &grant(number));
        self
    }

    /// Calls the API with an access token.
    fn call(&mut self, access_token: &str) -> &mut Self {
        let bearer = format!("Bearer {access_token}");
        self.send("GET", &format!("{API}/v2/user/1"), &[("Authorization", &bearer)], "", (200, "{}"));
        self
    }

    fn pause(&mut self, ms: i64) -> &mut Self {
        self.now_ms += ms;
        self
    }

    fn judged(&self) -> TrafficJudgement {
        self.judged_of("browser")
    }

    /// As a recorder of this name writes it.
    fn judged_of(&self, recorder: &str) -> TrafficJudgement {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let har = json!({ "log": { "version": "1.2", "creator": { "name": recorder }, "entries": self.entries } });
        std::fs::write(file.path(), har.to_string()).expect("writable");
        let dialects = [Profile::junction(), Profile::gcip()]
            .map(|profile| Dialect { hosts: Hosts::of_profile(&profile), profile });
        judge_har(file.path(), &dialects).expect("a HAR file")
    }

    /// The draft of a scenario, which must be valid, from `steps:` on.
    fn draft(&self) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let har = folder.path().join("traffic.har");
        std::fs::write(&har, json!({ "log": { "entries": self.entries } }).to_string()).expect("writable");
        let dialects = [Dialect { hosts: Hosts::of_profile(&Profile::junction()), profile: Profile::junction() }];
        let text = draft_har(&har, &dialects).expect("a HAR file").expect("a draft");
        let clauses = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/clauses.yaml");
        std::fs::copy(clauses, folder.path().join("clauses.yaml")).expect("copied");
        std::fs::write(folder.path().join("draft.yaml"), &text).expect("writable");
        let (suite, problems) = Suite::load(&[folder.path().to_owned()]).expect("a suite");
        let plan =
            Plan::build(&suite, problems).unwrap_or_else(|problems| panic!("{}\n{text}", problems.render(false)));
        assert_eq!(plan.cases.len(), 1);
        text.split_once("steps:\n").expect("steps").1.to_owned()
    }

    fn violated(&self) -> Vec<&'static str> {
        self.judged().findings.iter().map(|finding| finding.clause).collect()
    }
}

fn access(number: usize) -> String {
    format!("access-token-of-grant-{number}")
}

fn refresh(number: usize) -> String {
    format!("refresh-token-of-grant-{number}")
}

fn grant(number: usize) -> String {
    json!({ "access_token": access(number), "refresh_token": refresh(number), "expires_in": 3600 }).to_string()
}

/// The JWT of a sign-in token of production us.
fn jwt(user: &str) -> String {
    jwt_of("prd-us", user)
}

fn jwt_of(realm: &str, user: &str) -> String {
    let issuer = format!("id-signer-{realm}@vital-id-{realm}.iam.gserviceaccount.com");
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = part(json!({ "iss": issuer, "uid": user }));
    format!("{}.{claims}.c2lnbmF0dXJl", part(json!({ "alg": "RS256", "typ": "JWT" })))
}

/// A session that goes well: sign-in, calls, two refreshes with rotation.
fn session(recording: &mut Recording, user: &str, first: usize) {
    recording.exchange(&jwt(user), first).call(&access(first));
    recording.refresh(&refresh(first), first + 1).call(&access(first + 1));
    recording.refresh(&refresh(first + 1), first + 2).call(&access(first + 2));
}

#[test]
fn a_session_that_goes_well_violates_nothing_and_gives_occasion_to_judge() {
    let mut recording = Recording::new();
    session(&mut recording, "ada", 1);
    let judged = recording.judged();
    assert_eq!((judged.findings.len(), judged.exchanges, judged.sessions), (0, 6, 1));
    let occasions = |id: &str| judged.clauses.iter().find(|of| of.clause == id).map(|of| of.occasions);
    assert_eq!(
        ["EXC-2", "REF-5", "REF-1", "REF-9", "KEY-1"].map(occasions),
        [Some(1), Some(2), Some(3), Some(0), Some(0)]
    );
}

#[test]
fn a_sign_in_token_that_is_exchanged_twice_is_found_with_both_entries() {
    let mut recording = Recording::new();
    recording.send("GET", "https://example.com/", &[], "", (200, ""));
    recording.exchange(&jwt("ada"), 1).pause(60_000).exchange(&jwt("ada"), 2);
    let judged = recording.judged();
    let [finding] = &judged.findings[..] else { panic!("one finding: {:?}", judged.findings) };
    assert_eq!((finding.clause, finding.got.as_str()), ("EXC-2", "the sign-in token 1 in the exchanges 2 and 3"));
    let shown: Vec<_> = finding.exchanges.iter().map(|of| (of.number, of.started.as_str(), of.status)).collect();
    assert_eq!(shown, [(2, "2026-01-01T00:00:00.100Z", Some(200)), (3, "2026-01-01T00:01:00.200Z", Some(200))]);
    assert_eq!(judged.left_out, BTreeMap::from([("of other hosts", 1)]));
}

#[test]
fn a_refused_or_aborted_exchange_may_be_repeated() {
    let mut recording = Recording::new();
    recording.exchange(&jwt("ada"), 1);
    recording.last()["response"]["status"] = 503.into();
    recording.exchange(&jwt("ada"), 1);
    recording.last()["response"]["status"] = 0.into();
    recording.exchange(&jwt("ada"), 1).call(&access(1));
    assert_eq!(recording.violated(), Vec::<&str>::new());
}

#[test]
fn a_refresh_token_that_is_used_after_its_successor_is_found() {
    let mut recording = Recording::new();
    session(&mut recording, "ada", 1);
    recording.refresh(&refresh(1), 9);
    assert_eq!(recording.violated(), ["REF-5"]);
}

#[test]
fn a_provider_that_does_not_rotate_violates_nothing() {
    let same = json!({ "access_token": access(2), "refresh_token": refresh(1), "expires_in": "3600" }).to_string();
    let mut recording = Recording::new();
    recording.exchange(&jwt("ada"), 1);
    for _ in 0..3 {
        recording.refresh_answered(&refresh(1), 200, &same);
        recording.call(&access(2));
    }
    assert_eq!(recording.violated(), Vec::<&str>::new());
}

#[test]
fn two_devices_in_one_file_are_judged_apart() {
    let mut recording = Recording::new();
    recording.exchange(&jwt("ada"), 1).exchange(&jwt("bob"), 11);
    // Both refresh at once.
    recording.refresh(&refresh(1), 2).pause(-100).refresh(&refresh(11), 12);
    recording.call(&access(2)).call(&access(12)).refresh(&refresh(12), 13).refresh(&refresh(2), 3);
    let judged = recording.judged();
    assert_eq!((judged.findings.len(), judged.sessions), (0, 2));
    // The traffic of one does not hide what the other does.
    recording.refresh(&refresh(11), 14);
    assert_eq!(recording.violated(), ["REF-5"]);
}

#[test]
fn a_file_without_bodies_says_so_and_violates_nothing() {
    let mut recording = Recording::new();
    session(&mut recording, "ada", 1);
    for entry in &mut recording.entries {
        entry["request"].as_object_mut().expect("a request").remove("postData");
        entry["response"].as_object_mut().expect("a response").remove("content");
    }
    let judged = recording.judged();
    assert_eq!((judged.findings.len(), judged.without_request_body, judged.without_response_body), (0, 3, 3));
    assert!(judged.clauses.iter().filter(|of| of.clause == "REF-5").all(|of| of.occasions == 0));
}

#[test]
fn entries_out_of_order_are_judged_in_the_order_of_their_time() {
    let mut recording = Recording::new();
    session(&mut recording, "ada", 1);
    recording.entries.reverse();
    assert_eq!(recording.violated(), Vec::<&str>::new());
    recording.refresh(&refresh(1), 9);
    recording.entries.reverse();
    assert_eq!(recording.violated(), ["REF-5"]);
}

#[test]
fn what_a_cache_answers_and_preflights_are_not_taken_for_traffic() {
    let mut recording = Recording::new();
    session(&mut recording, "ada", 1);
    // Two hours later, the browser answers from its cache.
    recording.pause(7_200_000).call(&access(1));
    recording.last()["_fromCache"] = "disk".into();
    let preflight = [("Access-Control-Request-Method", "GET")];
    recording.send("OPTIONS", &format!("{API}/v2/user/1"), &preflight, "", (204, ""));
    let judged = recording.judged();
    assert_eq!((judged.findings.len(), judged.exchanges, judged.left_out.values().sum::<usize>()), (0, 6, 2));
    // The browser may not send the request itself after it.
    recording.send("OPTIONS", &format!("{API}/v2/user/1?token={}", access(1)), &preflight, "", (403, ""));
    let judged = recording.judged();
    let [finding] = &judged.findings[..] else { panic!("one finding: {:?}", judged.findings) };
    assert_eq!((finding.clause, finding.exchanges[0].number, judged.exchanges), ("EXC-3", 9, 6));
    assert!(finding.exchanges[0].request.as_str().ends_with("token=[access token 1]"), "{finding:?}");
}

#[test]
fn an_access_token_that_is_sent_after_its_expiry_is_found() {
    let mut recording = Recording::new();
    recording.exchange(&jwt("ada"), 1).pause(3_500_000).call(&access(1));
    assert_eq!(recording.violated(), Vec::<&str>::new());
    recording.pause(200_000).call(&access(1));
    assert_eq!(recording.violated(), ["REF-2"]);
}

#[test]
fn two_refreshes_at_once_are_found_unless_a_relaunch_can_lie_between() {
    let at_once = |apart_ms: i64| {
        let mut recording = Recording::new();
        recording.exchange(&jwt("ada"), 1);
        recording.takes_ms = 5_000;
        recording.refresh(&refresh(1), 2).pause(apart_ms - 5_000).refresh(&refresh(1), 3);
        recording
    };
    assert_eq!(at_once(200).violated(), ["REF-4"]);
    assert_eq!(at_once(3_000).violated(), Vec::<&str>::new(), "the app may have been killed and launched again");
    let mut reloaded = at_once(200);
    for (page, entry) in ["page_1", "page_1", "page_2"].iter().zip(&mut reloaded.entries) {
        entry["pageref"] = (*page).into();
    }
    assert_eq!(reloaded.violated(), Vec::<&str>::new(), "the page was loaded again");
    let mut aborted = at_once(200);
    aborted.entries[1]["response"]["status"] = 0.into();
    assert_eq!(aborted.violated(), Vec::<&str>::new(), "the client gave it up");
}

#[test]
fn times_that_playwright_notes_late_make_no_two_refreshes_at_once() {
    let apart = |ms: i64| {
        let mut recording = Recording::new();
        recording.exchange(&jwt("ada"), 1);
        recording.takes_ms = 200;
        // Noted late: it had ended before the second began.
        recording.refresh_answered(&refresh(1), 503, "{}");
        recording.pause(ms - 200).refresh(&refresh(1), 2);
        ["WebInspector", "Playwright"].map(|name| recording.judged_of(name).findings.len())
    };
    assert_eq!(apart(130), [1, 0]);
    assert_eq!(apart(10), [1, 1], "no recorder is this late");
}

#[test]
fn a_refresh_before_the_time_of_retry_after_is_found_unless_a_relaunch_can_lie_between() {
    let after = |ms: i64| {
        let mut recording = Recording::new();
        recording.exchange(&jwt("ada"), 1);
        recording.refresh_answered(&refresh(1), 429, "{}")["response"]["headers"] =
            json!([{ "name": "Retry-After", "value": "30" }]);
        recording.pause(ms).refresh(&refresh(1), 2);
        recording.violated()
    };
    assert_eq!((after(500), after(5_000), after(31_000)), (vec!["REF-9"], vec![], vec![]));
}

#[test]
fn secrets_in_the_wrong_place_are_found_and_not_shown() {
    let mut recording = Recording::new();
    recording.exchange(&jwt("ada"), 1);
    recording.send("GET", &format!("{API}/v2/user/1?access_token={}", access(1)), &[], "", (200, "{}"));
    let judged = recording.judged();
    assert_eq!(judged.findings.iter().map(|finding| finding.clause).collect::<Vec<_>>(), ["EXC-3"]);
    let text = serde_json::to_string(&judged).expect("JSON");
    assert!(text.contains("access_token=[access token 1]") && !text.contains(&access(1)), "{text}");

    let both = [("x-vital-api-key", KEY), ("authorization", &format!("Bearer {}", access(1)))];
    let mut recording = Recording::new();
    recording.exchange(&jwt("ada"), 1).send("GET", &format!("{API}/v2/user/1"), &both, "", (200, "{}"));
    assert_eq!(recording.violated(), ["REF-1"]);

    let bearer = format!("Bearer {}", jwt("ada"));
    let mut recording = Recording::new();
    recording.exchange(&jwt("ada"), 1);
    recording.send("GET", &format!("{API}/v2/user/1"), &[("Authorization", &bearer)], "", (401, "{}"));
    assert_eq!(recording.violated(), ["REF-1"]);
}

#[test]
fn api_keys_belong_to_their_region_and_to_no_other_host() {
    let key = [("X-Vital-API-Key", KEY)];
    let mut recording = Recording::new();
    recording.send("POST", &format!("{API}/v2/user"), &key, "{}", (200, "{}"));
    recording.send("GET", &format!("{API}/v2/summary/sleep/1"), &key, "", (200, "{}"));
    assert_eq!(recording.violated(), Vec::<&str>::new());
    recording.send("GET", "https://api.eu.junction.com/v2/summary/sleep/1", &key, "", (401, "{}"));
    assert_eq!(recording.violated(), ["KEY-1"]);

    let mut recording = Recording::new();
    recording.send("GET", &format!("{API}/v2/user"), &key, "", (307, ""))["response"]["headers"] =
        json!([{ "name": "location", "value": "https://elsewhere.example/v2/user" }]);
    recording.send("GET", "https://elsewhere.example/v2/user", &[], "", (200, ""));
    assert_eq!(recording.violated(), Vec::<&str>::new());
    recording.last()["request"]["headers"] = json!([{ "name": "x-vital-api-key", "value": KEY }]);
    assert_eq!(recording.violated(), ["ISS-4"]);
}

#[test]
fn an_api_key_at_the_identity_provider_is_found_where_no_api_call_has_one() {
    let mut recording = Recording::new();
    recording.exchange(&jwt("ada"), 1);
    assert_eq!(recording.violated(), Vec::<&str>::new());
    recording.last()["request"]["headers"] = json!([{ "name": "x-vital-api-key", "value": KEY }]);
    assert_eq!(recording.violated(), ["ISS-4"]);
}

#[test]
fn tokens_go_to_their_own_region_and_over_https() {
    let mut recording = Recording::new();
    recording.exchange_at("https://auth.eu.junction.com", &jwt("ada"), 1);
    assert_eq!(recording.violated(), ["EXC-8"]);

    let mut recording = Recording::new();
    recording.exchange_at("http://auth.us.junction.com", &jwt("ada"), 1);
    assert_eq!(recording.violated(), ["EXC-3"]);
    // A browser goes from http to https by itself for a host with HSTS.
    recording.last()["response"] = json!({ "status": 307 });
    recording.exchange(&jwt("ada"), 1);
    assert_eq!(recording.violated(), Vec::<&str>::new());
}

/// The older profile: one host for all regions, and a public key in the URL, which is no secret.
fn gcip_exchange(recording: &mut Recording, realm: &str, key: &str, number: usize) {
    let url = format!("https://identitytoolkit.googleapis.com/v1/accounts:signInWithCustomToken?key={key}");
    let body = json!({ "token": jwt_of(realm, "ada"), "tenantId": "t", "returnSecureToken": true }).to_string();
    let answer = json!({ "idToken": access(number), "refreshToken": refresh(number), "expiresIn": "3600" }).to_string();
    recording.send("POST", &url, &[], &body, (200, &answer));
}

#[test]
fn the_older_profile_is_judged_by_its_hosts_and_a_session_may_go_on_in_the_newer_one() {
    let mut recording = Recording::new();
    gcip_exchange(&mut recording, "stg-eu", "public-key-of-sandbox-eu", 1);
    let bearer = format!("Bearer {}", access(1));
    recording.send(
        "GET",
        "https://api.sandbox.eu.junction.com/v2/user/1",
        &[("Authorization", &bearer)],
        "",
        (200, "{}"),
    );
    let url = "https://securetoken.googleapis.com/v1/token?key=public-key-of-sandbox-eu";
    let answer = json!({ "id_token": access(2), "refresh_token": refresh(1), "expires_in": "3600" }).to_string();
    let body = format!("grant_type=refresh_token&refresh_token={}", refresh(1));
    recording.send("POST", url, &[], &body, (200, &answer));
    let body = format!("grant_type=refresh_token&refresh_token={}", refresh(1));
    recording.send("POST", "https://auth.sandbox.eu.junction.com/v1/token", &[], &body, (200, &grant(3)));
    let judged = recording.judged();
    assert_eq!((judged.findings.as_slice(), judged.exchanges, judged.sessions), (&[][..], 4, 1));

    recording.send("GET", &format!("{API}/v2/user/1"), &[("Authorization", &bearer)], "", (401, "{}"));
    assert_eq!(recording.violated(), ["EXC-8"]);
}

#[test]
fn what_is_no_har_file_is_refused_with_the_reason() {
    let refused = |text: &str| {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("writable");
        judge_har(file.path(), &[]).expect_err("refused").to_string()
    };
    assert!(refused("{\"log\": {\"entries\": [").contains("is not a HAR file: EOF"));
    assert!(refused("{\"log\": {}}").contains("no list `log.entries`"));
    assert!(refused(&"[".repeat(10_000)).contains("recursion limit"));
}
