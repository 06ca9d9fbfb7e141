//! The storage areas of one installed app, on disk.

use std::io::Read;
use std::path::{Path, PathBuf};
use vouch_spec::protocol::message::{Area, Item};

/// The storage of one installation.
pub struct DeviceStorage {
    folder: tempfile::TempDir,
}

impl DeviceStorage {
    /// Makes empty storage in a new temporary folder.
    pub fn new() -> std::io::Result<Self> {
        let installation = Self { folder: tempfile::Builder::new().prefix("vouch-").tempdir()? };
        for area in Area::ALL {
            std::fs::create_dir(installation.area(area))?;
        }
        std::fs::create_dir(installation.app())?;
        std::fs::create_dir(installation.temporary())?;
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

    /// The folder for temporary files: readable for others, as plain storage is.
    pub fn temporary(&self) -> PathBuf {
        self.folder.path().join("temporary")
    }

    /// Empties the app's own storage, as a reinstallation does.
    pub fn empty_app(&self) -> std::io::Result<()> {
        renew(&self.app())
    }

    /// Empties an area, as a reboot or a reinstallation does.
    pub fn empty(&self, area: Area) -> std::io::Result<()> {
        renew(&self.area(area))
    }

    /// Empties the folder for temporary files, as a reboot or a reinstallation does.
    pub fn empty_temporary(&self) -> std::io::Result<()> {
        renew(&self.temporary())
    }

    /// Every regular file of an area.
    pub fn files(&self, area: Area) -> std::io::Result<Vec<PathBuf>> {
        let all = list(&self.area(area))?;
        Ok(all.into_iter().filter(|found| found.is_file).map(|found| found.path).collect())
    }

    /// Whether there is room for what an SDK may want to write.
    pub fn check(&self) -> std::io::Result<()> {
        let probe = self.folder.path().join("room");
        std::fs::write(&probe, vec![b'x'; ROOM])?;
        std::fs::remove_file(probe)
    }

    /// Everything that lies on this storage. What is no regular file (a pipe, a socket, a link) has a name and no content.
    pub fn items(&self) -> std::io::Result<Vec<Item>> {
        let mut items = Vec::new();
        let areas = Area::ALL.map(|area| (area, self.area(area), ""));
        for (area, root, prefix) in areas.into_iter().chain([(Area::Plain, self.temporary(), "$TMPDIR/")]) {
            for found in list(&root)? {
                // It may have vanished since, or become something else: the SDK is at work.
                let bytes = if found.is_file { read(&found.path).unwrap_or_default() } else { vec![] };
                let key = found.path.strip_prefix(&root).unwrap_or(&found.path).to_string_lossy();
                let key = format!("{prefix}{key}");
                items.push(Item { area, key, value: String::from_utf8_lossy(&bytes).into_owned() });
            }
        }
        Ok(items)
    }
}

/// Makes a folder anew, whether it is there or not.
fn renew(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if !is_gone(&error) => Err(error),
        _ => std::fs::create_dir(folder),
    }
}

/// What lies below a folder and is no folder itself.
struct Found {
    path: PathBuf,
    is_file: bool,
}

/// Lists what lies below a folder, in order. Links are not followed; folders that vanish meanwhile are skipped.
fn list(root: &Path) -> std::io::Result<Vec<Found>> {
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
                Ok(kind) => found.push(Found { path: entry.path(), is_file: kind.is_file() }),
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

/// Reads a regular file, as much of it as is searched; never waits for anybody to write.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW;
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let mut bytes = Vec::new();
    if file.metadata()?.is_file() {
        file.take(MOST_OF_A_FILE).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// How much of one file is searched, in bytes.
const MOST_OF_A_FILE: u64 = 32 << 20;
/// The free space that a device needs, in bytes.
const ROOM: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_no_regular_file_has_a_name_and_holds_nobody_up() {
        let installation = DeviceStorage::new().expect("a folder");
        let plain = installation.area(Area::Plain);
        std::fs::create_dir(plain.join("sub")).expect("a folder");
        std::fs::write(plain.join("sub/file"), "text").expect("writable");
        symlink("..", plain.join("sub/up")).expect("a link");
        let pipe = plain.join("ipc.fifo").to_string_lossy().into_owned() + "\0";
        // SAFETY: a system call with a string that ends.
        assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr().cast(), 0o600) }, 0);
        let items = installation.items().expect("readable");
        let seen: Vec<_> = items.iter().map(|item| (item.key.as_str(), item.value.as_str())).collect();
        assert_eq!(seen, [("ipc.fifo", ""), ("sub/file", "text"), ("sub/up", "")]);
        assert_eq!(installation.files(Area::Plain).expect("readable"), [plain.join("sub/file")]);
    }

    #[test]
    fn folders_that_come_and_go_meanwhile_are_no_failure() {
        let installation = DeviceStorage::new().expect("a folder");
        let folder = installation.area(Area::Plain).join("tmp");
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    let _ = std::fs::create_dir(&folder).and_then(|()| std::fs::remove_dir(&folder));
                }
            });
            let all: std::io::Result<Vec<_>> = (0..300).map(|_| installation.items()).collect();
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(all.is_ok());
        });
    }
}
