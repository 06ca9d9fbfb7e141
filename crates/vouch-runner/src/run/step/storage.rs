//! Executes `storage`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_sim::wire::redact::SecretKind;
use vouch_spec::step::{Storage, StoredSecret};

#[async_trait]
impl Execute for Storage {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let items = world.device.items().await?;
        // An app learns all three from its sign-in token only.
        let realm = world.given.realm();
        let configuration = self.is.as_ref().map(|_| {
            let vendor = &world.vendor;
            [
                ("the project's public key", vendor.public_key(realm)),
                ("the tenant", vendor.tenant(realm)),
                ("the id of the team", vendor.team(realm)),
            ]
        });
        for item in &items {
            let text = format!("{}={}", item.key, item.value);
            let secrets = world.redactor.secrets_in(&text);
            let found = secrets
                .iter()
                .find(|known| self.is.is_some() || self.lacks.iter().any(|lacked| secret_kind(*lacked) == known.kind));
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
            if let Some(name) = world.users.find_in(&text) {
                return Err(StepError::Unmet {
                    expected: "nothing of the session in storage".into(),
                    got: format!("the id of {name} in {}", place()),
                });
            }
        }
        Ok(StepResult::Done)
    }
}

fn secret_kind(secret: StoredSecret) -> SecretKind {
    match secret {
        StoredSecret::SignInToken => SecretKind::SignInToken,
        StoredSecret::AccessToken => SecretKind::AccessToken,
        StoredSecret::RefreshToken => SecretKind::RefreshToken,
        StoredSecret::ApiKey => SecretKind::ApiKey,
    }
}
