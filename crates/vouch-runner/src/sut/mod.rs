//! The system under test: the implementations that fill the roles. [`SdkRole`] starts an SDK, [`BackendRole`] a backend, and
//! so on; each launch of an SDK is a [`Process`].
//!
//! A role knows how to start, call and end an implementation. It must not know what is tested.

mod app;
mod backend;
mod child_process;
mod cloud;
mod cpu_wait;
mod http;
mod http_service;
mod in_process;
mod orphans;
mod outside_files;
mod process;
mod signal;
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
pub use child_process::Program;
pub use cloud::{CloudRole, CloudSpec, ExternalCloud, ExternalRealm, HookError, RealmSpec, USUAL_JWKS, USUAL_LEEWAY};
pub use http::{HttpCall, HttpError, HttpReply, Place, RequestLine, Template};
pub use http_service::{Service, ServiceError, ServiceSpec};

pub use orphans::OrphanReaper;
pub use outside_files::OutsideFiles;
pub use process::{HostCallbacks, Process, SutError};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use vouch_sim::reference::adapter::{SdkFactory, TimeSource};
use vouch_spec::protocol::message::Initialized;

/// The implementation that fills the SDK role.
#[derive(Clone)]
pub enum SdkRole {
    /// The reference SDK, in the process of the harness.
    Builtin { assembly: Arc<dyn SdkFactory>, time: TimeSource },
    /// A program that speaks the adapter protocol on its standard input and output.
    Command(Program),
}

/// Options for the launch of a process.
#[derive(Clone, Copy, Default)]
pub struct LaunchOptions<'a> {
    /// Intercept writes below this folder, so that the process can be killed at its n-th write, and note the files that it
    /// writes elsewhere.
    pub intercept_writes: Option<(&'a Path, &'a Arc<OutsideFiles>)>,
    /// The folder for temporary files, unless the target file sets `TMPDIR`.
    pub temp_dir: Option<&'a Path>,
    /// Environment variables, unless the target file sets them.
    pub environment: &'a [(&'static str, &'static str)],
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

/// The program of a role could not be started: a fault of the environment, not of the build.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot start `{program}` in {}: {why}", folder.display())]
pub struct StartError {
    pub program: String,
    /// Its working directory.
    pub folder: PathBuf,
    /// The error of the operating system.
    pub why: String,
}

impl StartError {
    fn new(program: &Program, error: &std::io::Error) -> Self {
        Self { program: program.program.clone(), folder: program.folder.clone(), why: error.to_string() }
    }
}

impl SdkRole {
    /// Starts one process. `callbacks` handles its requests and notifications.
    pub async fn launch(
        &self,
        callbacks: Arc<dyn HostCallbacks>,
        deadlines: Deadlines,
        options: LaunchOptions<'_>,
    ) -> Result<Process, StartError> {
        match self {
            SdkRole::Builtin { assembly, time } => {
                let locale =
                    options.environment.iter().find(|(name, _)| *name == "LANG").map_or("C", |(_, value)| value);
                let assembly = assembly.in_locale(locale).unwrap_or_else(|| assembly.clone());
                Ok(in_process::launch(assembly, *time, callbacks, deadlines))
            }
            SdkRole::Command(program) => child_process::launch(program, callbacks, deadlines, options)
                .map_err(|error| StartError::new(program, &error)),
        }
    }

    /// Whether a process of this role can be killed at a write to storage.
    pub fn can_crash_at_writes(&self) -> bool {
        matches!(self, SdkRole::Builtin { .. }) || write_interceptor::works()
    }

    /// Starts a process, asks for its name and capabilities, and kills it.
    pub async fn probe(&self, deadlines: Deadlines) -> Result<Result<Initialized, SutError>, StartError> {
        let process = self.launch(Arc::new(process::IgnoreCallbacks), deadlines, LaunchOptions::default()).await?;
        let result = match process.initialize().await {
            Ok(initialized) => Ok(initialized),
            Err(error) => Err(process.explain(error).await),
        };
        process.kill().await;
        Ok(result)
    }
}
