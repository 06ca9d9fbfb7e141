//! A worker of a Locust cluster: joins a Locust master by Locust's own protocol and is the users that the master asks
//! for. Each user class is a workload; each user goes through it again and again, with a pause between (a closed model).
//!
//! The master counts requests, not workloads: a chain such as `signIn` is reported as `signIn/issue` and
//! `signIn/exchange`. What goes over the wire is written down in Locust's `locust/runners.py`, `locust/stats.py` and
//! `locust/rpc/protocol.py`; this was held against Locust [`TRIED_WITH`]. See `docs/load-on-a-cluster.md`.

mod connection;
mod counters;
mod engine;
mod host_metrics;
mod message;
mod run;
mod stats;
mod test_plan;
mod users;
mod worker;

pub use engine::EngineParts;
pub use test_plan::Wait;
pub use users::Users;
pub use worker::{End, Options, Told, work};

/// The version of Locust that this worker was tried with; it calls itself that.
pub const TRIED_WITH: &str = "2.47.0";
