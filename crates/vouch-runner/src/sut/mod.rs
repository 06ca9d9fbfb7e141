//! Seats and the ways to fill one. An SDK is filled in by a [`SdkRole`]; each launch of it is a [`Process`].
//!
//! A role knows how to start, talk to and end an implementation. It does not know what is being tested.

mod app;
mod backend;
mod child_process;
mod cloud;
mod http;
mod http_service;
mod in_process;
mod process;
mod signal;
#[cfg(target_os = "linux")]
mod write_interceptor;
#[cfg(not(target_os = "linux"))]
#[path = "write_interceptor_unsupported.rs"]
mod write_interceptor;

pub use app::AppRole;
pub use backend::{Backend, BackendEnvironment, BackendRole, BackendSpec, Credential, Login, TokenCall, Vendor};
pub use child_process::Program;
pub use cloud::{CloudRole, CloudSpec, ExternalCloud, ExternalRealm, RealmSpec};
pub use http::{HttpCall, HttpReply, Place, RequestLine, Template};
pub use http_service::{Service, ServiceError, ServiceSpec};
pub(crate) use process::trouble;
pub use process::{EndWatcher, HostCallbacks, Process, SutError};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use vouch_sim::reference::adapter::{SdkFactory, TimeSource};
use vouch_spec::protocol::message::Initialized;

/// What sits on the SDK role.
#[derive(Clone)]
pub enum SdkRole {
    /// The reference, hosted in this process.
    Builtin { assembly: Arc<dyn SdkFactory>, time: TimeSource },
    /// A program that speaks the adapter protocol on its standard input and output.
    Command(Program),
}

/// What a process stands on.
#[derive(Clone, Copy, Default)]
pub struct LaunchOptions<'a> {
    /// It can be ended at its n-th write below this folder.
    pub trapped: Option<&'a Path>,
    /// Its folder for temporary files, where the target file names no other.
    pub temporary: Option<&'a Path>,
}

/// How long the harness waits, in real time.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// For any call but `stop`.
    pub call: Duration,
    /// From `stop` to the end of the process.
    pub stop: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { call: Duration::from_secs(10), stop: Duration::from_secs(5) }
    }
}

/// The program of a role could not be started at all: the environment's fault, not the build's.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot start `{program}` in {}: {why}", folder.display())]
pub struct StartError {
    pub program: String,
    pub folder: PathBuf,
    pub why: String,
}

impl StartError {
    fn new(program: &Program, error: &std::io::Error) -> Self {
        Self { program: program.program.clone(), folder: program.folder.clone(), why: error.to_string() }
    }
}

impl SdkRole {
    /// Starts one process. `callbacks` hears what it says of itself.
    pub fn launch(
        &self,
        callbacks: Arc<dyn HostCallbacks>,
        deadlines: Deadlines,
        ground: LaunchOptions<'_>,
    ) -> Result<Process, StartError> {
        match self {
            SdkRole::Builtin { assembly, time } => {
                Ok(in_process::launch(assembly.clone(), *time, callbacks, deadlines))
            }
            SdkRole::Command(program) => child_process::launch(program, callbacks, deadlines, ground)
                .map_err(|error| StartError::new(program, &error)),
        }
    }

    /// Whether a process of this role can be ended at a write to storage.
    pub fn can_crash_at_writes(&self) -> bool {
        matches!(self, SdkRole::Builtin { .. }) || write_interceptor::works()
    }

    /// Starts a process only to ask what it is and can.
    pub async fn probe(&self, deadlines: Deadlines) -> Result<Result<Initialized, SutError>, StartError> {
        let process = self.launch(Arc::new(process::IgnoreCallbacks), deadlines, LaunchOptions::default())?;
        let answer = process.initialize().await;
        let told = match answer {
            Ok(initialized) => Ok(initialized),
            Err(trouble) => Err(process.explain(trouble).await),
        };
        process.kill().await;
        Ok(told)
    }
}
