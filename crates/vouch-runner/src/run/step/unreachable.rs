//! `hosts`: from the next launch on, a server cannot be reached at all.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_sim::wire::{Unreachable as WireUnreachable, UnreachableKind};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unreachable {
    /// What is wrong with the identity provider's address; left out, nothing.
    #[serde(default)]
    auth: Option<UnreachableKind>,
    /// What is wrong with the API's address; left out, nothing.
    #[serde(default)]
    api: Option<UnreachableKind>,
}

pub(super) const KIND: StepKind = StepKind::new::<Unreachable>(
    "unreachable",
    "From the next launch on, a server cannot be reached: its name, port or certificate is wrong.",
);

#[async_trait]
impl Step for Unreachable {
    fn words(&self) -> String {
        let of = |host: &str, why: Option<UnreachableKind>| why.map(|why| format!("the {host} {}", why.words()));
        let words: Vec<_> = [of("identity provider", self.auth), of("API", self.api)].into_iter().flatten().collect();
        if words.is_empty() { "all servers can be reached again".into() } else { words.join(" and ") }
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let open = async |why: Option<UnreachableKind>| match why {
            Some(why) => WireUnreachable::open(why).await.map(Some),
            None => Ok(None),
        };
        let failed = |error| StepError::Harness(format!("cannot open an address: {error}"));
        let (auth, api) = (open(self.auth).await.map_err(failed)?, open(self.api).await.map_err(failed)?);
        world.device.set_hosts(auth, api);
        Ok(StepResult::Done)
    }
}
