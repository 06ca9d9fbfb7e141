//! The app role: the reference app, or the reconciliation logic of an external app behind the app protocol.

use super::child_process::{self, Program};
use super::process::{HostCallbacks, IgnoreCallbacks, Process};
use super::{Deadlines, LaunchOptions, StartError, SutError};
use std::sync::Arc;
use vouch_sim::reference::app::AppPolicy;
use vouch_spec::protocol::message::Initialized;

/// The implementation that fills the app role.
#[derive(Clone)]
pub enum AppRole {
    Builtin(Arc<dyn AppPolicy>),
    Command(Program),
}

impl AppRole {
    /// Starts the process of an external app. `None` for the reference app.
    pub fn launch(
        &self,
        callbacks: Arc<dyn HostCallbacks>,
        deadlines: Deadlines,
    ) -> Option<Result<Process, StartError>> {
        let AppRole::Command(program) = self else { return None };
        Some(
            child_process::launch(program, callbacks, deadlines, LaunchOptions::default())
                .map_err(|error| StartError::of_program(&program.program, &program.folder, &error)),
        )
    }

    /// Starts a process, asks for its name, and kills it. `None` for the reference app.
    pub async fn probe(&self, deadlines: Deadlines) -> Option<Result<Result<Initialized, SutError>, StartError>> {
        let process = match self.launch(Arc::new(IgnoreCallbacks), deadlines)? {
            Ok(process) => process,
            Err(error) => return Some(Err(error)),
        };
        let result = match process.initialize().await {
            Ok(initialized) => Ok(initialized),
            Err(error) => Err(process.explain(error).await),
        };
        process.kill().await;
        Some(Ok(result))
    }
}
