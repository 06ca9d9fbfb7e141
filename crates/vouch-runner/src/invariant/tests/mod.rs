mod edges;

use super::*;
use hyper::header::HeaderValue;
use hyper::{HeaderMap, Method, StatusCode};
use vouch_sim::wire::redact::SecretKind;
use vouch_sim::wire::{ExchangeOutcome, Link, Operation, Party, WireRequest};
use vouch_spec::profile::{IdpCall, Profile, RequestValues, TokenGrant};
use vouch_spec::protocol::{Environment, Realm, Region};

/// Builds the evidence of a case by hand.
struct EvidenceBuilder {
    profile: std::sync::Arc<Profile>,
    redactor: Redactor,
    exchanges: Vec<Exchange>,
    preflights: Vec<WireRequest>,
    items: Vec<Item>,
    token_storage: Vec<Area>,
    sdk: Observed,
    /// [`Evidence::calls`].
    calls: usize,
}

/// The issuer of sign-in tokens of [`HOME`].
const ISSUER: &str = "id-signer-prd-us@vital-id-prd-us.iam.gserviceaccount.com";
const HOME: Realm = Realm { environment: Environment::Production, region: Region::Us };

impl EvidenceBuilder {
    fn new() -> Self {
        let redactor = Redactor::default();
        for token in ["refresh-token-1", "refresh-token-2", "refresh-token-3"] {
            redactor.secret(SecretKind::RefreshToken, token);
        }
        for token in ["access-token-1", "access-token-2"] {
            redactor.secret(SecretKind::AccessToken, token);
        }
        redactor.named_secret(SecretKind::ApiKey, "pk_us_secret_key", format!("API key of {HOME}"));
        let sdk = Observed { launches: vec![0], token_scheme: true, ..Observed::default() };
        let token_storage = vec![Area::Secure];
        let profile = Profile::junction();
        let (exchanges, preflights) = (vec![], vec![]);
        Self { profile, redactor, exchanges, preflights, items: vec![], token_storage, sdk, calls: 1 }
    }

    fn exchange(&mut self, operation: Operation, to: Party, request: WireRequest, answer: &str, settled_at: usize) {
        let call = self.profile.recognise(&request.method, &request.path, &request.body);
        let (status, body) = (StatusCode::OK, answer.to_owned().into());
        self.exchanges.push(Exchange {
            link: Link { from: Party::Sdk, to, realm: HOME },
            operation,
            request,
            outcome: ExchangeOutcome::Answered { status, headers: HeaderMap::new(), body },
            fault: None,
            tokens: call.map(|(_, tokens)| tokens).unwrap_or_default(),
            completed_at: Some(settled_at),
            completed_ms: Some(0),
            at_ms: 0,
            profile: self.profile.clone(),
        });
    }

    /// Adds a refresh with the token `used`, answered with access and refresh token `number` after `settled_at` exchanges.
    fn refresh(&mut self, used: &str, number: u32, settled_at: usize) -> &mut Self {
        let request =
            self.profile.request(IdpCall::Refresh, &RequestValues { refresh_token: used, ..RequestValues::default() });
        let granted = TokenGrant {
            access_token: format!("access-token-{number}"),
            refresh_token: format!("refresh-token-{number}"),
            expires_in: Some(60),
        };
        let answer = self.profile.answer(IdpCall::Refresh, &granted, "ada", None).to_string();
        let received = WireRequest {
            method: Method::POST,
            path: request.path,
            headers: HeaderMap::new(),
            body: request.body.into(),
        };
        self.exchange(Operation::Refresh, Party::Auth, received, &answer, settled_at);
        self
    }

