//! `expire`: time passes until a kind of token issued so far has expired. Costs real time where the SDK keeps its own clock.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::expiries::Expiries;
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use vouch_spec::protocol::Control;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expire {
    pub what: Token,
}

pub(super) const KIND: StepKind =
    StepKind::new::<Expire>("expire", "Time passes until the tokens issued so far have expired.")
        .demands(&[Control::Advance]);

#[async_trait]
impl Step for Expire {
    fn words(&self) -> String {
        match self.what {
            Token::AccessToken => "the access token expires".into(),
            Token::SignInToken => "the sign-in token expires".into(),
        }
    }

    fn expiries(&self) -> Expiries {
        match self.what {
            Token::AccessToken => Expiries { access_token: 1, ..Expiries::default() },
            Token::SignInToken => Expiries { sign_in_token: 1, ..Expiries::default() },
        }
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let lifetimes = world.vendor.lifetimes();
        let lifetime = match self.what {
            Token::AccessToken => lifetimes.access_token,
            Token::SignInToken => lifetimes.sign_in_token,
        };
        world.advance(lifetime + Duration::from_secs(1)).await?;
        world.update_expiries(|left| match self.what {
            Token::AccessToken => left.access_token = left.access_token.saturating_sub(1),
            Token::SignInToken => left.sign_in_token = left.sign_in_token.saturating_sub(1),
        });
        Ok(StepResult::Done)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Token {
    AccessToken,
    SignInToken,
}
