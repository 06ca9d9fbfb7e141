//! From a plan to verdicts: a case is a list of steps, each step acts on the world and says what came back, expectations
//! judge it, and everything that happens is an [`event::RunEvent`].
//!
//! The runner knows roles, wire and device. It does not know which implementation sits there, nor who reads its events.

mod app;
mod app_process;
mod case;
mod crash_points;
mod device;
mod device_error;
mod device_storage;
mod environment;
pub mod event;
mod expiries;
mod host_callbacks;
mod plan;
mod requests;
mod runner;
mod sdk_calls;
mod snapshots;
pub mod step;
mod step_result;
pub mod summary;
mod traffic;
mod vendor;
pub mod verdict;
pub mod world;

pub use case::play;
pub use device_storage::DeviceStorage;
pub use plan::{Filter, Offer, Plan, PlannedCase, Skip};
pub use runner::{Interrupted, RoleSetup, Settings, run, wanted};
pub use snapshots::SnapshotMode;
