//! `advance`: time passes.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_spec::protocol::{Capability, Control};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Advance {
    /// For example `90s`, `10m`, `1h`, `30d`.
    pub by: String,
}

pub(super) const KIND: StepKind =
    StepKind::new::<Advance>("advance", "Time passes.").needs(&[Capability::Clock]).demands(&[Control::Advance]);

#[async_trait]
impl Step for Advance {
    fn words(&self) -> String {
        format!("{} pass", self.by)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let by = humantime::parse_duration(&self.by)
            .map_err(|e| StepError::Scenario(format!("`{}` is no length of time: {e}", self.by)))?;
        world.advance(by).await?;
        Ok(StepResult::Done)
    }
}
