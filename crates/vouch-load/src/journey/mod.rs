//! Journeys: virtual users who repeat the lifecycle of a scenario, with think time between its steps. This is a closed model: a
//! user waits for a response before it continues, so a slow server gets fewer requests. See `docs/journeys.md`.
//!
//! - `actions`: maps a scenario step to an action.
//! - `definition`: converts a case of a scenario to a journey.
//! - `device`: storage and clock of a virtual user's device.
//! - `http_client`: sends the calls, measures their latency, and checks the responses.
//! - `virtual_user`: one virtual user, with the reference SDK on its device.
//! - `metrics`: the measurements of all virtual users.
//! - `runner`: runs the virtual users with goose.

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
