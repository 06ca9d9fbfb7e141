//! Writes the record of a load.

use crate::cli::{CliError, record_path};
use std::path::{Path, PathBuf};
use vouch_load::record::{LoadRecord, LoadRecordWriter, LoadSettings};
use vouch_runner::report::print_stderr;

/// Where the record of a load goes.
#[derive(clap::Args)]
pub struct RecordArgs {
    /// Write the record of the load here. By default it goes to target/vouch in a Cargo project, else to the user's state
    /// folder.
    #[arg(long, value_name = "FILE", conflicts_with = "no_record")]
    record: Option<PathBuf>,

    /// Write no record.
    #[arg(long)]
    no_record: bool,
}

/// Writes the record. A record that cannot be written is a warning, unless its path was given: the results are known without.
pub struct Recorder {
    path: Option<PathBuf>,
    writer: Option<LoadRecordWriter>,
    wanted: bool,
}

impl Recorder {
    /// Checks before the load starts that the file can be written. What it holds stays until the target is ready. `others` are
    /// the paths of the reports.
    pub fn prepare(args: &RecordArgs, others: &[Option<&Path>]) -> Result<Self, CliError> {
        let wanted = args.record.is_some();
        let path =
            if args.no_record { None } else { args.record.clone().or_else(|| record_path::default_path("load")) };
        let mut recorder = Self { path: None, writer: None, wanted };
        let Some(path) = path else { return Ok(recorder) };
        match open(&path).and_then(|()| path.canonicalize()) {
            Ok(canonical) => {
                let same = |other: &&Path| other.canonicalize().is_ok_and(|other| other == canonical);
                if others.iter().flatten().any(same) {
                    let what = format!("the record and a report cannot be written to one file: {}", path.display());
                    return Err(CliError::Usage(what));
                }
                recorder.path = Some(path);
            }
            Err(error) => recorder.failed(&path, &error)?,
        }
        Ok(recorder)
    }

    /// Writes the start of the load.
    pub fn start(&mut self, settings: &LoadSettings) -> Result<(), CliError> {
        let Some(path) = self.path.clone() else { return Ok(()) };
        match LoadRecordWriter::create(&path) {
            Ok(writer) => self.writer = Some(writer),
            Err(error) => self.failed(&path, &error)?,
        }
        self.write(|writer| writer.start(settings))
    }

    /// Writes the result, and says where the record is.
    pub fn finish(mut self, record: &LoadRecord) -> Result<(), CliError> {
        self.write(|writer| writer.finish(record))?;
        if let Some(writer) = &self.writer {
            print_stderr(format!("load record: {}", writer.path().display()));
        }
        Ok(())
    }

    fn write(&mut self, write: impl Fn(&mut LoadRecordWriter) -> std::io::Result<()>) -> Result<(), CliError> {
        let Some(mut writer) = self.writer.take() else { return Ok(()) };
        match write(&mut writer) {
            Ok(()) => self.writer = Some(writer),
            Err(error) => self.failed(writer.path(), &error)?,
        }
        Ok(())
    }

    fn failed(&self, path: &Path, error: &std::io::Error) -> Result<(), CliError> {
        let what = format!("cannot write the record of the load {}: {error}", path.display());
        if self.wanted {
            return Err(CliError::Environment(what));
        }
        print_stderr(format!("vouch: {what}; the load goes on without"));
        Ok(())
    }
}

/// Opens a file for writing and changes nothing in it.
fn open(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::OpenOptions::new().create(true).append(true).open(path).map(drop)
}
