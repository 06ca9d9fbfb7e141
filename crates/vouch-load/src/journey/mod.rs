//! Journeys: users who live through the lifecycle of a scenario, over and over, with time to think between its steps. The
//! closed model: a user waits for an answer before it goes on, so a slow server is asked less. See `docs/journeys.md`.
//!
//! - [`moves`]: what one step of a scenario is in a journey.
//! - [`journey`]: a case of a scenario as a journey, or why it makes none.
//! - `device`: storage and clock of a user's phone.
//! - `wire`: sends the calls, times them, has the answers checked.
//! - `user`: one user, with the reference SDK on its phone.
//! - `metrics`: what all users measured.
//! - `attack`: goose, which lets the users live.

mod actions;
mod definition;
mod device;
mod http_client;
mod metrics;
mod results;
mod runner;
mod virtual_user;

pub use definition::{Journey, Stage, Step};
pub use runner::{JourneyOptions, JourneyRunner, JourneyRunnerParts};
