//! `crash`: the SDK's process is killed instead of its n-th write to storage during a call (EXC-5, PER-3, PER-4, MIG-9,
//! OUT-5).

use super::{Answer, Halt, Planned, Reading, Step, StepKind};
use crate::run::world::World;
use crate::text::Node;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Shape {
    /// The step to interrupt.
    #[allow(dead_code, reason = "read as a step, below; here for the schema")]
    step: serde_json::Value,
    /// Which write, from 1. A step that writes less often ends by itself.
    write: u32,
}

pub struct Crash {
    step: Planned,
    write: u32,
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
    if shape.write == 0 {
        reading.decoder.wrong(node.get("write")?.span, "writes count from 1", "write a number from 1 on");
        return None;
    }
    Some(Arc::new(Crash { step, write: shape.write }))
}

#[async_trait]
impl Step for Crash {
    fn words(&self) -> String {
        format!("killed at write {} of: {}", self.write, self.step.words())
    }

    fn inside(&self) -> &[Planned] {
        std::slice::from_ref(&self.step)
    }

    fn traps(&self) -> bool {
        true
    }

    async fn run(&self, world: &Arc<World>) -> Result<Answer, Halt> {
        world.device.arm(self.write)?;
        let answer = self.step.bare().run(world).await;
        // A built-in SDK that was ended in the middle may still have answered: nobody was there to hear it.
        if world.device.disarm() {
            world.note_crash();
            return Ok(Answer::Killed);
        }
        answer
    }
}
