//! The SDK of a target file under load: whether it can be driven, what it can play, and how many of its processes fit.

use crate::cli::CliError;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use vouch_load::journey::{Journey, SdkProcesses, mebibytes};
use vouch_runner::installation::{InstallableSdk, InstallationError};
use vouch_runner::run::PlannedCase;
use vouch_runner::sut::{LaunchError, SdkRole, SutError};
use vouch_runner::target_file::Target;
use vouch_runner::target_setup::TargetError;
use vouch_spec::profile::Profile;
use vouch_spec::protocol::message::SdkName;
use vouch_spec::protocol::{Capability, Realm};
use vouch_spec::text::OutsideText;

/// The files and sockets of this process for one process of an SDK: its pipes, two addresses, and connections on both sides.
pub const FILES_OF_PROCESS: u32 = 16;

/// The SDK of a target file, which the users of a load drive.
pub struct SdkUnderLoad {
    pub processes: Arc<SdkProcesses>,
    /// Its name in the target file.
    name: String,
    /// How its adapter describes it.
    build: SdkName,
}

impl SdkUnderLoad {
    /// Asks the SDK of a target file what it can do; none if the file has no `[sdk]`.
    ///
    /// # Errors
    /// If the SDK is not a program that can be started many times, or does not start.
    pub async fn start(target: &Target, profile: Arc<Profile>) -> Result<Option<Self>, CliError> {
        let Some((name, role)) = &target.sdk else { return Ok(None) };
        if !matches!(role, SdkRole::Command(_)) {
            return Err(CliError::Usage(format!(
                "`{name}` is reached over a connection, so there is one app, and journeys start a process of the SDK for each user; \
                 give [sdk] a `command` that speaks the adapter protocol on standard input and output, or use a target file without [sdk]"
            )));
        }
        let (sdk, build) = InstallableSdk::probe(name, role, target, profile).await?;
        let processes = Arc::new(SdkProcesses::new(sdk));
        Ok(Some(Self { processes, name: name.clone(), build }))
    }

    /// Why the SDK cannot play a journey, if it cannot.
    pub fn cannot_play(&self, case: &PlannedCase, journey: &Journey) -> Option<String> {
        let sdk = &self.processes.sdk;
        let mut needs = case.needs.clone();
        if sdk.profile.name == Capability::Gcip.word() {
            needs.insert(Capability::Gcip);
        }
        if journey.advances_time() {
            needs.insert(Capability::Clock);
        }
        let missing: Vec<_> = needs.difference(&sdk.claims).collect();
        let words: Vec<_> = missing.iter().map(|capability| format!("`{}`", capability.word())).collect();
        let clock = if missing.contains(&&Capability::Clock) { ", so its clock cannot be advanced" } else { "" };
        (!missing.is_empty()).then(|| format!("the SDK does not claim {}{clock}", words.join(", ")))
    }

    /// Checks that a process for each user fits into this machine's memory. Returns a line that says so, if that is known.
    ///
    /// # Errors
    /// If they do not fit, or the SDK does not start.
    pub async fn check_room(&self, users: u32, realm: Realm) -> Result<Option<String>, CliError> {
        let measured = self.processes.footprint(realm).await.map_err(|error| self.failed(error))?;
        let Some(footprint) = measured else { return Ok(None) };
        let (each, most) = (mebibytes(footprint.memory), footprint.capacity);
        if u64::from(users) > most {
            return Err(CliError::Usage(format!(
                "a process of `{}` uses {each} after its start, so this machine holds about {most} of them, and {users} users need {users}; \
                 give --users {} or fewer, or a machine with more memory",
                self.name,
                most.max(1)
            )));
        }
        Ok(Some(format!("A process of this SDK uses {each} after its start; this machine holds about {most}.")))
    }

    fn failed(&self, error: InstallationError) -> CliError {
        let not_ready = |error: SutError| TargetError::NotReady { name: self.name.clone(), error }.into();
        match error {
            InstallationError::Launch(LaunchError::Start(error)) => TargetError::Start(error).into(),
            InstallationError::Launch(LaunchError::Adapter(error)) | InstallationError::Adapter(error) => {
                not_ready(error)
            }
            InstallationError::Storage(error) => CliError::Environment(format!("cannot make a device: {error}")),
        }
    }
}

/// What a load goes to, for the first line of the output.
#[derive(Clone, Copy)]
pub struct Loaded<'a> {
    pub target: &'a Target,
    /// The target file.
    pub file: Option<&'a Path>,
}

impl fmt::Display for Loaded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cloud = match (&self.target.cloud, self.file) {
            (Some(cloud), _) => format!("the cloud `{}` of the target file", OutsideText::line(&cloud.name)),
            (None, Some(_)) => "the mock cloud of Vouch, because the target file has no [cloud]".to_owned(),
            (None, None) => "the mock cloud of Vouch, because no --target names another one".to_owned(),
        };
        f.write_str(&cloud)?;
        if let Some((name, _)) = &self.target.backend {
            write!(f, ", through the backend `{}`", OutsideText::line(name))?;
        }
        Ok(())
    }
}

/// What journeys go to, and who makes them, for the first line of the output.
pub struct What<'a> {
    pub loaded: Loaded<'a>,
    pub users: u32,
    pub sdk: Option<&'a SdkUnderLoad>,
}

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { loaded, users, sdk } = self;
        write!(f, "{loaded}")?;
        match sdk {
            Some(sdk) => {
                let (name, build) = (OutsideText::line(&sdk.name), &sdk.build);
                let build = format!("{} {}", build.name, build.version);
                let clock = if sdk.processes.takes_time() { "Vouch advances their clocks" } else { "in real time" };
                let (processes, build) = (plural(*users, "process", "processes"), OutsideText::line(build.trim()));
                write!(f, ". By: {processes} of the SDK `{name}` ({build}), {clock}")
            }
            None => {
                let why = if loaded.file.is_some() { ", because the target file has no [sdk]" } else { "" };
                write!(f, ". By: {} with the reference SDK in this process{why}", plural(*users, "user", "users"))
            }
        }
    }
}

fn plural(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
