//! `vendorUsers`: how many vendor users a person has (ISS-2).

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_spec::protocol::Control;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VendorUsers {
    /// How many users the team has at the vendor, deleted ones left out.
    count: usize,
}

pub(super) const KIND: StepKind =
    StepKind::new::<VendorUsers>("vendorUsers", "Counts the team's users at the vendor.").demands(&[Control::Shape]);

#[async_trait]
impl Step for VendorUsers {
    fn words(&self) -> String {
        format!("the team has {} users at the vendor", self.count)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let got = world.vendor.simulated()?.store().live(world.given.realm()).count();
        if got == self.count {
            return Ok(StepResult::Done);
        }
        Err(StepError::Unmet { expected: format!("{} vendor users of the team", self.count), got: got.to_string() })
    }
}
