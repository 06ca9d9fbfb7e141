//! Reports of a load. Each format is one file that reads [`LoadReport`].

mod escape;
#[cfg(test)]
mod fixtures;
mod html;
mod journeys;
mod json;
mod live;
mod plot;
mod prometheus;
mod summary;
mod timeline;

pub use journeys::JourneyReport;
pub use json::thresholds_json;
pub use live::ProgressDisplay;
pub use prometheus::Exposition;

use crate::{Evaluation, Load, Round};

/// The data of a report.
pub struct LoadReport<'a> {
    /// The name of the target.
    pub target: &'a str,
    /// The target file, so that a later run can measure this target again.
    pub target_file: Option<&'a std::path::Path>,
    pub load: &'a Load,
    pub round: &'a Round,
    pub evaluation: &'a Evaluation,
    /// The number of created users that could not be deleted.
    pub undeleted_users: u64,
}

/// The percentiles in every report.
pub const PERCENTILES: [f64; 6] = [50.0, 90.0, 95.0, 99.0, 99.9, 99.99];
