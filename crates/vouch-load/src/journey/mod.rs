//! Journeys: users who live through the lifecycle of a scenario, over and over, with time to think between its steps. The
//! closed model: a user waits for an answer before it goes on, so a slow server is asked less. See `docs/journeys.md`.
//!
//! - `actions`: what one step of a scenario is in a journey.
//! - `definition`: a case of a scenario as a journey, or why it makes none.
//! - `device`: storage and clock of a virtual user's phone.
//! - `http_client`: sends the calls, times them, has the answers checked.
//! - `virtual_user`: one virtual user, with the reference SDK on its phone.
//! - `metrics`: what all virtual users measured.
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
