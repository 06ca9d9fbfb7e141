//! Executes `check_token`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_sim::reference::sdk::policy::DefaultSdkPolicy;
use vouch_sim::reference::sdk::token::SignInToken;
use vouch_spec::step::CheckToken;

#[async_trait]
impl Execute for CheckToken {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let unmet = |expected: String, got: String| Err(StepError::Unmet { expected, got });
        let token = match SignInToken::parse(&world.text(&self.token)?, &DefaultSdkPolicy) {
            Ok(token) => token,
            Err(error) => return unmet("a well-formed sign-in token".into(), error.text),
        };
        if let Some(environment) = self.environment.filter(|wanted| *wanted != token.realm.environment) {
            return unmet(format!("a token of {environment}"), format!("one of {}", token.realm));
        }
        if let Some(region) = self.region.filter(|wanted| *wanted != token.realm.region) {
            return unmet(format!("a token of {region}"), format!("one of {}", token.realm));
        }
        if let Some(wanted) = &self.user_id {
            owned(&token, &world.text(wanted)?)?;
        }
        if let Some(most) = self.lives_at_most {
            let began = token.issued_at_s.unwrap_or_else(|| world.clock.now_s());
            let left = token.expires_at_s.map(|end| end - began);
            if left.is_none_or(|left| left > most) {
                let got = left.map_or("one without end".into(), |left| format!("{left} s"));
                return unmet(format!("a token that lives at most {most} s"), got);
            }
        }
        Ok(StepResult::Done)
    }
}

/// The vendor user of a token.
pub(in crate::run) fn owner_of(token: &str) -> Result<String, StepError> {
    let error = |error: vouch_sim::reference::sdk::SdkError| StepError::Unmet {
        expected: "a well-formed sign-in token".into(),
        got: error.text,
    };
    SignInToken::parse(token, &DefaultSdkPolicy).map(|token| token.user_id).map_err(error)
}

/// Whether a token is of a vendor user.
pub(super) fn check_owner(token: &str, wanted: &str) -> Result<(), StepError> {
    match SignInToken::parse(token, &DefaultSdkPolicy) {
        Ok(token) => owned(&token, wanted),
        Err(error) => Err(StepError::Unmet { expected: "a well-formed sign-in token".into(), got: error.text }),
    }
}

fn owned(token: &SignInToken, wanted: &str) -> Result<(), StepError> {
    if wanted.eq_ignore_ascii_case(&token.user_id) {
        return Ok(());
    }
    Err(StepError::Unmet {
        expected: format!("a token of the user {wanted}"),
        got: format!("one of {}", token.user_id),
    })
}
