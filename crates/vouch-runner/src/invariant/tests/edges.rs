//! Where each watcher's rule begins and ends: the cases in which a rule that is slightly off would tell something else.

use super::*;

const ABROAD: Realm = Realm { environment: Environment::Production, region: Region::Eu };

impl Story {
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
fn a_long_secret_is_found_where_two_looks_at_the_log_meet() {
    let (story, mut watch) = (Story::new(), InvariantState::default());
    let secret = "0123456789abcdef".repeat(500);
    story.redactor.secret(SecretKind::AccessToken, &secret);
    let (begin, end) = secret.split_at(5000);
    let mut look = |written: &str| {
        let (redactor, profile, mode, sdk) = (&story.redactor, &*story.profile, Mode::Virtual, &story.sdk);
        let (exchanges, items, calls, at_rest) = (&[][..], &[][..], 1, true);
        let evidence = Evidence { redactor, profile, mode, exchanges, written, items, sdk, calls, at_rest };
        after_step(&mut watch, &evidence).map(|breach| breach.clause)
    };
    assert_eq!(look(begin), None);
    assert_eq!(look(end), Some("EXC-3"));
}

#[test]
fn a_status_that_is_no_combination_breaks_lif_7() {
    let mut story = Story::new();
    story.sdk.odd_status = Some(vec![]);
    assert_eq!(story.judge(), Some("LIF-7"));
}

#[test]
fn every_token_stays_in_its_realm() {
    let lived = || {
        let mut story = Story::new();
        story.sign_in("ada", 1).refresh("refresh-token-1", 2, 2).call(&[NEXT], 0);
        story
    };
    assert_eq!(lived().judge(), None);
    for number in 0..3 {
        let mut story = lived();
        story.exchanges[number].link.realm = ABROAD;
        assert_eq!(story.judge(), Some("EXC-8"), "exchange {number}");
    }
}

#[test]
fn a_step_of_several_calls_may_send_as_much_for_each() {
    let mut story = Story::new();
    story.calls = 2;
    for _ in 0..24 {
        story.call(&[KEY], 0);
    }
    assert_eq!(story.judge(), None);
    story.call(&[KEY], 0);
    assert_eq!(story.judge(), Some("REF-3"));
}

#[test]
fn a_lifetime_beyond_all_reckoning_does_not_end() {
    let mut story = Story::new();
    story.refresh("refresh-token-3", 1, 1).call(&[BEARER], 10_000_000);
    let granted = Granted {
        access_token: "access-token-1".into(),
        refresh_token: "refresh-token-1".into(),
        expires_in: u64::MAX,
    };
    let answer = story.profile.answer(IdpCall::Refresh, &granted, "ada", None).to_string();
    let headers = HeaderMap::new();
    story.exchanges[0].fate = ExchangeOutcome::Answered { status: StatusCode::OK, headers, body: answer.into() };
    assert_eq!(story.judge(), None);
}

#[test]
fn retry_after_binds_the_whole_session_and_to_the_millisecond() {
    // The first refresh's answer got lost on the way to the app; asked again, the server wants to be left alone.
    let later = |at_ms: i64| {
        let mut story = Story::new();
        story.refresh("refresh-token-1", 2, 1).refresh("refresh-token-1", 3, 2);
        story.refused(StatusCode::TOO_MANY_REQUESTS, Some("60"));
        story.refresh("refresh-token-2", 3, 3).last().at_ms = at_ms;
        story
    };
    assert_eq!(later(1000).judge(), Some("REF-9"));
    assert_eq!(later(59_899).judge(), Some("REF-9"));
    assert_eq!(later(59_900).judge(), None, "a tenth of a second is no haste");
    let mut story = later(1000);
    story.item(Area::Secure, "kept").sdk.launches.push(2);
    assert_eq!(story.judge(), None, "a new launch need not know");
}

#[test]
fn a_successor_is_in_use_only_when_the_sdk_itself_used_it() {
    let mut story = Story::new();
    story.refresh("refresh-token-1", 2, 1).call(&[NEXT], 0).last().link.from = Party::Client;
    story.refresh("refresh-token-1", 3, 3);
    assert_eq!(story.judge(), None);
    let mut story = Story::new();
    story.refresh("refresh-token-1", 2, 1).refresh("refresh-token-2", 3, 2).refresh("refresh-token-1", 1, 3);
    let breach = story.breach().expect("a breach");
    assert_eq!(breach.clause, "REF-5");
    assert!(breach.got.contains("the refresh token 1 in exchange 3, replaced in exchange 1"), "{}", breach.got);
    // An unrelated token in use says nothing of this one.
    let mut story = Story::new();
    story.refresh("refresh-token-3", 2, 1).call(&[NEXT], 0).refresh("refresh-token-1", 1, 3);
    story.refresh("refresh-token-1", 1, 4);
    assert_eq!(story.judge(), None);
}

#[test]
fn a_server_that_does_not_rotate_is_asked_with_the_same_token_again() {
    let mut story = Story::new();
    for number in 1..4 {
        story.refresh("refresh-token-1", 1, number);
    }
    assert_eq!(story.judge(), None);
}

#[test]
fn secrets_in_urls_errors_and_answers_to_the_app_are_told() {
    let mut story = Story::new();
    story.call(&[KEY], 0).last().request.path = "/v2/user?key=pk_us_secret_key".into();
    assert_eq!(story.judge(), Some("ISS-4"));
    let mut story = Story::new();
    story.sdk.texts.push("refused: refresh-token-1".into());
    assert_eq!(story.judge(), Some("EXC-3"));
    let answered = |body: &'static str| {
        let mut story = Story::new();
        story.redactor.secret(SecretKind::SignInToken, "sign-in-token-1");
        let (headers, path) = (HeaderMap::new(), "/token".to_owned());
        let request = Received { method: Method::POST, path, headers, body: Default::default() };
        story.exchange(Operation::TokenRequest, Party::Backend, request, body, 1);
        story.last().link.from = Party::App;
        story.judge()
    };
    assert_eq!(answered("sign-in-token-1"), None, "that is what the app came for");
    assert_eq!(answered("sign-in-token-1 and pk_us_secret_key"), Some("ISS-4"));
}

