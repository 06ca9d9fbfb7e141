use super::*;
use crate::sut::{CloudSpec, ExternalCloud, RealmSpec};
use vouch_sim::wire::ClientTls;
use vouch_spec::scenario::Text;
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockBuilder, MockServer, ResponseTemplate};

fn home() -> Realm {
    Realm::all().next().expect("a realm")
}

async fn vendor(server: &MockServer) -> Vendor {
    let url = || Text(server.uri());
    let realm = RealmSpec { api: url(), auth: url(), api_key: "key-1".into() };
    let spec = CloudSpec {
        name: "acme".into(),
        service: None,
        realms: [(home(), realm)].into(),
        lifetimes: Lifetimes::default(),
        clock_leeway: None,
        reports_deletion: true,
        rotation: None,
        tls: ClientTls::default(),
        reuse_interval: Duration::ZERO,
        jwks: None,
        discovery: None,
        hooks: BTreeMap::new(),
        hook_environment: vec![],
        describe: None,
        metrics: None,
        folder: std::env::temp_dir(),
    };
    let Ok(cloud) = ExternalCloud::bring_up(spec).await else { panic!("a cloud without a service always starts") };
    let vendor = ExternalVendor::new(Arc::new(cloud), Profile::junction(), Redactor::default(), Duration::from_secs(5));
    Vendor::External(vendor.expect("a vendor"))
}

fn create_user() -> MockBuilder {
    Mock::given(method("POST"))
        .and(path("/v2/user"))
        .and(header("x-vital-api-key", "key-1"))
        .and(body_json(json!({ "client_user_id": "ada" })))
}

#[tokio::test]
async fn a_user_is_created_with_the_key_of_the_team() {
    let server = MockServer::start().await;
    let response = ResponseTemplate::new(200).set_body_json(json!({ "user_id": "u-1" }));
    create_user().respond_with(response).mount(&server).await;
    let id = vendor(&server).await.add_user(home(), "ada", None).await.expect("a user");
    assert_eq!(id.as_deref(), Some("u-1"));
}

#[tokio::test]
async fn the_id_of_an_existing_user_is_read_from_the_error() {
    let server = MockServer::start().await;
    let response = ResponseTemplate::new(400).set_body_json(json!({ "detail": { "user_id": "u-2" } }));
    create_user().respond_with(response).mount(&server).await;
    let id = vendor(&server).await.add_user(home(), "ada", None).await.expect("a user");
    assert_eq!(id.as_deref(), Some("u-2"));
}

#[tokio::test]
async fn an_api_that_cannot_create_a_user_does_not_conform() {
    let server = MockServer::start().await;
    create_user().respond_with(ResponseTemplate::new(500)).mount(&server).await;
    let error = vendor(&server).await.add_user(home(), "ada", None).await.expect_err("no user");
    assert!(matches!(&error, StepError::Unmet { got, .. } if got.starts_with("HTTP 500")), "{error:?}");
}

#[tokio::test]
async fn a_user_is_deleted_by_the_api_where_there_is_no_hook() {
    let server = MockServer::start().await;
    let delete = Mock::given(method("DELETE")).and(path("/v2/user/u-1"));
    delete.respond_with(ResponseTemplate::new(200)).expect(1).mount(&server).await;
    vendor(&server).await.apply_control(Control::DeleteUser, home(), "u-1").await.expect("deleted");
    let error = vendor(&server).await.apply_control(Control::Revoke, home(), "u-1").await.expect_err("no hook");
    assert!(matches!(error, StepError::Harness(_)), "{error:?}");
}
