//! Faults that are injected into exchanges: what the network and the servers do wrong on purpose.

use super::recording_proxy::WireResponse;
use super::transcript::{Operation, WireRequest};
use hyper::StatusCode;
use hyper::body::Bytes;
use parking_lot::Mutex;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use vouch_spec::step::{Fault, FaultKind};

/// Before or after the server does its part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FaultPoint {
    /// The request has arrived, nothing is done yet.
    Request,
    /// The server has done its part, the answer is not sent yet.
    Response,
}

/// What happens to an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultEffect {
    /// The connection ends without an answer.
    Lose(FaultPoint),
    /// The same by a reset (RST).
    Reset(FaultPoint),
    /// The answer comes late, in real time.
    Delay(Duration),
    /// The answer comes in small pieces with pauses, in real time.
    Drip,
    /// The same without end.
    EndlessDrip,
    /// Half of the body, then nothing more.
    Stall,
    /// The vendor API answers as if it did not know the user: 404, or an empty list.
    UserUnknown,
    /// The server redirects to another host, which is this proxy under another name.
    RedirectElsewhere,
    /// The connection breaks off in the middle of the answer's body.
    BreakOff,
    /// The server does its part; its answer carries another content type.
    ContentType(&'static str),
    /// The request reaches the server twice; the caller gets the first answer.
    Twice,
    /// The answer waits until the scenario releases it.
    Hold(FaultPoint),
    /// The SDK's process is killed.
    Kill(FaultPoint),
    /// The server answers this instead of doing its part.
    Answer {
        status: u16,
        retry_after_s: Option<u64>,
        headers: Vec<(String, String)>,
        content_type: &'static str,
        body: Bytes,
    },
    /// The server does its part; its answer is replaced by a 200 with this body.
    Body { content_type: &'static str, body: Bytes },
    /// The server does its part; the answer ends after half of its body.
    Truncate,
    /// The server does its part; the fields at these JSON pointers are missing from its answer.
    Omit(Vec<String>),
    /// The server redirects to the same path below this base URL and does nothing.
    Redirect { status: u16, base: String },
}

/// What the effect of a fault depends on beside the fault itself.
#[derive(Clone, Debug, Default)]
pub struct FaultContext {
    /// The fault's own body, with its variables filled in.
    pub body: Option<String>,
    /// The headers of the answer.
    pub headers: Vec<(String, String)>,
    /// The JSON pointers of the fields to omit.
    pub omit: Vec<String>,
    /// The base URL of a foreign host.
    pub foreign: String,
}

impl FaultEffect {
    /// What a fault of a scenario does to the exchange that it strikes. The status is the fault's own, 500 where it names none.
    pub fn of(fault: &Fault, context: FaultContext) -> Self {
        let body = context.body;
        let replaced = |content_type, text: &'static str| FaultEffect::Body {
            content_type,
            body: Bytes::from_static(text.as_bytes()),
        };
        match fault.kind {
            FaultKind::LoseRequest => FaultEffect::Lose(FaultPoint::Request),
            FaultKind::LoseResponse => FaultEffect::Lose(FaultPoint::Response),
            FaultKind::ResetRequest => FaultEffect::Reset(FaultPoint::Request),
            FaultKind::ResetResponse => FaultEffect::Reset(FaultPoint::Response),
            FaultKind::Delay => FaultEffect::Delay(Duration::from_millis(200)),
            FaultKind::SlowDrip => FaultEffect::Drip,
            FaultKind::EndlessDrip => FaultEffect::EndlessDrip,
            FaultKind::StallBody => FaultEffect::Stall,
            FaultKind::UserUnknown => FaultEffect::UserUnknown,
            FaultKind::RedirectElsewhere => FaultEffect::RedirectElsewhere,
            FaultKind::ConnectionCut => FaultEffect::BreakOff,
            FaultKind::MalformedBody => replaced("application/json", r#"{"access_token": "a", "refresh_token"#),
            FaultKind::WrongContentType => FaultEffect::ContentType("text/plain"),
            FaultKind::Duplicate => FaultEffect::Twice,
            FaultKind::HoldRequest => FaultEffect::Hold(FaultPoint::Request),
            FaultKind::HoldResponse => FaultEffect::Hold(FaultPoint::Response),
            FaultKind::KillBefore => FaultEffect::Kill(FaultPoint::Request),
            FaultKind::KillAfter => FaultEffect::Kill(FaultPoint::Response),
            FaultKind::EmptyBody => replaced("application/json", ""),
            FaultKind::HtmlBody => replaced("text/html", "<html><body>Welcome to the hotel's Wi-Fi</body></html>"),
            FaultKind::TruncatedBody => FaultEffect::Truncate,
            FaultKind::MissingFields => replaced("application/json", r#"{"token_type":"Bearer"}"#),
            FaultKind::WrongTypes => replaced("application/json", WRONG_TYPES),
            FaultKind::OmitFields => FaultEffect::Omit(context.omit),
            FaultKind::Redirect => FaultEffect::Redirect { status: fault.status.unwrap_or(307), base: context.foreign },
            FaultKind::Status => FaultEffect::Answer {
                status: fault.status.unwrap_or(500),
                retry_after_s: fault.retry_after,
                headers: context.headers,
                content_type: "application/json",
                body: Bytes::from(body.unwrap_or_else(|| {
                    let detail = match &fault.error_type {
                        Some(word) => json!({ "error_type": word }),
                        None => json!("as the scenario wants it"),
                    };
                    json!({ "detail": detail }).to_string()
                })),
            },
        }
    }
}

/// The beginning of every path at the host that [`FaultEffect::RedirectElsewhere`] redirects to.
pub const ELSEWHERE: &str = "/vouch-elsewhere";

/// A redirect to the port of the request under another host name.
pub(super) fn redirect_elsewhere(request: &WireRequest) -> WireResponse {
    let port = request.header("host").and_then(|host| host.rsplit_once(':')).map_or("80", |(_, port)| port);
    let location = format!("http://localhost:{port}{ELSEWHERE}{}", request.path);
    WireResponse::json(StatusCode::TEMPORARY_REDIRECT, &json!({})).header("location", &location)
}

/// What the vendor API answers to a look-up of a user that it does not know.
pub(super) fn unknown_user(request: &WireRequest) -> WireResponse {
    // A list names the users that there are: none.
    if request.path_only().trim_end_matches('/') == "/v2/user" {
        return WireResponse::json(StatusCode::OK, &json!({ "total": 0, "users": [], "offset": 0, "limit": 100 }));
    }
    WireResponse::json(StatusCode::NOT_FOUND, &json!({ "detail": { "error_type": "not_found" } }))
}

/// The fields of all profiles' answers, each of a wrong type.
const WRONG_TYPES: &str = r#"{"access_token":1,"refresh_token":[],"expires_in":{},"idToken":1,"id_token":2,"refreshToken":3,"user_id":7,"sign_in_token":[]}"#;

/// A fault that waits for its exchange.
#[derive(Clone, Debug)]
pub struct FaultRule {
    /// None strikes everything.
    pub on: Option<Operation>,
    pub effect: FaultEffect,
    /// How the scenario put it, for transcripts.
    pub description: String,
    /// How often it strikes; none is always.
    pub times: Option<u32>,
}

/// The faults in force, and the network switch. Cheap to clone.
#[derive(Clone)]
pub struct FaultInjector {
    rules: Arc<Mutex<Vec<FaultRule>>>,
    /// The operations of faults that have struck nothing yet.
    untouched: Arc<Mutex<Vec<Operation>>>,
    /// Counts releases of held exchanges.
    released: watch::Sender<u64>,
    network: watch::Sender<bool>,
}

impl Default for FaultInjector {
    fn default() -> Self {
        Self {
            rules: Arc::default(),
            untouched: Arc::default(),
            released: watch::Sender::new(0),
            network: watch::Sender::new(true),
        }
    }
}

impl FaultInjector {
    pub fn add(&self, rule: FaultRule) {
        self.untouched.lock().extend(rule.on);
        self.rules.lock().push(rule);
    }

    pub fn clear(&self) {
        self.rules.lock().clear();
        self.untouched.lock().clear();
    }

    /// The faults in force, as they were described.
    pub fn descriptions(&self) -> Vec<String> {
        self.rules.lock().iter().map(|rule| rule.description.clone()).collect()
    }

    /// Whether no fault is in force.
    pub fn is_empty(&self) -> bool {
        self.rules.lock().is_empty()
    }

    /// The operations of faults that are in force and have struck nothing yet.
    pub fn untouched(&self) -> Vec<Operation> {
        self.untouched.lock().clone()
    }

    /// The fault that strikes this exchange, which is used up by it.
    pub(super) fn take_matching(&self, operation: Operation) -> Option<FaultRule> {
        let mut rules = self.rules.lock();
        let at = rules.iter().position(|rule| rule.on.is_none_or(|on| on == operation))?;
        let rule = rules[at].clone();
        self.untouched.lock().retain(|on| Some(*on) != rule.on);
        if let Some(left) = &mut rules[at].times {
            *left -= 1;
            if *left == 0 {
                rules.remove(at);
            }
        }
        Some(rule)
    }

    /// Lets every held exchange go on.
    pub fn release(&self) {
        self.released.send_modify(|count| *count += 1);
    }

    /// How often something was released so far.
    pub(super) fn releases(&self) -> u64 {
        *self.released.borrow()
    }

    /// Waits for a release after the first `before` ones.
    pub(super) async fn held(&self, before: u64) {
        let _ = self.released.subscribe().wait_for(|count| *count > before).await;
    }

    pub fn set_network(&self, up: bool) {
        self.network.send_replace(up);
    }

    pub fn network_is_up(&self) -> bool {
        *self.network.borrow()
    }
}
