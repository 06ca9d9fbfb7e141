//! `fault`: the network or a server does wrong on purpose.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use hyper::body::Bytes;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use vouch_sim::wire::{FaultKind, FaultPoint, FaultRule, Operation};
use vouch_spec::scenario::Text;

/// A fault that waits for its exchange. Exactly one of the harms must be given.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// What it strikes; left out, everything.
    #[serde(default)]
    on: Option<Operation>,
    kind: What,
    /// How often it strikes; left out, until `clearFaults`.
    #[serde(default)]
    times: Option<u32>,
    /// With `status`: the Retry-After header, in seconds.
    #[serde(default)]
    retry_after: Option<u64>,
    /// With `status`: the status.
    #[serde(default)]
    status: Option<u16>,
    /// With `status`: the body, as it is.
    #[serde(default)]
    body: Option<Text>,
    /// With `status`: `detail.error_type` of the body.
    #[serde(default)]
    error_type: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum What {
    /// The connection ends before the server does anything.
    LoseRequest,
    /// The server does its part, the answer is lost.
    LoseResponse,
    /// The connection is reset before the server does anything.
    ResetRequest,
    /// The server does its part, then the connection is reset.
    ResetResponse,
    /// The answer comes 200 ms late.
    Delay,
    /// The answer comes in small pieces.
    SlowDrip,
    /// The connection breaks off in the middle of the answer.
    ConnectionCut,
    /// The server does its part and answers 200 with something that is not JSON.
    MalformedBody,
    /// The server does its part; its answer calls itself plain text.
    WrongContentType,
    /// The request reaches the server twice.
    Duplicate,
    /// The request waits for `release` before the server does anything.
    HoldRequest,
    /// The server does its part, the answer waits for `release`.
    HoldResponse,
    /// The SDK's process is killed when its request arrives.
    KillBefore,
    /// The SDK's process is killed when the server has done its part.
    KillAfter,
    /// The server answers `status` and does nothing.
    Status,
    /// The server does its part and answers 200 with an empty body.
    EmptyBody,
    /// The server does its part and answers 200 with HTML.
    HtmlBody,
    /// The server does its part; half of its answer's body is missing.
    TruncatedBody,
    /// The server answers 200 with JSON that lacks what it should have.
    MissingFields,
    /// The server answers 200 with JSON whose fields have wrong types.
    WrongTypes,
}

pub(super) const KIND: StepKind = StepKind::new::<Fault>("fault", "Makes the network or a server do wrong.");

impl Fault {
    fn kind(&self, world: &World) -> Result<FaultKind, StepError> {
        let body = |content_type, text: &'static str| FaultKind::Body {
            content_type,
            body: Bytes::from_static(text.as_bytes()),
        };
        Ok(match self.kind {
            What::LoseRequest => FaultKind::Lose(FaultPoint::Request),
            What::LoseResponse => FaultKind::Lose(FaultPoint::Response),
            What::ResetRequest => FaultKind::Reset(FaultPoint::Request),
            What::ResetResponse => FaultKind::Reset(FaultPoint::Response),
            What::Delay => FaultKind::Delay(Duration::from_millis(200)),
            What::SlowDrip => FaultKind::Drip,
            What::ConnectionCut => FaultKind::BreakOff,
            What::MalformedBody => body("application/json", r#"{"access_token": "a", "refresh_token"#),
            What::WrongContentType => FaultKind::ContentType("text/plain"),
            What::Duplicate => FaultKind::Twice,
            What::HoldRequest => FaultKind::Hold(FaultPoint::Request),
            What::HoldResponse => FaultKind::Hold(FaultPoint::Response),
            What::KillBefore => FaultKind::Kill(FaultPoint::Request),
            What::KillAfter => FaultKind::Kill(FaultPoint::Response),
            What::EmptyBody => body("application/json", ""),
            What::HtmlBody => body("text/html", "<html><body>Welcome to the hotel's Wi-Fi</body></html>"),
            What::TruncatedBody => FaultKind::Truncate,
            What::MissingFields => body("application/json", r#"{"token_type":"Bearer"}"#),
            What::WrongTypes => body(
                "application/json",
                r#"{"access_token":1,"refresh_token":[],"expires_in":{},"idToken":1,"id_token":2,"refreshToken":3,"user_id":7,"sign_in_token":[]}"#,
            ),
            What::Status => {
                let status = self
                    .status
                    .ok_or_else(|| StepError::Scenario("the kind `status` needs the field `status`".into()))?;
                let body = match (&self.body, &self.error_type) {
                    (Some(text), _) => world.text(text)?,
                    (None, Some(word)) => serde_json::json!({ "detail": { "error_type": word } }).to_string(),
                    (None, None) => serde_json::json!({ "detail": "as the scenario wants it" }).to_string(),
                };
                FaultKind::Answer {
                    status,
                    retry_after_s: self.retry_after,
                    content_type: "application/json",
                    body: Bytes::from(body),
                }
            }
        })
    }

    fn what(&self) -> String {
        let retry = self.retry_after.map(|s| format!(" with Retry-After {s}")).unwrap_or_default();
        match self.kind {
            What::LoseRequest => "the request is lost".into(),
            What::LoseResponse => "the answer is lost".into(),
            What::ResetRequest => "the connection is reset before the server does anything".into(),
            What::ResetResponse => "the connection is reset after the server did its part".into(),
            What::Delay => "the answer comes late".into(),
            What::SlowDrip => "the answer comes in drips".into(),
            What::ConnectionCut => "the connection breaks off in the middle of the answer".into(),
            What::MalformedBody => "the answer is no JSON".into(),
            What::WrongContentType => "the answer calls itself plain text".into(),
            What::Duplicate => "the request reaches the server twice".into(),
            What::HoldRequest => "the request is held".into(),
            What::HoldResponse => "the answer is held".into(),
            What::KillBefore => "the app is killed when the request arrives".into(),
            What::KillAfter => "the app is killed before the answer arrives".into(),
            What::Status => format!("the server answers {}{retry}", self.status.unwrap_or_default()),
            What::EmptyBody => "the answer's body is empty".into(),
            What::HtmlBody => "the answer is a web page".into(),
            What::TruncatedBody => "half of the answer is missing".into(),
            What::MissingFields => "the answer lacks its fields".into(),
            What::WrongTypes => "the answer's fields have wrong types".into(),
        }
    }
}

#[async_trait]
impl Step for Fault {
    fn words(&self) -> String {
        let on = self.on.map_or("every exchange", Operation::words);
        format!("fault on {on}: {}", self.what())
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.faults.add(FaultRule { on: self.on, kind: self.kind(world)?, words: self.what(), times: self.times });
        Ok(StepResult::Done)
    }
}
