//! Executes `start`.

use super::{Execute, executor};
use crate::run::device::CANCEL;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::{CallProgress, StartedCall, World};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use vouch_sim::wire::Operation;
use vouch_spec::step::Start;

#[async_trait]
impl Execute for Start {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let (step, its_world) = (self.step.step.clone(), world.clone());
        // What an app does by itself before the call counts as the call's.
        let mark = executor(&step).counts_from(world).unwrap_or_else(|| world.transcript.len());
        let cancel = Arc::new(Notify::new());
        let task = tokio::spawn(CANCEL.scope(cancel.clone(), async move { executor(&step).execute(&its_world).await }));
        if let Some(operation) = self.until {
            await_operation(world, mark, operation, &task).await?;
        }
        let begun = StartedCall { progress: CallProgress::Running(task), cancel, mark };
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
    let timeout = world.call_timeout();
    let _ = tokio::time::timeout(timeout, wait).await;
    if seen() {
        return Ok(());
    }
    let got = match task.is_finished() {
        true => "the call ended without one".to_owned(),
        false => format!("none within {} s", timeout.as_secs()),
    };
    Err(StepError::Unmet { expected: format!("this call to send a request of the kind: {}", operation.words()), got })
}
