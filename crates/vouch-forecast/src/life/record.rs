//! What came of the life of a device, and what it is made of.

use super::network::ExchangeOutcome;
use crate::cause::{Cause, Ending};
use std::time::Duration;
use vouch_runner::installation::InstallationError;
use vouch_spec::operation::Operation;

/// The life of a device.
#[derive(Debug, Default)]
pub struct Life {
    pub losses: Vec<Loss>,
    /// Sign-ins and refreshes that the provider granted, the first sign-in included.
    pub sign_ins: u64,
    pub refreshes: u64,
    /// Calls that the app made, and those of them that did not get a 200.
    pub calls: u64,
    pub failed_calls: u64,
    /// What happened in detail, where it was asked for.
    pub moments: Vec<Moment>,
}

/// A session that ended against the will of its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    pub cause: Cause,
    pub ending: Ending,
    /// The number of events up to it, this one included.
    pub events: usize,
}

/// What happened to a device, as a scenario can repeat it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    Passed(Duration),
    ProcessEnded,
    Launched(Foreground),
    Unlocked,
    Rebooted,
    Updated,
    ClockSet {
        skew_ms: i64,
    },
    /// The provider ended the session.
    SessionEnded,
    /// An API call, and the outcomes of its exchanges.
    Called(Vec<(Operation, ExchangeOutcome)>),
    SignedIn(Vec<(Operation, ExchangeOutcome)>),
    Lost(Cause, Ending),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreground {
    Yes,
    No,
}

/// Why there is no whole life.
#[derive(Debug, thiserror::Error)]
pub enum Interrupted {
    /// Somebody asked for the end.
    #[error("interrupted")]
    Stopped,
    #[error("the build cannot sign in on an undisturbed network: {0}")]
    CannotSignIn(String),
    /// A process of the build could not be driven.
    #[error(transparent)]
    Installation(#[from] InstallationError),
}

/// Whether moments are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    On,
    Off,
}
