//! Executes `expire`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use vouch_sim::clock::ClockMode;
use vouch_spec::scenario::Text;
use vouch_spec::step::{Expire, ExpiringToken};

/// The longest time that a step waits in real time for an announced end.
const MAX_REAL_WAIT: Duration = Duration::from_secs(60);

#[async_trait]
impl Execute for Expire {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let mode = world.clock.mode();
        // An SDK takes its own access token for expired without leeway; what a server accepts is asked by session.
        let leeway = match (&self.session, self.what) {
            (None, ExpiringToken::AccessToken) => Duration::ZERO,
            _ => world.vendor.clock_leeway(mode),
        };
        let lifetimes = world.vendor.lifetimes();
        let left = match (&self.session, self.what) {
            (Some(session), _) => announced(world, session)?,
            (None, ExpiringToken::AccessToken) => lifetimes.access_token,
            (None, ExpiringToken::SignInToken) => lifetimes.sign_in_token,
        };
        let by = match self.seconds_before {
            Some(seconds) => left.saturating_sub(Duration::from_secs(seconds)),
            None => left + leeway + Duration::from_secs(1),
        };
        if mode == ClockMode::Real && self.session.is_some() && by > MAX_REAL_WAIT {
            let seconds = by.as_secs();
            return Err(StepError::NotApplicable(format!(
                "an announced lifetime has {seconds} s left: too long to wait for"
            )));
        }
        world.advance(by).await?;
        if self.seconds_before.is_none() {
            world.update_expiries(|left| match self.what {
                ExpiringToken::AccessToken => left.access_token = left.access_token.saturating_sub(1),
                ExpiringToken::SignInToken => left.sign_in_token = left.sign_in_token.saturating_sub(1),
            });
        }
        Ok(StepResult::Done)
    }
}

/// What is left of the announced lifetime of a session's access token.
fn announced(world: &World, session: &str) -> Result<Duration, StepError> {
    let number = |name: &str| -> Result<i64, StepError> {
        let text = world.text(&Text(format!("${{{session}.{name}}}")))?;
        text.parse().map_err(|_| StepError::Harness(format!("`{text}` is not a number")))
    };
    if world.bound(&format!("{session}.expiresIn")).is_none() {
        let why = "the answer does not say how long the access token lives, nor does `defaultExpiresIn` of the mapping";
        return Err(StepError::NotApplicable(why.into()));
    }
    let end_ms = number("issuedMs")?.saturating_add(number("expiresIn")?.saturating_mul(1000));
    Ok(Duration::from_millis(u64::try_from(end_ms.saturating_sub(world.clock.now_ms())).unwrap_or_default()))
}
