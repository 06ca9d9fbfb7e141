//! Benchmarks of the code that every case and every load executes: `cargo bench --bench core`.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};
use std::hint::black_box;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use vouch_sim::clock::{Clock, ClockMode};
use vouch_sim::mock_cloud::{CloudBehaviour, CloudParts, Keys, MockCloud, TokenShape};
use vouch_sim::reference::sdk::policy::DefaultSdkPolicy;
use vouch_sim::reference::sdk::token::SignInToken;
use vouch_sim::wire::redact::Redactor;
use vouch_sim::wire::{ExchangeOutcome, Link, Party, Transcript, WireRequest};
use vouch_spec::profile::{IdpCall, Profile, RequestValues, TokenGrant};
use vouch_spec::protocol::{Environment, Realm, Region};

const REALM: Realm = Realm { environment: Environment::Production, region: Region::Us };

/// A mock cloud with one user.
struct Site {
    cloud: MockCloud,
    profile: Arc<Profile>,
    user: String,
    public_key: String,
}

impl Site {
    fn new(keys: Keys) -> Self {
        let profile = Profile::junction();
        let cloud = MockCloud::new(CloudParts {
            keys: Arc::new(keys),
            clock: Clock::new(ClockMode::Real),
            redactor: Redactor::closed(),
            behaviour: CloudBehaviour::default(),
            profile: profile.clone().into(),
            policy: Arc::new(vouch_sim::mock_cloud::DefaultCloudPolicy),
        })
        .with_response_templates();
        let user = cloud.store().add_user(REALM, "ada", None).expect("a user").id;
        let public_key = cloud.store().team(REALM).public_key();
        Self { cloud, profile, user, public_key }
    }

    fn sign_in_token(&self) -> String {
        self.cloud.sign_in_token(REALM, &self.user, &TokenShape::default()).expect("a sign-in token")
    }

    fn request(&self, call: IdpCall, values: &RequestValues<'_>) -> WireRequest {
        let request = self.profile.request(call, values);
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(request.content_type))]);
        WireRequest { method: Method::POST, path: request.path, headers, body: request.body.into() }
    }

    fn exchange_request(&self) -> WireRequest {
        let token = SignInToken::parse(&self.sign_in_token(), &DefaultSdkPolicy).expect("well-formed");
        let values =
            RequestValues { token: token.jwt.expose(), public_key: &self.public_key, ..RequestValues::default() };
        self.request(IdpCall::Exchange, &values)
    }

    fn granted(&self, call: IdpCall, request: &WireRequest) -> TokenGrant {
        let reply = self.cloud.answer_now(Link { from: Party::Sdk, to: Party::Auth, realm: REALM }, request);
        assert_eq!(reply.status, StatusCode::OK, "{}", String::from_utf8_lossy(&reply.body));
        self.profile.granted(call, &reply.body, None).expect("tokens")
    }

    fn refresh(&self, token: &str) -> TokenGrant {
        let values = RequestValues { refresh_token: token, public_key: &self.public_key, ..RequestValues::default() };
        self.granted(IdpCall::Refresh, &self.request(IdpCall::Refresh, &values))
    }
}

fn keys() -> [(&'static str, Keys); 3] {
    [
        ("rs256", Keys::generate().expect("keys")),
        ("es256", Keys::es256().expect("keys")),
        ("hmac", Keys::hmac().expect("keys")),
    ]
}

fn exchange(c: &mut Criterion) {
    let mut group = c.benchmark_group("exchange");
    group.throughput(Throughput::Elements(1));
    for (name, keys) in keys() {
        let site = Site::new(keys);
        group.bench_function(name, |b| {
            b.iter_batched(
                || site.exchange_request(),
                |request| site.granted(IdpCall::Exchange, &request),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn refresh(c: &mut Criterion) {
    let mut group = c.benchmark_group("refresh");
    group.throughput(Throughput::Elements(1));
    for (name, keys) in keys() {
        let site = Site::new(keys);
        let mut token = site.granted(IdpCall::Exchange, &site.exchange_request()).refresh_token;
        // Each refresh uses the refresh token of the previous one, as in an installation.
        group.bench_function(name, |b| b.iter(|| token = site.refresh(&token).refresh_token));
    }
    group.finish();
}

fn token_parsing(c: &mut Criterion) {
    let token = Site::new(Keys::generate().expect("keys")).sign_in_token();
    let mut group = c.benchmark_group("token parsing");
    group.throughput(Throughput::Bytes(token.len() as u64));
    group.bench_function("sign-in token", |b| b.iter(|| SignInToken::parse(black_box(&token), &DefaultSdkPolicy)));
    group.finish();
}

fn transcript(c: &mut Criterion) {
    let site = Site::new(Keys::hmac().expect("keys"));
    let link = Link { from: Party::Sdk, to: Party::Auth, realm: REALM };
    let request = site.exchange_request();
    let body = site.cloud.answer_now(link, &request).body;
    let mut group = c.benchmark_group("transcript recording");
    group.throughput(Throughput::Elements(1));
    let fresh = || Transcript::new(Clock::new(ClockMode::Virtual), site.profile.clone());
    group.bench_function("one exchange and its answer", |b| {
        b.iter_batched(
            || (fresh(), request.clone()),
            |(transcript, request)| {
                let (number, _) = transcript.record_request(link, request);
                let headers = HeaderMap::new();
                transcript.record_outcome(
                    number,
                    ExchangeOutcome::Answered { status: StatusCode::OK, headers, body: body.clone() },
                );
                transcript
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// `vouch run` as a separate process.
fn whole_suite(c: &mut Criterion) {
    let mut group = c.benchmark_group("whole suite");
    group.sample_size(10).measurement_time(Duration::from_secs(60));
    group.bench_function("vouch run", |b| {
        b.iter(|| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_vouch"));
            let ended = command.arg("run").stdout(Stdio::null()).stderr(Stdio::null()).status();
            assert!(ended.expect("vouch runs").success());
        });
    });
    group.finish();
}

criterion_group!(parts, exchange, refresh, token_parsing, transcript, whole_suite);
criterion_main!(parts);
