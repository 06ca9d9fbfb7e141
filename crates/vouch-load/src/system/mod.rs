//! The system under test during a load: what it says of itself, and the CPU, memory and queue that it uses, measured each second
//! beside the latency.

mod figures;
mod observer;
mod sampler;
mod usage;

pub use figures::{MIB, SystemFigures};
pub use observer::Observer;
pub use sampler::{OnSample, Sampler};
pub use usage::{SystemSample, SystemUsage};

use vouch_runner::sut::{MetricsProbe, SystemDescription};

/// What a load knows of the system under test when it starts.
#[derive(Clone, Default)]
pub struct SystemUnderTest {
    pub description: Option<SystemDescription>,
    /// Reads what it uses. `None`: it runs elsewhere, and the target file names no metrics.
    pub probe: Option<MetricsProbe>,
}