    /// Adds an API call with these headers at a time.
    fn call(&mut self, headers: &[(&'static str, &'static str)], at_ms: i64) -> &mut Self {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)));
        let (headers, path) = (headers.collect::<HeaderMap>(), "/v2/user/ada".to_owned());
        let request = WireRequest { method: Method::GET, path, headers, body: hyper::body::Bytes::default() };
        let settled_at = self.exchanges.len() + 1;
        self.exchange(Operation::Api, Party::Api, request, "{}", settled_at);
        if let Some(last) = self.exchanges.last_mut() {
            last.at_ms = at_ms;
        }
        self
    }

    fn item(&mut self, area: Area, value: &str) -> &mut Self {
        self.items.push(Item { area, key: "session".into(), value: value.into() });
        self
    }

    fn violated_clause(&self) -> Option<&'static str> {
        self.violation().map(|violation| violation.clause)
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence {
            preflights: &self.preflights,
            items: &self.items,
            token_storage: &self.token_storage,
            calls: self.calls,
            idle: true,
            ..Evidence::of_traffic(&self.redactor, &self.sdk, &self.exchanges)
        }
    }

    fn violation(&self) -> Option<Violation> {
        InvariantState::default().after_step(&self.evidence()).into_iter().next()
    }
}

const BEARER: (&str, &str) = ("authorization", "Bearer access-token-1");
const NEXT: (&str, &str) = ("authorization", "Bearer access-token-2");
const KEY: (&str, &str) = ("x-vital-api-key", "pk_us_secret_key");

#[test]
fn sequential_refreshes_with_the_newest_token_violate_nothing() {
    let mut case = EvidenceBuilder::new();
    case.refresh("refresh-token-1", 2, 1).refresh("refresh-token-2", 3, 2);
    assert_eq!(case.violated_clause(), None);
}

#[test]
fn a_refresh_sent_while_another_is_in_flight_violates_ref_4() {
    let mut case = EvidenceBuilder::new();
    case.refresh("refresh-token-1", 2, 2).refresh("refresh-token-1", 3, 2);
    assert_eq!(case.violated_clause(), Some("REF-4"));
    // The SDK abandoned the first refresh, so it may send another.
    case.exchanges[0].outcome = ExchangeOutcome::Abandoned;
    assert_eq!(case.violated_clause(), None);
}

#[test]
fn a_refresh_token_may_be_sent_again_only_until_its_successor_was_used() {
    let mut case = EvidenceBuilder::new();
    case.refresh("refresh-token-1", 2, 1).refresh("refresh-token-1", 3, 2);
    assert_eq!(case.violated_clause(), None, "the first response may have been lost");
    let mut case = EvidenceBuilder::new();
    case.refresh("refresh-token-1", 2, 1).call(&[NEXT], 0).refresh("refresh-token-1", 3, 3);
    assert_eq!(case.violated_clause(), Some("REF-5"));
}

#[test]
fn an_access_token_is_not_sent_after_its_expiry() {
    let mut case = EvidenceBuilder::new();
    case.refresh("refresh-token-3", 1, 1).call(&[BEARER], 60_000);
    assert_eq!(case.violated_clause(), None);
    case.call(&[BEARER], 62_000);
    assert_eq!(case.violated_clause(), Some("REF-2"));
    case.sdk.clock_was_skewed = true;
    assert_eq!(case.violated_clause(), None, "an SDK with a skewed clock cannot know");
}

#[test]
fn a_permanently_refused_token_is_not_used_again_after_the_refusal_was_reported() {
    let mut case = EvidenceBuilder::new();
    case.refresh("refresh-token-1", 2, 1).refresh("refresh-token-1", 3, 2);
    let body = case.profile.refusal(IdpCall::Refresh, 400, ErrorKind::NeedsReauthentication).to_string();
    let headers = HeaderMap::new();
    case.exchanges[0].outcome =
        ExchangeOutcome::Answered { status: StatusCode::BAD_REQUEST, headers, body: body.into() };
    assert_eq!(case.violated_clause(), None);
    case.sdk.reported_errors.push((ErrorKind::NeedsReauthentication, 1));
    assert_eq!(case.violated_clause(), Some("REF-7"));
}

#[test]
fn an_api_call_with_two_credentials_violates_ref_1() {
    let mut case = EvidenceBuilder::new();
    case.call(&[KEY], 0).call(&[BEARER], 0);
    assert_eq!(case.violated_clause(), None);
    case.call(&[KEY, BEARER], 0);
    assert_eq!(case.violated_clause(), Some("REF-1"));
}

