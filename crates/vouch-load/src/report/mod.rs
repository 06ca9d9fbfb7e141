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

/// All that a report can tell.
pub struct LoadReport<'a> {
    /// What the load went to.
    pub target: &'a str,
    /// The target file, so that a later run can measure this target again.
    pub target_file: Option<&'a std::path::Path>,
    pub load: &'a Load,
    pub round: &'a Round,
    pub evaluation: &'a Evaluation,
    /// Users that the load made and could not delete.
    pub undeleted_users: u64,
}

/// The percentiles that every report has.
pub const PERCENTILES: [f64; 6] = [50.0, 90.0, 95.0, 99.0, 99.9, 99.99];
