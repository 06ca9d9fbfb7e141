//! What no call of the API does: `POST /control/{hook}`, for the hooks of a target file. Guarded by a key of its own.

use crate::mock_cloud::MockCloud;
use crate::wire::{Received, Reply};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;
use vouch_spec::protocol::{Control as Hook, Environment, Realm, Region};

/// The header that carries the control key.
pub const CONTROL_HEADER: &str = "x-vouch-control";
/// The environment variables that tell a hook where the server is, and the key.
pub const CONTROL_URL: &str = "VOUCH_CONTROL_URL";
pub const CONTROL_KEY: &str = "VOUCH_CONTROL_KEY";

/// The body of a control call. `advance` needs `seconds` only, the others all but that.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ControlRequest {
    pub environment: Environment,
    pub region: Region,
    #[serde(default)]
    pub user_id: String,
    #[serde(default)]
    pub seconds: u64,
}

/// The guard of the control calls.
pub(super) struct Control {
    pub key: String,
}

impl Control {
    pub fn new() -> Self {
        Self { key: format!("control-{}", Uuid::new_v4().simple()) }
    }

    pub fn answer(&self, cloud: &MockCloud, word: &str, request: &Received) -> Reply {
        let say = |status, detail: &str| Reply::json(status, &json!({ "detail": detail }));
        if request.method != Method::POST {
            return say(StatusCode::METHOD_NOT_ALLOWED, "control calls are POSTs");
        }
        if request.header(CONTROL_HEADER) != Some(&self.key) {
            return say(StatusCode::UNAUTHORIZED, "x-vouch-control does not hold this server's control key");
        }
        let order: ControlRequest = match serde_json::from_slice(&request.body) {
            Ok(order) => order,
            Err(error) => return say(StatusCode::UNPROCESSABLE_ENTITY, &format!("the body cannot be read: {error}")),
        };
        let realm = Realm { environment: order.environment, region: order.region };
        match Hook::parse(word) {
            Some(Hook::Advance) => cloud.set_ahead(Duration::from_secs(order.seconds)),
            Some(Hook::Revoke) => {
                cloud.store().revoke(realm, &order.user_id);
            }
            Some(Hook::RefuseAccessTokens) => cloud.store().refuse_access_tokens(realm, &order.user_id),
            _ => return say(StatusCode::NOT_FOUND, "there are advance, revoke and refuseAccessTokens"),
        }
        say(StatusCode::OK, "done")
    }
}
