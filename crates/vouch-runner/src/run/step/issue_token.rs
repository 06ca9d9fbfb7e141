//! Executes `issue_token`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_sim::sign_in_token::TokenParts;
use vouch_spec::step::{IssueToken, StepFields as _, TokenShape};

#[async_trait]
impl Execute for IssueToken {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let home = world.given.realm();
        let realm = self.realm(home);
        let person = world.users.get(&self.user)?;
        if realm != home {
            world.vendor.add_user(realm, &person.external_id, person.id.clone()).await?;
        }
        let shape = self.shape();
        let token = if shape == TokenShape::default() {
            match world.app.request_token(&self.user, realm).await? {
                Ok(token) => token,
                Err(failed) => return Ok(StepResult::Refused { kind: failed.kind, text: failed.text }),
            }
        } else {
            let id = world.users.id(&self.user)?;
            let unsigned = || StepError::Harness("no sign-in token of this shape could be made".into());
            world.vendor.simulated()?.sign_in_token(realm, &id, &shape).ok_or_else(unsigned)?
        };
        world.bind(&format!("{}.jwt", self.bind), TokenParts::of(&token).jwt);
        world.bind(&self.bind, token);
        Ok(StepResult::Ok)
    }
}
