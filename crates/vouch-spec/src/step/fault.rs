//! `fault`: the network or a server does wrong on purpose.

use super::{Reading, StepFields};
use crate::operation::Operation;
use crate::scenario::Text;
use crate::text::Node;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A fault that waits for its exchange. Exactly one of the harms must be given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// What it strikes; left out, everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Operation>,
    pub kind: FaultKind,
    /// How often it strikes; left out, until `clearFaults`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// With `status`: the Retry-After header, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// With `status`: the Retry-After header as a date, so many seconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_date: Option<u64>,
    /// With `status`: more headers of the answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Text>,
    /// With `omitFields`: the fields that are missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub omit: Vec<TokenField>,
    /// With `status`, and with `redirect`, where 307 is the default: the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// With `status`: the body, as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Text>,
    /// With `status`: `detail.error_type` of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FaultKind {
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
    /// The answer comes in small pieces and does not end for a minute.
    EndlessDrip,
    /// Half of the answer's body comes, then nothing more; the connection stays open.
    StallBody,
    /// The vendor answers as if it did not know the user: 404, or an empty list.
    UserUnknown,
    /// The server redirects to another host.
    RedirectElsewhere,
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
    /// The server does its part; its answer lacks the fields of `omit`. All others are genuine.
    OmitFields,
    /// The server redirects to the same path at a host of another environment and region, and does nothing.
    Redirect,
}

/// A field of a token answer, whatever the wire profile calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TokenField {
    AccessToken,
    RefreshToken,
    ExpiresIn,
}

impl FaultKind {
    /// Whether a fault with this effect leaves status and body of the server's answer as they are.
    pub fn keeps_answer(effect: &str) -> bool {
        use FaultKind::{Delay, Duplicate, HoldRequest, HoldResponse, SlowDrip, WrongContentType};
        let kinds = [Delay, Duplicate, HoldRequest, HoldResponse, SlowDrip, WrongContentType];
        kinds.into_iter().any(|kind| Fault::new(kind).effect() == effect)
    }
}

impl Fault {
    /// A fault of everything, until `clearFaults`.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            on: None,
            kind,
            times: None,
            retry_after: None,
            retry_after_date: None,
            headers: BTreeMap::new(),
            omit: vec![],
            status: None,
            body: None,
            error_type: None,
        }
    }

    /// What it does, for transcripts.
    pub fn effect(&self) -> String {
        let retry = self.retry_after.map(|s| format!(" with Retry-After {s}")).unwrap_or_default();
        match self.kind {
            FaultKind::LoseRequest => "the request is lost".into(),
            FaultKind::LoseResponse => "the answer is lost".into(),
            FaultKind::ResetRequest => "the connection is reset before the server does anything".into(),
            FaultKind::ResetResponse => "the connection is reset after the server did its part".into(),
            FaultKind::Delay => "the answer comes late".into(),
            FaultKind::SlowDrip => "the answer comes in drips".into(),
            FaultKind::EndlessDrip => "the answer comes in drips without end".into(),
            FaultKind::StallBody => "half of the answer comes, then nothing more".into(),
            FaultKind::RedirectElsewhere => "the server redirects to another host".into(),
            FaultKind::UserUnknown => "the vendor does not know the user".into(),
            FaultKind::ConnectionCut => "the connection breaks off in the middle of the answer".into(),
            FaultKind::MalformedBody => "the answer is no JSON".into(),
            FaultKind::WrongContentType => "the answer calls itself plain text".into(),
            FaultKind::Duplicate => "the request reaches the server twice".into(),
            FaultKind::HoldRequest => "the request is held".into(),
            FaultKind::HoldResponse => "the answer is held".into(),
            FaultKind::KillBefore => "the app is killed when the request arrives".into(),
            FaultKind::KillAfter => "the app is killed before the answer arrives".into(),
            FaultKind::Status => format!("the server answers {}{retry}", self.status.unwrap_or_default()),
            FaultKind::EmptyBody => "the answer's body is empty".into(),
            FaultKind::HtmlBody => "the answer is a web page".into(),
            FaultKind::TruncatedBody => "half of the answer is missing".into(),
            FaultKind::MissingFields => "the answer lacks its fields".into(),
            FaultKind::WrongTypes => "the answer's fields have wrong types".into(),
            FaultKind::OmitFields => "fields of the answer are missing".into(),
            FaultKind::Redirect => format!("the server redirects to another host ({})", self.status.unwrap_or(307)),
        }
    }
}

impl StepFields for Fault {
    const NAME: &str = "fault";
    const ABOUT: &str = "Makes the network or a server do wrong.";

    fn describe(&self) -> String {
        let on = self.on.map_or("every exchange", Operation::words);
        format!("fault on {on}: {}", self.effect())
    }
}

impl Fault {
    pub(super) fn read(node: &Node, reading: &Reading<'_>) -> Option<Self> {
        let fault: Self = reading.decoder.decode(node)?;
        if fault.kind == FaultKind::Status && fault.status.is_none_or(|status| !(100..600).contains(&status)) {
            let help = "add for example `status: 503`";
            reading.decoder.wrong(node.span, "the fault `status` needs a `status` between 100 and 599", help);
            return None;
        }
        if fault.kind == FaultKind::OmitFields && fault.omit.is_empty() {
            reading.decoder.wrong(
                node.span,
                "the fault `omitFields` needs `omit`",
                "add for example `omit: [refreshToken]`",
            );
            return None;
        }
        let is_redirect = |status: u16| (300..400).contains(&status);
        if fault.kind == FaultKind::Redirect && !fault.status.is_none_or(is_redirect) {
            reading.decoder.wrong(node.span, "the status of a `redirect` is 3xx", "leave it out for 307");
            return None;
        }
        Some(fault)
    }
}
