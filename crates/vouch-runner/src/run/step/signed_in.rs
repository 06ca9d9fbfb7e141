//! `signedIn`: prepares an installation that is signed in with a sign-in token.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::app::request_token;
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_spec::protocol::message::SignIn;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedIn {
    /// A person of the scenario.
    pub user: String,
}

pub(super) const KIND: StepKind =
    StepKind::new::<SignedIn>("signedIn", "Prepares: the person is signed in with a sign-in token.")
        .answers()
        .clause("EXC-1")
        .person();

#[async_trait]
impl Step for SignedIn {
    fn words(&self) -> String {
        format!("given: {} is signed in", self.user)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let token = match request_token(world, &self.user, world.given.realm()).await? {
            Ok(token) => token,
            Err(failed) => return Ok(StepResult::Refused { kind: failed.kind, text: failed.text }),
        };
        world.tell("signIn", SignIn { token }).await
    }
}
