//! `clockOff`: the device's clock goes wrong by some minutes (REF-8).

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_spec::protocol::Capability;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClockSkew {
    /// Ahead of the servers' time, or behind it if negative.
    minutes: i64,
}

pub(super) const KIND: StepKind =
    StepKind::new::<ClockSkew>("clockSkew", "Puts the device's clock ahead of the servers' time, or behind it.")
        .needs(&[Capability::Clock]);

#[async_trait]
impl Step for ClockSkew {
    fn words(&self) -> String {
        format!("the device's clock is off by {} minutes", self.minutes)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.set_clock_off(self.minutes.saturating_mul(60_000));
        Ok(StepResult::Done)
    }
}
