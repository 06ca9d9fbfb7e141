//! The formats of reports, by the word that a command line uses.

use super::Exposition;
use crate::record::LoadRecord;

/// A format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadReportFormat {
    Json,
    Html,
    /// k6's summary data.
    K6Summary,
    Metrics(Exposition),
}

impl LoadReportFormat {
    /// Every format with its word.
    pub const ALL: [(&str, LoadReportFormat); 5] = [
        ("json", LoadReportFormat::Json),
        ("html", LoadReportFormat::Html),
        ("k6-summary", LoadReportFormat::K6Summary),
        ("prometheus", LoadReportFormat::Metrics(Exposition::Text)),
        ("openmetrics", LoadReportFormat::Metrics(Exposition::OpenMetrics)),
    ];

    /// The text of a report.
    pub fn render(self, record: &LoadRecord) -> String {
        match self {
            LoadReportFormat::Json => record.json(),
            LoadReportFormat::Html => record.html(),
            LoadReportFormat::K6Summary => record.k6_summary(),
            LoadReportFormat::Metrics(exposition) => record.metrics(exposition),
        }
    }
}
