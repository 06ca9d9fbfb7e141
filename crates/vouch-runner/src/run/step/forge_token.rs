//! Executes `forge_token`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_sim::forgery::forge_with_keys;
use vouch_sim::sign_in_token::is_jwt;
use vouch_spec::step::ForgeToken;

#[async_trait]
impl Execute for ForgeToken {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let good = world.text(&self.from)?;
        if self.from.0.ends_with(".accessToken") && !is_jwt(&good) {
            return Err(StepError::NotApplicable("the cloud's access tokens are no JWTs".into()));
        }
        let keys = match self.how.needs_public_key() {
            true => world.vendor.public_keys(world.given.realm()).await,
            false => None,
        };
        let forged = forge_with_keys(&good, self.how, keys.as_ref());
        let forged = forged.ok_or_else(|| match self.how.needs_public_key() {
            true => StepError::NotApplicable("the cloud publishes no public key that fits the token".into()),
            false => StepError::Scenario("`from` is no sign-in token and no JWT".into()),
        })?;
        world.bind(&self.bind, forged);
        Ok(StepResult::Done)
    }
}
