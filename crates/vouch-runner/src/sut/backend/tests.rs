use super::*;
use crate::sut::http::Place;
use serde_json::json;
use vouch_sim::wire::redact::Redactor;
use vouch_spec::scenario::Text;
use wiremock::matchers::{body_json, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const TIMEOUT: Duration = Duration::from_secs(5);

fn text(text: &str) -> Text {
    Text(text.into())
}

fn login() -> Login {
    Login::Call {
        line: RequestLine::parse("POST /login").expect("a request line"),
        headers: BTreeMap::new(),
        body: Some(json!({ "user": "$user" })),
        before: vec![],
        values: BTreeMap::new(),
        credential: Place::Json("/session/id".into()),
    }
}

fn token_request() -> TokenCall {
    TokenCall {
        line: RequestLine::parse("GET /tokens/$user").expect("a request line"),
        headers: [("authorization".to_owned(), text("Bearer $credential")), ("x-app".to_owned(), text("1"))].into(),
        body: None,
        token: Place::Body,
        before: vec![],
        failed_when: None,
    }
}

async fn backend(url: String, login: Login) -> Backend {
    let listen = "127.0.0.1:0".parse().expect("an address");
    let run = BackendLaunch::Running { url, listen, api_key: "key".into() };
    let spec = BackendSpec {
        name: "acme".into(),
        run,
        login,
        logout: None,
        token: token_request(),
        client_user_id: ClientUserId::Template(text("$user")),
    };
    let environment = BackendEnvironment {
        api: "http://127.0.0.1:1",
        api_key: "key",
        realm: Realm::all().next().expect("a realm"),
        timeout: TIMEOUT,
        connect_timeout: TIMEOUT,
    };
    match BackendRole::External(Arc::new(spec)).bring_up(&environment).await {
        Ok(backend) => backend,
        Err(error) => panic!("{error}"),
    }
}

async fn login_server(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/login"))
        .and(body_json(json!({ "user": "ada" })))
        .respond_with(response)
        .expect(1)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn a_user_is_logged_in_once_and_the_credential_is_redacted() {
    let server =
        login_server(ResponseTemplate::new(200).set_body_json(json!({ "session": { "id": "s3cret-1" } }))).await;
    let backend = backend(server.uri(), login()).await;
    let redactor = Redactor::default();
    for _ in 0..2 {
        assert_eq!(backend.log_in("ada", &redactor).await.expect("a credential"), "s3cret-1");
    }
    assert!(!redactor.scrub("it is s3cret-1").to_string().contains("s3cret-1"));
}

#[tokio::test]
async fn a_refused_login_is_reported_with_its_status() {
    let server = login_server(ResponseTemplate::new(503)).await;
    let error = backend(server.uri(), login()).await.log_in("ada", &Redactor::default()).await.expect_err("refused");
    assert!(error.what.contains("answered with 503"), "{error}");
}

#[tokio::test]
async fn a_login_without_the_credential_is_reported() {
    let server = login_server(ResponseTemplate::new(200).set_body_json(json!({ "session": {} }))).await;
    let error = backend(server.uri(), login()).await.log_in("ada", &Redactor::default()).await.expect_err("missing");
    assert!(error.what.contains("has no credential"), "{error}");
}

#[tokio::test]
async fn a_listed_credential_needs_no_request() {
    let list = Login::Fixed([("ada".to_owned(), "known".to_owned())].into());
    let backend = backend("http://127.0.0.1:1".into(), list).await;
    assert_eq!(backend.log_in("ada", &Redactor::default()).await.expect("a credential"), "known");
    let error = backend.log_in("bob", &Redactor::default()).await.expect_err("unlisted");
    assert!(error.what.contains("no credential for `bob`"), "{error}");
}

#[test]
fn without_a_credential_only_its_own_headers_are_left_out() {
    let with = token_request().call(Credential::This("c"), "ada");
    assert_eq!(with.path, "/tokens/ada");
    assert_eq!(with.headers["authorization"], "Bearer c");
    let without = token_request().call(Credential::Missing, "ada");
    assert_eq!(without.headers.into_keys().collect::<Vec<_>>(), ["x-app"]);
}
