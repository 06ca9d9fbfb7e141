//! The formats of reports.

use crate::{ctrf, github, gitlab, html, json, junit, markdown, sarif};
use vouch_runner::record::RunRecord;

/// A format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON document.
    Json,
    /// `JUnit` XML, for CI servers.
    Junit,
    /// One HTML page, for people.
    Html,
    /// CTRF JSON, for the CI plug-ins of ctrf.io.
    Ctrf,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Markdown.
    Markdown,
    /// Markdown for the step summary of GitHub Actions.
    GithubSummary,
    /// Workflow commands that annotate files in GitHub Actions.
    GithubAnnotations,
    /// The code-quality report of GitLab.
    GitlabCodeQuality,
}

/// Why a report was not made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the report: {0}")]
pub struct ViewError(pub String);

impl Format {
    /// Every format with its word on the command line.
    pub const ALL: [(&'static str, Format); 9] = [
        ("json", Format::Json),
        ("junit", Format::Junit),
        ("html", Format::Html),
        ("ctrf", Format::Ctrf),
        ("sarif", Format::Sarif),
        ("markdown", Format::Markdown),
        ("github-summary", Format::GithubSummary),
        ("github-annotations", Format::GithubAnnotations),
        ("gitlab-code-quality", Format::GitlabCodeQuality),
    ];

    /// The format of this name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == word).map(|(_, format)| format)
    }

    /// The report of a run in this format.
    ///
    /// # Errors
    /// If the text of the report cannot be made.
    pub fn render(self, record: &RunRecord) -> Result<String, ViewError> {
        match self {
            Format::Json => json::render(record),
            Format::Junit => junit::render(record),
            Format::Html => html::render(record),
            Format::Ctrf => ctrf::render(record),
            Format::Sarif => sarif::render(record),
            Format::Markdown => markdown::render(record),
            Format::GithubSummary => markdown::render_summary(record),
            Format::GithubAnnotations => github::render_annotations(record),
            Format::GitlabCodeQuality => gitlab::render(record),
        }
    }
}
