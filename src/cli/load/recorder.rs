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
/// A load that ends without a result leaves none; only a process that is killed leaves the start of one.
pub struct Recorder {
    path: Option<PathBuf>,
    writer: Option<LoadRecordWriter>,
    wanted: bool,
    state: State,
}

/// What the file is worth.
#[derive(Clone, Copy, PartialEq)]
enum State {
    /// It was there before, and is as it was.
    Untouched,
    /// It has no result yet.
    Unfinished,
    Finished,
}

impl Recorder {
    /// Checks before the load starts that the file can be written. What it holds stays until the target is ready. `others` are
    /// the paths of the reports.
    pub fn prepare(args: &RecordArgs, others: &[Option<&Path>]) -> Result<Self, CliError> {
        let wanted = args.record.is_some();
        let path =
            if args.no_record { None } else { args.record.clone().or_else(|| record_path::default_path("load")) };
        let mut recorder = Self { path: None, writer: None, wanted, state: State::Untouched };
        let Some(path) = path else { return Ok(recorder) };
        match open(&path).and_then(|state| Ok((state, path.canonicalize()?))) {
            Ok((state, canonical)) => {
                recorder.state = state;
                recorder.path = Some(path.clone());
                let same = |other: &&Path| other.canonicalize().is_ok_and(|other| other == canonical);
                if others.iter().flatten().any(same) {
                    let what = format!("the record and a report cannot be written to one file: {}", path.display());
                    return Err(CliError::Usage(what));
                }
            }
            Err(error) => recorder.failed(&path, &error)?,
        }
        Ok(recorder)
    }

    /// Writes the start of the load.
    pub fn start(&mut self, settings: &LoadSettings) -> Result<(), CliError> {
        let Some(path) = self.path.clone() else { return Ok(()) };
        match LoadRecordWriter::create(&path) {
            Ok(writer) => (self.writer, self.state) = (Some(writer), State::Unfinished),
            Err(error) => self.failed(&path, &error)?,
        }
        self.write(|writer| writer.start(settings))
    }

    /// Writes the result, and says where the record is.
    pub fn finish(mut self, record: &LoadRecord) -> Result<(), CliError> {
        self.write(|writer| writer.finish(record))?;
        if let Some(writer) = &self.writer {
            self.state = State::Finished;
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

impl Drop for Recorder {
    fn drop(&mut self) {
        self.writer = None;
        let Some(path) = self.path.as_ref().filter(|_| self.state == State::Unfinished) else { return };
        // A device or a link is the user's.
        if path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Opens a file for writing and changes nothing in it.
fn open(path: &Path) -> std::io::Result<State> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let options = |new: bool| std::fs::OpenOptions::new().create(!new).create_new(new).append(true).open(path);
    match options(true) {
        Ok(_) => Ok(State::Unfinished),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => options(false).map(|_| State::Untouched),
        Err(error) => Err(error),
    }
}