#[test]
fn what_may_not_rest_in_storage_is_told_with_its_place() {
    let mut story = Story::new();
    story.redactor.secret(SecretKind::SignInToken, "sign-in-token-1");
    story.item(Area::Secure, "sign-in-token-1");
    assert_eq!(story.judge(), Some("EXC-2"));
    let mut story = Story::new();
    story.sdk.token_scheme = false;
    story.item(Area::Plain, "pk_us_secret_key");
    assert_eq!(story.judge(), Some("EXC-3"));
    let mut story = Story::new();
    story.named_item("session", "refresh-token-1").named_item("key", "pk_us_secret_key");
    let breach = story.breach().expect("a breach");
    assert_eq!(breach.clause, "MIG-6");
    assert!(breach.got.contains("in the secure item `key`"), "{}", breach.got);
}

#[test]
fn storage_holds_the_tokens_of_one_user() {
    let holds = |users: [&str; 2], items: [&str; 2]| {
        let mut story = Story::new();
        story.sign_in(users[0], 1).sign_in(users[1], 2);
        story.named_item("a", items[0]).named_item("b", items[1]);
        story.judge()
    };
    assert_eq!(holds(["ada", "bob"], ["access-token-1", "access-token-2"]), Some("LIF-2"));
    assert_eq!(holds(["ada", "bob"], ["refresh-token-1", "access-token-2"]), Some("LIF-2"));
    assert_eq!(holds(["ada", "bob"], ["access-token-1", "refresh-token-1"]), None);
    assert_eq!(holds(["ada", "ada"], ["access-token-1", "access-token-2"]), None);
}

#[test]
fn after_a_sign_out_a_key_breaks_another_clause_than_a_token_and_the_apps_own_may_stay() {
    let mut story = Story::new();
    (story.sdk.left, story.sdk.token_scheme) = (Left::SignedOut, false);
    story.redactor.secret(SecretKind::AppCredential, "the-apps-own-session");
    story.item(Area::Secure, "the-apps-own-session");
    assert_eq!(story.judge(), None);
    story.item(Area::Secure, "pk_us_secret_key");
    assert_eq!(story.judge(), Some("OUT-2"));
}

