//! Writes and reads record files.

use super::lines::{LineReader, LineWriter};
use super::{EARLIEST_FORMAT, FORMAT};
use crate::report::Listener;
use crate::run::event::{RunEvent, Started};
use crate::run::summary::{RunEnd, Summary, SummaryBuilder};
use crate::run::verdict::CaseReport;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Writes a record, event by event. What is written so far can be read, also if the run ends early.
pub struct RecordWriter(LineWriter);

impl RecordWriter {
    /// Creates the file, and the folders above it.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        LineWriter::create(path).map(Self)
    }

    /// The path of the record.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Listener for RecordWriter {
    fn on_event(&mut self, event: &RunEvent) -> io::Result<()> {
        if matches!(event, RunEvent::Progress { .. }) {
            return Ok(());
        }
        self.0.write(event)?;
        match event {
            RunEvent::Started(_) => self.0.flush(),
            RunEvent::Progress { .. } | RunEvent::CaseFinished(_) => Ok(()),
            RunEvent::Finished(_) => self.0.finish(),
        }
    }
}

/// A record in memory.
#[derive(Clone, Debug)]
pub struct RunRecord {
    pub started: Started,
    pub cases: Vec<CaseReport>,
    /// The summary as the run wrote it. Absent if the run was killed.
    pub written_summary: Option<Summary>,
    /// SHA-256 of the file, in lower-case hexadecimal; empty if the record was not read from a file.
    pub sha256: String,
}

/// Why a file is not read as a record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file cannot be read.
    #[error("cannot read the record {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system or the decompressor reports.
        error: io::Error,
    },
    /// A line is not an event of a run.
    #[error("{} is not a run record: line {line}: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1, of the uncompressed text.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// It is the record of a load.
    #[error("{} is the record of a load, and a run record of `vouch run` is needed", path.display())]
    OfLoad {
        /// The file.
        path: PathBuf,
    },
    /// The record was written by another version of Vouch.
    #[error(
        "{} has record format {found}, and this version of Vouch reads {EARLIEST_FORMAT} to {FORMAT}; use the version that wrote it",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: u64,
    },
}

impl RunRecord {
    /// Reads a record file.
    ///
    /// # Errors
    /// If the file cannot be read or is not a record of this format.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        let mut lines = LineReader::open(path)?;
        let sha256 = lines.sha256().to_owned();
        let (mut started, mut cases, mut summary) = (None, Vec::new(), None);
        while let Some((number, line)) = lines.next_line()? {
            let malformed = |what: String| RecordError::Malformed { path: path.to_owned(), line: number, what };
            if number == 1 {
                check_format(line, path).map_err(|error| error.unwrap_or_else(malformed))?;
            }
            let event = serde_json::from_str(line).map_err(|error| malformed(error.to_string()))?;
            match event {
                RunEvent::Started(of) if number == 1 => started = Some(*of),
                RunEvent::CaseFinished(case) if number > 1 && summary.is_none() => cases.push(*case),
                RunEvent::Finished(of) if number > 1 && summary.is_none() => summary = Some(of),
                _ => return Err(malformed("the events are not in the order of a run".into())),
            }
        }
        let started = started.ok_or_else(|| RecordError::Malformed {
            path: path.to_owned(),
            line: 1,
            what: "the file is empty".into(),
        })?;
        let mut record = Self { started, cases, written_summary: summary, sha256 };
        record.update_clauses();
        Ok(record)
    }

    /// Before format 3, a known failure violated its clauses like any other failure.
    fn update_clauses(&mut self) {
        let Some(written) = &self.written_summary else { return };
        if self.started.format < 3 && self.started.gate.known_failures.is_some() {
            let clauses = self.summarize(written.end()).clauses;
            self.written_summary.iter_mut().for_each(|summary| summary.clauses.clone_from(&clauses));
        }
    }

    /// The summary: as it was written, or, of a run that was killed, of the cases that had ended.
    pub fn summary(&self) -> Summary {
        self.written_summary
            .clone()
            .unwrap_or_else(|| self.summarize(RunEnd { interrupted: true, ..RunEnd::default() }))
    }

    /// The summary that follows from the cases.
    pub fn summarize(&self, end: RunEnd) -> Summary {
        let Started { suite, gate, .. } = &self.started;
        let mut summary = SummaryBuilder::new(Arc::new(suite.clauses.clone()), self.started.scope(), gate.clone());
        self.cases.iter().for_each(|case| summary.add(case));
        summary.finish(self.started.cases, end)
    }

    /// Replays the run to a report.
    ///
    /// # Errors
    /// If the report cannot be written.
    pub fn replay(&self, listener: &mut dyn Listener) -> io::Result<()> {
        listener.on_event(&RunEvent::Started(Box::new(self.started.clone())))?;
        for case in &self.cases {
            listener.on_event(&RunEvent::CaseFinished(Box::new(case.clone())))?;
        }
        listener.on_event(&RunEvent::Finished(self.summary()))
    }
}

/// Checks the format before anything else, since another format may have other fields. The inner error is for a line that
/// has no format.
fn check_format(line: &str, path: &Path) -> Result<(), Result<RecordError, String>> {
    let first: serde_json::Value = serde_json::from_str(line).map_err(|error| Err(error.to_string()))?;
    if first["event"] == "loadStarted" {
        return Err(Ok(RecordError::OfLoad { path: path.to_owned() }));
    }
    match first["format"].as_u64() {
        Some(found) if (u64::from(EARLIEST_FORMAT)..=u64::from(FORMAT)).contains(&found) => Ok(()),
        Some(found) => Err(Ok(RecordError::Format { path: path.to_owned(), found })),
        None => Err(Err("the first line has no `format`".into())),
    }
}
