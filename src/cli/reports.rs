//! `--report FORMAT=FILE`: views of a record, written to files.

use super::CliError;
use super::stdout::Out;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use vouch_report::Format;
use vouch_runner::record::RunRecord;
use vouch_spec::text::did_you_mean;

/// A report to make: its format and its file.
#[derive(Clone, Debug)]
pub struct ReportFile {
    format: Format,
    path: PathBuf,
}

impl ReportFile {
    /// Whether it goes to standard output, where the console report then does not go.
    pub fn is_stdout(&self) -> bool {
        self.path == Path::new("-")
    }
}

impl FromStr for ReportFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, path) = text.split_once('=').ok_or("write FORMAT=FILE, for example junit=report.xml")?;
        let words = || Format::ALL.iter().map(|(word, _)| *word);
        let format = Format::parse(word)
            .ok_or_else(|| format!("there is no format `{word}`; {}", did_you_mean(word, words())))?;
        if path.is_empty() {
            return Err("the file is missing; `-` is standard output".into());
        }
        Ok(Self { format, path: PathBuf::from(path) })
    }
}

/// Checks that every file can be written, before a run of minutes ends with an error.
pub fn check_writable(reports: &[ReportFile]) -> Result<(), CliError> {
    for report in reports.iter().filter(|report| !report.is_stdout()) {
        std::fs::OpenOptions::new().create(true).append(true).open(&report.path).map_err(|error| {
            CliError::Environment(format!("cannot write the report {}: {error}", report.path.display()))
        })?;
    }
    Ok(())
}

/// Writes every report. A report that fails does not keep the others from being written.
pub fn write(reports: &[ReportFile], record: &RunRecord) -> Result<(), CliError> {
    let mut failed = None;
    for report in reports {
        if let Err(error) = write_one(report, record) {
            failed.get_or_insert(error);
        }
    }
    failed.map_or(Ok(()), Err)
}

fn write_one(report: &ReportFile, record: &RunRecord) -> Result<(), CliError> {
    let text = report.format.render(record).map_err(|error| CliError::Environment(error.to_string()))?;
    if report.is_stdout() {
        Out.write_all(text.as_bytes())?;
        return Ok(Out.flush()?);
    }
    std::fs::write(&report.path, text)
        .map_err(|error| CliError::Environment(format!("cannot write the report {}: {error}", report.path.display())))
}
