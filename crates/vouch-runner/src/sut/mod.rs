//! The system under test: the implementations that fill the roles. [`SdkRole`] starts an SDK, [`BackendRole`] a backend, and
//! so on; each launch of an SDK is a [`Process`].
//!
//! A role knows how to start, call and end an implementation. It must not know what is tested.

mod app;
mod backend;
mod callback_binding;
mod child_process;
mod cloud;
mod cpu_wait;
mod hook_command;
mod http;
mod http_service;
mod in_process;
mod metrics_probe;
mod metrics_text;
mod orphans;
mod outside_files;
mod ports;
mod process;
mod process_pool;
mod remote;
mod reuse;
#[cfg(target_os = "linux")]
mod seccomp_filter;
mod signal;
mod system_description;
mod usage;
#[cfg(target_os = "linux")]
mod write_interceptor;
#[cfg(not(target_os = "linux"))]
#[path = "write_interceptor_unsupported.rs"]
mod write_interceptor;

pub use app::AppRole;
pub use backend::{
    Backend, BackendEnvironment, BackendLaunch, BackendRole, BackendSpec, ClientUserId, Credential, LogInFailure,
    Login, NamedUsers, Session, TokenCall, ValueCall,
};
pub use child_process::{Program, ProgramTemplate};
pub use cloud::{
    CloudRole, CloudSpec, Discovered, DiscoveryError, ExternalCloud, ExternalRealm, HookError, RealmSpec, USUAL_LEEWAY,
    UnmetOverTls,
};
pub use http::{HttpCall, HttpError, HttpReply, Place, RequestLine, Template};
pub use http_service::{Service, ServiceError, ServiceSpec};
pub use metrics_probe::{
    MetricNames, MetricsError, MetricsFrom, MetricsProbe, MetricsReading, MetricsSpec, USUAL_CPU, USUAL_MEMORY,
};
pub use orphans::OrphanReaper;
pub use outside_files::OutsideFiles;
pub use process::{HostCallbacks, Process, SutError};
pub use process_pool::{ProcessPool, ProcessTally};
pub use remote::{
    AddressError, ConnectAddress, DeviceHook, DeviceSpec, Preset, RemoteSdk, RemoteSpec, Streams, Transport,
};
pub use system_description::{DescribeError, DescribeSource, SystemDescription};
pub use usage::{MemoryUse, cpu_time, free_memory, memory_use};
pub use write_interceptor::works as can_intercept_writes;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use vouch_sim::reference::adapter::{SdkFactory, TimeSource};
use vouch_spec::protocol::DeviceControl;
use vouch_spec::protocol::message::Initialized;

/// The implementation that fills the SDK role.
#[derive(Clone)]
pub enum SdkRole {
    /// The reference SDK, in the process of the harness.
    Builtin { assembly: Arc<dyn SdkFactory>, time: TimeSource },
    /// A program that speaks the adapter protocol on its standard input and output.
    Command(Program),
    /// An SDK that is reached over a connection.
    Remote(Arc<RemoteSdk>),
}

/// Options for the launch of a process.
#[derive(Clone, Copy, Default)]
pub struct LaunchOptions<'a> {
    /// Watch which files the process writes.
    pub watch: Option<WatchFiles<'a>>,
    /// The folder for temporary files, unless the target file sets `TMPDIR`.
    pub temp_dir: Option<&'a Path>,
    /// Environment variables, unless the target file sets them.
    pub environment: &'a [(&'static str, &'static str)],
    /// Launch the app in the background, where a hook of its device can.
    pub background: bool,
}

/// What the kernel is to tell of the files that a process writes.
#[derive(Clone, Copy)]
pub struct WatchFiles<'a> {
    /// Where the files that it writes outside its folders are noted.
    pub outside: &'a Arc<OutsideFiles>,
    /// Intercept each write below this folder, so that a fault can strike the n-th one.
    pub intercept_below: Option<&'a Path>,
}

