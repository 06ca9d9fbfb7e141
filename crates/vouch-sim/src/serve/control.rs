//! `POST /control/{hook}`: the hooks of a target file, which the vendor API does not offer. A separate key guards them.

use super::ctl::{self, CTL_WORD};
use super::proxy::Recording;
use crate::mock_cloud::MockCloud;
use crate::wire::{WireRequest, WireResponse};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;
use vouch_spec::protocol::{Control as Hook, Environment, Realm, Region};

/// The header that carries the control key.
pub const CONTROL_HEADER: &str = "x-vouch-control";
/// The environment variables with the server's URL and control key for a hook.
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
pub(super) struct ControlEndpoint {
    pub key: String,
}

impl ControlEndpoint {
    pub fn new() -> Self {
        Self { key: format!("control-{}", Uuid::new_v4().simple()) }
    }

    pub fn answer(
        &self,
        cloud: &MockCloud,
        recording: Option<&Recording>,
        word: &str,
        request: &WireRequest,
    ) -> WireResponse {
        let reply = |status, detail: &str| WireResponse::json(status, &json!({ "detail": detail }));
        if request.method != Method::POST {
            return reply(StatusCode::METHOD_NOT_ALLOWED, "control calls are POSTs");
        }
        if request.header(CONTROL_HEADER) != Some(&self.key) {
            return reply(StatusCode::UNAUTHORIZED, "x-vouch-control does not hold this server's control key");
        }
        if word == CTL_WORD {
            let command = match serde_json::from_slice(&request.body) {
                Ok(command) => command,
                Err(error) => {
                    let what = format!("the command cannot be read; is this `vouch` of the server's version? {error}");
                    return reply(StatusCode::UNPROCESSABLE_ENTITY, &what);
                }
            };
            return match ctl::perform(cloud, recording, command) {
                Ok(text) => reply(StatusCode::OK, &text),
                Err(why) => reply(StatusCode::CONFLICT, &why),
            };
        }
        let body: ControlRequest = match serde_json::from_slice(&request.body) {
            Ok(body) => body,
            Err(error) => return reply(StatusCode::UNPROCESSABLE_ENTITY, &format!("the body cannot be read: {error}")),
        };
        let realm = Realm { environment: body.environment, region: body.region };
        match Hook::parse(word) {
            Some(Hook::Advance) => cloud.set_ahead(Duration::from_secs(body.seconds)),
            Some(Hook::Revoke) => {
                cloud.revoke(realm, &body.user_id);
            }
            Some(Hook::RefuseAccessTokens) => cloud.store().refuse_access_tokens(realm, &body.user_id),
            _ => return reply(StatusCode::NOT_FOUND, "the hooks are advance, revoke and refuseAccessTokens"),
        }
        reply(StatusCode::OK, "done")
    }
}
