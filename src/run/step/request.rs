//! `request`: the app has the SDK call the vendor API with its own credentials.

use super::{Answer, Halt, Step, StepKind};
use crate::protocol::message::{self, Requested};
use crate::run::device::Called;
use crate::run::world::World;
use crate::scenario::Text;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// Method and path, for example `GET /v2/user/$ada.id`.
    call: Text,
}

pub(super) const KIND: StepKind =
    StepKind::new::<Request>("request", "Calls the vendor API with the SDK's own credentials.").answers();

#[async_trait]
impl Step for Request {
    fn words(&self) -> String {
        format!("request {}", self.call.0)
    }

    async fn run(&self, world: &Arc<World>) -> Result<Answer, Halt> {
        let call = world.text(&self.call)?;
        let Some((method, path)) = call.split_once(' ') else {
            return Err(Halt::Scenario(format!("`{call}` is no method and path")));
        };
        let params = message::Request { method: method.to_owned(), path: path.trim().to_owned() };
        Ok(match world.call::<Requested>("request", params).await? {
            Called::Ok(answer) => Answer::Http { status: answer.status },
            Called::Refused { kind, text } => Answer::Refused { kind, text },
            Called::Killed => Answer::Killed,
        })
    }
}
