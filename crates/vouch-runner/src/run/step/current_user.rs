//! `currentUser`: who is signed in, or `none`. Letter case does not count (MIG-10).

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use vouch_spec::protocol::message;
use vouch_spec::scenario::Text;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CurrentUser {
    /// For example `$ada.id`, or `none`.
    is: Text,
}

pub(super) const KIND: StepKind = StepKind::new::<CurrentUser>("currentUser", "Checks who is signed in.");

#[async_trait]
impl Step for CurrentUser {
    fn words(&self) -> String {
        format!("currentUser is {}", self.is.0)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let got = world.ask::<message::CurrentUser>("currentUserId", json!({})).await?.user_id;
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
