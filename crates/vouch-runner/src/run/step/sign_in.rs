//! `signIn`: the app signs in with a sign-in token.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_spec::protocol::message;
use vouch_spec::scenario::Text;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignIn {
    /// For example `$token`.
    pub token: Text,
}

pub(super) const KIND: StepKind = StepKind::new::<SignIn>("signIn", "Signs in with a sign-in token.").answers();

#[async_trait]
impl Step for SignIn {
    fn words(&self) -> String {
        format!("signIn with {}", self.token.0)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.tell("signIn", message::SignIn { token: world.text(&self.token)? }).await
    }
}
