//! `vendorUsers`: how many vendor users a person has (ISS-2).

use super::{Answer, Halt, Step, StepKind};
use vouch_spec::protocol::Control;
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

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

    async fn run(&self, world: &Arc<World>) -> Result<Answer, Halt> {
        let got = world.vendor.simulated()?.store().live(world.given.realm()).count();
        if got == self.count {
            return Ok(Answer::Done);
        }
        Err(Halt::Unmet { expected: format!("{} vendor users of the team", self.count), got: got.to_string() })
    }
}
