//! The sign-out forecast: a build and a provider policy through virtual months of lost answers, kills, reboots and wrong clocks.
//! Its result is how often users are signed out, or must authenticate again, against their will.
//!
//! - [`policy`]: the policy file.
//! - [`life`]: the life of one device, drawn from the policy and lived by a real SDK against the mock cloud, in this process or in processes of its own.
//! - [`mod@forecast`]: many devices on all cores, and the rates by cause.
//! - [`report`]: tables, JSON and plots. [`replay`]: the shortest scenario of a cause.
//!
//! This crate must not know the command line, the suite and target files. It judges nothing: a rate is a figure, not a finding.

pub mod cause;
pub mod forecast;
pub mod life;
pub mod policy;
pub mod replay;
pub mod report;
pub mod statistics;

pub use cause::{Cause, Ending};
pub use forecast::{Build, BuildSdk, Forecast, ForecastError, Settings, forecast};
pub use policy::Policy;
