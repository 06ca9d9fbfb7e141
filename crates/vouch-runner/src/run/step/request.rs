//! Executes `request`.

use super::Execute;
use crate::run::device::Called;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use vouch_spec::protocol::{
    SdkMethod,
    message::{self, Requested},
};
use vouch_spec::scenario::Text;
use vouch_spec::step::{Request, method_and_path};

#[async_trait]
impl Execute for Request {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let call = world.text(&self.call)?;
        let Some((method, path)) = method_and_path(&call) else {
            return Err(StepError::Scenario(format!("`{call}` is not a method and a path")));
        };
        let body = json_body(&self.json, world)?;
        let params = message::Request { method: method.to_owned(), path: path.to_owned(), body: body.clone() };
        let asked = world.sdk.record_request(method, path, body);
        let called = world.sdk.call::<Requested>(SdkMethod::Request, params).await?;
        let refused = if let Called::Refused { kind, .. } = &called { Some(*kind) } else { None };
        world.sdk.record_request_end(asked, refused);
        Ok(match called {
            Called::Ok(answer) => {
                if (200..300).contains(&answer.status) {
                    check_body(self, world, &answer.body)?;
                }
                StepResult::Http { status: answer.status }
            }
            Called::Refused { kind, text } => StepResult::Refused { kind, text },
            Called::Killed => StepResult::Killed,
        })
    }
}

/// The body to send, if there is one.
fn json_body(fields: &BTreeMap<String, Text>, world: &World) -> Result<Option<Value>, StepError> {
    if fields.is_empty() {
        return Ok(None);
    }
    let field = |(name, text): (&String, &Text)| Ok((name.clone(), Value::String(world.text(text)?)));
    Ok(Some(Value::Object(fields.iter().map(field).collect::<Result<_, StepError>>()?)))
}

fn check_body(step: &Request, world: &World, body: &Value) -> Result<(), StepError> {
    for (field, wanted) in &step.body {
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
