//! The formats of reports, by the word that a command line uses.

use super::Exposition;
use crate::record::LoadRecord;

/// A format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadReportFormat {
    Json,
    Html,
    Metrics(Exposition),
}

impl LoadReportFormat {
    /// Every format with its word.
    pub const ALL: [(&str, LoadReportFormat); 4] = [
        ("json", LoadReportFormat::Json),
        ("html", LoadReportFormat::Html),
        ("prometheus", LoadReportFormat::Metrics(Exposition::Text)),
        ("openmetrics", LoadReportFormat::Metrics(Exposition::OpenMetrics)),
    ];

    /// The text of a report.
    pub fn render(self, record: &LoadRecord) -> String {
        match self {
            LoadReportFormat::Json => record.json(),
            LoadReportFormat::Html => record.html(),
            LoadReportFormat::Metrics(exposition) => record.metrics(exposition),
        }
    }
}