/// Timeouts of adapter calls, in real time.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// For every call except `stop`.
    pub call: Duration,
    /// From the response to `stop` to the exit of the process.
    pub stop: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { call: Duration::from_secs(10), stop: Duration::from_secs(5) }
    }
}

/// A role could not be started or reached: a fault of the environment, not of the build.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what}: {why}")]
pub struct StartError {
    /// What failed, for example "cannot start `node` in /work/app".
    what: String,
    /// The error of the operating system, for example.
    why: String,
    /// The program that could not be started.
    program: Option<String>,
}

impl StartError {
    fn new(what: &str, why: &dyn std::fmt::Display) -> Self {
        Self { what: what.to_owned(), why: why.to_string(), program: None }
    }

    /// A program cannot be started in this folder.
    fn of_program(program: &str, folder: &Path, error: &std::io::Error) -> Self {
        let error = Self::new(&format!("cannot start `{program}` in {}", folder.display()), error);
        Self { program: Some(program.to_owned()), ..error }
    }

    /// The program that could not be started, if it was one.
    pub fn program(&self) -> Option<&str> {
        self.program.as_deref()
    }
}

/// Why a launch did not lead to a process that can be called.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LaunchError {
    /// The environment's fault.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The app's own fault: it was launched, and did not connect.
    #[error(transparent)]
    Adapter(#[from] SutError),
}

impl SdkRole {
    /// Starts one process. `callbacks` handles its requests and notifications.
    pub async fn launch(
        &self,
        callbacks: Arc<dyn HostCallbacks>,
        deadlines: Deadlines,
        options: LaunchOptions<'_>,
    ) -> Result<Process, LaunchError> {
        match self {
            SdkRole::Builtin { assembly, time } => {
                let locale =
                    options.environment.iter().find(|(name, _)| *name == "LANG").map_or("C", |(_, value)| value);
                let assembly = assembly.in_locale(locale).unwrap_or_else(|| assembly.clone());
                Ok(in_process::launch(assembly, *time, callbacks, deadlines))
            }
            SdkRole::Command(program) => child_process::launch(program, callbacks, deadlines, options)
                .map_err(|error| StartError::of_program(&program.program, &program.folder, &error).into()),
            SdkRole::Remote(remote) => remote.launch(callbacks, deadlines, options).await,
        }
    }

    /// Whether a process of this role can be killed at a write to storage.
    pub fn can_crash_at_writes(&self) -> bool {
        match self {
            SdkRole::Builtin { .. } => true,
            SdkRole::Command(_) => write_interceptor::works(),
            SdkRole::Remote(remote) => remote.starts_program() && write_interceptor::works(),
        }
    }

    /// What scenarios can have the device do to the app.
    pub fn device_controls(&self) -> BTreeSet<DeviceControl> {
        match self {
            SdkRole::Remote(remote) if !remote.starts_program() => remote.spec.device.controls().collect(),
            _ => DeviceControl::ALL.iter().copied().collect(),
        }
    }

    /// The device that the app runs on, if it is not this machine.
    pub fn device(&self) -> Option<&DeviceSpec> {
        match self {
            SdkRole::Remote(remote) => Some(&remote.spec.device),
            _ => None,
        }
    }

    /// Installs the app on its device, if the target file says how.
    pub async fn install(&self) -> Result<(), StartError> {
        if let Some(device) = self.device() {
            device.run(DeviceHook::Install, &device.values()).await?;
        }
        Ok(())
    }

    /// Starts a process, asks for its name and capabilities, and kills it.
    pub async fn probe(&self, deadlines: Deadlines) -> Result<Result<Initialized, SutError>, StartError> {
        let launched = self.launch(Arc::new(process::IgnoreCallbacks), deadlines, LaunchOptions::default()).await;
        let process = match launched {
            Ok(process) => process,
            Err(LaunchError::Start(error)) => return Err(error),
            Err(LaunchError::Adapter(error)) => return Ok(Err(error)),
        };
        let result = match process.initialize().await {
            Ok(initialized) => Ok(initialized),
            Err(error) => Err(process.explain(error).await),
        };
        process.kill().await;
        Ok(result)
    }
}
