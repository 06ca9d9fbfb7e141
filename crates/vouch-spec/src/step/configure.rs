//! `configure`: the older API-key scheme. Left-out fields are those of the scenario's own team.

use super::StepFields;
use crate::protocol::Capability;
use crate::protocol::Environment;
use crate::protocol::Region;
use crate::scenario::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Configure {
    /// The team's own key unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
}

fn place_words(environment: Option<Environment>, region: Option<Region>) -> String {
    let words: Vec<_> = [environment.map(Environment::word), region.map(Region::word)].into_iter().flatten().collect();
    if words.is_empty() { String::new() } else { format!(" for {}", words.join(" ")) }
}

impl Configure {
    /// Whether it configures what the scenario's own team has.
    pub fn is_plain(&self) -> bool {
        self.api_key.is_none() && self.environment.is_none() && self.region.is_none()
    }
}

impl StepFields for Configure {
    const NAME: &str = "configure";
    const ABOUT: &str = "API-key scheme: configures team, environment and region.";
    const HAS_RESULT: bool = true;
    const NEEDS: &[Capability] = &[Capability::ApiKey];

    fn describe(&self) -> String {
        let team = place_words(self.environment, self.region);
        format!("configure with an API key{team}")
    }
}
