//! Executes `impersonate`.

use super::attempts::{Attempt, Naming};
use super::token_request::{no_token_in, send};
use super::{Execute, attempts};
use crate::run::backends::RunningBackend;
use crate::run::step_result::{StepError, StepResult};
use crate::run::vendor::record_sign_in_token;
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::{Impersonate, NamingPlace};

#[async_trait]
impl Execute for Impersonate {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let issuer = world.backends.get(world.given.realm()).await?;
        let (own, other) = (world.users.get(&self.user)?, world.users.get(&self.other)?);
        let mut sessions = Vec::new();
        for person in [&own, &other] {
            let session = issuer.backend.session(&person.external_id, &world.redactor).await;
            sessions.push(session.map_err(|failure| StepError::Backend(failure.error))?);
        }
        if self.place == NamingPlace::Template && sessions[0].credential == sessions[1].credential {
            return Err(StepError::NotApplicable("all users of the target file have the same credential".into()));
        }
        let owner = world.users.id(&self.user)?;
        let mut names = vec![other.external_id];
        names.extend(other.id);
        names.extend(other.client_user_id);
        names.dedup();
        for name in names {
            let values = issuer.backend.values_for_token(&sessions[0], &sessions[0].credential, &own.external_id).await;
            let naming = Naming { session: &sessions[0], values: &values, own: &own.external_id, other: &name };
            let call = issuer.backend.token_call();
            let (whole, single) = attempts::naming(self.place, &call, &naming);
            // A backend that takes a request with all the names, and answers with a token of its own user, ignores each of them.
            if let Some(whole) = whole
                && attempt(&whole, world, &issuer, &owner).await?
            {
                continue;
            }
            for one in single {
                attempt(&one, world, &issuer, &owner).await?;
            }
        }
        Ok(StepResult::Done)
    }
}

/// Sends one request. Returns whether it was answered with a token, which must be of the owner.
async fn attempt(one: &Attempt, world: &World, issuer: &RunningBackend, owner: &str) -> Result<bool, StepError> {
    // No answer is no token; whether the backend still serves is what the next step shows.
    let Ok(reply) = send(&one.call, world, issuer).await else { return Ok(false) };
    let call = issuer.backend.token_call();
    let about = |error| match error {
        StepError::Unmet { expected, got } => StepError::Unmet { expected, got: format!("{got}, for {}", one.about) },
        other => other,
    };
    if !(200..300).contains(&call.status(&reply)) {
        return no_token_in(&reply, world).map(|()| false).map_err(about);
    }
    let Some(token) = call.token.read(&reply) else { return Ok(false) };
    record_sign_in_token(&world.redactor, &token);
    super::check_token::check_owner(&token, owner).map(|()| true).map_err(about)
}
