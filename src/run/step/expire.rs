//! `expire`: time passes until a kind of token issued so far has expired. Costs real time where the SDK keeps its own clock.

use super::{Answer, Halt, Step, StepKind};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expire {
    what: Token,
}

pub(super) const KIND: StepKind = StepKind::new::<Expire>("expire", "Time passes until the tokens issued so far have expired.");

#[async_trait]
impl Step for Expire {
    fn words(&self) -> String {
        match self.what {
            Token::AccessToken => "the access token expires".into(),
            Token::SignInToken => "the sign-in token expires".into(),
        }
    }

    async fn run(&self, world: &Arc<World>) -> Result<Answer, Halt> {
        let behaviour = world.cloud.behaviour();
        let lifetime = match self.what {
            Token::AccessToken => behaviour.access_token_lifetime,
            Token::SignInToken => behaviour.sign_in_token_lifetime,
        };
        world.clock.advance(lifetime + Duration::from_secs(1)).await;
        world.device.tell_time().await?;
        Ok(Answer::Done)
    }
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Token {
    AccessToken,
    SignInToken,
}
