//! Faults during a load: the generator takes answers away from its installations at planned times, and links what follows to
//! the fault that caused it.
//!
//! All faults act in the generator, so they work with any server. A *lost*, *delayed* or *reset* answer is taken away after the
//! server has given it: the server has acted. A *refused* call, or one with *429* or *503*, is not sent: the server never sees
//! it, as with a gateway that refuses in front of it, or a provider that is down.
//!
//! The server is measured by what it answered, also where the answer was taken away. What an installation suffers from a fault
//! is counted in a [`FaultReport`] and not as a failure of the server. A failed answer is never taken away.

mod file;
mod injector;
mod recovery;
mod report;

pub use file::FaultEntry;
pub use injector::{Attempt, FaultInjector, Injection, Waiting};
pub use recovery::{Recovery, RecoveryEnd};
pub use report::{FAULT_COUNTS, FaultCount, FaultOutcome, FaultReport, RetryOutcome};

use super::endpoints::LoadCall;
use std::fmt;
use std::time::Duration;
use vouch_spec::profile::IdpCall;

/// The number of retries of a call in a load with faults, where the load file does not say: three attempts, as the reference
/// SDK makes them.
pub const DEFAULT_RETRIES: u32 = 2;

/// A planned fault.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Since the start of the run, warm-up included.
    pub from: Duration,
    pub until: Duration,
    pub kind: FaultKind,
    /// The share of the calls that it hits, above 0 and up to 1.
    pub share: f64,
    /// The only call that it hits; `None` for both calls to the identity provider.
    pub at: Option<FaultedCall>,
}

/// What happens to a call that a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The answer is thrown away: the installation waits until its timeout.
    Lost,
    /// The connection ends before the installation has read the answer.
    Reset,
    /// The installation gets the answer after this time. Later than its timeout, the answer is lost.
    Delayed(Duration),
    /// The call is not sent: the installation gets this status, 429 or 503, as from a gateway in front of the server.
    Status { status: u16, retry_after: Option<Duration> },
    /// The call is not sent: the installation gets no connection.
    Refused,
}

impl FaultKind {
    /// What happened, after a number.
    pub fn happened(self) -> &'static str {
        match self {
            FaultKind::Lost => "answers lost",
            FaultKind::Reset => "answers cut off",
            FaultKind::Delayed(_) => "answers delayed",
            FaultKind::Status { .. } => "calls refused",
            FaultKind::Refused => "calls without a connection",
        }
    }

    /// Whether the call is sent, so that the server acts.
    pub fn is_sent(self) -> bool {
        matches!(self, FaultKind::Lost | FaultKind::Reset | FaultKind::Delayed(_))
    }
}

/// A call that faults can hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FaultedCall {
    Exchange,
    Refresh,
    Issue,
    Resource,
}

impl From<FaultedCall> for LoadCall {
    fn from(call: FaultedCall) -> Self {
        match call {
            FaultedCall::Exchange => IdpCall::Exchange.into(),
            FaultedCall::Refresh => IdpCall::Refresh.into(),
            FaultedCall::Issue => LoadCall::Issue,
            FaultedCall::Resource => LoadCall::Resource,
        }
    }
}

impl Fault {
    /// Whether it stops every call to the identity provider.
    pub fn is_outage(&self) -> bool {
        !self.kind.is_sent() && self.share >= 1.0 && self.at.is_none()
    }

    /// Whether it can hit a call.
    pub fn hits(&self, call: LoadCall) -> bool {
        match self.at {
            Some(at) => LoadCall::from(at) == call,
            None => matches!(call, LoadCall::Exchange | LoadCall::Refresh),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = humantime::format_duration;
        write!(f, "{} to {}: ", time(self.from), time(self.until))?;
        match self.share {
            1.0 => f.write_str("all ")?,
            share => write!(f, "{}% of the ", super::threshold::short(share * 100.0))?,
        }
        let calls = self.at.map_or("exchange and refresh", |at| LoadCall::from(at).name());
        match self.kind {
            FaultKind::Lost => write!(f, "answers to {calls} lost"),
            FaultKind::Reset => write!(f, "answers to {calls} cut off by a reset"),
            FaultKind::Delayed(by) => write!(f, "answers to {calls} delayed by {}", time(by)),
            FaultKind::Refused => write!(f, "calls of {calls} without a connection"),
            FaultKind::Status { status, retry_after } => {
                write!(f, "calls of {calls} refused with {status}")?;
                retry_after.map_or(Ok(()), |wait| write!(f, ", Retry-After {}", time(wait)))
            }
        }
    }
}
