//! The files that reports of a load go to. They are opened before the run: ten minutes of load are not to be lost to a folder
//! that does not exist.

use crate::cli::CliError;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use vouch_load::report::{Exposition, LoadReport};

/// Reports of a load besides the summary and the JSON.
#[derive(clap::Args)]
pub struct ReportPaths {
    /// Write the results as a page for a browser, plots included.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["baseline", "find_max_rate"])]
    html: Option<PathBuf>,

    /// Write the results as metrics in Prometheus' text format.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["baseline", "find_max_rate"])]
    prometheus: Option<PathBuf>,

    /// Write the results as metrics in OpenMetrics' format.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["baseline", "find_max_rate"])]
    openmetrics: Option<PathBuf>,
}

#[derive(Clone, Copy)]
enum Format {
    Json,
    Html,
    Metrics(Exposition),
}

impl Format {
    fn text(self, report: &LoadReport<'_>) -> String {
        match self {
            Format::Json => report.json(),
            Format::Html => report.html(),
            Format::Metrics(exposition) => report.metrics(exposition),
        }
    }
}

/// A file that is open and keeps its old content until it is written. One that was made and never written goes again.
struct OutputFile {
    path: PathBuf,
    canonical: PathBuf,
    format: Format,
    file: File,
    created: bool,
}

/// The open files.
pub struct OutputFiles(Vec<OutputFile>);

impl OutputFiles {
    /// Opens all of them, and changes none.
    pub fn open(json: Option<&Path>, reports: &ReportPaths) -> Result<Self, CliError> {
        let wanted = [
            (json, Format::Json),
            (reports.html.as_deref(), Format::Html),
            (reports.prometheus.as_deref(), Format::Metrics(Exposition::Text)),
            (reports.openmetrics.as_deref(), Format::Metrics(Exposition::OpenMetrics)),
        ];
        let mut files: Vec<OutputFile> = Vec::new();
        for (path, format) in wanted {
            let Some(path) = path else { continue };
            let (file, created) = open(path).map_err(|error| CliError::Environment(write_error(path, &error)))?;
            // One file has many names: `q.out`, `./q.out`, a link.
            let canonical = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            if files.iter().any(|other| other.canonical == canonical) {
                return Err(CliError::Usage(format!("two reports cannot go to one file: {}", path.display())));
            }
            files.push(OutputFile { path: path.to_owned(), canonical, format, file, created });
        }
        Ok(Self(files))
    }

    /// Writes each report. One that fails keeps no other from being written.
    pub fn write(mut self, report: &LoadReport<'_>) -> Result<(), CliError> {
        let mut failed = Vec::new();
        for open in &mut self.0 {
            match open.write(&open.format.text(report)) {
                // What was made is a report now, and stays.
                Ok(()) => open.created = false,
                Err(error) => failed.push(write_error(&open.path, &error)),
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(CliError::Environment(failed.join("\nvouch: "))) }
    }
}

impl OutputFile {
    fn write(&mut self, text: &str) -> io::Result<()> {
        // A pipe or a device has no duration to cut.
        let plain = self.file.metadata()?.is_file();
        if plain {
            self.file.set_len(0)?;
        }
        self.file.write_all(text.as_bytes())?;
        // Some file systems tell of a full disk only now.
        if plain { self.file.sync_all() } else { Ok(()) }
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if self.created {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Opens a file for writing, and says whether it is new.
fn open(path: &Path) -> io::Result<(File, bool)> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(file) => Ok((file, true)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            OpenOptions::new().write(true).create(true).truncate(false).open(path).map(|file| (file, false))
        }
        Err(error) => Err(error),
    }
}

fn write_error(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}
