//! `begin`: starts a call and goes on without waiting for its end. `finish` waits, `cancel` cancels.

use super::{Planned, Reading, Step, StepError, StepKind, StepResult};
use crate::run::device::CANCEL;
use crate::run::world::{StartedCall, World};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use vouch_sim::wire::Operation;
use vouch_spec::text::Node;

/// How long `until` waits, in real time.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Shape {
    /// The step to begin.
    #[allow(dead_code, reason = "read as a step, below; here for the schema")]
    step: serde_json::Value,
    /// The name of the call from here on.
    #[serde(rename = "as")]
    bind: String,
    /// Goes on only when the call has sent this.
    #[serde(default)]
    until: Option<Operation>,
}

pub struct Start {
    step: Planned,
    bind: String,
    until: Option<Operation>,
}

pub(super) const KIND: StepKind = StepKind {
    schema: Shape::json_schema,
    ..StepKind::new::<super::release::Release>("start", "Begins a call and goes on without waiting for its end.")
        .reader(read)
};

fn read(node: &Node, reading: &Reading<'_>) -> Option<Arc<dyn Step>> {
    let shape: Shape = reading.decoder.decode(node)?;
    let step = Planned::read(node.get("step")?, reading)?;
    Some(Arc::new(Start { step, bind: shape.bind, until: shape.until }))
}

#[async_trait]
impl Step for Start {
    fn words(&self) -> String {
        format!("begin: {}", self.step.words())
    }

    fn inside(&self) -> &[Planned] {
        std::slice::from_ref(&self.step)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let (mark, cancel) = (world.transcript.len(), Arc::new(Notify::new()));
        let (step, its_world) = (self.step.bare(), world.clone());
        let task = tokio::spawn(CANCEL.scope(cancel.clone(), async move { step.run(&its_world).await }));
        if let Some(operation) = self.until {
            await_operation(world, mark, operation, &task).await?;
        }
        let begun = StartedCall { task, cancel, mark };
        world.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(self.bind.clone(), begun);
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
    let _ = tokio::time::timeout(PATIENCE, wait).await;
    if seen() {
        return Ok(());
    }
    let got = if task.is_finished() { "the call ended without one" } else { "none within 5 s" };
    Err(StepError::Unmet {
        expected: format!("this call to send a request of the kind: {}", operation.words()),
        got: got.into(),
    })
}
