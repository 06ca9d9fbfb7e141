//! Writes and reads the record files of loads.

use super::{FORMAT, LoadEvent, LoadRecord, LoadSettings};
use serde_json::Value;
use std::io;
use std::path::{Path, PathBuf};
use vouch_runner::record::{LineReader, LineWriter, RecordError};

/// Writes a record: the settings when the load starts, so that the file exists and can be read if the load is killed, and the
/// result at the end.
pub struct LoadRecordWriter(LineWriter);

impl LoadRecordWriter {
    /// Creates the file, and the folders above it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        LineWriter::create(path).map(Self)
    }

    /// The path of the record.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes the start of a load.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn start(&mut self, settings: &LoadSettings) -> io::Result<()> {
        self.0.write(&LoadEvent::LoadStarted(Box::new(settings.clone())))?;
        self.0.flush()
    }

    /// Writes the result of a load.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(&mut self, record: &LoadRecord) -> io::Result<()> {
        let mut result = record.result.clone();
        for chunk in std::mem::take(&mut result.round.intervals).chunks(SECONDS_A_LINE) {
            self.0.write(&LoadEvent::Seconds { intervals: chunk.to_vec() })?;
        }
        self.0.write(&LoadEvent::LoadFinished(Box::new(result)))?;
        self.0.finish()
    }
}

/// Why a file is not read as the record of a load.
#[derive(Debug, thiserror::Error)]
pub enum LoadRecordError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] RecordError),
    /// A line is not an event of a load.
    #[error("{} is not the record of a load: line {line}: {what}", path.display())]
    Malformed { path: PathBuf, line: usize, what: String },
    /// The record was written by another version of Vouch.
    #[error("{} has load record format {found}, and this version of Vouch reads {FORMAT}; use the version that wrote it", path.display())]
    Format { path: PathBuf, found: u64 },
    /// The load was killed: its measurements were in the memory of its process.
    #[error("{} has no result: the load that started at {started_at} was killed before its end", path.display())]
    Killed { path: PathBuf, started_at: String },
}

impl LoadRecord {
    /// Whether a file is the record of a load. `false` also if it is no record at all.
    pub fn is_in(path: &Path) -> bool {
        let first = LineReader::open(path).ok().and_then(|mut lines| {
            let (_, line) = lines.next_line().ok()??;
            serde_json::from_str::<Value>(line).ok()
        });
        first.is_some_and(|line| line["event"] == "loadStarted")
    }

    /// Reads a record file.
    ///
    /// # Errors
    /// If the file cannot be read, is not the record of a load, or has no result.
    pub fn read(path: &Path) -> Result<Self, LoadRecordError> {
        Self::of(path, LineReader::open(path)?)
    }

    /// Reads the bytes of a record file. `path` is for errors.
    ///
    /// # Errors
    /// If they are not the record of a load, or have no result.
    pub fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self, LoadRecordError> {
        Self::of(path, LineReader::new(path, bytes)?)
    }

    fn of(path: &Path, mut lines: LineReader) -> Result<Self, LoadRecordError> {
        let (mut settings, mut result, mut intervals) = (None, None, Vec::new());
        while let Some((number, line)) = lines.next_line()? {
            let malformed = |what: String| LoadRecordError::Malformed { path: path.to_owned(), line: number, what };
            let value: Value = serde_json::from_str(line).map_err(|error| malformed(error.to_string()))?;
            if number > 1 {
                check_limits(line, &value).map_err(malformed)?;
            } else if let Some(found) = other_format(&value) {
                return Err(LoadRecordError::Format { path: path.to_owned(), found });
            }
            match serde_json::from_value(value).map_err(|error| malformed(error.to_string()))? {
                LoadEvent::LoadStarted(of) if number == 1 => settings = Some(*of),
                LoadEvent::Seconds { intervals: more } if number > 1 && result.is_none() => {
                    intervals.extend(more);
                    if intervals.len() > MAX_SECONDS {
                        return Err(malformed(format!("the load has more than {MAX_SECONDS} seconds")));
                    }
                }
                LoadEvent::LoadFinished(of) if number > 1 && result.is_none() => result = Some(*of),
                _ => return Err(malformed("the events are not in the order of a load".into())),
            }
        }
        let settings: LoadSettings = settings.ok_or_else(|| LoadRecordError::Malformed {
            path: path.to_owned(),
            line: 1,
            what: "the file is empty".into(),
        })?;
        match result {
            Some(mut result) => {
                result.round.intervals = intervals;
                Ok(Self { settings, result })
            }
            None => Err(LoadRecordError::Killed { path: path.to_owned(), started_at: settings.started_at }),
        }
    }
}

/// The format of a load's first line, if it is not the one that this version reads.
fn other_format(first: &Value) -> Option<u64> {
    let found = first["format"].as_u64().filter(|_| first["event"] == "loadStarted")?;
    (found != u64::from(FORMAT)).then_some(found)
}