#[test]
fn only_the_sdk_must_exchange_each_token_once() {
    let mut story = Story::new();
    story.sign_in("ada", 1).sign_in("ada", 1);
    assert_eq!(story.judge(), Some("EXC-2"));
    story.last().link.from = Party::Client;
    assert_eq!(story.judge(), None);
}

#[test]
fn a_new_launch_cannot_wait_for_the_last_ones_refresh() {
    let mut story = Story::new();
    story.refresh("refresh-token-1", 2, 2).refresh("refresh-token-1", 3, 2);
    story.sdk.launches.push(1);
    assert_eq!(story.judge(), None);
}

#[test]
fn a_refusal_binds_once_it_was_told_as_what_it_is() {
    let refused = |told: ErrorKind, at: usize| {
        let mut story = Story::new();
        story.refresh("refresh-token-1", 2, 1).refresh("refresh-token-1", 3, 2);
        let body = story.profile.refusal(IdpCall::Refresh, 400, ErrorKind::NeedsReauthentication).to_string();
        let headers = HeaderMap::new();
        story.exchanges[0].fate =
            ExchangeOutcome::Answered { status: StatusCode::BAD_REQUEST, headers, body: body.into() };
        story.sdk.told.push((told, at));
        story
    };
    assert_eq!(refused(ErrorKind::NeedsReauthentication, 1).judge(), Some("REF-7"));
    assert_eq!(refused(ErrorKind::Network, 1).judge(), None);
    assert_eq!(refused(ErrorKind::NeedsReauthentication, 0).judge(), None, "told before it came");
    assert_eq!(refused(ErrorKind::NeedsReauthentication, 2).judge(), None, "told after the second was sent");
    let mut story = refused(ErrorKind::NeedsReauthentication, 1);
    story.exchanges[0].fault = Some("400".into());
    assert_eq!(story.judge(), None, "not the server's own word");
}

#[test]
fn what_passes_between_a_look_at_the_clock_and_the_arrival_is_no_fault() {
    let mut story = Story::new();
    story.refresh("refresh-token-3", 1, 1).call(&[BEARER], 61_000);
    assert_eq!(story.judge(), None);
    story.call(&[BEARER], 61_001);
    assert_eq!(story.judge(), Some("REF-2"));
}

/// Ada's call is refused as exchange 1; as exchange 3 somebody calls as Bob.
fn goes_on() -> Story {
    let mut story = Story::new();
    story.sign_in("ada", 1).call(&[BEARER], 0).refused(StatusCode::UNAUTHORIZED, None).sign_in("bob", 2);
    story.call(&[NEXT], 0);
    story
}

fn over(at: usize) -> Option<AskedEnd> {
    Some(AskedEnd { at, at_ms: 0, refused: None })
}

#[test]
fn an_exchange_belongs_to_the_call_that_goes_on_and_fits() {
    let mut story = goes_on();
    story.asked(0, over(1)).asked(1, over(4));
    assert_eq!(story.judge(), Some("LIF-4"), "the first call was over");
    for (method, path) in [("GET", "/v2/other"), ("POST", "/v2/user/ada")] {
        let mut story = goes_on();
        story.asked(1, over(4));
        story.sdk.requests.push(Asked { method: method.into(), path: path.into(), began: 1, end: None });
        assert_eq!(story.judge(), Some("LIF-4"), "{method} {path} is another call");
    }
    let mut story = goes_on();
    story.asked(1, over(4)).exchanges[1].link.from = Party::Client;
    assert_eq!(story.judge(), None, "the harness's own client was refused");
    let mut story = goes_on();
    story.asked(1, over(3)).asked(3, over(4));
    assert_eq!(story.judge(), None, "two calls");
}

/// Ada's refresh is told to wait; the next user's call ends with nothing sent.
fn waits(first: &str, next: &str) -> Story {
    let mut story = Story::new();
    story.sign_in(first, 1).refresh("refresh-token-1", 3, 2).refused(StatusCode::TOO_MANY_REQUESTS, Some("600"));
    story.sign_in(next, 2);
    story
}

fn told(at: usize, at_ms: i64) -> Option<AskedEnd> {
    Some(AskedEnd { at, at_ms, refused: Some(ErrorKind::Network) })
}

