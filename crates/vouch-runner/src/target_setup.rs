//! Target set-up: fills the roles of a run from a target file, and every other role with the built-in part.
//!
//! It starts what has to run before the first case (a cloud), asks each build what it can do, and derives what the run can
//! offer to scenarios. It does not know which scenarios will run.

use crate::museum::StoredInstallation;
use crate::resource_limits::{self, TooFewFiles};
use crate::run::{Offer, PreviousBuild, RoleSetup};
use crate::sut::{
    AppRole, BackendLaunch, BackendRole, CloudRole, CloudSpec, DeviceHook, DeviceSpec, DiscoveryError, ExternalCloud,
    SdkRole, ServiceError, StartError, SutError, UnmetOverTls,
};
use crate::target_file::{PreviousSdk, PreviousSource, Target};
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vouch_sim::clock::ClockMode;
use vouch_sim::mock_cloud::{KeyError, Keys};
use vouch_sim::mutant::Mutation;
use vouch_sim::reference::adapter::TimeSource;
use vouch_spec::profile::Profile;
use vouch_spec::protocol::message::{Area, Initialized, SdkName};
use vouch_spec::protocol::{Capability, Control, Realm, Role};

/// What the caller decides about a target, beside its file.
#[derive(Clone, Default)]
pub struct TargetOptions {
    /// The roles under test. The target file's other sections are ignored.
    pub roles: Vec<Role>,
    /// The wire profile, in place of the target file's.
    pub profile: Option<Arc<Profile>>,
    /// Real time with short token lifetimes, even for an SDK that claims `clock`.
    pub real_time: bool,
}

/// Filled roles and what they offer.
pub struct ResolvedTarget {
    /// What fills each role.
    pub roles: RoleSetup,
    /// What scenarios can ask of these roles.
    pub offer: Offer,
    /// The target's name for reports.
    pub name: String,
    /// How the build under test describes itself.
    pub build: SdkName,
    /// The most cases that may run at once, where the target sets a limit.
    pub max_jobs: Option<usize>,
    /// How long the processes of SDK and app take to start together, up to their first answers.
    pub start_time: Duration,
}

/// Why the roles cannot be filled.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The mock cloud has no signing keys: the environment's fault.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A program cannot be started: the environment's fault.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A server of a cloud cannot be met over TLS: what the target file says of it, or the environment, is wrong.
    #[error(transparent)]
    Tls(#[from] UnmetOverTls),
    /// The discovery document of a cloud cannot be used: what the target file says of it, or the environment, is wrong.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The system under test started but cannot be tested: its own fault.
    #[error("{name} does not conform: {}", .error.what)]
    NotReady {
        /// The target's name.
        name: String,
        /// What it did wrong.
        error: SutError,
    },
}

impl ResolvedTarget {
    /// All roles built in.
    pub fn built_in(keys: Arc<Keys>) -> Self {
        let roles = RoleSetup::built_in(keys);
        Self {
            offer: built_in_offer(&roles),
            roles,
            name: "built in".into(),
            build: build("vouch-reference", env!("CARGO_PKG_VERSION"), "rust"),
            max_jobs: None,
            start_time: Duration::ZERO,
        }
    }

    /// How many cases run at once: as many as wanted, or by default four a core, fewer where a process is slow to start; never
    /// more than the target and the limit on open files allow.
    ///
    /// # Errors
    /// If the limit on open files is too low for one case.
    pub fn jobs(&self, wanted: Option<NonZeroUsize>) -> Result<usize, TooFewFiles> {
        let jobs = resource_limits::jobs(wanted)?;
        let most = self.max_jobs.unwrap_or(usize::MAX);
        let in_time = match wanted {
            Some(_) => usize::MAX,
            None => resource_limits::jobs_that_start_in_time(self.start_time, self.roles.deadlines.call),
        };
        Ok(jobs.min(most).min(in_time))
    }

