//! Executes `start`.

use super::{Execute, executor};
use crate::run::device::CANCEL;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::{StartedCall, World};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use vouch_sim::wire::Operation;
use vouch_spec::step::Start;

/// How long `until` waits, in real time.
const UNTIL_TIMEOUT: Duration = Duration::from_secs(5);

#[async_trait]
impl Execute for Start {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let (mark, cancel) = (world.transcript.len(), Arc::new(Notify::new()));
        let (step, its_world) = (self.step.step.clone(), world.clone());
        let task = tokio::spawn(CANCEL.scope(cancel.clone(), async move { executor(&step).execute(&its_world).await }));
        if let Some(operation) = self.until {
            await_operation(world, mark, operation, &task).await?;
        }
        let begun = StartedCall { task, cancel, mark };
        world.started_calls.lock().insert(self.bind.clone(), begun);
        Ok(StepResult::Done)
    }
}

async fn await_operation(
    world: &World,
    mark: usize,
    operation: Operation,
    task: &JoinHandle<Result<StepResult, StepError>>,
) -> Result<(), StepError> {
    let seen = || world.transcript.since(mark).iter().any(|exchange| exchange.operation == operation);
    let wait = async {
        while !seen() && !task.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let _ = tokio::time::timeout(UNTIL_TIMEOUT, wait).await;
    if seen() {
        return Ok(());
    }
    let got = if task.is_finished() { "the call ended without one" } else { "none within 5 s" };
    Err(StepError::Unmet {
        expected: format!("this call to send a request of the kind: {}", operation.words()),
        got: got.into(),
    })
}
