//! Executes `unreachable`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_sim::wire::UnreachableAddress;
use vouch_spec::step::{Unreachable, UnreachableKind};

#[async_trait]
impl Execute for Unreachable {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let open = async |why: Option<UnreachableKind>| match why {
            Some(why) => UnreachableAddress::open(why).await.map(Some),
            None => Ok(None),
        };
        let failed = |error| StepError::Harness(format!("cannot open an address: {error}"));
        let (auth, api) = (open(self.auth).await.map_err(failed)?, open(self.api).await.map_err(failed)?);
        world.device.set_unreachable(auth, api);
        Ok(StepResult::Done)
    }
}