#[test]
fn a_key_at_a_host_of_another_realm_violates_key_1() {
    let mut case = EvidenceBuilder::new();
    case.call(&[KEY], 0);
    case.exchanges[0].link.realm.region = Region::Eu;
    assert_eq!(case.violated_clause(), Some("KEY-1"));
}

#[test]
fn tokens_are_stored_in_secure_storage_without_an_api_key() {
    let mut case = EvidenceBuilder::new();
    case.item(Area::Secure, "refresh-token-1");
    assert_eq!(case.violated_clause(), None);
    case.item(Area::Secure, "pk_us_secret_key");
    assert_eq!(case.violated_clause(), Some("MIG-6"));
    case.sdk.token_scheme = false;
    assert_eq!(case.violated_clause(), None, "the process was killed during a migration");
    case.item(Area::Plain, "access-token-1");
    assert_eq!(case.violated_clause(), Some("EXC-3"));
}

#[test]
fn storage_contains_no_credential_after_a_sign_out() {
    let mut case = EvidenceBuilder::new();
    case.item(Area::Secure, "refresh-token-1");
    (case.sdk.stored_session, case.sdk.token_scheme) = (StoredSession::SignedOut, false);
    assert_eq!(case.violated_clause(), Some("OUT-1"));
    case.sdk.stored_session = StoredSession::UserDeleted;
    assert_eq!(case.violated_clause(), Some("DEL-1"));
    case.items.clear();
    assert_eq!(case.violated_clause(), None);
}

#[test]
fn a_step_sends_at_most_twelve_requests() {
    let mut case = EvidenceBuilder::new();
    for _ in 0..12 {
        case.call(&[KEY], 0);
    }
    assert_eq!(case.violated_clause(), None);
    case.call(&[KEY], 0);
    assert_eq!(case.violated_clause(), Some("REF-3"));
}

