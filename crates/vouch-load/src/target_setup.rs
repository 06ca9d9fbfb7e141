//! Seats a load: finds cloud and backend of the target file, or starts the simulated cloud, and logs users in.

use super::endpoints::{Base, Issuer, LoadCall, Site, SiteParts};
use super::installations::User;
use super::plan::Load;
use super::workers::LoadError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vouch_runner::sut::{
    Backend, BackendEnvironment, CloudSpec, ExternalCloud, ExternalRealm, Place, Service, ServiceError, ServiceSpec,
    Template,
};
use vouch_runner::target_file::Target;
use vouch_sim::wire::redact::Redactor;
use vouch_spec::profile::Profile;
use vouch_spec::text::Source;

/// Where a load goes.
pub struct TargetSetup {
    pub site: Site,
    /// Users of the backend; empty where users are made by the API.
    pub users: Vec<User>,
    /// Where the backend's answer holds the sign-in token.
    pub token_place: Place,
    /// What runs as long as this lives.
    pub keep: Running,
    /// What reports call the target.
    pub name: String,
}

/// Programs that were started for the load. They end when this is dropped.
#[derive(Default)]
pub struct Running {
    cloud: Option<ExternalCloud>,
    backend: Option<Backend>,
    simulated: Option<(Service, tempfile::TempDir)>,
}

/// How long a simulated cloud may take to start.
const PATIENCE: Duration = Duration::from_secs(15);

/// Fills the roles of a load.
pub async fn role(load: &Load, target: &Target, profile: Arc<Profile>) -> Result<TargetSetup, LoadError> {
    let mut keep = Running::default();
    let (realm, cloud_name) = match &target.cloud {
        Some(spec) => {
            let name = spec.name.clone();
            let cloud = ExternalCloud::bring_up(spec.clone()).await.map_err(|error| no_service(&name, error))?;
            let realm = realm_of(&cloud, load)?;
            keep.cloud = Some(cloud);
            (realm, name)
        }
        None => (simulated(load, &profile, &mut keep).await?, "simulated cloud".to_owned()),
    };
    let (mut issuer, mut users, mut token_place, mut name) = (None, vec![], Place::Body, cloud_name.clone());
    let issues = load
        .workloads
        .iter()
        .any(|workload| workload.needs_fleet() || workload.needs_tokens() || workload.calls.contains(&LoadCall::Issue));
    if let Some((backend_name, role)) = target.backend.as_ref().filter(|_| issues) {
        let around = BackendEnvironment {
            api: &realm.api,
            api_key: &realm.api_key,
            realm: load.realm,
            timeout: load.timeout,
            connect_timeout: load.timeout,
        };
        let backend = role.bring_up(&around).await.map_err(|error| no_service(backend_name, error))?;
        users = log_in(&backend, load).await?;
        let call = backend.token_call();
        token_place = call.token.clone();
        if matches!(token_place, Place::Header(_) | Place::Cookie(_)) {
            return Err(LoadError::new(format!(
                "the backend `{backend_name}` gives sign-in tokens in a header or cookie; a load can read them from the body only"
            )));
        }
        issuer = Some(Issuer { base: Base::parse(backend.address()).map_err(LoadError::new)?, call });
        name = format!("{backend_name}, {cloud_name}");
        keep.backend = Some(backend);
    }
    let parts =
        SiteParts { realm: load.realm, profile, api: &realm.api, auth: &realm.auth, api_key: &realm.api_key, issuer };
    let site = Site::new(parts).map_err(LoadError::new)?;
    Ok(TargetSetup { site, users, token_place, keep, name })
}

fn no_service(name: &str, error: ServiceError) -> LoadError {
    match error {
        ServiceError::StartError(error) => LoadError::new(format!("{name}: {error}")),
        ServiceError::Unready(trouble) => LoadError::new(format!("{name}: {}", trouble.what)),
    }
}

