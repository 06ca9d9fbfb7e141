//! `storage`: what the device keeps. `clean` means no secret and no user id of this case anywhere.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_sim::wire::redact::SecretKind;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Storage {
    #[serde(default)]
    is: Option<Clean>,
    /// Kinds of secret that must be nowhere.
    #[serde(default)]
    lacks: Vec<Secret>,
}

pub(super) const KIND: StepKind = StepKind::new::<Storage>("storage", "Checks what the device keeps.");

#[async_trait]
impl Step for Storage {
    fn words(&self) -> String {
        match &self.is {
            Some(Clean::Clean) => "storage is clean".into(),
            None => {
                format!("storage lacks {}", self.lacks.iter().map(|s| s.kind().words()).collect::<Vec<_>>().join(", "))
            }
        }
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let items = world.device.items().await?;
        // An app learns both from its sign-in token only.
        let realm = world.given.realm();
        let configuration = self.is.as_ref().map(|_| {
            [("the project's public key", world.vendor.public_key(realm)), ("the tenant", world.vendor.tenant(realm))]
        });
        for item in &items {
            let text = format!("{}={}", item.key, item.value);
            let secrets = world.redactor.secrets_in(&text);
            let found = secrets
                .iter()
                .find(|known| self.is.is_some() || self.lacks.iter().any(|lacked| lacked.kind() == known.kind));
            let place = || format!("the {} item `{}`", item.area.word(), item.key);
            if let Some(known) = found {
                return Err(StepError::Unmet {
                    expected: format!("no {} in storage", known.kind.words()),
                    got: format!("{} in {}", known.name, place()),
                });
            }
            let Some(configuration) = &configuration else { continue };
            let stays = |(_, value): &&(&str, String)| !value.is_empty() && text.contains(value.as_str());
            if let Some((what, _)) = configuration.iter().find(stays) {
                return Err(StepError::Unmet {
                    expected: "nothing of the session or its configuration in storage".into(),
                    got: format!("{what} in {}", place()),
                });
            }
            if let Some(name) = world.somebody_in(&text) {
                return Err(StepError::Unmet {
                    expected: "nothing of the session in storage".into(),
                    got: format!("the id of {name} in {}", place()),
                });
            }
        }
        Ok(StepResult::Done)
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Clean {
    Clean,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Secret {
    SignInToken,
    AccessToken,
    RefreshToken,
    ApiKey,
}

impl Secret {
    fn kind(self) -> SecretKind {
        match self {
            Secret::SignInToken => SecretKind::SignInToken,
            Secret::AccessToken => SecretKind::AccessToken,
            Secret::RefreshToken => SecretKind::RefreshToken,
            Secret::ApiKey => SecretKind::ApiKey,
        }
    }
}
