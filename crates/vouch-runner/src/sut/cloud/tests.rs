use super::*;
use vouch_spec::scenario::Text;

/// A cloud without a service, with one hook that runs a shell script.
async fn cloud(script: &str) -> ExternalCloud {
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    let spec = CloudSpec {
        name: "acme".into(),
        service: None,
        realms: BTreeMap::new(),
        lifetimes: Lifetimes::default(),
        clock_leeway: None,
        reports_deletion: true,
        rotation: None,
        tls: ClientTls::default(),
        reuse_interval: Duration::ZERO,
        jwks: None,
        discovery: None,
        hooks: [(Control::Revoke, command)].into(),
        hook_environment: vec![("TEAM".to_owned(), Text("blue".into()))],
        describe: None,
        metrics: None,
        folder: std::env::temp_dir(),
    };
    match ExternalCloud::bring_up(spec).await {
        Ok(cloud) => cloud,
        Err(error) => panic!("{error}"),
    }
}

async fn run(script: &str, control: Control) -> Result<(), HookError> {
    let realm = Realm::all().next().expect("a realm");
    cloud(script).await.run_hook(control, realm, "u-1", Duration::from_secs(90)).await
}

#[tokio::test]
async fn a_hook_gets_the_control_the_user_and_the_environment_of_the_target_file() {
    let script = r#"[ "$VOUCH_HOOK $VOUCH_USER_ID $VOUCH_SECONDS $TEAM" = "revoke u-1 90 blue" ]"#;
    run(script, Control::Revoke).await.expect("the variables are set");
}

#[tokio::test]
async fn a_failed_hook_is_reported_with_its_last_line() {
    let error = run("echo first >&2; echo last >&2; exit 3", Control::Revoke).await.expect_err("failed");
    let text = error.to_string();
    assert!(text.contains("`revoke`") && text.contains("exit status: 3") && text.ends_with(": last"), "{text}");
}

#[tokio::test]
async fn a_missing_hook_is_an_error() {
    let error = run("true", Control::Advance).await.expect_err("missing");
    assert!(matches!(error, HookError::Missing(Control::Advance)), "{error}");
}
