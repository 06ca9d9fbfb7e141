//! Reads stored installations and puts them on a device.

use super::{DESCRIPTION, Description, FORMAT, InstallationState, MAX_BYTES, MAX_FILES, StoredState};
use crate::record::build_digest;
use crate::run::DeviceStorage;
use serde_json::Value;
use std::io;
use std::path::{Path, PathBuf};
use vouch_spec::protocol::message::Area;
use vouch_spec::text::read_file;

/// The longest description, in bytes.
const MAX_DESCRIPTION: u64 = 4 << 20;

/// Why a folder is not read as a stored installation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MuseumError {
    /// The folder or its description cannot be read.
    #[error("cannot read the stored installation {}: {why}; `vouch capture installation` makes one", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system reports.
        why: String,
    },
    /// The description is not one.
    #[error("{} does not describe a stored installation: {why}; capture it again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Another version of Vouch wrote it.
    #[error(
        "the stored installation {} has the format {found}, and this version of Vouch reads {FORMAT}; use the version that \
         captured it, or capture it again",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// The format that it has.
        found: String,
    },
    /// Its files are not those that were captured.
    #[error("the stored installation {} is damaged: {why}; restore it, or capture it again", path.display())]
    Damaged {
        /// The folder of the state.
        path: PathBuf,
        /// What differs.
        why: String,
    },
}

/// A stored installation that was read and is whole.
#[derive(Clone, Debug)]
pub struct StoredInstallation {
    folder: PathBuf,
    pub description: Description,
}

impl StoredInstallation {
    /// Reads a folder and checks that it is whole.
    ///
    /// # Errors
    /// If it is not a stored installation of this format, or its files were changed.
    pub fn read(folder: &Path) -> Result<Self, MuseumError> {
        let path = folder.join(DESCRIPTION);
        let bytes = read_file(&path, MAX_DESCRIPTION)
            .map_err(|error| MuseumError::Io { path: path.clone(), why: error.to_string() })?;
        let malformed = |why: String| MuseumError::Malformed { path: path.clone(), why };
        let json: Value = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
        // Another format may have other fields.
        match json.get("format") {
            Some(format) if format.as_u64() == Some(FORMAT) => {}
            Some(format) => return Err(MuseumError::Format { path, found: format.to_string() }),
            None => return Err(malformed("it has no `format`".into())),
        }
        let description: Description = serde_json::from_value(json).map_err(|error| malformed(error.to_string()))?;
        if description.states.is_empty() {
            return Err(malformed("it has no state".into()));
        }
        let stored = Self { folder: folder.to_owned(), description };
        for (state, of) in &stored.description.states {
            stored.check(*state, of)?;
        }
        Ok(stored)
    }

    /// One of its states.
    pub fn state(&self, state: InstallationState) -> Option<&StoredState> {
        self.description.states.get(&state)
    }

    fn check(&self, state: InstallationState, of: &StoredState) -> Result<(), MuseumError> {
        let path = self.folder.join(state.word());
        let damaged = |why: String| MuseumError::Damaged { path: path.clone(), why };
        if of.session.is_none() && state == InstallationState::SignedIn {
            return Err(damaged("its description has no session".into()));
        }
        let sha256 = digest(&path).map_err(damaged)?;
        if sha256 != of.sha256 {
            return Err(damaged("its files are not those that were captured".into()));
        }
        Ok(())
    }

    /// Copies the files of a state onto a device.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub(crate) fn install(&self, state: InstallationState, storage: &DeviceStorage) -> io::Result<()> {
        let folder = self.folder.join(state.word());
        for area in Area::ALL {
            let from = folder.join(area.word());
            // Version control keeps no empty folders.
            if from.is_dir() {
                Limit::default().copy(&from, &storage.area(area))?;
            }
        }
        Ok(())
    }
}

/// The digest of the files of a state. Version control keeps no empty folders, so one that is missing has no files.
fn digest(folder: &Path) -> Result<String, String> {
    if !folder.exists() {
        return Ok(crate::record::sha256(b""));
    }
    Limit::default().count(folder).map_err(|error| error.to_string())?;
    let digest = build_digest(&folder.display().to_string(), Path::new("")).map_err(|error| error.to_string())?;
    Ok(digest.sha256)
}

/// What is left of the limits of a state.
pub(super) struct Limit {
    files: usize,
    bytes: u64,
}

impl Default for Limit {
    fn default() -> Self {
        Self { files: MAX_FILES, bytes: MAX_BYTES }
    }
}

impl Limit {
    /// Copies a folder of regular files. Returns how many there were.
    pub fn copy(&mut self, from: &Path, to: &Path) -> io::Result<usize> {
        self.each_file(from, to, &|from, to| {
            if let Some(folder) = to.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::copy(from, to).map(drop)
        })
    }

    fn count(&mut self, folder: &Path) -> io::Result<usize> {
        self.each_file(folder, folder, &|_, _| Ok(()))
    }

    fn each_file(
        &mut self,
        from: &Path,
        to: &Path,
        work: &dyn Fn(&Path, &Path) -> io::Result<()>,
    ) -> io::Result<usize> {
        let mut count = 0;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let (path, target, kind) = (entry.path(), to.join(entry.file_name()), entry.file_type()?);
            if kind.is_dir() {
                count += self.each_file(&path, &target, work)?;
                continue;
            }
            if !kind.is_file() {
                return Err(io::Error::other(format!("{} is neither a file nor a folder", path.display())));
            }
            let size = entry.metadata()?.len();
            let left = (self.files.checked_sub(1), self.bytes.checked_sub(size));
            let (Some(files), Some(bytes)) = left else {
                return Err(io::Error::other(format!("it has more than {MAX_FILES} files or {} MiB", MAX_BYTES >> 20)));
            };
            (self.files, self.bytes) = (files, bytes);
            work(&path, &target)?;
            count += 1;
        }
        Ok(count)
    }
}
