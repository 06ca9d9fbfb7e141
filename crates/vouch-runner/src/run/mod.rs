//! From a plan to verdicts: a case is a list of steps, each step acts on the world and says what came back, expectations
//! judge it, and everything that happens is an [`event::RunEvent`].
//!
//! The runner knows seats, wire and device. It does not know which implementation sits there, nor who reads its events.

mod answer;
mod app;
mod app_process;
mod calls;
mod case;
mod deaths;
mod device;
mod device_error;
mod ears;
pub mod event;
pub mod expect;
mod expiries;
mod installation;
mod plan;
mod requests;
mod runner;
mod schema;
mod sent;
mod snapshots;
pub mod step;
mod surroundings;
pub mod tally;
mod vendor;
pub mod verdict;
pub mod world;

pub use case::play;
pub use installation::Installation;
pub use plan::{Filter, Offer, Plan, PlannedCase, Skip};
pub use runner::{Engine, Interrupted, Settings, run, wanted};
pub use schema::scenario_schema;
pub use snapshots::SnapshotMode;
