//! The journeys' HTTP client against a wiremock server.

use super::*;
use crate::endpoints::LoadTargetParts;
use crate::failure::WrongResponse;
use crate::installations::{Installations, User};
use crate::journey::Journey;
use crate::journey::sdk_calls::ExpectedRequest;
use vouch_runner::sut::Place;
use vouch_spec::profile::Profile;
use vouch_spec::protocol::{Environment, Region};
use wiremock::matchers::{body_string_contains, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// A client for one user, `ada`, that makes calls before and after a load too.
fn client_of(server: &str, timeout: Duration) -> JourneyClient {
    client_for(&[], server, timeout)
}

fn client_for(journeys: &[Arc<Journey>], server: &str, timeout: Duration) -> JourneyClient {
    let parts = LoadTargetParts {
        realm: vouch_spec::protocol::Realm { environment: Environment::Production, region: Region::Us },
        profile: Profile::junction(),
        api: server,
        auth: server,
        api_key: "pk_us_1",
        issuer: None,
    };
    let load_target = Arc::new(LoadTarget::new(parts).expect("a load target"));
    let user = User { name: "ada".into(), id: "ada".into(), credential: "".into() };
    let mut installations = Installations::new(vec![user], false);
    let device = installations.install(0);
    installations.get_mut(device).refresh_token = "old".into();
    let checker =
        crate::check::ResponseChecker::new(load_target.clone(), Place::Json("/sign_in_token".into()), true, false);
    let metrics = JourneyMetrics::new(journeys, installations, checker, Duration::from_secs(1));
    let tls = vouch_sim::wire::ClientTls::default().config(&[]).expect("a TLS configuration");
    let http = client(&load_target, &tls, timeout).expect("an HTTP client");
    let bases = Arc::new(BaseUrls::of(&load_target));
    JourneyClient::new(http, load_target, bases, Arc::new(metrics), device).for_admin()
}

/// The measurements of a load with one user, which has not started.
pub fn metrics_of(journeys: &[Arc<Journey>]) -> Arc<JourneyMetrics> {
    client_for(journeys, "http://127.0.0.1:1", Duration::from_secs(1)).metrics
}

fn only(client: &JourneyClient) -> CompletedCall {
    let mut completed = client.take_completed();
    assert_eq!(completed.len(), 1);
    completed.remove(0)
}

#[tokio::test]
async fn a_refresh_is_sent_as_the_profile_says_and_its_tokens_are_stored() {
    let server = MockServer::start().await;
    let granted = serde_json::json!({ "access_token": "a", "refresh_token": "new", "expires_in": 60 });
    Mock::given(method("POST"))
        .and(path("/v1/token"))
        .and(header("content-type", "application/x-www-form-urlencoded"))
        .and(body_string_contains("grant_type=refresh_token"))
        .and(body_string_contains("refresh_token=old"))
        .respond_with(ResponseTemplate::new(200).set_body_json(granted))
        .expect(1)
        .mount(&server)
        .await;
    let client = client_of(&server.uri(), Duration::from_secs(5));
    assert!(client.call(LoadCall::Refresh, client.device).await.is_some_and(|response| response.status == 200));
    let completed = only(&client);
    assert_eq!((completed.call, completed.check), (LoadCall::Refresh.into(), Ok(())));
    assert_eq!(client.lifetime(), Duration::from_secs(60));
    assert_eq!(client.metrics.lock().installations.get_mut(client.device).refresh_token, "new");
}

#[tokio::test]
async fn a_refusal_keeps_its_status_and_retry_after() {
    let server = MockServer::start().await;
    let busy = ResponseTemplate::new(503).insert_header("retry-after", "7");
    Mock::given(method("POST")).respond_with(busy).mount(&server).await;
    let client = client_of(&server.uri(), Duration::from_secs(5));
    let response = client.call(LoadCall::Refresh, client.device).await.expect("an answer");
    assert_eq!((response.status, response.retry_after()), (503, Some(Duration::from_secs(7))));
    assert!(matches!(only(&client).check, Err((Failure::Status(503), _))));
}

#[tokio::test]
async fn retry_after_may_be_a_date() {
    let server = MockServer::start().await;
    let date = httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(60));
    let busy = ResponseTemplate::new(429).insert_header("retry-after", date);
    Mock::given(method("POST")).respond_with(busy).mount(&server).await;
    let client = client_of(&server.uri(), Duration::from_secs(5));
    let response = client.call(LoadCall::Refresh, client.device).await.expect("an answer");
    let wait = response.retry_after().expect("a time");
    assert!((30..=60).contains(&wait.as_secs()), "{wait:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = MockServer::start().await;
    let elsewhere = ResponseTemplate::new(307).insert_header("location", format!("{}/elsewhere", server.uri()));
    Mock::given(path("/v1/token")).respond_with(elsewhere).mount(&server).await;
    Mock::given(path("/elsewhere")).respond_with(ResponseTemplate::new(200)).expect(0).mount(&server).await;
    let client = client_of(&server.uri(), Duration::from_secs(5));
    client.call(LoadCall::Refresh, client.device).await;
    assert!(matches!(only(&client).check, Err((Failure::Status(307), _))));
}

#[tokio::test]
async fn a_late_answer_and_a_closed_port_are_told_apart() {
    let server = MockServer::start().await;
    let late = ResponseTemplate::new(200).set_delay(Duration::from_secs(20));
    Mock::given(method("POST")).respond_with(late).mount(&server).await;
    let client = client_of(&server.uri(), Duration::from_millis(100));
    assert!(client.call(LoadCall::Refresh, client.device).await.is_none());
    assert!(matches!(only(&client).check, Err((Failure::TimedOut, _))));

    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let client = client_of(&format!("http://{}", closed.expect("a port")), Duration::from_secs(5));
    assert!(client.call(LoadCall::Refresh, client.device).await.is_none());
    assert!(matches!(only(&client).check, Err((Failure::Refused, _))));
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let server = MockServer::start().await;
    let long = ResponseTemplate::new(200).set_body_bytes(vec![b'x'; MAX_BYTES + 1]);
    Mock::given(method("POST")).respond_with(long).mount(&server).await;
    let client = client_of(&server.uri(), Duration::from_secs(20));
    assert!(client.call(LoadCall::Refresh, client.device).await.is_none());
    assert!(matches!(only(&client).check, Err((Failure::TooLarge, _))));
}

#[tokio::test]
async fn an_encoding_is_not_asked_for_and_named_if_it_comes() {
    let server = MockServer::start().await;
    let encoded =
        ResponseTemplate::new(200).insert_header("content-encoding", "gzip").set_body_bytes(b"\x1f\x8b".to_vec());
    Mock::given(header("accept-encoding", "identity")).respond_with(encoded).expect(2).mount(&server).await;
    let client = client_of(&server.uri(), Duration::from_secs(5));
    let request = client.load_target.profile.request(
        profile::IdpCall::Refresh,
        &profile::RequestValues { token: "", public_key: "", tenant: "", refresh_token: "old" },
    );
    client.call(LoadCall::Refresh, client.device).await;
    let templated = only(&client).check;
    client.token_request(profile::IdpCall::Refresh, client.device, request).await;
    for check in [templated, only(&client).check] {
        let Err((Failure::Wrong(WrongResponse::Encoded), what)) = check else { panic!("{check:?}") };
        assert!(what.contains("is encoded with gzip, which was not asked for"), "{what}");
    }
}

#[tokio::test]
async fn a_response_that_cannot_be_read_is_reported_as_what_it_is() {
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}".to_owned(), Failure::InvalidHttp),
        (format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(120)), Failure::TooLarge),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned(), Failure::NotHttp),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = [0; 8192];
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await;
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await;
        });
        let client = client_of(&format!("http://{address}"), Duration::from_secs(5));
        assert!(client.call(LoadCall::Refresh, client.device).await.is_none());
        let check = only(&client).check;
        assert!(matches!(&check, Err((failure, _)) if *failure == expected), "{expected}: {check:?}");
    }
}

