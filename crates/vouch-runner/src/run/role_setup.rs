//! What fills the roles of a run, and the settings that every case of the run shares.

use super::plan::PreviousOffer;
use crate::museum::{MuseumError, StoredInstallation};
use crate::sut::{AppRole, BackendRole, CloudRole, Deadlines, ProcessPool, SdkRole};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use vouch_sim::clock::ClockMode;
use vouch_sim::mock_cloud::{DefaultCloudPolicy, Keys};
use vouch_sim::reference::adapter::{PreviousReferenceSdk, ReferenceSdk, TimeSource};
use vouch_sim::reference::app::DefaultAppPolicy;
use vouch_sim::reference::backend::DefaultBackendPolicy;
use vouch_spec::profile::Profile;
use vouch_spec::protocol::message::Area;
use vouch_spec::protocol::{Capability, Role};

/// The implementations that fill the roles, and the settings of their environment.
#[derive(Clone)]
pub struct RoleSetup {
    pub sdk: SdkRole,
    /// The idle processes of the SDK, if its adapter claims `reuse`.
    pub sdk_processes: Option<Arc<ProcessPool>>,
    /// The files that the SDK's process writes outside the folders of the device.
    pub files: FileWatch,
    /// The build of the SDK before the one under test.
    pub previous: Option<PreviousBuild>,
    pub app: AppRole,
    pub backend: BackendRole,
    pub cloud: CloudRole,
    /// The roles under test. Empty: every role is built in.
    pub under_test: BTreeSet<Role>,
    /// The format of exchange and refresh requests.
    pub profile: Arc<Profile>,
    /// The capabilities that the SDK claims.
    pub capabilities: BTreeSet<Capability>,
    /// What else the SDK claims, in words that this Vouch does not know.
    pub unknown_claims: Vec<String>,
    /// The areas in which the SDK may keep tokens, as its adapter declares (EXC-3).
    pub token_storage: Vec<Area>,
    /// Whether time is virtual or real.
    pub mode: ClockMode,
    /// Whether the SDK takes its time from the harness, which is possible in real time, too.
    pub tells_time: bool,
    pub deadlines: Deadlines,
    /// The timeout of HTTP requests between the roles, in real time.
    pub request_timeout: Duration,
    /// The seed from which the conditions of each case are drawn that its scenario leaves open. `None`: the usual ones.
    pub vary: Option<u64>,
    /// Whether cases keep a record of steps, wire and storage.
    pub records: bool,
}

/// What is looked for among the files that an SDK's process writes outside the folders of the device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileWatch {
    /// Whether they are noted, which needs a process that Vouch starts, and the kernel.
    pub watched: bool,
    /// Files and folders that are not the SDK's, such as the log of its adapter.
    pub not_the_sdks: Vec<PathBuf>,
}

/// The build that an update replaces.
#[derive(Clone)]
pub enum PreviousBuild {
    /// A build that can be started.
    Runnable {
        sdk: SdkRole,
        /// What it claims.
        capabilities: BTreeSet<Capability>,
        /// The wire profile that it speaks, where that is not the one of the run.
        profile: Option<Arc<Profile>>,
    },
    /// What a build left on its device.
    Stored(Arc<StoredInstallation>),
    /// What a build left on its device cannot be used.
    Unusable(MuseumError),
}

impl PreviousBuild {
    /// The release of the reference SDK before this one.
    pub(crate) fn built_in(time: TimeSource) -> Self {
        let sdk = SdkRole::Builtin { assembly: Arc::new(PreviousReferenceSdk), time };
        let claims = |capability: &Capability| match capability {
            Capability::Clock => time == TimeSource::Harness,
            capability => !matches!(capability, Capability::Reuse | Capability::SecondProcess),
        };
        Self::Runnable { sdk, capabilities: Capability::ALL.iter().copied().filter(claims).collect(), profile: None }
    }

    /// What fills the role of the SDK.
    pub(super) fn sdk(&self) -> Option<&SdkRole> {
        if let Self::Runnable { sdk, .. } = self { Some(sdk) } else { None }
    }

    /// The wire profile that it speaks, where that is not the one of the run.
    pub(super) fn profile(&self) -> Option<&Arc<Profile>> {
        if let Self::Runnable { profile, .. } = self { profile.as_ref() } else { None }
    }

    /// What it offers to scenarios.
    pub(crate) fn offer(&self) -> PreviousOffer {
        match self {
            Self::Runnable { capabilities, .. } => PreviousOffer::Runnable(capabilities.clone()),
            Self::Stored(stored) => PreviousOffer::Stored(stored.description.states.keys().copied().collect()),
            Self::Unusable(_) => PreviousOffer::Unusable,
        }
    }
}

impl RoleSetup {
    /// Every role filled by its reference implementation.
    pub fn built_in(keys: Arc<Keys>) -> Self {
        Self {
            sdk: SdkRole::Builtin { assembly: Arc::new(ReferenceSdk), time: TimeSource::Harness },
            sdk_processes: None,
            files: FileWatch::default(),
            previous: Some(PreviousBuild::built_in(TimeSource::Harness)),
            app: AppRole::Builtin(Arc::new(DefaultAppPolicy)),
            backend: BackendRole::Builtin(Arc::new(DefaultBackendPolicy)),
            cloud: CloudRole::Simulated { keys, policy: Arc::new(DefaultCloudPolicy) },
            under_test: BTreeSet::new(),
            profile: Profile::junction(),
            capabilities: Capability::ALL
                .iter()
                .copied()
                .filter(|capability| *capability != Capability::Reuse)
                .collect(),
            unknown_claims: vec![],
            token_storage: vec![Area::Secure],
            mode: ClockMode::Virtual,
            tells_time: true,
            deadlines: Deadlines::default(),
            request_timeout: Duration::from_secs(5),
            vary: None,
            records: false,
        }
    }
}
