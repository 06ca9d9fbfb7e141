//! The storage areas of one installed app, on disk.

use crate::protocol::message::{Area, Item};
use std::path::{Path, PathBuf};

/// The storage of one installation.
pub struct Installation {
    folder: tempfile::TempDir,
}

impl Installation {
    /// Makes empty storage in a new temporary folder.
    pub fn new() -> std::io::Result<Self> {
        let installation = Self { folder: tempfile::Builder::new().prefix("vouch-").tempdir()? };
        for area in Area::ALL {
            std::fs::create_dir(installation.area(area))?;
        }
        std::fs::create_dir(installation.app())?;
        Ok(installation)
    }

    pub fn area(&self, area: Area) -> PathBuf {
        self.folder.path().join(area.word())
    }

    /// What holds everything.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Where the app itself keeps what it wants.
    pub fn app(&self) -> PathBuf {
        self.folder.path().join("app")
    }

    /// Empties the app's own storage, as a reinstallation does.
    pub fn empty_app(&self) -> std::io::Result<()> {
        std::fs::remove_dir_all(self.app())?;
        std::fs::create_dir(self.app())
    }

    /// Empties an area, as a reboot or a reinstallation does.
    pub fn empty(&self, area: Area) -> std::io::Result<()> {
        std::fs::remove_dir_all(self.area(area))?;
        std::fs::create_dir(self.area(area))
    }

    /// Every file of an area.
    pub fn files(&self, area: Area) -> std::io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        list(&self.area(area), &mut files)?;
        files.sort();
        Ok(files)
    }

    /// Whether there is room for what an SDK may want to write.
    pub fn check(&self) -> std::io::Result<()> {
        let probe = self.folder.path().join("room");
        std::fs::write(&probe, vec![b'x'; ROOM])?;
        std::fs::remove_file(probe)
    }

    /// Everything that lies on this storage.
    pub fn items(&self) -> std::io::Result<Vec<Item>> {
        let mut items = Vec::new();
        for area in Area::ALL {
            let root = self.area(area);
            for file in self.files(area)? {
                // A file may vanish between listing and reading: the SDK is at work.
                let Ok(bytes) = std::fs::read(&file) else { continue };
                let key = file.strip_prefix(&root).unwrap_or(&file).to_string_lossy().into_owned();
                items.push(Item { area, key, value: String::from_utf8_lossy(&bytes).into_owned() });
            }
        }
        Ok(items)
    }
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

/// The free space that a device needs, in bytes.
const ROOM: usize = 64 * 1024;
