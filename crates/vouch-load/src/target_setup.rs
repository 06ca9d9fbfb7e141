//! Sets up the target of a load: connects to cloud and backend of the target file, or starts the mock cloud, and logs users in.

use super::endpoints::{LoadCall, LoadTarget, LoadTargetParts, TokenIssuer, parse_url};
use super::installations::User;
use super::plan::Load;
use super::system::SystemUnderTest;
use super::workers::LoadError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vouch_runner::resource_limits::{TooFewFiles, require_open_files};
use vouch_runner::sut::{
    Backend, BackendEnvironment, CloudSpec, ExternalCloud, ExternalRealm, Place, ProgramTemplate, Service,
    ServiceError, ServiceSpec,
};
use vouch_runner::target_file::Target;
use vouch_runner::temporary_folder;
use vouch_sim::wire::redact::Redactor;
use vouch_spec::profile::Profile;
use vouch_spec::text::Source;

/// The target of a load, ready to use.
pub struct TargetSetup {
    pub load_target: LoadTarget,
    /// Users of the backend; empty if users are created through the API.
    pub users: Vec<User>,
    /// Where the backend's response holds the sign-in token.
    pub token_place: Place,
    /// The services that were started for the load.
    pub services: RunningServices,
    /// The name of the target in reports.
    pub name: String,
    /// What is known of the system under test.
    pub system: SystemUnderTest,
}

/// Processes that were started for the load. They are stopped when this is dropped.
#[derive(Default)]
pub struct RunningServices {
    cloud: Option<ExternalCloud>,
    backend: Option<Backend>,
    mock_cloud: Option<(Service, tempfile::TempDir)>,
}

impl RunningServices {
    /// What the cloud says of itself, and how to read what it uses.
    async fn system(&self) -> Result<SystemUnderTest, LoadError> {
        let Some(cloud) = &self.cloud else {
            let probe = self.mock_cloud.as_ref().and_then(|(service, _)| service.metrics());
            return Ok(SystemUnderTest { description: None, probe });
        };
        let name = &cloud.spec.name;
        let description = cloud.describe().await.map_err(|error| LoadError::new(format!("{name}: {error}")))?;
        let probe = cloud.metrics().map_err(|error| LoadError::new(format!("{name}: {error}")))?;
        Ok(SystemUnderTest { description, probe })
    }
}

/// The time that the mock cloud may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(15);

/// Sets up the target of a load. `program` is the `vouch` program, which serves the mock cloud where the target has no cloud.
pub async fn set_up_target(
    load: &Load,
    target: &Target,
    profile: Arc<Profile>,
    program: &Path,
) -> Result<TargetSetup, LoadError> {
    let mut services = RunningServices::default();
    let (realm, cloud_name) = match &target.cloud {
        Some(spec) => {
            let name = spec.name.clone();
            let mut cloud = ExternalCloud::bring_up(spec.clone()).await.map_err(|error| service_error(&name, error))?;
            cloud.discover(&profile).await.map_err(|error| LoadError::new(format!("{name}: {error}")))?;
            let realm = realm_of(&cloud, load)?;
            services.cloud = Some(cloud);
            (realm, name)
        }
        None => (mock_cloud(load, &profile, program, &mut services).await?, "mock cloud".to_owned()),
    };
    let (mut issuer, mut users, mut token_place, mut name) = (None, vec![], Place::Body, cloud_name.clone());
    let issues = load.workloads.iter().any(|workload| {
        workload.needs_installation() || workload.needs_tokens() || workload.calls.contains(&LoadCall::Issue)
    });
    if let Some((backend_name, backend_role)) = target.backend.as_ref().filter(|_| issues) {
        let environment = BackendEnvironment {
            api: &realm.api,
            api_key: &realm.api_key,
            realm: load.realm,
            timeout: load.timeout,
            connect_timeout: load.timeout,
        };
        let backend = backend_role.bring_up(&environment).await.map_err(|error| service_error(backend_name, error))?;
        users = log_in(&backend, load).await?;
        let call = backend.token_call();
        token_place = call.token.clone();
        if matches!(token_place, Place::Header(_) | Place::Cookie(_)) {
            return Err(LoadError::new(format!(
                "the backend `{backend_name}` returns sign-in tokens in a header or cookie; a load can only read them from the body"
            )));
        }
        issuer = Some(TokenIssuer { base: parse_url(backend.address()).map_err(LoadError::new)?, call });
        name = format!("{backend_name}, {cloud_name}");
        services.backend = Some(backend);
    }
    let parts = LoadTargetParts {
        realm: load.realm,
        profile,
        api: &realm.api,
        auth: &realm.auth,
        api_key: &realm.api_key,
        issuer,
    };
    let load_target = LoadTarget::new(parts).map_err(LoadError::new)?;
    let system = services.system().await?;
    Ok(TargetSetup { load_target, users, token_place, services, name, system })
}

