//! `request`: the app has the SDK call the vendor API with its own credentials.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::device::Called;
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use vouch_spec::protocol::message::{self, Requested};
use vouch_spec::scenario::Text;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// Method and path, for example `GET /v2/user/$ada.id`.
    pub call: Text,
    /// Fields that the JSON body of a 2xx answer must have, with these values.
    #[serde(default)]
    pub body: BTreeMap<String, Text>,
}

pub(super) const KIND: StepKind =
    StepKind::new::<Request>("request", "Calls the vendor API with the SDK's own credentials.").answers();

#[async_trait]
impl Step for Request {
    fn words(&self) -> String {
        format!("request {}", self.call.0)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let call = world.text(&self.call)?;
        let Some((method, path)) = line(&call) else {
            return Err(StepError::Scenario(format!("`{call}` is no method and path")));
        };
        let params = message::Request { method: method.to_owned(), path: path.to_owned() };
        let asked = world.note_request(method, path);
        let called = world.call::<Requested>("request", params).await?;
        let refused = if let Called::Refused { kind, .. } = &called { Some(*kind) } else { None };
        world.note_request_ended(asked, refused);
        Ok(match called {
            Called::Ok(answer) => {
                if (200..300).contains(&answer.status) {
                    self.judge_body(world, &answer.body)?;
                }
                StepResult::Http { status: answer.status }
            }
            Called::Refused { kind, text } => StepResult::Refused { kind, text },
            Called::Killed => StepResult::Killed,
        })
    }
}

impl Request {
    fn judge_body(&self, world: &World, body: &Value) -> Result<(), StepError> {
        for (field, wanted) in &self.body {
            let wanted = world.text(wanted)?;
            let got = match body.get(field) {
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
                None => "none".to_owned(),
            };
            if got != wanted {
                return Err(StepError::Unmet { expected: format!("`{field}`: {wanted} in the answer's body"), got });
            }
        }
        Ok(())
    }
}

/// Method and path of a call.
pub fn line(call: &str) -> Option<(&str, &str)> {
    call.split_once(' ').map(|(method, path)| (method, path.trim()))
}
