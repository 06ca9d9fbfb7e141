mod edges;

use super::*;
use hyper::header::HeaderValue;
use hyper::{HeaderMap, Method, StatusCode};
use vouch_sim::wire::redact::SecretKind;
use vouch_sim::wire::{ExchangeOutcome, Link, Operation, Party, Received};
use vouch_spec::profile::{Granted, IdpCall, Values};
use vouch_spec::protocol::message::Area;
use vouch_spec::protocol::{Environment, Realm, Region};

/// What one case left behind, made by hand.
struct Story {
    profile: std::sync::Arc<Profile>,
    redactor: Redactor,
    exchanges: Vec<Exchange>,
    items: Vec<Item>,
    sdk: Observed,
    /// What [`Evidence::calls`] says.
    calls: usize,
}

/// The issuer of sign-in tokens of [`HOME`].
const ISSUER: &str = "id-signer-prd-us@vital-id-prd-us.iam.gserviceaccount.com";
const HOME: Realm = Realm { environment: Environment::Production, region: Region::Us };

impl Story {
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
        Self { profile: Profile::junction(), redactor, exchanges: vec![], items: vec![], sdk, calls: 1 }
    }

    fn exchange(&mut self, operation: Operation, to: Party, request: Received, answer: &str, settled_at: usize) {
        let call = self.profile.recognise(&request.method, &request.path, &request.body);
        let (status, body) = (StatusCode::OK, answer.to_owned().into());
        self.exchanges.push(Exchange {
            link: Link { from: Party::Sdk, to, realm: HOME },
            operation,
            request,
            fate: ExchangeOutcome::Answered { status, headers: HeaderMap::new(), body },
            fault: None,
            carried: call.map(|(_, carried)| carried).unwrap_or_default(),
            settled_at: Some(settled_at),
            settled_ms: Some(0),
            at_ms: 0,
        });
    }

    /// A refresh with `used`, answered with access and refresh token `number`, after `settled_at` arrivals.
    fn refresh(&mut self, used: &str, number: u32, settled_at: usize) -> &mut Self {
        let request = self.profile.request(IdpCall::Refresh, &Values { refresh_token: used, ..Values::default() });
        let granted = Granted {
            access_token: format!("access-token-{number}"),
            refresh_token: format!("refresh-token-{number}"),
            expires_in: 60,
        };
        let answer = self.profile.answer(IdpCall::Refresh, &granted, "ada", None).to_string();
        let received =
            Received { method: Method::POST, path: request.path, headers: HeaderMap::new(), body: request.body.into() };
        self.exchange(Operation::Refresh, Party::Auth, received, &answer, settled_at);
        self
    }

    /// An API call with some headers at a time.
    fn call(&mut self, headers: &[(&'static str, &'static str)], at_ms: i64) -> &mut Self {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)));
        let (headers, path) = (HeaderMap::from_iter(headers), "/v2/user/ada".to_owned());
        let request = Received { method: Method::GET, path, headers, body: Default::default() };
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

    fn judge(&self) -> Option<&'static str> {
        self.breach().map(|breach| breach.clause)
    }

    fn breach(&self) -> Option<Violation> {
        let evidence = Evidence {
            redactor: &self.redactor,
            profile: &self.profile,
            mode: Mode::Virtual,
            exchanges: &self.exchanges,
            written: "",
            items: &self.items,
            sdk: &self.sdk,
            calls: self.calls,
            at_rest: true,
        };
        after_step(&mut InvariantState::default(), &evidence)
    }
}

const BEARER: (&str, &str) = ("authorization", "Bearer access-token-1");
const NEXT: (&str, &str) = ("authorization", "Bearer access-token-2");
const KEY: (&str, &str) = ("x-vital-api-key", "pk_us_secret_key");

#[test]
fn refreshes_one_after_the_other_with_the_newest_token_are_right() {
    let mut story = Story::new();
    story.refresh("refresh-token-1", 2, 1).refresh("refresh-token-2", 3, 2);
    assert_eq!(story.judge(), None);
}

#[test]
fn a_refresh_sent_while_another_is_under_way_breaks_ref_4() {
    let mut story = Story::new();
    story.refresh("refresh-token-1", 2, 2).refresh("refresh-token-1", 3, 2);
    assert_eq!(story.judge(), Some("REF-4"));
    // The caller gave the first up: it is free to ask again.
    story.exchanges[0].fate = ExchangeOutcome::Abandoned;
    assert_eq!(story.judge(), None);
}

#[test]
fn a_lost_answer_may_be_asked_for_again_but_not_once_its_successor_was_used() {
    let mut story = Story::new();
    story.refresh("refresh-token-1", 2, 1).refresh("refresh-token-1", 3, 2);
    assert_eq!(story.judge(), None, "the SDK need not have got the first answer");
    let mut story = Story::new();
    story.refresh("refresh-token-1", 2, 1).call(&[NEXT], 0).refresh("refresh-token-1", 3, 3);
    assert_eq!(story.judge(), Some("REF-5"));
}

