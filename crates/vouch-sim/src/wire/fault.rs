//! Faults that strike exchanges: what the network and the servers do wrong on purpose.

use super::transcript::Operation;
use hyper::body::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

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
pub enum FaultKind {
    /// The connection ends without an answer.
    Lose(FaultPoint),
    /// The same by a reset (RST).
    Reset(FaultPoint),
    /// The answer comes late, in real time.
    Delay(Duration),
    /// The answer comes in small pieces with pauses, in real time.
    Drip,
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
    Answer { status: u16, retry_after_s: Option<u64>, content_type: &'static str, body: Bytes },
    /// The server does its part; its answer is replaced by a 200 with this body.
    Body { content_type: &'static str, body: Bytes },
    /// The server does its part; the answer ends after half of its body.
    Truncate,
}

/// A fault that waits for its exchange.
#[derive(Clone, Debug)]
pub struct FaultRule {
    /// None strikes everything.
    pub on: Option<Operation>,
    pub kind: FaultKind,
    /// How the scenario put it, for transcripts.
    pub words: String,
    /// How often it strikes; none is always.
    pub times: Option<u32>,
}

/// The faults in force, and the network switch. Cheap to clone.
#[derive(Clone)]
pub struct Faults {
    policy: Arc<Mutex<Vec<FaultRule>>>,
    /// Counts releases of held exchanges.
    released: watch::Sender<u64>,
    network: watch::Sender<bool>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { policy: Arc::default(), released: watch::Sender::new(0), network: watch::Sender::new(true) }
    }
}

impl Faults {
    pub fn add(&self, rule: FaultRule) {
        self.policy.lock().push(rule);
    }

    pub fn clear(&self) {
        self.policy.lock().clear();
    }

    /// The fault that strikes this exchange, which is used up by it.
    pub(super) fn strike(&self, operation: Operation) -> Option<FaultRule> {
        let mut policy = self.policy.lock();
        let at = policy.iter().position(|rule| rule.on.is_none_or(|on| on == operation))?;
        let rule = policy[at].clone();
        if let Some(left) = &mut policy[at].times {
            *left -= 1;
            if *left == 0 {
                policy.remove(at);
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
