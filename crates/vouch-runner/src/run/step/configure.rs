//! `configure`: the older API-key scheme. Left-out fields are those of the scenario's own team.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_spec::protocol::{Capability, Environment, Region, message};
use vouch_spec::scenario::Text;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Configure {
    /// The team's own key unless given.
    #[serde(default)]
    api_key: Option<Text>,
    #[serde(default)]
    environment: Option<Environment>,
    #[serde(default)]
    region: Option<Region>,
}

pub(super) const KIND: StepKind =
    StepKind::new::<Configure>("configure", "API-key scheme: configures team, environment and region.")
        .answers()
        .needs(&[Capability::ApiKey]);

#[async_trait]
impl Step for Configure {
    fn words(&self) -> String {
        let team = place_words(self.environment, self.region);
        format!("configure with an API key{team}")
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let home = world.given.realm();
        let api_key = match &self.api_key {
            Some(text) => world.text(text)?,
            None => world.vendor.api_key(home)?,
        };
        let environment = self.environment.unwrap_or(home.environment);
        let region = self.region.unwrap_or(home.region);
        world.tell("configure", message::Configure { api_key, environment, region }).await
    }
}

fn place_words(environment: Option<Environment>, region: Option<Region>) -> String {
    let words: Vec<_> = [environment.map(Environment::word), region.map(Region::word)].into_iter().flatten().collect();
    if words.is_empty() { String::new() } else { format!(" for {}", words.join(" ")) }
}