#[test]
fn an_access_token_is_sent_until_its_end_and_not_after_it() {
    let mut story = Story::new();
    story.refresh("refresh-token-3", 1, 1).call(&[BEARER], 60_000);
    assert_eq!(story.judge(), None);
    story.call(&[BEARER], 62_000);
    assert_eq!(story.judge(), Some("REF-2"));
    story.sdk.clock_was_off = true;
    assert_eq!(story.judge(), None, "an SDK whose clock is off cannot know");
}

#[test]
fn a_token_refused_for_good_is_not_tried_again_once_that_was_told() {
    let mut story = Story::new();
    story.refresh("refresh-token-1", 2, 1).refresh("refresh-token-1", 3, 2);
    let body = story.profile.refusal(IdpCall::Refresh, 400, ErrorKind::NeedsReauthentication).to_string();
    let headers = HeaderMap::new();
    story.exchanges[0].fate = ExchangeOutcome::Answered { status: StatusCode::BAD_REQUEST, headers, body: body.into() };
    assert_eq!(story.judge(), None);
    story.sdk.told.push((ErrorKind::NeedsReauthentication, 1));
    assert_eq!(story.judge(), Some("REF-7"));
}

#[test]
fn an_api_call_with_two_credentials_breaks_ref_1() {
    let mut story = Story::new();
    story.call(&[KEY], 0).call(&[BEARER], 0);
    assert_eq!(story.judge(), None);
    story.call(&[KEY, BEARER], 0);
    assert_eq!(story.judge(), Some("REF-1"));
}

#[test]
fn a_key_at_a_host_of_another_realm_breaks_key_1() {
    let mut story = Story::new();
    story.call(&[KEY], 0);
    story.exchanges[0].link.realm.region = Region::Eu;
    assert_eq!(story.judge(), Some("KEY-1"));
}

#[test]
fn tokens_rest_in_secure_storage_without_a_key_beside_them() {
    let mut story = Story::new();
    story.item(Area::Secure, "refresh-token-1");
    assert_eq!(story.judge(), None);
    story.item(Area::Secure, "pk_us_secret_key");
    assert_eq!(story.judge(), Some("MIG-6"));
    story.sdk.token_scheme = false;
    assert_eq!(story.judge(), None, "in the middle of a migration that died");
    story.item(Area::Plain, "access-token-1");
    assert_eq!(story.judge(), Some("EXC-3"));
}

#[test]
fn nothing_is_left_after_a_sign_out() {
    let mut story = Story::new();
    story.item(Area::Secure, "refresh-token-1");
    (story.sdk.left, story.sdk.token_scheme) = (Left::SignedOut, false);
    assert_eq!(story.judge(), Some("OUT-1"));
    story.sdk.left = Left::UserGone;
    assert_eq!(story.judge(), Some("DEL-1"));
    story.items.clear();
    assert_eq!(story.judge(), None);
}

#[test]
fn a_call_that_never_ends_is_bounded() {
    let mut story = Story::new();
    for _ in 0..12 {
        story.call(&[KEY], 0);
    }
    assert_eq!(story.judge(), None);
    story.call(&[KEY], 0);
    assert_eq!(story.judge(), Some("REF-3"));
}

