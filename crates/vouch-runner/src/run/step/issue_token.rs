//! `issueToken`: the app gets a sign-in token from its backend. Another environment or region means another team there, whose vendor knows a user of the same id: only the place differs.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::app::request_token;
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_sim::mock_cloud::TokenShape;
use vouch_spec::protocol::{Control, Environment, Realm, Region};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssueToken {
    /// A person of the scenario.
    pub user: String,
    /// The name of the token from here on.
    #[serde(rename = "as")]
    pub bind: String,
    #[serde(default)]
    environment: Option<Environment>,
    #[serde(default)]
    region: Option<Region>,
    /// The claims' encoding contains `-` and `_`.
    #[serde(default)]
    url_safe_characters: bool,
    /// How many `=` end the token.
    #[serde(default)]
    padding: Option<u8>,
    /// The user id in the token stands in capitals.
    #[serde(default)]
    capital_user_id: bool,
}

pub(super) const KIND: StepKind =
    StepKind::new::<IssueToken>("issueToken", "Has the backend issue a sign-in token for a person.").answers().person();

impl IssueToken {
    /// The token's shape; only a cloud of our own can make another than the usual one.
    pub fn shape(&self) -> TokenShape {
        TokenShape {
            url_safe_characters: self.url_safe_characters,
            padding: self.padding,
            capital_user_id: self.capital_user_id,
        }
    }
}

#[async_trait]
impl Step for IssueToken {
    fn demands(&self) -> &'static [Control] {
        if self.shape() == TokenShape::default() { &[] } else { &[Control::Shape] }
    }

    fn realm(&self, home: Realm) -> Realm {
        Realm { environment: self.environment.unwrap_or(home.environment), region: self.region.unwrap_or(home.region) }
    }

    fn words(&self) -> String {
        let place: Vec<_> =
            [self.environment.map(Environment::word), self.region.map(Region::word)].into_iter().flatten().collect();
        let place = if place.is_empty() { String::new() } else { format!(" in {}", place.join(" ")) };
        format!("a sign-in token for {}{place}", self.user)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let home = world.given.realm();
        let realm = self.realm(home);
        let person = world.person(&self.user)?;
        if realm != home {
            world.vendor.add_user(realm, &person.external_id, person.id.clone()).await?;
        }
        let shape = self.shape();
        let token = if shape == TokenShape::default() {
            match request_token(world, &self.user, realm).await? {
                Ok(token) => token,
                Err(failed) => return Ok(StepResult::Refused { kind: failed.kind, text: failed.text }),
            }
        } else {
            let id = world.user_id(&self.user)?;
            let unsigned = || StepError::Harness("no sign-in token of this shape could be made".into());
            world.vendor.simulated()?.sign_in_token(realm, &id, &shape).ok_or_else(unsigned)?
        };
        world.bind(&self.bind, token);
        Ok(StepResult::Ok)
    }
}