fn realm_of(cloud: &ExternalCloud, load: &Load) -> Result<ExternalRealm, LoadError> {
    cloud.realms.get(&load.realm).cloned().ok_or_else(|| {
        let known: Vec<_> =
            cloud.realms.keys().map(|realm| format!("{} {}", realm.environment, realm.region)).collect();
        LoadError {
            help: Some("choose one by --environment and --region, or add it to the target file".into()),
            ..LoadError::new(format!(
                "the target file's cloud has no realm {} {}; it has {}",
                load.realm.environment,
                load.realm.region,
                known.join(", ")
            ))
        }
    })
}

/// Starts the simulated cloud as a process of its own, so that its work is not taken for the generator's.
async fn simulated(load: &Load, profile: &Profile, keep: &mut Running) -> Result<ExternalRealm, LoadError> {
    let cannot = |what: String| LoadError::new(format!("cannot start the simulated cloud: {what}"));
    let program = std::env::current_exe().map_err(|error| cannot(error.to_string()))?;
    let folder = tempfile::tempdir().map_err(|error| cannot(error.to_string()))?;
    let target: PathBuf = folder.path().join("vouch.toml");
    let words =
        ["mock-cloud", "--listen", "127.0.0.1:$port", "--keys", "es256", "--profile", &profile.name, "--target"];
    let mut args: Vec<Template> = words.iter().map(|word| vouch_spec::scenario::Text((*word).to_owned())).collect();
    args.push(vouch_spec::scenario::Text(target.display().to_string()));
    let spec = ServiceSpec {
        program: program.display().to_string(),
        args,
        folder: folder.path().to_owned(),
        environment: vec![],
        ready: None,
        connect_timeout: PATIENCE,
    };
    let service = Service::start(&spec, &[]).await.map_err(|error| no_service("the simulated cloud", error))?;
    let spec = written(&target).await.map_err(cannot)?;
    let cloud = ExternalCloud::bring_up(spec).await.map_err(|error| no_service("the simulated cloud", error))?;
    let realm = realm_of(&cloud, load)?;
    keep.simulated = Some((service, folder));
    Ok(realm)
}

/// What the target file of a simulated cloud says. The cloud listens a moment before it has written it.
async fn written(path: &Path) -> Result<CloudSpec, String> {
    let end = Instant::now() + PATIENCE;
    loop {
        let read = Source::read(path).map_err(|error| error.to_string());
        let file =
            read.and_then(|source| Target::parse(&source).map_err(|_| "its target file cannot be read".to_owned()));
        match file.map(|file| file.cloud) {
            Ok(Some(spec)) => return Ok(spec),
            Ok(None) => return Err("its target file names no cloud".into()),
            Err(why) if Instant::now() >= end => return Err(why),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Users of a backend, logged in.
async fn log_in(backend: &Backend, load: &Load) -> Result<Vec<User>, LoadError> {
    let redactor = Redactor::default();
    let names: Vec<String> = match backend.known_users() {
        Some(known) => known,
        None => (0..load.users).map(|n| format!("vouch-load-{n}")).collect(),
    };
    let mut users = Vec::new();
    for name in names {
        let credential = backend.log_in(&name, &redactor).await.map_err(|trouble| LoadError::new(trouble.what))?;
        users.push(User { name: name.into(), id: "".into(), credential: credential.into() });
    }
    Ok(users)
}

/// Makes room for so many connections, or says why there is none.
pub fn allow_sockets(connections: u32) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const OTHERS: u64 = 64;
    let needed = u64::from(connections) + OTHERS;
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if now.maximum.is_none_or(|most| most >= needed)
        && setrlimit(Resource::Nofile, Rlimit { current: Some(needed), ..now }).is_ok()
    {
        return Ok(());
    }
    let most = now.maximum.or(now.current).unwrap_or(0);
    Err(format!(
        "{connections} connections need {needed} file descriptors, and this process may open {most}; give fewer --connections, or raise `ulimit -n`"
    ))
}