/// So many seconds are in one line.
const SECONDS_A_LINE: usize = 3600;
/// The longest load that is read, in seconds: a month.
const MAX_SECONDS: usize = 31 * 24 * 3600;
/// The most histograms of a record: three of each series. One takes some 150 kB of memory, however short its text is.
const MAX_HISTOGRAMS: usize = 3 * MAX_THRESHOLDS + 10;
/// The most thresholds or series.
const MAX_THRESHOLDS: usize = 1000;
/// The largest count or time in nanoseconds: five hours. Sums of them do not overflow.
const MAX_NUMBER: u64 = 1 << 44;

/// Checks what a record that Vouch wrote never has, before it takes memory or overflows a sum.
fn check_limits(line: &str, value: &Value) -> Result<(), String> {
    if line.matches("significantDigits").count() > MAX_HISTOGRAMS {
        return Err(format!("it has more than {MAX_HISTOGRAMS} histograms"));
    }
    let long = |list: &Value| list.as_array().is_some_and(|list| list.len() > MAX_THRESHOLDS);
    if long(&value["evaluation"]["thresholds"]) || long(&value["round"]["series"]) {
        return Err(format!("it has more than {MAX_THRESHOLDS} thresholds or series"));
    }
    match largest(value) {
        number if number > MAX_NUMBER => Err(format!("the number {number} is larger than a load can measure")),
        _ => Ok(()),
    }
}

/// The largest whole number anywhere in a value.
fn largest(value: &Value) -> u64 {
    match value {
        Value::Number(number) => number.as_u64().unwrap_or(0),
        Value::Array(list) => list.iter().map(largest).max().unwrap_or(0),
        Value::Object(map) => map.iter().map(|(key, value)| of_field(key, value)).max().unwrap_or(0),
        _ => 0,
    }
}

/// The largest number of a field. The first response of a series without one is at the highest number of all.
fn of_field(key: &str, value: &Value) -> u64 {
    if key == "first" && value.as_u64() == Some(u64::MAX) { 0 } else { largest(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{failing, faulty, nothing, record, steady};
    use crate::report::{Exposition, LoadReportFormat};

    #[test]
    fn a_record_that_is_read_again_gives_the_same_reports() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, round) in
            [("steady", steady()), ("failing", failing()), ("nothing", nothing()), ("faulty", faulty())]
        {
            let (path, record) = (folder.path().join("deeper").join(name), record(round));
            let mut writer = LoadRecordWriter::create(&path).expect("created");
            writer.start(&record.settings).and_then(|()| writer.finish(&record)).expect("written");
            let again = LoadRecord::read(&path).expect("a record");
            for (_, format) in LoadReportFormat::ALL {
                assert_eq!(format.render(&again), format.render(&record), "{name}: {format:?}");
            }
            let open = LoadReportFormat::Metrics(Exposition::OpenMetrics);
            assert_ne!(open.render(&again), LoadReportFormat::Json.render(&again));
            assert!(LoadRecord::is_in(&path));
        }
    }

    #[test]
    fn a_load_that_was_killed_leaves_its_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, record) = (folder.path().join("a"), record(steady()));
        let mut writer = LoadRecordWriter::create(&path).expect("created");
        writer.start(&record.settings).expect("written");
        // What the file has now is what a killed process leaves.
        std::fs::copy(&path, folder.path().join("killed")).expect("copied");
        let error = LoadRecord::read(&folder.path().join("killed")).expect_err("no result").to_string();
        assert!(error.contains("was killed before its end") && error.contains(&record.settings.started_at), "{error}");
    }

    #[test]
    fn other_files_are_no_record_of_a_load() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, lines: &[serde_json::Value]| {
            let path = folder.path().join(name);
            let mut writer = LineWriter::create(&path).expect("created");
            lines.iter().for_each(|line| writer.write(line).expect("written"));
            writer.finish().expect("written");
            LoadRecord::read(&path).expect_err(name).to_string()
        };
        let start = serde_json::to_value(LoadEvent::LoadStarted(Box::new(record(steady()).settings))).expect("JSON");
        let mut newer = start.clone();
        newer["format"] = 99.into();
        let mut wild = serde_json::to_value(LoadEvent::LoadFinished(Box::new(record(steady()).result))).expect("JSON");
        wild["round"]["lag"]["counts"] = serde_json::json!([[u64::MAX, 1]]);
        for (name, lines, part) in [
            ("empty", vec![], "the file is empty"),
            ("run", vec![serde_json::json!({ "event": "started" })], "line 1: unknown variant `started`"),
            ("newer", vec![newer], "load record format 99"),
            ("twice", vec![start.clone(), start.clone()], "line 2: the events are not in the order of a load"),
            ("wild", vec![start, wild], "is larger than a load can measure"),
        ] {
            let error = write(name, &lines);
            assert!(error.contains(part), "{name}: {error}");
        }
        std::fs::write(folder.path().join("text"), "no record").expect("written");
        assert!(
            LoadRecord::read(&folder.path().join("text")).is_err() && !LoadRecord::is_in(&folder.path().join("text"))
        );
    }
}
