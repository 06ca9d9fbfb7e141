//! Executes `currentUser`.

use super::Execute;
use crate::run::device::Called;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use serde_json::json;
use std::sync::Arc;
use vouch_spec::protocol::{SdkMethod, message};
use vouch_spec::scenario::Text;
use vouch_spec::step::{CurrentUser, NO_USER};

#[async_trait]
impl Execute for CurrentUser {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let got = match world.sdk.call::<message::CurrentUser>(SdkMethod::CurrentUserId, json!({})).await? {
            Called::Ok(message::CurrentUser { user_id }) => user_id,
            Called::Refused { kind, text } => return Ok(StepResult::Refused { kind, text }),
            Called::Killed => return Ok(StepResult::Killed),
        };
        let allowed =
            self.is.iter().chain(&self.is_one_of).map(|user| resolve(user, world)).collect::<Result<Vec<_>, _>>()?;
        if !allowed.is_empty() && !allowed.iter().any(|user| is_same(user.as_deref(), got.as_deref())) {
            let expected: Vec<_> = allowed.iter().map(|user| words(user.as_deref())).collect();
            return Err(StepError::Unmet { expected: expected.join(" or "), got: words(got.as_deref()) });
        }
        if let Some(user) = &self.not {
            let forbidden = resolve(user, world)?;
            if is_same(forbidden.as_deref(), got.as_deref()) {
                let expected = format!("any but {}", words(forbidden.as_deref()));
                return Err(StepError::Unmet { expected, got: words(got.as_deref()) });
            }
        }
        if let Some(name) = &self.bind {
            world.bind(name, got.unwrap_or_else(|| NO_USER.into()));
        }
        Ok(StepResult::Done)
    }
}

/// The id of a user; `None` for `none`.
fn resolve(user: &Text, world: &World) -> Result<Option<String>, StepError> {
    let id = world.text(user)?;
    Ok(Some(id).filter(|id| id != NO_USER))
}

fn is_same(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (None, None) => true,
        _ => false,
    }
}

fn words(user: Option<&str>) -> String {
    user.map_or("no user".to_owned(), |id| format!("the user {id}"))
}
