//! What sits on the app role: the reference, or an app's own reconciliation logic behind the app protocol.

use super::child_process::{self, Program};
use super::process::{HostCallbacks, IgnoreCallbacks, Process};
use super::{Deadlines, LaunchOptions, StartError, SutError};
use std::sync::Arc;
use vouch_sim::reference::app::AppPolicy;
use vouch_spec::protocol::message::Initialized;

/// What sits on the app role.
#[derive(Clone)]
pub enum AppRole {
    Builtin(Arc<dyn AppPolicy>),
    Command(Program),
}

impl AppRole {
    /// Starts the process of an app from outside; nothing for the built-in one.
    pub fn launch(
        &self,
        callbacks: Arc<dyn HostCallbacks>,
        deadlines: Deadlines,
    ) -> Option<Result<Process, StartError>> {
        let AppRole::Command(program) = self else { return None };
        Some(
            child_process::launch(program, callbacks, deadlines, LaunchOptions::default())
                .map_err(|error| StartError::new(program, &error)),
        )
    }

    /// Starts a process only to ask what it is.
    pub async fn probe(&self, deadlines: Deadlines) -> Option<Result<Result<Initialized, SutError>, StartError>> {
        let process = match self.launch(Arc::new(IgnoreCallbacks), deadlines)? {
            Ok(process) => process,
            Err(error) => return Some(Err(error)),
        };
        let told = match process.initialize().await {
            Ok(told) => Ok(told),
            Err(trouble) => Err(process.explain(trouble).await),
        };
        process.kill().await;
        Some(Ok(told))
    }
}
