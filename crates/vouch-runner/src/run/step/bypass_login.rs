//! Executes `bypass_login`.

use super::token_request::{send, token_in};
use super::{Execute, attempts};
use crate::run::step_result::{StepError, StepResult};
use crate::run::vendor::record_sign_in_token;
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_sim::wire::Party;
use vouch_spec::step::{BypassLogin, BypassTechnique};

/// What is expected of each request.
const EXPECTED: &str = "neither a sign-in token nor a call to the vendor without a valid credential";

#[async_trait]
impl Execute for BypassLogin {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let issuer = world.backends.get(world.given.realm()).await?;
        let person = world.users.get(&self.user)?;
        let session = issuer.backend.session(&person.external_id, &world.redactor).await;
        let session = session.map_err(|failure| StepError::Backend(failure.error))?;
        let call = issuer.backend.token_call();
        let bypass =
            attempts::Bypass { call: &call, session: &session, user: &person.external_id, id: person.id.as_deref() };
        let tries = bypass.all(self.technique);
        if tries.is_empty() && self.technique == BypassTechnique::Jwt {
            return Err(StepError::NotApplicable("the credential of the app is not a JWT".into()));
        }
        for one in tries {
            let mark = world.transcript.len();
            let reply = send(&one.call, world, &issuer).await;
            let unmet = |got: String| Err(StepError::Unmet { expected: EXPECTED.into(), got });
            let calls = world.transcript.since(mark);
            if calls.iter().any(|exchange| exchange.link.from == Party::Backend) {
                return unmet(format!("a call to the vendor, for {}", one.about));
            }
            // No answer is no token; whether the backend still serves is what the next step shows.
            let Ok(reply) = reply else { continue };
            if (200..300).contains(&call.status(&reply))
                && let Some(token) = call.token.read(&reply)
                && super::check_token::owner_of(&token).is_ok()
            {
                record_sign_in_token(&world.redactor, &token);
                return unmet(format!("a sign-in token, for {}", one.about));
            }
            if let Some(name) = token_in(&reply, world) {
                return unmet(format!("the {name}, for {}", one.about));
            }
        }
        Ok(StepResult::Done)
    }
}
