//! The storage of a device: the storage areas of one installed app as folders on disk.

use parking_lot::Mutex;
use std::io::Read;
use std::path::{Path, PathBuf};
use vouch_spec::protocol::message::{Area, Item};

/// The storage of one device. It is deleted when this value is dropped.
pub struct DeviceStorage {
    folder: tempfile::TempDir,
    /// The folder for temporary files of the running process, if the process has one of its own.
    adopted: Mutex<Option<PathBuf>>,
}

impl DeviceStorage {
    /// Creates empty storage in a new temporary folder.
    pub fn new() -> std::io::Result<Self> {
        let storage = Self { folder: crate::temporary_folder::create()?, adopted: Mutex::default() };
        for area in Area::ALL {
            std::fs::create_dir(storage.area(area))?;
        }
        std::fs::create_dir(storage.app())?;
        std::fs::create_dir(storage.own_temporary())?;
        Ok(storage)
    }

    /// The folder of a storage area.
    pub fn area(&self, area: Area) -> PathBuf {
        self.folder.path().join(area.word())
    }

    /// The folder that contains all others.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the app's own data.
    pub fn app(&self) -> PathBuf {
        self.folder.path().join("app")
    }

    /// The folder for temporary files. Like plain storage, other apps can read it.
    pub fn temporary(&self) -> PathBuf {
        self.adopted.lock().clone().unwrap_or_else(|| self.own_temporary())
    }

    fn own_temporary(&self) -> PathBuf {
        self.folder.path().join("temporary")
    }

    /// Uses the folder for temporary files of a process, which gets the temporary files of this device in place of its own.
    pub fn adopt_temporary(&self, folder: &Path) -> std::io::Result<()> {
        remove_entries(folder)?;
        let before = self.temporary();
        *self.adopted.lock() = Some(folder.to_owned());
        move_entries(&before, folder)
    }

    /// Moves the temporary files out of the folder of a process.
    pub fn keep_temporary(&self) -> std::io::Result<()> {
        let Some(adopted) = self.adopted.lock().take() else { return Ok(()) };
        move_entries(&adopted, &self.own_temporary())
    }

    /// Empties the folder of the app's own data, as a reinstallation does.
    pub fn empty_app(&self) -> std::io::Result<()> {
        recreate(&self.app())
    }

    /// Empties an area, as a reboot or a reinstallation does.
    pub fn empty(&self, area: Area) -> std::io::Result<()> {
        recreate(&self.area(area))
    }

    /// Empties the folder for temporary files, as a reboot or a reinstallation does.
    pub fn empty_temporary(&self) -> std::io::Result<()> {
        recreate(&self.temporary())
    }

    /// Every regular file of an area.
    pub fn files(&self, area: Area) -> std::io::Result<Vec<PathBuf>> {
        let all = list(&self.area(area))?;
        Ok(all.into_iter().filter(|found| found.is_file).map(|found| found.path).collect())
    }

    /// Checks that the disk has enough space for an SDK.
    pub fn check(&self) -> std::io::Result<()> {
        let probe = self.folder.path().join("space");
        std::fs::write(&probe, vec![b'x'; REQUIRED_SPACE])?;
        std::fs::remove_file(probe)
    }

    /// Every storage item. An item that is not a regular file (a pipe, a socket, a link) has an empty value.
    pub fn items(&self) -> std::io::Result<Vec<Item>> {
        let mut items = Vec::new();
        let areas = Area::ALL.map(|area| (area, self.area(area), ""));
        for (area, root, prefix) in areas.into_iter().chain([(Area::Plain, self.temporary(), "$TMPDIR/")]) {
            for found in list(&root)? {
                // The SDK may have removed or replaced the file since it was listed.
                let bytes = if found.is_file { read(&found.path).unwrap_or_default() } else { vec![] };
                let key = found.path.strip_prefix(&root).unwrap_or(&found.path).to_string_lossy();
                let key = format!("{prefix}{key}");
                items.push(Item { area, key, value: String::from_utf8_lossy(&bytes).into_owned() });
            }
        }
        Ok(items)
    }
}

/// A file outside the device's folders, as an item of plain storage: other apps may read it. None if it is no regular file, or
/// is gone.
pub(super) fn outside_item(path: &Path) -> Option<Item> {
    let bytes = read(path).ok().filter(|bytes| !bytes.is_empty())?;
    let key = path.to_string_lossy().into_owned();
    Some(Item { area: Area::Plain, key, value: String::from_utf8_lossy(&bytes).into_owned() })
}

