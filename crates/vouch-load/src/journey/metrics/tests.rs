//! Which journey and which call a wrong response is charged to, and that it counts once.

use super::*;
use crate::journey::http_client::tests::metrics_of;
use crate::token_claims::TokenOrigin;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use vouch_spec::profile::IdpCall;
use vouch_spec::protocol::{Environment, Realm, Region};

fn journey(id: &str) -> Arc<Journey> {
    Arc::new(Journey {
        id: id.to_owned(),
        realm: Realm { environment: Environment::Production, region: Region::Us },
        people: vec!["ada".into()],
        stages: vec![],
        calls: vec![LoadCall::Exchange],
        left_out: BTreeMap::new(),
    })
}

/// An exchange of the user `u` in a journey. Its token is of `subject`; it was taken for good.
fn exchange(metrics: &JourneyMetrics, journey: u16, subject: &str) -> CompletedCall {
    let token = format!("eyJh.{}.c2ln", URL_SAFE_NO_PAD.encode(format!("{{\"sub\":\"{subject}\"}}")));
    let claims = &mut metrics.lock().checker.claims;
    let _ = claims.check(&token, "u", IdpCall::Exchange, TokenOrigin { workload: journey, step: 0 });
    let sample = claims.take_last_sample();
    let (call, sent) = (LoadCall::Exchange.into(), Instant::now());
    CompletedCall { call, sent, latency_ns: 1_000, check: Ok(()), sample }
}

#[test]
fn a_wrong_sample_is_charged_to_its_journey_and_an_unexpected_one_counts_once() {
    let metrics = metrics_of(&[journey("first"), journey("second")]);
    metrics.start();
    for _ in 0..6 {
        let completed = exchange(&metrics, 0, "u");
        assert_eq!(metrics.resolve(0, vec![completed], &StepOutcome::Succeeded), Ok(()));
    }
    // One turns out wrong at the end only; the other was unexpected already.
    let completed = exchange(&metrics, 1, "somebody else");
    assert_eq!(metrics.resolve(1, vec![completed], &StepOutcome::Succeeded), Ok(()));
    let completed = exchange(&metrics, 1, "somebody else");
    let unexpected = StepOutcome::Unexpected("expected HTTP 404".into());
    assert!(metrics.resolve(1, vec![completed], &unexpected).is_err());
    let round = metrics.close(Duration::from_secs(1));
    let of = |name: &str| {
        let series = round.series_named(Some(name)).next().expect("a series");
        (series.good, series.wrong())
    };
    assert_eq!((of("first/exchange"), of("second/exchange")), ((6, 0), (0, 2)));
    assert_eq!((round.total.good, round.total.wrong(), round.total.errors()), (6, 2, 2));
}
