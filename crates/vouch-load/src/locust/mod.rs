//! A worker of a Locust cluster: joins a Locust master by Locust's protocol and runs the users that the master requests. Each
//! user class is a workload, which each of its users repeats with a wait time in between (a closed model).
//!
//! The master counts requests, not workloads: a chain such as `signIn` is reported as `signIn/issue` and
//! `signIn/exchange`. The protocol is defined by Locust's `locust/runners.py`, `locust/stats.py` and
//! `locust/rpc/protocol.py`; this implementation is tested with Locust [`TESTED_VERSION`]. See `docs/load-on-a-cluster.md`.

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
pub use test_plan::WaitTime;
pub use users::ThreadUsers;
pub use worker::{WorkerEvent, WorkerExit, WorkerOptions, run_worker};

/// The version of Locust that this worker is tested with, and that it reports to the master.
pub const TESTED_VERSION: &str = "2.47.0";
