//! `--report FORMAT=FILE`: views of a record, written to files.

use super::CliError;
use super::output_paths::{self, Named};
use super::stdout::Out;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use vouch_load::record::LoadRecord;
use vouch_load::report::LoadReportFormat;
use vouch_report::{Format, ViewError};
use vouch_runner::record::RunRecord;
use vouch_spec::text::{Diagnostics, OutsideText, did_you_mean};

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

/// A report on the files that `vouch check` reads: a [`ReportFile`] of a format that can show mistakes.
#[derive(Clone, Debug)]
pub struct MistakesFile(pub ReportFile);

impl FromStr for MistakesFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let report: ReportFile = text.parse()?;
        if Format::OF_MISTAKES.contains(&report.format) {
            return Ok(Self(report));
        }
        let can: Vec<_> =
            Format::ALL.iter().filter(|(_, of)| Format::OF_MISTAKES.contains(of)).map(|(word, _)| *word).collect();
        Err(format!("this format is for runs; mistakes of files can be written as {}", can.join(", ")))
    }
}

impl FromStr for ReportFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, path) = parse(text, &Format::ALL)?;
        Ok(Self { format, path })
    }
}

/// Parses `FORMAT=FILE`, with these formats.
fn parse<F: Copy>(text: &str, formats: &[(&str, F)]) -> Result<(F, PathBuf), String> {
    let (word, path) = text.split_once('=').ok_or("write FORMAT=FILE, for example html=report.html")?;
    let format = formats.iter().find(|(known, _)| *known == word).map(|(_, format)| *format).ok_or_else(|| {
        format!("there is no format `{word}`; {}", did_you_mean(word, formats.iter().map(|(word, _)| *word)))
    })?;
    if path.is_empty() {
        return Err("the file is missing; `-` is standard output".into());
    }
    Ok((format, PathBuf::from(path)))
}

/// Checks that every report has a file of its own, and none of the other files of the command.
pub fn check_distinct(inputs: &[Named<'_>], outputs: &[Named<'_>], reports: &[ReportFile]) -> Result<(), CliError> {
    let reports = reports.iter().map(|report| ("--report", report.path.as_path()));
    output_paths::check_distinct(inputs, &outputs.iter().copied().chain(reports).collect::<Vec<_>>())
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

/// Writes the reports that can show mistakes of files. `failure` is what else kept the files from being read.
pub fn write_mistakes<'a>(
    reports: impl IntoIterator<Item = &'a ReportFile>,
    mistakes: &Diagnostics,
    failure: Option<&str>,
) -> Result<(), CliError> {
    for report in reports {
        if let Some(text) = report.format.render_mistakes(mistakes, failure) {
            write_rendered(report, text)?;
        }
    }
    Ok(())
}

fn write_one(report: &ReportFile, record: &RunRecord) -> Result<(), CliError> {
    write_rendered(report, report.format.render(record))
}

fn write_rendered(report: &ReportFile, text: Result<String, ViewError>) -> Result<(), CliError> {
    write_text(&report.path, &text.map_err(|error| CliError::Environment(error.to_string()))?)
}

fn write_text(path: &Path, text: &str) -> Result<(), CliError> {
    if path == Path::new("-") {
        Out.write_all(text.as_bytes())?;
        return Ok(Out.flush()?);
    }
    std::fs::write(path, text)
        .map_err(|error| CliError::Environment(format!("cannot write the report {}: {error}", path.display())))
}

/// Writes reports of a load, each given as `FORMAT=FILE`.
pub fn write_of_load(reports: &[String], path: &Path, record: &LoadRecord) -> Result<(), CliError> {
    let reports: Vec<_> = reports
        .iter()
        .map(|text| parse(text, &LoadReportFormat::ALL).map_err(|what| of_argument(text, &what)))
        .collect::<Result<_, _>>()?;
    let outputs: Vec<Named<'_>> = reports.iter().map(|(_, file)| ("--report", file.as_path())).collect();
    output_paths::check_distinct(&[("RECORD", path)], &outputs)?;
    reports.iter().try_for_each(|(format, file)| write_text(file, &format.render(record)))
}

/// Writes reports of a run, each given as `FORMAT=FILE`.
pub fn write_of_run(reports: &[String], path: &Path, record: &RunRecord) -> Result<(), CliError> {
    let reports: Vec<ReportFile> = reports
        .iter()
        .map(|text| text.parse().map_err(|what: String| of_argument(text, &what)))
        .collect::<Result<_, _>>()?;
    check_distinct(&[("RECORD", path)], &[], &reports)?;
    write(&reports, record)
}

fn of_argument(text: &str, what: &str) -> CliError {
    CliError::Usage(format!("invalid value '{}' for '--report <FORMAT=FILE>': {what}", OutsideText::line(text)))
}
