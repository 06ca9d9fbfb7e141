//! What sits on the app seat: the reference, or an app's own reconciliation logic behind the app protocol.

use super::child::{self, Program};
use super::process::{Deaf, Ears, Process};
use super::{CannotStart, Deadlines, Ground, Trouble};
use vouch_spec::protocol::message::Initialized;
use vouch_sim::reference::app::Rules;
use std::sync::Arc;

/// What sits on the app seat.
#[derive(Clone)]
pub enum AppSeat {
    Builtin(Arc<dyn Rules>),
    Command(Program),
}

impl AppSeat {
    /// Starts the process of an app from outside; nothing for the built-in one.
    pub fn launch(&self, ears: Arc<dyn Ears>, deadlines: Deadlines) -> Option<Result<Process, CannotStart>> {
        let AppSeat::Command(program) = self else { return None };
        Some(
            child::launch(program, ears, deadlines, Ground::default())
                .map_err(|error| CannotStart::new(program, &error)),
        )
    }

    /// Starts a process only to ask what it is.
    pub async fn probe(&self, deadlines: Deadlines) -> Option<Result<Result<Initialized, Trouble>, CannotStart>> {
        let process = match self.launch(Arc::new(Deaf), deadlines)? {
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
