//! `network`: the device loses or regains its network.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Network {
    is: Net,
}

pub(super) const KIND: StepKind =
    StepKind::new::<Network>("network", "Takes the device off the network, or brings it back.");

#[async_trait]
impl Step for Network {
    fn words(&self) -> String {
        match self.is {
            Net::Down => "the network is down".into(),
            Net::Up => "the network is up".into(),
        }
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.faults.set_network(self.is == Net::Up);
        Ok(StepResult::Done)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Net {
    Up,
    Down,
}
