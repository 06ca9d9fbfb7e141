//! Edge cases of the invariants: each test fails if a rule is slightly too strict or too lenient.

use super::*;
use hyper::body::Bytes;

const OTHER_REALM: Realm = Realm { environment: Environment::Production, region: Region::Eu };

impl EvidenceBuilder {
    /// The last exchange.
    fn last(&mut self) -> &mut Exchange {
        self.exchanges.last_mut().expect("an exchange")
    }

    fn named_item(&mut self, key: &str, value: &str) -> &mut Self {
        self.items.push(Item { area: Area::Secure, key: key.into(), value: value.into() });
        self
    }
}

#[test]
fn a_long_secret_that_is_split_between_two_checks_of_the_log_is_found() {
    let (case, mut state) = (EvidenceBuilder::new(), InvariantState::default());
    let secret = "0123456789abcdef".repeat(500);
    case.redactor.secret(SecretKind::AccessToken, &secret);
    let (begin, end) = secret.split_at(5000);
    let mut check = |written: &str| {
        let evidence = Evidence { written, ..case.evidence() };
        state.after_step(&evidence).into_iter().next().map(|violation| violation.clause)
    };
    assert_eq!(check(begin), None);
    assert_eq!(check(end), Some("EXC-3"));
}

#[test]
fn an_undocumented_status_violates_lif_7() {
    let mut case = EvidenceBuilder::new();
    case.sdk.undocumented_status = Some(vec![]);
    assert_eq!(case.violated_clause(), Some("LIF-7"));
}

#[test]
fn a_token_at_a_host_of_another_realm_violates_exc_8() {
    let session_of_ada = || {
        let mut case = EvidenceBuilder::new();
        case.sign_in("ada", 1).refresh("refresh-token-1", 2, 2).call(&[NEXT], 0);
        case
    };
    assert_eq!(session_of_ada().violated_clause(), None);
    for number in 0..3 {
        let mut case = session_of_ada();
        case.exchanges[number].link.realm = OTHER_REALM;
        assert_eq!(case.violated_clause(), Some("EXC-8"), "exchange {number}");
    }
}

#[test]
fn the_limit_of_requests_grows_with_the_calls_of_a_step() {
    let mut case = EvidenceBuilder::new();
    case.calls = 2;
    for _ in 0..24 {
        case.call(&[KEY], 0);
    }
    assert_eq!(case.violated_clause(), None);
    case.call(&[KEY], 0);
    assert_eq!(case.violated_clause(), Some("REF-3"));
}

#[test]
fn a_lifetime_that_overflows_does_not_expire() {
    let mut case = EvidenceBuilder::new();
    case.refresh("refresh-token-3", 1, 1).call(&[BEARER], 10_000_000);
    let granted = TokenGrant {
        access_token: "access-token-1".into(),
        refresh_token: "refresh-token-1".into(),
        expires_in: Some(u64::MAX),
    };
    let answer = case.profile.answer(IdpCall::Refresh, &granted, "ada", None).to_string();
    let headers = HeaderMap::new();
    case.exchanges[0].outcome = ExchangeOutcome::Answered { status: StatusCode::OK, headers, body: answer.into() };
    assert_eq!(case.violated_clause(), None);
}

#[test]
fn retry_after_applies_to_the_whole_session_to_the_millisecond() {
    // The response to the first refresh was lost; the server answers the second with a Retry-After.
    let later = |at_ms: i64| {
        let mut case = EvidenceBuilder::new();
        case.refresh("refresh-token-1", 2, 1).refresh("refresh-token-1", 3, 2);
        case.refused(StatusCode::TOO_MANY_REQUESTS, Some("60"));
        case.refresh("refresh-token-2", 3, 3).last().at_ms = at_ms;
        case
    };
    assert_eq!(later(1000).violated_clause(), Some("REF-9"));
    assert_eq!(later(59_899).violated_clause(), Some("REF-9"));
    assert_eq!(later(59_900).violated_clause(), None, "100 ms are tolerated");
    let mut case = later(1000);
    case.item(Area::Secure, "kept").sdk.launches.push(2);
    assert_eq!(case.violated_clause(), None, "a new launch need not know the Retry-After");
}

