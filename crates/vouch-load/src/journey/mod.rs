//! Journeys: virtual users who repeat the lifecycle of a scenario, with think time between its steps. This is a closed model: a
//! user waits for a response before it continues, so a slow server gets fewer requests. See `docs/journeys.md`.
//!
//! - `actions`: maps a scenario step to an action.
//! - `definition`: converts a case of a scenario to a journey.
//! - `app`: the app of a virtual user with its SDK; `sdk_process`: with a process of the SDK of the target file; `sdk_memory`: what those use.
//! - `device`: storage and clock of a virtual user's device.
//! - `http_client`: sends the calls, measures their latency, and checks the responses; `sdk_calls`: those of an SDK.
//! - `virtual_user`: one virtual user, with its app.
//! - `metrics`: the measurements of all virtual users.
//! - `runner`: runs the virtual users with goose; `worker_clock`: the seconds of a run, and its end; `cpu_meter`: what it costs.

mod actions;
mod app;
mod cpu_meter;
mod definition;
mod device;
mod http_client;
mod metrics;
mod results;
mod runner;
mod sdk_calls;
mod sdk_memory;
mod sdk_process;
mod virtual_user;
mod worker_clock;

pub use definition::{Journey, Stage, Step, Unfit};
pub use runner::{JourneyOptions, JourneyRunner, JourneyRunnerParts};
pub use sdk_memory::{MemorySample, SdkMemory, mebibytes};
pub use sdk_process::{Footprint, SdkProcesses};
