//! Reports of a load. Each format is one file that reads a [`LoadRecord`](crate::record::LoadRecord).

mod escape;
mod fault_metrics;
mod faults;
#[cfg(test)]
pub(crate) mod fixtures;
mod format;
mod html;
mod json;
mod k6;
mod live;
mod metrics_writer;
mod plot;
mod prometheus;
mod summary;
mod system;
mod timeline;

pub use format::LoadReportFormat;
pub use json::thresholds_json;
pub use live::ProgressDisplay;
pub use metrics_writer::Exposition;

/// The percentiles in every report.
pub const PERCENTILES: [f64; 6] = [50.0, 90.0, 95.0, 99.0, 99.9, 99.99];