#[test]
fn a_successor_counts_as_used_only_if_the_sdk_itself_used_it() {
    let mut case = EvidenceBuilder::new();
    case.refresh("refresh-token-1", 2, 1).call(&[NEXT], 0).last().link.from = Party::Client;
    case.refresh("refresh-token-1", 3, 3);
    assert_eq!(case.violated_clause(), None);
    let mut case = EvidenceBuilder::new();
    case.refresh("refresh-token-1", 2, 1).refresh("refresh-token-2", 3, 2).refresh("refresh-token-1", 1, 3);
    let violation = case.violation().expect("a violation");
    assert_eq!(violation.clause, "REF-5");
    assert!(violation.got.contains("the refresh token 1 in exchange 3, replaced in exchange 1"), "{}", violation.got);
    // The use of an unrelated token does not count.
    let mut case = EvidenceBuilder::new();
    case.refresh("refresh-token-3", 2, 1).call(&[NEXT], 0).refresh("refresh-token-1", 1, 3);
    case.refresh("refresh-token-1", 1, 4);
    assert_eq!(case.violated_clause(), None);
}

#[test]
fn without_rotation_the_same_refresh_token_is_used_again() {
    let mut case = EvidenceBuilder::new();
    for number in 1..4 {
        case.refresh("refresh-token-1", 1, number);
    }
    assert_eq!(case.violated_clause(), None);
}

#[test]
fn secrets_in_urls_preflights_errors_and_responses_to_the_app_are_violations() {
    let mut case = EvidenceBuilder::new();
    case.call(&[KEY], 0).last().request.path = "/v2/user?key=pk_us_secret_key".into();
    assert_eq!(case.violated_clause(), Some("ISS-4"));
    for (path, clause) in [("/v2/user/ada", None), ("/v2/user/ada?t=access-token-1", Some("EXC-3"))] {
        let mut case = EvidenceBuilder::new();
        let (method, headers, body) = (Method::OPTIONS, HeaderMap::new(), hyper::body::Bytes::default());
        case.preflights.push(WireRequest { method, path: path.into(), headers, body });
        assert_eq!(case.violated_clause(), clause, "a preflight of {path}");
    }
    let mut case = EvidenceBuilder::new();
    case.sdk.error_texts.push("refused: refresh-token-1".into());
    assert_eq!(case.violated_clause(), Some("EXC-3"));
    let answered = |body: &'static str| {
        let mut case = EvidenceBuilder::new();
        case.redactor.secret(SecretKind::SignInToken, "sign-in-token-1");
        let (headers, path) = (HeaderMap::new(), "/token".to_owned());
        let request = WireRequest { method: Method::POST, path, headers, body: hyper::body::Bytes::default() };
        case.exchange(Operation::TokenRequest, Party::Backend, request, body, 1);
        case.last().link.from = Party::App;
        case.violated_clause()
    };
    assert_eq!(answered("sign-in-token-1"), None, "the app requested this token");
    assert_eq!(answered("sign-in-token-1 and pk_us_secret_key"), Some("ISS-4"));
}

#[test]
fn a_secret_in_storage_is_reported_with_its_area_and_key() {
    let mut case = EvidenceBuilder::new();
    case.redactor.secret(SecretKind::SignInToken, "sign-in-token-1");
    case.item(Area::Secure, "sign-in-token-1");
    assert_eq!(case.violated_clause(), Some("EXC-2"));
    let mut case = EvidenceBuilder::new();
    case.sdk.token_scheme = false;
    case.item(Area::Plain, "pk_us_secret_key");
    assert_eq!(case.violated_clause(), None, "the API-key scheme says nothing of where the key is kept");
    let mut case = EvidenceBuilder::new();
    case.named_item("session", "refresh-token-1").named_item("key", "pk_us_secret_key");
    let violation = case.violation().expect("a violation");
    assert_eq!(violation.clause, "MIG-6");
    assert!(violation.got.contains("in the secure item `key`"), "{}", violation.got);
}

