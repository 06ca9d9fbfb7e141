//! Runs a plan: each case is a list of steps; each step acts on the case's world and returns a result; expectations and
//! invariants check it; everything that happens is reported as an [`event::RunEvent`].
//!
//! This module knows roles, the wire and the device. It must not know which implementation fills a role, nor who receives
//! its events.

mod app;
mod app_process;
pub(crate) mod attribution;
mod backends;
mod capture;
mod case;
pub mod cause;
mod conditions;
mod context;
mod crash_points;
mod delay;
mod device;
mod device_error;
mod device_storage;
mod environment;
pub mod event;
mod expiries;
mod finding;
mod home;
mod host_callbacks;
mod late;
mod not_started;
mod plan;
mod queued;
mod rate_limit;
mod recorder;
mod reused;
mod role_setup;
mod runner;
mod sdk_client;
mod shard;
mod snapshots;
mod stderr_log;
pub mod step;
mod step_checks;
mod step_result;
mod stored_start;
pub mod summary;
mod traffic;
mod users;
mod vendor;
pub mod verdict;
mod world;

pub use capture::{CaptureError, NotCaptured, capture};
pub use case::play;
pub use device_storage::DeviceStorage;
pub use not_started::{NotStarted, START_CASE};
pub(crate) use plan::{
    CANNOT_INTERCEPT, NO_DEVICE_HOOK, NO_OTHER_PROFILE, NO_PREVIOUS_BUILD, PREVIOUS_UNCLAIMED, STORED_INSTALLATION,
};
pub use plan::{Filter, Offer, Plan, PlannedCase, PreviousOffer, Skip};
pub use role_setup::{FileWatch, PreviousBuild, RoleSetup};
pub use runner::{Interrupted, Settings, run, wanted};
pub use shard::{MergedShard, RunShard, Shard};
pub use snapshots::SnapshotMode;