/// What somebody has sent to the identity provider.
impl Story {
    fn sign_in(&mut self, user: &str, number: u32) -> &mut Self {
        use base64::Engine;
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        let jwt = format!(
            "{}.{}.c2ln",
            encode(r#"{"alg":"RS256"}"#),
            encode(&format!(r#"{{"iss":"{ISSUER}","uid":"{user}","jti":"{number}"}}"#))
        );
        let request = self.profile.request(IdpCall::Exchange, &Values { token: &jwt, ..Values::default() });
        let granted = Granted {
            access_token: format!("access-token-{number}"),
            refresh_token: format!("refresh-token-{number}"),
            expires_in: 3600,
        };
        let answer = self.profile.answer(IdpCall::Exchange, &granted, user, None).to_string();
        let received =
            Received { method: Method::POST, path: request.path, headers: HeaderMap::new(), body: request.body.into() };
        let settled_at = self.exchanges.len() + 1;
        self.exchange(Operation::Exchange, Party::Auth, received, &answer, settled_at);
        self
    }

    /// Makes the last answer a refusal.
    fn refused(&mut self, with: StatusCode, retry_after: Option<&'static str>) -> &mut Self {
        if let Some(Exchange { fate: ExchangeOutcome::Answered { status, headers, .. }, .. }) =
            self.exchanges.last_mut()
        {
            *status = with;
            headers.extend(retry_after.map(|value| (hyper::header::RETRY_AFTER, HeaderValue::from_static(value))));
        }
        self
    }

    fn asked(&mut self, began: usize, end: Option<AskedEnd>) -> &mut Self {
        self.sdk.requests.push(Asked { method: "GET".into(), path: "/v2/user/ada".into(), began, end });
        self
    }
}

#[test]
fn a_call_that_was_refused_as_one_user_is_not_tried_again_as_another() {
    let mut story = Story::new();
    story.sign_in("ada", 1).call(&[BEARER], 0).refused(StatusCode::UNAUTHORIZED, None).sign_in("bob", 2);
    story.call(&[NEXT], 0).asked(1, None);
    assert_eq!(story.judge(), Some("LIF-4"));
    // Of two calls either may be the later one.
    story.asked(3, None);
    assert_eq!(story.judge(), None);
    // A user's own newer token is what a retry is for.
    let mut story = Story::new();
    story.sign_in("ada", 1).call(&[BEARER], 0).refused(StatusCode::UNAUTHORIZED, None);
    story.refresh("refresh-token-1", 2, 3).call(&[NEXT], 0).asked(1, None);
    assert_eq!(story.judge(), None);
}

#[test]
fn the_next_user_does_not_wait_for_the_last_ones_retry_after() {
    let told = |at: usize, at_ms: i64| Some(AskedEnd { at, at_ms, refused: Some(ErrorKind::Network) });
    let waits = |users: [&str; 2], at_ms: i64| {
        let mut story = Story::new();
        story.sign_in(users[0], 1).refresh("refresh-token-1", 3, 2).refused(StatusCode::TOO_MANY_REQUESTS, Some("600"));
        story.sign_in(users[1], 2).asked(3, told(3, at_ms));
        story.judge()
    };
    assert_eq!(waits(["ada", "bob"], 1000), Some("LIF-4"));
    assert_eq!(waits(["ada", "bob"], 601_000), None, "the time is over: something else is wrong");
    assert_eq!(waits(["ada", "ada"], 1000), None);
}

#[test]
fn each_token_goes_where_it_belongs() {
    let mut story = Story::new();
    story.call(&[BEARER, ("x-refresh-token", "refresh-token-1")], 0);
    assert_eq!(story.judge(), Some("REF-1"));
    let mut story = Story::new();
    story.redactor.secret(SecretKind::SignInToken, "sign-in-token-1");
    story.refresh("refresh-token-1", 2, 1);
    if let Some(last) = story.exchanges.last_mut() {
        let body = String::from_utf8_lossy(&last.request.body).into_owned();
        last.request.body = format!("{body}&subject_token=sign-in-token-1").into();
    }
    assert_eq!(story.judge(), Some("EXC-2"));
}

#[test]
fn the_scheme_of_an_authorization_header_knows_no_letter_case() {
    let mut story = Story::new();
    story.refresh("refresh-token-3", 1, 1).call(&[("authorization", "bearer access-token-1")], 62_000);
    assert_eq!(story.judge(), Some("REF-2"));
}

#[test]
fn retry_after_binds_the_session_that_it_was_told_to() {
    let mut story = Story::new();
    // Another session, then the same one.
    for (used, clause) in [("refresh-token-3", None), ("refresh-token-2", Some("REF-9"))] {
        story.exchanges.clear();
        story.refresh("refresh-token-1", 2, 1).refresh("refresh-token-2", 2, 2).refresh(used, 3, 3);
        let headers = HeaderMap::from_iter([("retry-after".parse().expect("a name"), HeaderValue::from_static("60"))]);
        let (status, body) = (StatusCode::TOO_MANY_REQUESTS, Default::default());
        story.exchanges[1].fate = ExchangeOutcome::Answered { status, headers, body };
        assert_eq!(story.judge(), clause);
    }
}

#[test]
fn a_secret_is_found_where_two_looks_at_the_log_meet() {
    let (story, mut watch) = (Story::new(), InvariantState::default());
    let mut look = |written: &str| {
        let (redactor, profile, mode, sdk) = (&story.redactor, &*story.profile, Mode::Virtual, &story.sdk);
        let (exchanges, items, calls, at_rest) = (&[][..], &[][..], 1, true);
        let evidence = Evidence { redactor, profile, mode, exchanges, written, items, sdk, calls, at_rest };
        after_step(&mut watch, &evidence).map(|breach| breach.clause)
    };
    assert_eq!(look(&"noise ".repeat(20_000)), None);
    assert_eq!(look("refresh-"), None);
    assert_eq!(look("token-1"), Some("EXC-3"));
    assert_eq!(look(""), None, "nothing new");
}
