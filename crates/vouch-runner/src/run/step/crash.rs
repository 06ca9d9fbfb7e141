//! `crash`: the SDK's process is killed instead of its n-th write to storage during a call (EXC-5, PER-3, PER-4, MIG-9,
//! OUT-5). Without n the case is played once for each write, until the call ends by itself.

use super::{Planned, Reading, Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_spec::text::Node;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Shape {
    /// The step to interrupt.
    #[allow(dead_code, reason = "read as a step, below; here for the schema")]
    step: serde_json::Value,
    /// Which write, from 1. A step that writes less often ends by itself. Left out, the case is played again and again, and
    /// dies one write later each time, until the step ends by itself.
    #[serde(default)]
    write: Option<u32>,
}

pub struct Crash {
    step: Planned,
    write: Option<u32>,
}

pub(super) const KIND: StepKind = StepKind {
    schema: Shape::json_schema,
    ..StepKind::new::<super::release::Release>("crash", "Kills the SDK instead of its n-th write to storage in a step.")
        .reader(read)
        .answers()
};

fn read(node: &Node, reading: &Reading<'_>) -> Option<Arc<dyn Step>> {
    let shape: Shape = reading.decoder.decode(node)?;
    let step = Planned::read(node.get("step")?, reading)?;
    if shape.write == Some(0) {
        reading.decoder.wrong(node.get("write")?.span, "writes count from 1", "write a number from 1 on");
        return None;
    }
    Some(Arc::new(Crash { step, write: shape.write }))
}

#[async_trait]
impl Step for Crash {
    fn words(&self) -> String {
        let step = self.step.words();
        match self.write {
            Some(write) => format!("killed at write {write} of: {step}"),
            None => format!("killed at a write of: {step}"),
        }
    }

    fn inside(&self) -> &[Planned] {
        std::slice::from_ref(&self.step)
    }

    fn traps(&self) -> bool {
        true
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.arm(self.write.unwrap_or(world.death.at))?;
        let answer = self.step.bare().run(world).await;
        // A built-in SDK that was ended in the middle may still have answered: nobody was there to on_event it.
        if world.device.disarm() {
            world.note_crash();
            if self.write.is_none() {
                world.death.note();
            }
            return Ok(StepResult::Killed);
        }
        answer
    }
}
