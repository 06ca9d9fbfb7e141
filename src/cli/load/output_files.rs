//! The output files of a load's reports. They are opened before the run, so that a wrong path fails before the load starts.

use crate::cli::CliError;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use vouch_load::record::LoadRecord;
use vouch_load::report::{Exposition, LoadReportFormat};

/// Reports of a load besides the summary and the JSON.
#[derive(clap::Args)]
pub struct ReportPaths {
    /// Write the results as an HTML page with plots.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["baseline", "find_max_rate"])]
    html: Option<PathBuf>,

    /// Write the results as k6's summary data, for dashboards that read it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["baseline", "find_max_rate"])]
    k6_summary: Option<PathBuf>,

    /// Write the results as metrics in the Prometheus text format.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["baseline", "find_max_rate"])]
    prometheus: Option<PathBuf>,

    /// Write the results as metrics in the `OpenMetrics` format.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["baseline", "find_max_rate"])]
    openmetrics: Option<PathBuf>,
}

/// An open file, whose old content stays until the report is written. A file that was created but never written is deleted.
struct OutputFile {
    path: PathBuf,
    canonical: PathBuf,
    format: LoadReportFormat,
    file: File,
    created: bool,
}

pub struct OutputFiles(Vec<OutputFile>);

impl OutputFiles {
    /// Opens all files without changing their content.
    pub fn open(json: Option<&Path>, reports: &ReportPaths) -> Result<Self, CliError> {
        let wanted = [
            (json, LoadReportFormat::Json),
            (reports.html.as_deref(), LoadReportFormat::Html),
            (reports.k6_summary.as_deref(), LoadReportFormat::K6Summary),
            (reports.prometheus.as_deref(), LoadReportFormat::Metrics(Exposition::Text)),
            (reports.openmetrics.as_deref(), LoadReportFormat::Metrics(Exposition::OpenMetrics)),
        ];
        let mut files: Vec<OutputFile> = Vec::new();
        for (path, format) in wanted {
            let Some(path) = path else { continue };
            let (file, created) = open(path).map_err(|error| CliError::Environment(write_error(path, &error)))?;
            // Two paths can name one file: `q.out`, `./q.out`, a link.
            let canonical = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            if files.iter().any(|other| other.canonical == canonical) {
                return Err(CliError::Usage(format!("two reports cannot be written to one file: {}", path.display())));
            }
            files.push(OutputFile { path: path.to_owned(), canonical, format, file, created });
        }
        Ok(Self(files))
    }

    /// The paths of the reports.
    pub fn paths(&self) -> Vec<Option<&Path>> {
        self.0.iter().map(|file| Some(file.path.as_path())).collect()
    }

    /// Writes every report, also after one of them failed.
    pub fn write(mut self, record: &LoadRecord) -> Result<(), CliError> {
        let mut failed = Vec::new();
        for open in &mut self.0 {
            match open.write(&open.format.render(record)) {
                Ok(()) => open.created = false,
                Err(error) => failed.push(write_error(&open.path, &error)),
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(CliError::Environment(failed.join("\nvouch: "))) }
    }
}

impl OutputFile {
    fn write(&mut self, text: &str) -> io::Result<()> {
        // A pipe or a device cannot be truncated.
        let plain = self.file.metadata()?.is_file();
        if plain {
            self.file.set_len(0)?;
        }
        self.file.write_all(text.as_bytes())?;
        // Some file systems report a full disk only when the data is synchronised.
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

/// Opens a file for writing. Also returns whether it was created.
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
