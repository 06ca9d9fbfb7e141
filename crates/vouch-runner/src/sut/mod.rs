//! Seats and the ways to fill one. An SDK is filled in by a [`SdkSeat`]; each launch of it is a [`Process`].
//!
//! A seat knows how to start, talk to and end an implementation. It does not know what is being tested.

mod app;
mod backend;
mod builtin;
mod child;
mod cloud;
mod http;
mod process;
mod service;
mod signal;
#[cfg(target_os = "linux")]
mod storage_trap;
#[cfg(not(target_os = "linux"))]
#[path = "no_storage_trap.rs"]
mod storage_trap;

pub use app::AppSeat;
pub use backend::{Backend, BackendSeat, BackendSpec, Credential, Login, Surroundings, TokenCall, Vendor};
pub use child::Program;
pub use cloud::{CloudSeat, CloudSpec, ExternalCloud, ExternalRealm, RealmSpec};
pub use http::{HttpCall, HttpReply, Line, Place, Template};
pub(crate) use process::trouble;
pub use process::{Ears, Process, Trouble, Watcher};
pub use service::{NoService, Service, ServiceSpec};

use vouch_spec::protocol::message::Initialized;
use vouch_sim::reference::adapter::{Assembly, TimeSource};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What sits on the SDK seat.
#[derive(Clone)]
pub enum SdkSeat {
    /// The reference, hosted in this process.
    Builtin { assembly: Arc<dyn Assembly>, time: TimeSource },
    /// A program that speaks the adapter protocol on its standard input and output.
    Command(Program),
}

/// What a process stands on.
#[derive(Clone, Copy, Default)]
pub struct Ground<'a> {
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

/// The program of a seat could not be started at all: the environment's fault, not the build's.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot start `{program}` in {}: {why}", folder.display())]
pub struct CannotStart {
    pub program: String,
    pub folder: PathBuf,
    pub why: String,
}

impl CannotStart {
    fn new(program: &Program, error: &std::io::Error) -> Self {
        Self { program: program.program.clone(), folder: program.folder.clone(), why: error.to_string() }
    }
}

impl SdkSeat {
    /// Starts one process. `ears` hears what it says of itself.
    pub fn launch(
        &self,
        ears: Arc<dyn Ears>,
        deadlines: Deadlines,
        ground: Ground<'_>,
    ) -> Result<Process, CannotStart> {
        match self {
            SdkSeat::Builtin { assembly, time } => Ok(builtin::launch(assembly.clone(), *time, ears, deadlines)),
            SdkSeat::Command(program) => {
                child::launch(program, ears, deadlines, ground).map_err(|error| CannotStart::new(program, &error))
            }
        }
    }

    /// Whether a process of this seat can be ended at a write to storage.
    pub fn can_crash_at_writes(&self) -> bool {
        matches!(self, SdkSeat::Builtin { .. }) || storage_trap::works()
    }

    /// Starts a process only to ask what it is and can.
    pub async fn probe(&self, deadlines: Deadlines) -> Result<Result<Initialized, Trouble>, CannotStart> {
        let process = self.launch(Arc::new(process::Deaf), deadlines, Ground::default())?;
        let answer = process.initialize().await;
        let told = match answer {
            Ok(initialized) => Ok(initialized),
            Err(trouble) => Err(process.explain(trouble).await),
        };
        process.kill().await;
        Ok(told)
    }
}