    /// Fills the roles of `options` from a target file. Starts its cloud, and starts each SDK and app once to ask what it
    /// can do.
    pub async fn resolve(target: Target, options: TargetOptions) -> Result<Self, TargetError> {
        let mut resolved = Self::built_in(Arc::new(Keys::generate()?));
        resolved.roles.deadlines = target.deadlines;
        resolved.roles.request_timeout = target.request_timeout;
        resolved.roles.profile = options.profile.or(target.profile).unwrap_or_else(Profile::junction);
        let under_test = |role| options.roles.contains(&role);
        if let Some((name, role)) = target.sdk.filter(|_| under_test(Role::Sdk)) {
            resolved.fill_sdk(name, role).await?;
            resolved.roles.files.not_the_sdks = target.adapter_files;
            resolved.fill_previous(target.previous).await?;
        }
        if let Some((name, role)) = target.app.filter(|_| under_test(Role::App)) {
            resolved.fill_app(name, role).await?;
        }
        if let Some((name, role)) = target.backend.filter(|_| under_test(Role::Backend)) {
            resolved.fill_backend(name, role);
        }
        let mut cloud = None;
        if let Some(spec) = target.cloud.filter(|_| under_test(Role::Api) || under_test(Role::Idp)) {
            cloud = Some(resolved.fill_cloud(spec).await?);
        }
        let waits = cloud.as_ref().is_some_and(|cloud| !cloud.has_hook(Control::Advance));
        if options.real_time || waits || !resolved.roles.capabilities.contains(&Capability::Clock) {
            resolved.use_real_time();
        }
        resolved.offer = built_in_offer(&resolved.roles);
        let RoleSetup { profile, capabilities, .. } = &resolved.roles;
        if profile.name == Capability::Gcip.word() && !capabilities.contains(&Capability::Gcip) {
            resolved.offer.unspoken = Some(profile.name.clone());
        }
        if let Some(cloud) = &cloud {
            resolved.offer.controls = cloud.controls();
            resolved.offer.realms = cloud.realms.keys().copied().collect();
        }
        if !resolved.roles.profile.can_report_deletion() {
            resolved.offer.controls.remove(&Control::ReportDeletion);
        }
        Ok(resolved)
    }

    /// Replaces a built-in part with one that has a fault.
    pub fn inject(&mut self, mutation: &Mutation) {
        self.roles.under_test = match mutation {
            Mutation::Sdk(_) => [Role::Sdk].into(),
            Mutation::App(_) => [Role::App].into(),
            Mutation::Backend(_) => [Role::Backend].into(),
            Mutation::Cloud(_) => [Role::Api, Role::Idp].into(),
        };
        match mutation {
            Mutation::Sdk(assembly) => {
                self.roles.sdk = SdkRole::Builtin { assembly: assembly.clone(), time: TimeSource::Harness };
            }
            Mutation::App(policy) => self.roles.app = AppRole::Builtin(policy.clone()),
            Mutation::Backend(policy) => self.roles.backend = BackendRole::Builtin(policy.clone()),
            Mutation::Cloud(faulty) => {
                if let CloudRole::Simulated { policy, .. } = &mut self.roles.cloud {
                    policy.clone_from(faulty);
                }
            }
        }
    }

    /// Uses another wire profile, and offers the standards that it claims.
    pub fn use_profile(&mut self, profile: Arc<Profile>) {
        self.offer.claims = profile.claims.iter().copied().collect();
        self.offer.profile.clone_from(&profile.name);
        if !profile.can_report_deletion() {
            self.offer.controls.remove(&Control::ReportDeletion);
        }
        self.roles.profile = profile;
    }

    async fn fill_sdk(&mut self, name: String, role: SdkRole) -> Result<(), TargetError> {
        if matches!(&role, SdkRole::Remote(remote) if !remote.starts_program()) {
            // There is one device.
            self.max_jobs = Some(1);
        }
        role.install().await?;
        let began = Instant::now();
        let probed = role.probe(self.roles.deadlines).await?;
        self.start_time += began.elapsed();
        let initialized = ready(&name, probed)?;
        self.roles.capabilities = initialized.capabilities.known.iter().copied().collect();
        self.roles.unknown_claims.clone_from(&initialized.capabilities.unknown);
        if matches!(&role, SdkRole::Remote(remote) if !remote.starts_program()) {
            // The app runs once on its device. A program is started for each launch.
            self.roles.capabilities.remove(&Capability::SecondProcess);
            // The hook `launch` shows the app.
            self.roles.capabilities.remove(&Capability::Wake);
        }
        if role.device().is_some_and(|device| device.has(DeviceHook::Lock) && device.has(DeviceHook::Unlock)) {
            self.roles.capabilities.insert(Capability::StorageLock);
        }
        if role.device().is_some_and(DeviceSpec::can_wake) {
            self.roles.capabilities.insert(Capability::Wake);
        }
        self.roles.tells_time = self.roles.capabilities.contains(&Capability::Clock);
        if let Some(what) = unfit(&initialized) {
            return Err(TargetError::NotReady { name, error: SutError::new(what.to_owned()) });
        }
        if matches!(role, SdkRole::Command(_)) && self.roles.capabilities.contains(&Capability::Reuse) {
            self.roles.sdk_processes = Some(Arc::default());
        }
        // One that does not claim it may have its secure storage anywhere.
        self.roles.files.watched =
            role.can_crash_at_writes() && self.roles.capabilities.contains(&Capability::StorageFiles);
        self.roles.token_storage.clone_from(&initialized.token_storage);
        (self.roles.sdk, self.build, self.name) = (role, initialized.sdk, name);
        self.roles.under_test.insert(Role::Sdk);
        Ok(())
    }