impl EvidenceBuilder {
    fn sign_in(&mut self, user: &str, number: u32) -> &mut Self {
        use base64::Engine;
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        let jwt = format!(
            "{}.{}.c2ln",
            encode(r#"{"alg":"RS256"}"#),
            encode(&format!(r#"{{"iss":"{ISSUER}","uid":"{user}","jti":"{number}"}}"#))
        );
        let request =
            self.profile.request(IdpCall::Exchange, &RequestValues { token: &jwt, ..RequestValues::default() });
        let granted = TokenGrant {
            access_token: format!("access-token-{number}"),
            refresh_token: format!("refresh-token-{number}"),
            expires_in: Some(3600),
        };
        let answer = self.profile.answer(IdpCall::Exchange, &granted, user, None).to_string();
        let received = WireRequest {
            method: Method::POST,
            path: request.path,
            headers: HeaderMap::new(),
            body: request.body.into(),
        };
        let settled_at = self.exchanges.len() + 1;
        self.exchange(Operation::Exchange, Party::Auth, received, &answer, settled_at);
        self
    }

    /// Makes the last response a refusal.
    fn refused(&mut self, with: StatusCode, retry_after: Option<&'static str>) -> &mut Self {
        if let Some(Exchange { outcome: ExchangeOutcome::Answered { status, headers, .. }, .. }) =
            self.exchanges.last_mut()
        {
            *status = with;
            headers.extend(retry_after.map(|value| (hyper::header::RETRY_AFTER, HeaderValue::from_static(value))));
        }
        self
    }

    fn requested(&mut self, started_at: usize, end: Option<ApiRequestEnd>) -> &mut Self {
        let (method, path) = ("GET".to_owned(), "/v2/user/ada".to_owned());
        self.sdk.api_requests.push(ApiRequest { method, path, body: None, started_at, end });
        self
    }
}

#[test]
fn a_request_that_was_refused_as_one_user_is_not_retried_as_another() {
    let mut case = EvidenceBuilder::new();
    case.sign_in("ada", 1).call(&[BEARER], 0).refused(StatusCode::UNAUTHORIZED, None).sign_in("bob", 2);
    case.call(&[NEXT], 0).requested(1, None);
    assert_eq!(case.violated_clause(), Some("LIF-4"));
    // Ambiguous: the second exchange can belong to either request.
    case.requested(3, None);
    assert_eq!(case.violated_clause(), None);
    // A retry with a newer token of the same user is allowed.
    let mut case = EvidenceBuilder::new();
    case.sign_in("ada", 1).call(&[BEARER], 0).refused(StatusCode::UNAUTHORIZED, None);
    case.refresh("refresh-token-1", 2, 3).call(&[NEXT], 0).requested(1, None);
    assert_eq!(case.violated_clause(), None);
}

#[test]
fn a_user_does_not_wait_for_the_retry_after_of_the_previous_user() {
    let network_error = |at: usize, at_ms: i64| Some(ApiRequestEnd { at, at_ms, error: Some(ErrorKind::Network) });
    let waits = |users: [&str; 2], at_ms: i64| {
        let mut case = EvidenceBuilder::new();
        case.sign_in(users[0], 1).refresh("refresh-token-1", 3, 2).refused(StatusCode::TOO_MANY_REQUESTS, Some("600"));
        case.sign_in(users[1], 2).requested(3, network_error(3, at_ms));
        case.violated_clause()
    };
    assert_eq!(waits(["ada", "bob"], 1000), Some("LIF-4"));
    assert_eq!(waits(["ada", "bob"], 601_000), None, "the Retry-After has expired: the error has another cause");
    assert_eq!(waits(["ada", "ada"], 1000), None);
}

#[test]
fn a_request_with_the_wrong_kind_of_token_is_a_violation() {
    let mut case = EvidenceBuilder::new();
    case.call(&[BEARER, ("x-refresh-token", "refresh-token-1")], 0);
    assert_eq!(case.violated_clause(), Some("REF-1"));
    let mut case = EvidenceBuilder::new();
    case.redactor.secret(SecretKind::SignInToken, "sign-in-token-1");
    case.refresh("refresh-token-1", 2, 1);
    if let Some(last) = case.exchanges.last_mut() {
        let body = String::from_utf8_lossy(&last.request.body).into_owned();
        last.request.body = format!("{body}&subject_token=sign-in-token-1").into();
    }
    assert_eq!(case.violated_clause(), Some("EXC-2"));
}

#[test]
fn the_scheme_of_an_authorization_header_is_case_insensitive() {
    let mut case = EvidenceBuilder::new();
    case.refresh("refresh-token-3", 1, 1).call(&[("authorization", "bearer access-token-1")], 62_000);
    assert_eq!(case.violated_clause(), Some("REF-2"));
}

#[test]
fn retry_after_applies_to_the_session_that_received_it() {
    let mut case = EvidenceBuilder::new();
    // Another session, then the same one.
    for (used, clause) in [("refresh-token-3", None), ("refresh-token-2", Some("REF-9"))] {
        case.exchanges.clear();
        case.refresh("refresh-token-1", 2, 1).refresh("refresh-token-2", 2, 2).refresh(used, 3, 3);
        let headers = HeaderMap::from_iter([("retry-after".parse().expect("a name"), HeaderValue::from_static("60"))]);
        let (status, body) = (StatusCode::TOO_MANY_REQUESTS, hyper::body::Bytes::default());
        case.exchanges[1].outcome = ExchangeOutcome::Answered { status, headers, body };
        assert_eq!(case.violated_clause(), clause);
    }
}

#[test]
fn a_secret_that_is_split_between_two_checks_of_the_log_is_found() {
    let (case, mut state) = (EvidenceBuilder::new(), InvariantState::default());
    let mut check = |written: &str| {
        let evidence = Evidence { written, ..case.evidence() };
        state.after_step(&evidence).into_iter().next().map(|violation| violation.clause)
    };
    assert_eq!(check(&"noise ".repeat(20_000)), None);
    assert_eq!(check("refresh-"), None);
    assert_eq!(check("token-1"), Some("EXC-3"));
    assert_eq!(check(""), None, "no new output");
}
