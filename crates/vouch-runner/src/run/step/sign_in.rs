//! `signIn`: the app signs in with a sign-in token.

use super::{Answer, Halt, Step, StepKind};
use vouch_spec::protocol::message;
use crate::run::world::World;
use vouch_spec::scenario::Text;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

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

    async fn run(&self, world: &Arc<World>) -> Result<Answer, Halt> {
        world.tell("signIn", message::SignIn { token: world.text(&self.token)? }).await
    }
}
