//! Writes stored installations.

use super::read::Limit;
use super::{DESCRIPTION, Description, InstallationState, StoredState};
use crate::record::build_digest;
use crate::run::DeviceStorage;
use std::io;
use std::path::Path;
use vouch_spec::protocol::message::Area;

/// A state that was captured, still on its device.
pub struct Captured {
    pub state: InstallationState,
    pub storage: DeviceStorage,
    /// Without the digest of its files.
    pub of: StoredState,
}

/// Copies the storage areas of a device that are stored. Returns the number of files.
pub(crate) fn copy_areas(from: &DeviceStorage, to: &DeviceStorage) -> io::Result<usize> {
    let mut limit = Limit::default();
    Area::ALL.iter().try_fold(0, |count, area| Ok(count + limit.copy(&from.area(*area), &to.area(*area))?))
}

/// Writes a stored installation into a new folder, which is complete once its description is there.
///
/// # Errors
/// If the folder has files already, or a file cannot be read or written.
pub fn write(folder: &Path, mut description: Description, captured: &[Captured]) -> io::Result<Description> {
    std::fs::create_dir_all(folder)?;
    if std::fs::read_dir(folder)?.next().is_some() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it has files already; choose a new folder"));
    }
    for Captured { state, storage, of } in captured {
        let to = folder.join(state.word());
        std::fs::create_dir(&to)?;
        let mut limit = Limit::default();
        for area in Area::ALL {
            let to = to.join(area.word());
            std::fs::create_dir(&to)?;
            limit.copy(&storage.area(area), &to)?;
        }
        let sha256 = build_digest(&to.display().to_string(), Path::new("")).map_err(io::Error::other)?.sha256;
        description.states.insert(*state, StoredState { sha256, ..of.clone() });
    }
    let mut text = serde_json::to_string_pretty(&description)?;
    text.push('\n');
    std::fs::write(folder.join(DESCRIPTION), text)?;
    Ok(description)
}