#[tokio::test]
async fn a_call_that_the_profile_does_not_have_is_an_error_only_if_the_server_cannot_serve() {
    let server = MockServer::start().await;
    Mock::given(path("/busy")).respond_with(ResponseTemplate::new(503)).mount(&server).await;
    Mock::given(path("/v1/token")).respond_with(ResponseTemplate::new(200).set_body_string("{}")).mount(&server).await;
    let client = client_of(&server.uri(), Duration::from_secs(5));
    let call = async |method: &str, path: &str, body: &str| {
        let (method, body) = (method.parse().expect("a method"), Some(body.as_bytes().to_vec()));
        client.auth_of_sdk(method, path.to_owned(), vec![], body).await.expect("an answer");
        only(&client)
    };
    // Nothing is there, so it is a 404: an SDK may ask for what only some providers have.
    let completed = call("GET", "/.well-known/jwks.json?key=secret", "").await;
    assert_eq!((completed.call, completed.check), (JourneyCall::Other, Ok(())));
    let completed = call("GET", "/busy", "").await;
    assert_eq!(completed.call, JourneyCall::Other);
    assert!(matches!(completed.check, Err((Failure::Status(503), _))));
    let exchange = "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=a\
                    &subject_token_type=urn:junction:sign-in-token";
    let completed = call("POST", "/v1/token", exchange).await;
    assert_eq!(completed.call, LoadCall::Exchange.into());
    assert!(matches!(completed.check, Err((Failure::Wrong(WrongResponse::MissingField), _))));
    let notes = client.metrics.notes();
    assert!(notes.iter().any(|note| note.contains("`GET /.well-known/jwks.json`")), "{notes:?}");
}

#[tokio::test]
async fn an_api_call_that_the_scenario_does_not_have_is_no_resource() {
    let server = MockServer::start().await;
    Mock::given(path("/v2/summary/%61ctivity/1")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let client = client_of(&server.uri(), Duration::from_secs(5));
    let call = async |method: &str, path: &str| {
        client.api_of_sdk(method, path, vec![], None).await.expect("an answer");
        let completed = only(&client);
        (completed.call, completed.check.is_ok())
    };
    let (other, resource) = (JourneyCall::Other, LoadCall::Resource.into());
    // Nothing is there, so it is a 404. The scenario makes no API call now.
    assert_eq!(call("POST", "/v1/telemetry?key=secret").await, (other, true));
    assert_eq!(call("GET", "/v2/user/ada").await, (other, true));
    client.expect_request(Some(ExpectedRequest::new("GET", "/v2/summary/activity/1?day=1")));
    assert_eq!(call("POST", "/v1/telemetry").await, (other, true));
    assert_eq!(call("GET", "/v2/summary/%61ctivity/1?day=1&sdk=ios").await, (resource, true));
    assert_eq!(call("GET", "/v2/summary/activity/1").await, (resource, false), "a 404 of the call that is expected");
    client.expect_request(None);
    assert_eq!(call("GET", "/v2/summary/activity/1").await, (other, true));
    let notes = client.metrics.notes();
    assert!(notes.iter().any(|note| note.contains("the first was `POST /v1/telemetry`:")), "{notes:?}");
}