    async fn fill_previous(&mut self, previous: Option<PreviousSource>) -> Result<(), TargetError> {
        let PreviousSdk { role: sdk, profile } = match previous {
            None => {
                self.roles.previous = None;
                return Ok(());
            }
            Some(PreviousSource::Stored(folder)) => {
                self.roles.previous = Some(match StoredInstallation::read(&folder) {
                    Ok(stored) => PreviousBuild::Stored(Arc::new(stored)),
                    Err(error) => PreviousBuild::Unusable(error),
                });
                return Ok(());
            }
            Some(PreviousSource::Program(sdk)) => sdk,
        };
        let initialized = ready("the previous build", sdk.probe(self.roles.deadlines).await?)?;
        let mut capabilities = initialized.capabilities.known.into_iter().collect::<BTreeSet<_>>();
        if profile.as_ref().is_some_and(|profile| profile.name == Capability::Gcip.word()) {
            capabilities.insert(Capability::Gcip);
        }
        if self.roles.tells_time && !capabilities.contains(&Capability::Clock) {
            let what = "it does not claim `clock`, which the build under test claims: an update needs both in one time";
            let error = SutError::new(what.to_owned());
            return Err(TargetError::NotReady { name: "the previous build".into(), error });
        }
        self.roles.previous = Some(PreviousBuild::Runnable { sdk, capabilities, profile });
        Ok(())
    }

    async fn fill_app(&mut self, name: String, role: AppRole) -> Result<(), TargetError> {
        let began = Instant::now();
        if let Some(probed) = role.probe(self.roles.deadlines).await {
            self.start_time += began.elapsed();
            self.build = ready(&name, probed?)?.sdk;
        }
        (self.roles.app, self.name) = (role, name);
        self.roles.under_test.insert(Role::App);
        Ok(())
    }

    fn fill_backend(&mut self, name: String, role: BackendRole) {
        // A backend that runs already calls one vendor address, so cases cannot run side by side.
        if matches!(&role, BackendRole::External(spec) if matches!(spec.run, BackendLaunch::Running { .. })) {
            self.max_jobs = Some(1);
        }
        self.build = build(&name, "", "HTTP");
        (self.roles.backend, self.name) = (role, name);
        self.roles.under_test.insert(Role::Backend);
    }

    async fn fill_cloud(&mut self, spec: CloudSpec) -> Result<Arc<ExternalCloud>, TargetError> {
        self.name.clone_from(&spec.name);
        self.build = build(&spec.name, "", "HTTP");
        let mut cloud = ExternalCloud::bring_up(spec).await.map_err(|error| match error {
            ServiceError::StartError(error) => TargetError::Start(error),
            ServiceError::Unready(error) => TargetError::NotReady { name: self.name.clone(), error },
        })?;
        cloud.check_tls().await?;
        cloud.discover(&self.roles.profile).await?;
        let cloud = Arc::new(cloud);
        if cloud.has_hook(Control::Advance) {
            // The hook advances the time of all cases at once.
            self.max_jobs = Some(1);
        }
        self.roles.cloud = CloudRole::External(cloud.clone());
        self.roles.under_test.extend([Role::Api, Role::Idp]);
        Ok(cloud)
    }

    fn use_real_time(&mut self) {
        self.roles.mode = ClockMode::Real;
        self.roles.capabilities.remove(&Capability::Clock);
        if let SdkRole::Builtin { time, .. } = &mut self.roles.sdk {
            *time = TimeSource::System;
            self.roles.tells_time = false;
            self.roles.previous = Some(PreviousBuild::built_in(TimeSource::System));
        } else if let Some(PreviousBuild::Runnable { capabilities, .. }) = &mut self.roles.previous {
            capabilities.remove(&Capability::Clock);
        }
    }
}

/// What roles offer while the cloud is the simulated one.
fn built_in_offer(roles: &RoleSetup) -> Offer {
    Offer {
        capabilities: roles.capabilities.clone(),
        controls: Control::ALL.iter().copied().collect(),
        device: roles.sdk.device_controls(),
        realms: Realm::all().collect(),
        crashes_at_writes: roles.sdk.can_crash_at_writes(),
        previous: roles.previous.as_ref().map(PreviousBuild::offer),
        profile: roles.profile.name.clone(),
        unspoken: None,
        claims: roles.profile.claims.iter().copied().collect(),
    }
}

fn build(name: &str, version: &str, platform: &str) -> SdkName {
    SdkName { name: name.into(), version: version.into(), platform: platform.into() }
}

/// Why an SDK cannot be tested, by what its adapter says of it.
pub(crate) fn unfit(initialized: &Initialized) -> Option<&'static str> {
    let what = "its adapter declares `volatile` in `tokenStorage`, which other apps can read; tokens must not be there";
    initialized.token_storage.contains(&Area::Volatile).then_some(what)
}

fn ready(name: &str, probed: Result<Initialized, SutError>) -> Result<Initialized, TargetError> {
    probed.map_err(|error| TargetError::NotReady { name: name.to_owned(), error })
}