fn service_error(name: &str, error: ServiceError) -> LoadError {
    match error {
        ServiceError::StartError(error) => LoadError::new(format!("{name}: {error}")),
        ServiceError::Unready(error) => LoadError::new(format!("{name}: {}", error.what)),
    }
}

fn realm_of(cloud: &ExternalCloud, load: &Load) -> Result<ExternalRealm, LoadError> {
    cloud.realms.get(&load.realm).cloned().ok_or_else(|| {
        let known: Vec<_> =
            cloud.realms.keys().map(|realm| format!("{} {}", realm.environment, realm.region)).collect();
        LoadError {
            help: Some("choose another by --environment and --region, or add it to the target file".into()),
            ..LoadError::new(format!(
                "the target file's cloud has no realm {} {}; it has {}",
                load.realm.environment,
                load.realm.region,
                known.join(", ")
            ))
        }
    })
}

/// Starts the mock cloud in a separate process, so that its CPU usage is not attributed to the generator.
async fn mock_cloud(
    load: &Load,
    profile: &Profile,
    program: &Path,
    services: &mut RunningServices,
) -> Result<ExternalRealm, LoadError> {
    let start_error = |what: String| LoadError::new(format!("cannot start the mock cloud: {what}"));
    let folder = temporary_folder::create().map_err(|error| start_error(error.to_string()))?;
    let target: PathBuf = folder.path().join("vouch.toml");
    // It has the client secret; only its owner can enter the folder.
    let mapping = folder.path().join("mapping.toml");
    std::fs::write(&mapping, profile.target_file()).map_err(|error| start_error(error.to_string()))?;
    let (mapping, written) = (mapping.display().to_string(), target.display().to_string());
    let flags =
        ["mock-cloud", "--listen", "127.0.0.1:$port", "--keys", "es256", "--mapping", &mapping, "--target", &written];
    let args = flags.iter().map(|word| vouch_spec::scenario::Text((*word).to_owned())).collect();
    let program = ProgramTemplate {
        program: program.display().to_string(),
        args,
        folder: folder.path().to_owned(),
        environment: vec![],
    };
    let spec = ServiceSpec { program, ready: None, connect_timeout: START_TIMEOUT };
    let service = Service::start(&spec, &[]).await.map_err(|error| service_error("the mock cloud", error))?;
    let spec = wait_for_target_file(&target).await.map_err(|error| start_error(error.to_string()))?;
    let cloud = ExternalCloud::bring_up(spec).await.map_err(|error| service_error("the mock cloud", error))?;
    let realm = realm_of(&cloud, load)?;
    services.mock_cloud = Some((service, folder));
    Ok(realm)
}

/// Reads the target file that the mock cloud writes shortly after it listens.
async fn wait_for_target_file(path: &Path) -> Result<CloudSpec, MockCloudError> {
    let end = Instant::now() + START_TIMEOUT;
    loop {
        let read = Source::read(path).map_err(|error| MockCloudError::Unreadable(error.to_string()));
        let file = read.and_then(|source| Target::parse(&source).map_err(|_| MockCloudError::Invalid));
        match file.map(|file| file.cloud) {
            Ok(Some(spec)) => return Ok(spec),
            Ok(None) => return Err(MockCloudError::NoCloud),
            Err(why) if Instant::now() >= end => return Err(why),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// The mock cloud has not written a usable target file.
#[derive(Debug, thiserror::Error)]
enum MockCloudError {
    #[error("{0}")]
    Unreadable(String),
    #[error("its target file is invalid")]
    Invalid,
    #[error("its target file has no cloud")]
    NoCloud,
}

/// Logs users in at a backend.
async fn log_in(backend: &Backend, load: &Load) -> Result<Vec<User>, LoadError> {
    let redactor = Redactor::default();
    let names: Vec<String> = match backend.known_users() {
        Some(known) => known,
        None => (0..load.users).map(|n| format!("vouch-load-{n}")).collect(),
    };
    let mut users = Vec::new();
    for name in names {
        let credential = backend.log_in(&name, &redactor).await.map_err(|error| LoadError::new(error.what))?;
        users.push(User { name: name.into(), id: "".into(), credential: credential.into() });
    }
    Ok(users)
}

/// File descriptors that a load needs besides those of its connections.
const OTHER_FILES: u64 = 64;

/// Raises the limit on open files for this number of connections.
///
/// # Errors
/// When the hard limit is too low.
pub fn allow_connections(connections: u32) -> Result<(), TooFewFiles> {
    require_open_files(u64::from(connections) + OTHER_FILES)
}
