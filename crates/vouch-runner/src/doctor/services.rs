//! A backend and a cloud start and become ready; those that run already answer.

use super::Diagnosis;
use super::adapter::seconds;
use super::environment::Environment;
use super::servers;
use crate::adapter_test::with_stderr;
use crate::sut::{BackendEnvironment, BackendLaunch, BackendRole, Discovered, ExternalCloud, ServiceError};
use crate::target_file::Target;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vouch_sim::mock_cloud::{Keys, Lifetimes};
use vouch_sim::serve::{LatencyInjection, MockCloudServer, ServerConfig};
use vouch_spec::profile::Profile;
use vouch_spec::protocol::{Environment as Stage, Realm, Region};
use vouch_spec::text::Source;

const BACKEND: &str = "backend";
const CLOUD: &str = "cloud";
const DISCOVERY: &str = "discovery";
const NOT_READY: &str =
    "let it listen on 127.0.0.1 and the port of `$port`; if it is only slow, raise `start` in [deadlines]";
const BY_HAND: &str = "start the command by hand in the folder of the target file, with the variables of its `env`";

/// The backend, with a vendor API behind it: some ask it for something before they are ready.
pub(super) async fn check_backend(target: &Target) -> Vec<Diagnosis> {
    let Some((_, role @ BackendRole::External(spec))) = &target.backend else { return vec![] };
    let service = match &spec.run {
        BackendLaunch::Running { url, .. } => {
            return vec![servers::check("`url` of [backend]", url, &[], None).await];
        }
        BackendLaunch::Started(service) => service,
    };
    let profile = target.profile.clone().unwrap_or_else(Profile::junction);
    let vendor = tokio::task::spawn_blocking(move || vendor_api(profile)).await.ok().flatten();
    let Some((api, api_key)) = vendor else {
        let advice = "raise the limits on open files and processes";
        return vec![Diagnosis::problem(BACKEND, "the vendor API that it needs cannot be served", advice)];
    };
    let environment = BackendEnvironment {
        api: &api,
        api_key: &api_key,
        realm: REALM,
        timeout: target.request_timeout,
        connect_timeout: target.deadlines.call,
    };
    let began = Instant::now();
    let started = role.bring_up(&environment).await;
    vec![judge(BACKEND, started.as_ref().map(|_| ()), began.elapsed(), service.connect_timeout)]
}

/// The cloud, and each of its servers.
pub(super) async fn check_cloud(target: &Target, environments: &[Environment]) -> Vec<Diagnosis> {
    let Some(spec) = &target.cloud else { return vec![] };
    let began = Instant::now();
    let cloud = ExternalCloud::bring_up(spec.clone()).await;
    let mut found = Vec::new();
    if let Some(service) = &spec.service {
        found.push(judge(CLOUD, cloud.as_ref().map(|_| ()), began.elapsed(), service.connect_timeout));
    }
    let Ok(mut cloud) = cloud else { return found };
    let profile = target.profile.clone().unwrap_or_else(Profile::junction);
    match cloud.discover(&profile).await {
        Ok(documents) => found.extend(documents.iter().map(discovered)),
        Err(error) => found.push(Diagnosis::problem(DISCOVERY, error.to_string(), "correct `discovery` of [cloud]")),
    }
    let mut urls: Vec<_> = cloud.realms.values().flat_map(|realm| [&realm.api, &realm.auth]).collect();
    urls.sort_unstable();
    urls.dedup_by(|one, other| servers::is_same(one, other));
    for url in urls {
        found.push(servers::check("[[cloud.realms]]", url, environments, cloud.tls.as_ref()).await);
    }
    found
}

/// What a discovery document says.
fn discovered(document: &Discovered) -> Diagnosis {
    let elsewhere = if document.is_elsewhere() { ", which is another server" } else { "" };
    let keys = document.jwks.as_ref().map_or_else(|| "no keys".to_owned(), |jwks| format!("the keys {jwks}"));
    let Discovered { document, token_endpoint, .. } = document;
    Diagnosis::ok(DISCOVERY, format!("{document} names the token endpoint {token_endpoint}{elsewhere}, and {keys}"))
}

fn judge(check: &'static str, started: Result<(), &ServiceError>, took: Duration, limit: Duration) -> Diagnosis {
    match started {
        Ok(()) => Diagnosis::ok(check, format!("it is ready after {}; the limit is {limit:?}", seconds(took))),
        Err(ServiceError::Unready(error)) => {
            let advice = if error.what.contains("ended") { BY_HAND } else { NOT_READY };
            Diagnosis::problem(check, with_stderr(error.clone()), advice)
        }
        Err(ServiceError::StartError(error)) => Diagnosis::problem(check, error.to_string(), BY_HAND),
    }
}

const REALM: Realm = Realm { environment: Stage::Sandbox, region: Region::Us };

/// Serves a vendor API, and returns its base URL and a key. It ends with this process.
fn vendor_api(profile: Arc<Profile>) -> Option<(String, String)> {
    let server = MockCloudServer::start(ServerConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        profile,
        keys: Arc::new(Keys::hmac().ok()?),
        fault: None,
        lifetimes: Lifetimes::default(),
        threads: 1,
        latency: LatencyInjection::new(Duration::ZERO, None),
        tls: None,
        proxy: None,
    });
    // The target file of a mock cloud says where its API is, and with which key.
    let text = server.ok()?.target(Path::new("vouch"));
    let cloud = Target::parse(&Source::new("mock-cloud", text)).ok()?.cloud?;
    let realm = cloud.realms.get(&REALM)?;
    Some((realm.api.0.clone(), realm.api_key.clone()))
}
