//! Who sits where in a run: what the target file fills, and the built-in parts for the rest.

use super::CliError;
use std::sync::Arc;
use vouch_runner::run::{Offer, RoleSetup};
use vouch_runner::sut::{AppRole, BackendRole, CloudRole, ExternalCloud, SdkRole, ServiceError, StartError, SutError};
use vouch_runner::target_file::Target;
use vouch_sim::clock::Mode;
use vouch_sim::mock_cloud::Keys;
use vouch_sim::mutant::{self, Mutant, Mutation};
use vouch_sim::reference::adapter::TimeSource;
use vouch_spec::profile::Profile;
use vouch_spec::protocol::message::{Initialized, SdkName};
use vouch_spec::protocol::{Capability, Control, Realm, Role};
use vouch_spec::text::suggest;

/// Seats that are filled, and what they offer.
pub struct ResolvedTarget {
    pub engine: RoleSetup,
    pub offer: Offer,
    /// The target's name for reports.
    pub target: String,
    /// What the build on trial calls itself.
    pub build: SdkName,
    /// Cases at once, where the roles allow no more than so many.
    pub at_most: Option<usize>,
}

/// Why there is none.
pub enum TargetError {
    /// The environment's fault.
    CliError(CliError),
    /// The build's own.
    Unfit { name: String, trouble: SutError },
}

impl From<StartError> for TargetError {
    fn from(error: StartError) -> Self {
        TargetError::CliError(CliError::Environment(error.to_string()))
    }
}

/// Plants a fault in a built-in part.
pub fn inject(engine: &mut RoleSetup, fault: &Mutation) {
    match fault {
        Mutation::Sdk(assembly) => {
            engine.sdk = SdkRole::Builtin { assembly: assembly.clone(), time: TimeSource::Harness };
        }
        Mutation::App(policy) => engine.app = AppRole::Builtin(policy.clone()),
        Mutation::Backend(policy) => engine.backend = BackendRole::Builtin(policy.clone()),
        Mutation::Cloud(wrong) => {
            if let CloudRole::Simulated { policy, .. } = &mut engine.cloud {
                policy.clone_from(wrong);
            }
        }
    }
}

/// The mutant that the command line names.
pub fn mutant(name: &str) -> Result<Mutant, CliError> {
    mutant::named(name).ok_or_else(|| {
        let all = mutant::all();
        let near = suggest(name, all.iter().map(|mutant| mutant.name));
        let help = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        CliError::Usage(format!("there is no injected fault `{name}`; {help}`vouch mutants` lists all {}", all.len()))
    })
}

/// What the built-in roles offer.
pub fn offer(engine: &RoleSetup) -> Offer {
    Offer {
        capabilities: engine.capabilities.clone(),
        controls: Control::ALL.iter().copied().collect(),
        realms: Realm::all().collect(),
        crashes_at_writes: engine.sdk.can_crash_at_writes(),
        unspoken: None,
        claims: engine.profile.claims.iter().copied().collect(),
    }
}

/// Fills the roles. `roles` are those on trial; `real_time` is the user's wish.
pub async fn cast(
    target: Target,
    roles: &[Role],
    profile: Option<Arc<Profile>>,
    real_time: bool,
) -> Result<ResolvedTarget, TargetError> {
    let keys = Keys::generate().map_err(|error| TargetError::CliError(CliError::Environment(error.to_string())))?;
    let mut engine = RoleSetup {
        deadlines: target.deadlines,
        request_timeout: target.request_timeout,
        profile: profile.or(target.profile).unwrap_or_else(Profile::junction),
        ..RoleSetup::built_in(Arc::new(keys))
    };
    let mut build = name("vouch-reference", env!("CARGO_PKG_VERSION"), "rust");
    let (mut label, mut at_most) = ("built in".to_owned(), None);
    let mut cloud = None;
    if let Some((name, role)) = target.sdk.filter(|_| roles.contains(&Role::Sdk)) {
        let told = fit(&name, role.probe(engine.deadlines).await?)?;
        engine.capabilities = told.capabilities.iter().copied().collect();
        engine.tells_time = engine.capabilities.contains(&Capability::Clock);
        (engine.sdk, build, label) = (role, told.sdk, name);
    }
    if let Some((name, role)) = target.app.filter(|_| roles.contains(&Role::App)) {
        if let Some(probed) = role.probe(engine.deadlines).await {
            build = fit(&name, probed?)?.sdk;
        }
        (engine.app, label) = (role, name);
    }
    if let Some((named, role)) = target.backend.filter(|_| roles.contains(&Role::Backend)) {
        if let BackendRole::External(spec) = &role
            && matches!(spec.run, vouch_runner::sut::Vendor::Running { .. })
        {
            // One vendor address: one case after the other.
            at_most = Some(1);
        }
        build = name(&named, "", "HTTP");
        (engine.backend, label) = (role, named);
    }
    if let Some(spec) = target.cloud.filter(|_| roles.contains(&Role::Api) || roles.contains(&Role::Idp)) {
        label.clone_from(&spec.name);
        build = name(&spec.name, "", "HTTP");
        let external = ExternalCloud::bring_up(spec).await.map_err(|error| match error {
            ServiceError::StartError(error) => TargetError::from(error),
            ServiceError::Unready(trouble) => TargetError::Unfit { name: label.clone(), trouble },
        })?;
        let external = Arc::new(external);
        if external.has_hook(Control::Advance) {
            // Its time passes for all cases at once.
            at_most = Some(1);
        }
        engine.cloud = CloudRole::External(external.clone());
        cloud = Some(external);
    }
    let waits = cloud.as_ref().is_some_and(|cloud| !cloud.has_hook(Control::Advance));
    if real_time || waits || !engine.capabilities.contains(&Capability::Clock) {
        engine.mode = Mode::Real;
        engine.capabilities.remove(&Capability::Clock);
        if let SdkRole::Builtin { time, .. } = &mut engine.sdk {
            *time = TimeSource::System;
            engine.tells_time = false;
        }
    }
    let mut offer = offer(&engine);
    if engine.profile.name == Capability::Gcip.word() && !engine.capabilities.contains(&Capability::Gcip) {
        offer.unspoken = Some(engine.profile.name.clone());
    }
    if let Some(cloud) = &cloud {
        offer.controls = cloud.controls();
        offer.realms = cloud.realms.keys().copied().collect();
    }
    Ok(ResolvedTarget { engine, offer, target: label, build, at_most })
}

fn name(name: &str, version: &str, platform: &str) -> SdkName {
    SdkName { name: name.into(), version: version.into(), platform: platform.into() }
}

fn fit(name: &str, told: Result<Initialized, SutError>) -> Result<Initialized, TargetError> {
    told.map_err(|trouble| TargetError::Unfit { name: name.to_owned(), trouble })
}
