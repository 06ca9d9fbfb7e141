//! The harness's side of the conversation with one process: its clock, its callback, what it says of itself.

use crate::clock::Clock;
use crate::protocol::message::{self, Status};
use crate::protocol::{Refusal, StatusWord};
use crate::seat::Ears;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Who answers the SDK's authenticate callback.
#[async_trait]
pub(super) trait Authenticator: Send + Sync {
    async fn authenticate(&self, external_user_id: &str) -> Result<String, Refusal>;
}

/// What the SDK's process said of itself.
#[derive(Default)]
pub(super) struct Heard {
    pub statuses: Vec<Vec<StatusWord>>,
    pub logs: String,
}

/// The harness's side of the conversation with one process.
pub(super) struct SdkEars {
    pub clock: Clock,
    pub clock_off_ms: Arc<AtomicI64>,
    pub heard: Arc<Mutex<Heard>>,
    pub authenticator: Option<Arc<dyn Authenticator>>,
}

/// How much of the SDK's log is kept, in bytes.
const LOG_LIMIT: usize = 1 << 20;

#[async_trait]
impl Ears for SdkEars {
    async fn request(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        match method {
            "sleep" => {
                let sleep: message::Sleep =
                    serde_json::from_value(params).map_err(|why| Refusal::bad_params(method, &why))?;
                self.clock.sleep(Duration::from_millis(sleep.milliseconds)).await;
                Ok(json!({ "now": self.clock.now_ms().saturating_add(self.clock_off_ms.load(Ordering::Relaxed)) }))
            }
            "authenticate" => {
                let who: message::Authenticate =
                    serde_json::from_value(params).map_err(|why| Refusal::bad_params(method, &why))?;
                let Some(authenticator) = &self.authenticator else { return Err(Refusal::unknown_method(method)) };
                let token = authenticator.authenticate(&who.external_user_id).await?;
                Ok(json!({ "token": token }))
            }
            _ => Err(Refusal::unknown_method(method)),
        }
    }

    fn notification(&self, method: &str, params: Value) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        match method {
            "statusChanged" => {
                if let Ok(told) = serde_json::from_value::<Status>(params) {
                    heard.statuses.push(told.status);
                }
            }
            "log" => {
                if let Ok(line) = serde_json::from_value::<message::Log>(params)
                    && heard.logs.len() < LOG_LIMIT
                {
                    heard.logs.push_str(&line.text);
                    heard.logs.push('\n');
                }
            }
            _ => {}
        }
    }
}