#[test]
fn tokens_are_kept_only_where_the_adapter_declares_it() {
    let mut case = EvidenceBuilder::new();
    case.sign_in("ada", 1).item(Area::Plain, "refresh-token-1");
    assert_eq!(case.violated_clause(), Some("EXC-3"));
    case.token_storage.push(Area::Plain);
    assert_eq!(case.violated_clause(), None, "private storage that the platform counts as safe");
    case.item(Area::Volatile, "access-token-1");
    assert_eq!(case.violated_clause(), Some("EXC-3"));
}

#[test]
fn storage_contains_the_tokens_of_one_user_only() {
    let holds = |users: [&str; 2], items: [&str; 2]| {
        let mut case = EvidenceBuilder::new();
        case.sign_in(users[0], 1).sign_in(users[1], 2);
        case.named_item("a", items[0]).named_item("b", items[1]);
        case.violated_clause()
    };
    assert_eq!(holds(["ada", "bob"], ["access-token-1", "access-token-2"]), Some("LIF-2"));
    assert_eq!(holds(["ada", "bob"], ["refresh-token-1", "access-token-2"]), Some("LIF-2"));
    assert_eq!(holds(["ada", "bob"], ["access-token-1", "refresh-token-1"]), None);
    assert_eq!(holds(["ada", "ada"], ["access-token-1", "access-token-2"]), None);
}

#[test]
fn after_a_sign_out_an_api_key_violates_out_2_and_the_credential_of_the_app_is_allowed() {
    let mut case = EvidenceBuilder::new();
    (case.sdk.stored_session, case.sdk.token_scheme) = (StoredSession::SignedOut, false);
    case.redactor.secret(SecretKind::AppCredential, "the-apps-own-session");
    case.item(Area::Secure, "the-apps-own-session");
    assert_eq!(case.violated_clause(), None);
    case.item(Area::Secure, "pk_us_secret_key");
    assert_eq!(case.violated_clause(), Some("OUT-2"));
}

#[test]
fn only_the_sdk_must_not_exchange_a_token_twice() {
    let mut case = EvidenceBuilder::new();
    case.sign_in("ada", 1).sign_in("ada", 1);
    assert_eq!(case.violated_clause(), Some("EXC-2"));
    case.last().link.from = Party::Client;
    assert_eq!(case.violated_clause(), None);
}

#[test]
fn a_new_launch_need_not_wait_for_a_refresh_of_the_previous_one() {
    let mut case = EvidenceBuilder::new();
    case.refresh("refresh-token-1", 2, 2).refresh("refresh-token-1", 3, 2);
    case.sdk.launches.push(1);
    assert_eq!(case.violated_clause(), None);
}

#[test]
fn a_refusal_counts_after_it_was_reported_with_its_own_error_kind() {
    let refused = |reported: ErrorKind, at: usize| {
        let mut case = EvidenceBuilder::new();
        case.refresh("refresh-token-1", 2, 1).refresh("refresh-token-1", 3, 2);
        let body = case.profile.refusal(IdpCall::Refresh, 400, ErrorKind::NeedsReauthentication).to_string();
        let headers = HeaderMap::new();
        case.exchanges[0].outcome =
            ExchangeOutcome::Answered { status: StatusCode::BAD_REQUEST, headers, body: body.into() };
        case.sdk.reported_errors.push((reported, at));
        case
    };
    assert_eq!(refused(ErrorKind::NeedsReauthentication, 1).violated_clause(), Some("REF-7"));
    assert_eq!(refused(ErrorKind::Network, 1).violated_clause(), None);
    assert_eq!(refused(ErrorKind::NeedsReauthentication, 0).violated_clause(), None, "reported before the refusal");
    assert_eq!(
        refused(ErrorKind::NeedsReauthentication, 2).violated_clause(),
        None,
        "reported after the second request was sent"
    );
    let mut case = refused(ErrorKind::NeedsReauthentication, 1);
    case.exchanges[0].fault = Some("400".into());
    assert_eq!(case.violated_clause(), None, "an injected fault, not an answer of the server");
}

#[test]
fn a_token_that_expires_on_the_way_is_tolerated() {
    let mut case = EvidenceBuilder::new();
    case.refresh("refresh-token-3", 1, 1).call(&[BEARER], 61_000);
    assert_eq!(case.violated_clause(), None);
    case.call(&[BEARER], 61_001);
    assert_eq!(case.violated_clause(), Some("REF-2"));
}

