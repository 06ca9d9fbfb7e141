//! Executes `current_user`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use serde_json::json;
use std::sync::Arc;
use vouch_spec::protocol::{SdkMethod, message};
use vouch_spec::step::CurrentUser;

#[async_trait]
impl Execute for CurrentUser {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let got = world.sdk.call_ok::<message::CurrentUser>(SdkMethod::CurrentUserId, json!({})).await?.user_id;
        let wanted = match self.is.0.as_str() {
            "none" => None,
            _ => Some(world.text(&self.is)?),
        };
        let same = match (&wanted, &got) {
            (Some(wanted), Some(got)) => wanted.eq_ignore_ascii_case(got),
            (None, None) => true,
            _ => false,
        };
        if same {
            return Ok(StepResult::Done);
        }
        let words = |user: Option<String>| user.map_or("nobody".to_owned(), |id| format!("the user {id}"));
        Err(StepError::Unmet { expected: words(wanted), got: words(got) })
    }
}