#[test]
fn a_user_waits_for_what_it_was_told_itself() {
    assert_eq!(waits("ada", "bob").asked(3, told(3, 599_999)).judge(), Some("LIF-4"));
    assert_eq!(waits("ada", "bob").asked(3, told(3, 600_000)).judge(), None, "the time is over");
    // Who signs in after the call has nothing to do with it.
    let mut story = waits("ada", "ada");
    story.asked(3, told(3, 1000)).sign_in("bob", 3);
    assert_eq!(story.judge(), None);
    // Something was sent, and met no network.
    let mut story = waits("ada", "bob");
    story.refresh("refresh-token-2", 3, 4).asked(3, told(4, 1000)).last().fate = ExchangeOutcome::NoNetwork;
    assert_eq!(story.judge(), None);
    // What others send is not the SDK's.
    let mut story = waits("ada", "bob");
    story.call(&[KEY], 0).asked(3, told(4, 1000)).last().link.from = Party::Client;
    assert_eq!(story.judge(), Some("LIF-4"));
    // This user's own refresh was told to wait, too.
    let mut story = waits("ada", "bob");
    story.refresh("refresh-token-2", 3, 4).refused(StatusCode::TOO_MANY_REQUESTS, Some("600"));
    assert_eq!(story.asked(4, told(4, 1000)).judge(), None);
    // A call between refresh and sign-in changes nothing.
    let mut story = Story::new();
    story.sign_in("ada", 1).refresh("refresh-token-1", 3, 2).refused(StatusCode::TOO_MANY_REQUESTS, Some("600"));
    story.call(&[BEARER], 0).sign_in("bob", 2).asked(4, told(4, 1000));
    assert_eq!(story.judge(), Some("LIF-4"));
}

#[test]
fn a_session_that_outlives_its_process_is_somewhere_in_storage() {
    let lived = || {
        let mut story = Story::new();
        story.sign_in("ada", 1).call(&[BEARER], 0);
        story.sdk.launches = vec![0, 1];
        story
    };
    assert_eq!(lived().judge(), Some("EXC-3"));
    assert_eq!(lived().item(Area::Secure, "in a form of its own").judge(), None);
    let mut first_launch = lived();
    first_launch.sdk.launches = vec![0];
    assert_eq!(first_launch.judge(), None);
    let mut later = lived();
    later.sdk.launches = vec![0, 2];
    assert_eq!(later.judge(), None, "nothing was shown since");
    let mut anew = Story::new();
    anew.sign_in("ada", 1).sign_in("ada", 2).call(&[NEXT], 0);
    anew.sdk.launches = vec![0, 1];
    assert_eq!(anew.judge(), None, "its session is of this launch");
    let mut refreshed = Story::new();
    refreshed.sign_in("ada", 1).refresh("refresh-token-1", 2, 2);
    refreshed.sdk.launches = vec![0, 1];
    assert_eq!(refreshed.judge(), Some("EXC-3"));
}

#[test]
fn what_was_in_storage_once_may_be_gone() {
    let mut story = Story::new();
    story.sign_in("ada", 1).call(&[BEARER], 0);
    story.sdk.launches = vec![0, 1];
    let (redactor, profile, mode, sdk) = (&story.redactor, &*story.profile, Mode::Virtual, &story.sdk);
    let (written, calls, at_rest, mut watch) = ("", 1, true, InvariantState::default());
    let mut look = |exchanges, items| {
        let evidence = Evidence { redactor, profile, mode, exchanges, written, items, sdk, calls, at_rest };
        after_step(&mut watch, &evidence).map(|breach| breach.clause)
    };
    // While calls go on, storage is between two states.
    let (exchanges, items) = (&story.exchanges[..], &[][..]);
    let busy = Evidence { redactor, profile, mode, exchanges, written, items, sdk, calls, at_rest: false };
    assert!(after_step(&mut InvariantState::default(), &busy).is_none());
    let shown = [Item { area: Area::Secure, key: "session".into(), value: "x".into() }];
    assert_eq!(look(&story.exchanges[..1], &shown), None);
    assert_eq!(look(&story.exchanges[..], &[]), None);
}