/// Exchange 1 is a request of Ada that is refused; exchange 3 is a request as Bob.
fn retried_as_bob() -> EvidenceBuilder {
    let mut case = EvidenceBuilder::new();
    case.sign_in("ada", 1).call(&[BEARER], 0).refused(StatusCode::UNAUTHORIZED, None).sign_in("bob", 2);
    case.call(&[NEXT], 0);
    case
}

/// Exchange 0 is a request with a JSON body that is refused; exchange 1 is its retry, which carries `retried`.
fn retried_with_body(retried: &'static [u8]) -> EvidenceBuilder {
    let mut case = EvidenceBuilder::new();
    case.call(&[BEARER], 0).refused(StatusCode::UNAUTHORIZED, None).call(&[BEARER], 0).requested(0, success(2));
    case.sdk.api_requests[0].body = Some(serde_json::json!({ "note": "n", "unit": "kg" }));
    case.exchanges[0].request.body = Bytes::from_static(br#"{"note":"n","unit":"kg"}"#);
    case.exchanges[1].request.body = Bytes::from_static(retried);
    case
}

#[test]
fn a_retry_carries_the_body_of_the_request() {
    for body in [&br#"{"note":"n","unit":"kg"}"#[..], br#"{ "unit": "kg", "note": "n" }"#] {
        assert_eq!(retried_with_body(body).violated_clause(), None, "fields in any order");
    }
    for (body, got) in [(&b""[..], "no body"), (b"null", "another body"), (br#"{"note":"n"}"#, "another body")] {
        let violation = retried_with_body(body).violation().expect("a violation");
        assert_eq!(violation.clause, "REF-3");
        assert_eq!(violation.got, format!("{got} in exchange 2, attempt 2 of GET /v2/user/ada"));
    }
    let mut case = retried_with_body(b"\x1f\x8b");
    case.exchanges[1].request.headers.insert("content-encoding", HeaderValue::from_static("gzip"));
    assert_eq!(case.violated_clause(), None, "a compressed body");
    let mut case = retried_with_body(b"");
    case.sdk.api_requests[0].body = None;
    assert_eq!(case.violated_clause(), None, "the app gave no body");
}

fn success(at: usize) -> Option<ApiRequestEnd> {
    Some(ApiRequestEnd { at, at_ms: 0, error: None })
}

#[test]
fn an_exchange_belongs_to_the_request_that_is_in_flight_and_matches() {
    let mut case = retried_as_bob();
    case.requested(0, success(1)).requested(1, success(4));
    assert_eq!(case.violated_clause(), Some("LIF-4"), "the first request had ended");
    for (method, path) in [("GET", "/v2/other"), ("POST", "/v2/user/ada")] {
        let mut case = retried_as_bob();
        case.requested(1, success(4));
        let (method_text, path_text) = (method.to_owned(), path.to_owned());
        let request = ApiRequest { method: method_text, path: path_text, body: None, started_at: 1, end: None };
        case.sdk.api_requests.push(request);
        assert_eq!(case.violated_clause(), Some("LIF-4"), "{method} {path} is another request");
    }
    let mut case = retried_as_bob();
    case.requested(1, success(4)).exchanges[1].link.from = Party::Client;
    assert_eq!(case.violated_clause(), None, "a request of the harness's own client was refused");
    let mut case = retried_as_bob();
    case.requested(1, success(3)).requested(3, success(4));
    assert_eq!(case.violated_clause(), None, "two requests");
}

/// The refresh of the first user is answered with a Retry-After, then the next user signs in.
fn retry_after_then_sign_in(first: &str, next: &str) -> EvidenceBuilder {
    let mut case = EvidenceBuilder::new();
    case.sign_in(first, 1).refresh("refresh-token-1", 3, 2).refused(StatusCode::TOO_MANY_REQUESTS, Some("600"));
    case.sign_in(next, 2);
    case
}

fn network_error(at: usize, at_ms: i64) -> Option<ApiRequestEnd> {
    Some(ApiRequestEnd { at, at_ms, error: Some(ErrorKind::Network) })
}

#[test]
fn a_retry_after_of_the_same_user_is_respected() {
    assert_eq!(
        retry_after_then_sign_in("ada", "bob").requested(3, network_error(3, 599_999)).violated_clause(),
        Some("LIF-4")
    );
    assert_eq!(
        retry_after_then_sign_in("ada", "bob").requested(3, network_error(3, 600_000)).violated_clause(),
        None,
        "the Retry-After has expired"
    );
    // A later sign-in is irrelevant.
    let mut case = retry_after_then_sign_in("ada", "ada");
    case.requested(3, network_error(3, 1000)).sign_in("bob", 3);
    assert_eq!(case.violated_clause(), None);
    // A request was sent and the network was down.
    let mut case = retry_after_then_sign_in("ada", "bob");
    case.refresh("refresh-token-2", 3, 4).requested(3, network_error(4, 1000)).last().outcome =
        ExchangeOutcome::NoNetwork;
    assert_eq!(case.violated_clause(), None);
    // Exchanges of other parties do not count.
    let mut case = retry_after_then_sign_in("ada", "bob");
    case.call(&[KEY], 0).requested(3, network_error(4, 1000)).last().link.from = Party::Client;
    assert_eq!(case.violated_clause(), Some("LIF-4"));
    // The refresh of this user received a Retry-After, too.
    let mut case = retry_after_then_sign_in("ada", "bob");
    case.refresh("refresh-token-2", 3, 4).refused(StatusCode::TOO_MANY_REQUESTS, Some("600"));
    assert_eq!(case.requested(4, network_error(4, 1000)).violated_clause(), None);
    // A request between the refresh and the sign-in changes nothing.
    let mut case = EvidenceBuilder::new();
    case.sign_in("ada", 1).refresh("refresh-token-1", 3, 2).refused(StatusCode::TOO_MANY_REQUESTS, Some("600"));
    case.call(&[BEARER], 0).sign_in("bob", 2).requested(4, network_error(4, 1000));
    assert_eq!(case.violated_clause(), Some("LIF-4"));
}

#[test]
fn a_session_that_outlives_its_process_is_visible_in_storage() {
    let session_of_ada = || {
        let mut case = EvidenceBuilder::new();
        case.sign_in("ada", 1).call(&[BEARER], 0);
        case.sdk.launches = vec![0, 1];
        case
    };
    assert_eq!(session_of_ada().violated_clause(), Some("EXC-3"));
    assert_eq!(session_of_ada().item(Area::Secure, "in a form of its own").violated_clause(), None);
    let mut first_launch = session_of_ada();
    first_launch.sdk.launches = vec![0];
    assert_eq!(first_launch.violated_clause(), None);
    let mut later = session_of_ada();
    later.sdk.launches = vec![0, 2];
    assert_eq!(later.violated_clause(), None, "no token was used since that launch");
    let mut signed_in_again = EvidenceBuilder::new();
    signed_in_again.sign_in("ada", 1).sign_in("ada", 2).call(&[NEXT], 0);
    signed_in_again.sdk.launches = vec![0, 1];
    assert_eq!(signed_in_again.violated_clause(), None, "its session started in this launch");
    let mut refreshed = EvidenceBuilder::new();
    refreshed.sign_in("ada", 1).refresh("refresh-token-1", 2, 2);
    refreshed.sdk.launches = vec![0, 1];
    assert_eq!(refreshed.violated_clause(), Some("EXC-3"));
}

#[test]
fn an_item_that_was_visible_once_may_be_deleted() {
    let mut case = EvidenceBuilder::new();
    case.sign_in("ada", 1).call(&[BEARER], 0);
    case.sdk.launches = vec![0, 1];
    let mut state = InvariantState::default();
    let mut check = |exchanges, items| {
        let evidence = Evidence { exchanges, items, ..case.evidence() };
        state.after_step(&evidence).into_iter().next().map(|violation| violation.clause)
    };
    // While a call is in flight, storage may be between two states.
    let in_flight = Evidence { idle: false, ..case.evidence() };
    assert!(InvariantState::default().after_step(&in_flight).is_empty());
    let shown = [Item { area: Area::Secure, key: "session".into(), value: "x".into() }];
    assert_eq!(check(&case.exchanges[..1], &shown), None);
    assert_eq!(check(&case.exchanges[..], &[]), None);
}
