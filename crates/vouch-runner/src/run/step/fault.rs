//! Executes `fault`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use vouch_sim::wire::{FaultContext, FaultEffect, FaultRule, Operation};
use vouch_spec::profile::{AnswerMember, IdpCall};
use vouch_spec::step::{Fault, TokenField};

#[async_trait]
impl Execute for Fault {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let body = self.body.as_ref().map(|text| world.text(text)).transpose()?;
        let mut headers = Vec::new();
        for (name, value) in &self.headers {
            headers.push((name.clone(), world.text(value)?));
        }
        if let Some(seconds) = self.retry_after_date {
            let now_ms = world.clock.now_ms();
            headers.push(("retry-after".to_owned(), date(now_ms, seconds)));
            // An SDK may count from the date of the answer. Without this one, it would be that of the machine.
            headers.push(("date".to_owned(), date(now_ms, 0)));
        }
        let foreign = world.device.foreign_base(world.given.realm(), self.on == Some(Operation::Api));
        let omit = omitted(self, world)?;
        let effect = FaultEffect::of(self, FaultContext { body, headers, omit, foreign });
        world.faults.add(FaultRule { on: self.on, effect, description: self.effect(), times: self.times });
        Ok(StepResult::Done)
    }
}

/// The JSON pointers of the omitted fields. An answer that may lack them is no fault.
fn omitted(fault: &Fault, world: &World) -> Result<Vec<String>, StepError> {
    let call = if fault.on == Some(Operation::Refresh) { IdpCall::Refresh } else { IdpCall::Exchange };
    let answer = &world.profile.shape(call).answer;
    let required = |member, pointer: &Option<String>| pointer.clone().filter(|_| world.profile.requires(call, member));
    let pointer = |field: &TokenField| {
        let pointer = match field {
            TokenField::AccessToken => Some(answer.access_token.clone()),
            TokenField::RefreshToken => required(AnswerMember::RefreshToken, &answer.refresh_token),
            TokenField::ExpiresIn => required(AnswerMember::ExpiresIn, &answer.expires_in),
        };
        let why = || "the wire profile does not require the member that the answer would lack".to_owned();
        pointer.ok_or_else(|| StepError::NotApplicable(why()))
    };
    fault.omit.iter().map(pointer).collect()
}

/// The date in so many seconds, in the time of the case (RFC 9110 section 5.6.7).
fn date(now_ms: i64, seconds: u64) -> String {
    let now = Duration::from_millis(u64::try_from(now_ms).unwrap_or_default());
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + now + Duration::from_secs(seconds))
}
