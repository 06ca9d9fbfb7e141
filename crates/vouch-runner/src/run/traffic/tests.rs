//! `sent` on small scenarios that the built-in parts play.

use crate::run::verdict::Verdict;
use crate::run::{Plan, RoleSetup, play};
use std::sync::Arc;
use vouch_sim::mock_cloud::Keys;
use vouch_spec::scenario::{Clauses, Scenario, Suite};
use vouch_spec::text::Source;

const SIGN_IN: &str = "  - issueToken: {user: ada, as: token}\n  - signIn: $token\n";
const CALL: &str = "  - signedIn: ada\n  - request: GET /v2/user/$ada.id\n";
const CALL_BY_KEY: &str = "  - signedInWithApiKey: ada\n  - request: GET /v2/user/$ada.id\n";
/// Three refreshes, five seconds apart.
const BUSY: &str = "  - signedIn: ada\n  - expire: accessToken\n  \
                    - fault: {on: refresh, kind: status, status: 503, retryAfter: 5, times: 2}\n  \
                    - request: GET /v2/user/$ada.id\n";

/// What the last of these steps is told of a `sent`: nothing where it holds.
fn told(steps: &str, sent: &str) -> Option<(String, String)> {
    let clauses = Source::new("clauses.yaml", include_str!("../../../../../scenarios/clauses.yaml"));
    let clauses = Clauses::parse(&clauses).expect("clauses");
    let text = format!("id: a\ntitle: a\nproves: [EXC-1]\nsteps:\n{steps}    sent: {sent}\n");
    let (scenario, problems) = Scenario::parse(&Source::new("a.yaml", text), "tests", &clauses);
    let suite = Suite { clauses, scenarios: scenario.into_iter().collect() };
    let plan = Plan::build(&suite, problems).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let keys = Arc::new(Keys::hmac().expect("keys"));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    match runtime.block_on(play(&plan.cases[0], &RoleSetup::built_in(keys))).verdict {
        Verdict::Passed => None,
        Verdict::Failed(findings) => Some((findings[0].expected.to_string(), findings[0].got.to_string())),
        _ => panic!("neither passed nor failed"),
    }
}

#[track_caller]
fn holds(steps: &str, sent: &str) {
    assert_eq!(told(steps, sent), None, "{sent}");
}

#[track_caller]
fn fails(steps: &str, sent: &str, expected: &str, got: &str) {
    assert_eq!(told(steps, sent), Some((expected.into(), got.into())), "{sent}");
}

#[test]
fn a_count_is_exact_at_least_or_at_most() {
    for good in ["{exchange: 1}", "{exchange: {atLeast: 1}}", "{exchange: {atMost: 1}}", "{refresh: 0, issuance: 0}"] {
        holds(SIGN_IN, good);
    }
    let one = "1 × exchange";
    fails(SIGN_IN, "{exchange: 2}", "2 × exchange during this step", one);
    fails(SIGN_IN, "{exchange: 0}", "0 × exchange during this step", one);
    fails(SIGN_IN, "{exchange: {atLeast: 2}}", "at least 2 × exchange during this step", one);
    fails(SIGN_IN, "{exchange: {atMost: 0}}", "at most 0 × exchange during this step", one);
    fails(SIGN_IN, "nothing", "nothing sent", "1 × exchange sent");
    fails(BUSY, "nothing", "nothing sent", "3 × refresh, 1 × API call sent");
    holds("  - status: []\n", "nothing");
}

#[test]
fn an_exchange_carries_this_credential_and_no_other() {
    holds(CALL, "{api: {credential: accessToken}}");
    holds(CALL_BY_KEY, "{api: {credential: apiKey}}");
    holds(SIGN_IN, "{exchange: {credential: none}}");
    fails(CALL, "{api: {credential: apiKey}}", "the API call with the API key", "it with an access token");
    fails(CALL, "{api: {credential: none}}", "the API call with no credential", "it with an access token");
    fails(CALL_BY_KEY, "{api: {credential: accessToken}}", "the API call with an access token", "it with the API key");
    fails(SIGN_IN, "{exchange: {credential: apiKey}}", "the exchange with the API key", "it with no credential");
}

#[test]
fn an_exchange_goes_to_this_environment_and_region() {
    let home = "it at a host of production us";
    holds(SIGN_IN, "{exchange: {environment: production, region: us}}");
    holds(SIGN_IN, "{exchange: {environment: production}}");
    holds(SIGN_IN, "{exchange: {region: us}}");
    fails(SIGN_IN, "{exchange: {environment: sandbox}}", "the exchange at a host of sandbox", home);
    fails(SIGN_IN, "{exchange: {region: eu}}", "the exchange at a host of eu", home);
    fails(
        SIGN_IN,
        "{exchange: {environment: production, region: eu}}",
        "the exchange at a host of production eu",
        home,
    );
}

#[test]
fn a_gap_lasts_as_long_as_this_or_longer() {
    holds(BUSY, "{refresh: {count: 3, minGapSeconds: 5}}");
    fails(BUSY, "{refresh: {minGapSeconds: 6}}", "at least 6 s between one refresh and the next", "5.0 s");
}
