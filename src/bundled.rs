//! The suite that is embedded in this library by `build.rs`.

use std::path::{Path, PathBuf};
use vouch_spec::scenario::{EmbeddedFile, SuiteFiles};

const FILES: &[EmbeddedFile] = include!(concat!(env!("OUT_DIR"), "/bundled_suite.rs"));
/// The folder that all embedded paths begin with.
const ROOT: &str = "scenarios";

/// The bundled suite's files.
pub(crate) fn files() -> SuiteFiles {
    SuiteFiles::embedded(ROOT, FILES)
}

/// The text of the bundled suite's `clauses.yaml`.
#[cfg(any(feature = "explore", feature = "forecast"))]
pub(crate) fn clauses_text() -> &'static str {
    FILES.iter().find(|file| file.path == "scenarios/clauses.yaml").map_or("", |file| file.text)
}

/// Why the bundled suite was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Files there could be lost.
    #[error("{} is not empty; choose another folder, or write into it with --force", .0.display())]
    NotEmpty(PathBuf),
    /// A file or folder cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system reports.
        error: std::io::Error,
    },
}

/// What to do about files that are in the folder already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Write nothing.
    Refuse,
    /// Overwrite files of the same names.
    Overwrite,
}

/// Writes the bundled suite into a folder: `clauses.yaml`, scenarios by group, snapshots beside them. Returns the number of
/// files.
pub fn export(folder: &Path, existing: Existing) -> Result<usize, ExportError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        |error| ExportError::Io { path, error }
    };
    std::fs::create_dir_all(folder).map_err(io(folder))?;
    let is_empty = std::fs::read_dir(folder).map_err(io(folder))?.next().is_none();
    if !is_empty && existing == Existing::Refuse {
        return Err(ExportError::NotEmpty(folder.to_owned()));
    }
    for file in FILES {
        let path = Path::new(file.path);
        let path = folder.join(path.strip_prefix(ROOT).unwrap_or(path));
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(io(parent))?;
        }
        std::fs::write(&path, file.text).map_err(io(&path))?;
    }
    Ok(FILES.len())
}