/// Empties a folder, or creates it.
fn recreate(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if !is_gone(&error) => Err(error),
        _ => std::fs::create_dir(folder),
    }
}

fn remove_entries(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed =
            if is_folder { std::fs::remove_dir_all(entry.path()) } else { std::fs::remove_file(entry.path()) };
        removed.or_else(|error| if is_gone(&error) { Ok(()) } else { Err(error) })?;
    }
    Ok(())
}

/// Moves what is in a folder to another one of the same file system. A process may remove a file meanwhile.
fn move_entries(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let moved = std::fs::rename(entry.path(), to.join(entry.file_name()));
        moved.or_else(|error| if is_gone(&error) { Ok(()) } else { Err(error) })?;
    }
    Ok(())
}

/// A directory entry that is not a folder.
struct Entry {
    path: PathBuf,
    is_file: bool,
}

/// Lists every entry below a folder, sorted by path. Links are not followed. A folder that is removed meanwhile is skipped.
fn list(root: &Path) -> std::io::Result<Vec<Entry>> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if is_gone(&error) => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) => found.push(Entry { path: entry.path(), is_file: kind.is_file() }),
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn is_gone(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

/// Reads a regular file up to the limit. Does not block on a pipe.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW;
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let mut bytes = Vec::new();
    if file.metadata()?.is_file() {
        file.take(MAX_FILE_LENGTH).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// The maximum length of a file that is searched, in bytes.
const MAX_FILE_LENGTH: u64 = 32 << 20;
/// The free space that an SDK needs, in bytes.
const REQUIRED_SPACE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn an_entry_that_is_not_a_regular_file_has_an_empty_value_and_does_not_block() {
        let storage = DeviceStorage::new().expect("a folder");
        let plain = storage.area(Area::Plain);
        std::fs::create_dir(plain.join("sub")).expect("a folder");
        std::fs::write(plain.join("sub/file"), "text").expect("writable");
        symlink("..", plain.join("sub/up")).expect("a link");
        let pipe = plain.join("ipc.fifo").to_string_lossy().into_owned() + "\0";
        // SAFETY: a system call with a NUL-terminated string.
        assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr().cast(), 0o600) }, 0);
        let items = storage.items().expect("readable");
        let seen: Vec<_> = items.iter().map(|item| (item.key.as_str(), item.value.as_str())).collect();
        assert_eq!(seen, [("ipc.fifo", ""), ("sub/file", "text"), ("sub/up", "")]);
        assert_eq!(storage.files(Area::Plain).expect("readable"), [plain.join("sub/file")]);
    }

    #[test]
    fn temporary_files_stay_with_the_device_while_its_processes_have_folders_of_their_own() {
        let (storage, [first, second]) =
            (DeviceStorage::new().expect("a folder"), [(); 2].map(|()| tempfile::tempdir()));
        let (first, second) = (first.expect("a folder"), second.expect("a folder"));
        std::fs::write(first.path().join("of-another-case"), "x").expect("writable");
        let keys = || storage.items().expect("readable").into_iter().map(|item| item.key).collect::<Vec<_>>();
        storage.adopt_temporary(first.path()).expect("moved");
        assert!(keys().is_empty());
        std::fs::create_dir(first.path().join("sub")).expect("writable");
        std::fs::write(first.path().join("sub/token"), "x").expect("writable");
        storage.keep_temporary().expect("moved");
        assert_eq!(keys(), ["$TMPDIR/sub/token"]);
        assert_eq!(std::fs::read_dir(first.path()).expect("readable").count(), 0);
        storage.adopt_temporary(second.path()).expect("moved");
        assert!(second.path().join("sub/token").exists());
        assert_eq!(keys(), ["$TMPDIR/sub/token"]);
        storage.keep_temporary().expect("moved");
        storage.empty_temporary().expect("emptied");
        assert!(keys().is_empty());
    }

    #[test]
    fn a_folder_that_is_removed_meanwhile_is_skipped() {
        let storage = DeviceStorage::new().expect("a folder");
        let folder = storage.area(Area::Plain).join("tmp");
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let _ = std::fs::create_dir(&folder).and_then(|()| std::fs::remove_dir(&folder));
                }
            });
            let all: std::io::Result<Vec<_>> = (0..300).map(|_| storage.items()).collect();
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(all.is_ok());
        });
    }
}
