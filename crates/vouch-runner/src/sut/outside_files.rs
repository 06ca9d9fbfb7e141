//! Files that a process writes outside the folders it was given. A secret in one of them has left the device's storage (EXC-3).

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The files that the processes of one case opened for writing, or made by a rename or a link, outside their folders. It is
/// filled where the kernel tells of them.
#[derive(Debug, Default)]
pub struct OutsideFiles {
    /// Folders of the device, and files that are not the SDK's.
    excluded: Mutex<Vec<PathBuf>>,
    /// Each file as it was when it was read last.
    files: Mutex<BTreeMap<PathBuf, Option<Version>>>,
}

/// What tells one content of a file from another without reading it.
type Version = (SystemTime, u64);

/// The maximum number of files that are noted for one case.
const MAX_FILES: usize = 256;

impl OutsideFiles {
    /// No files yet. Those in a folder `excluded`, and those that it names, will not be noted.
    pub fn except(excluded: impl IntoIterator<Item = PathBuf>) -> Self {
        let noted = Self::default();
        excluded.into_iter().for_each(|path| noted.exclude(&path));
        noted
    }

    /// Files below this path are not noted from now on.
    pub fn exclude(&self, path: &Path) {
        self.excluded.lock().push(resolved(path));
    }

    /// Notes a file. Devices and the kernel's own files are none.
    pub(super) fn add(&self, path: &Path) {
        let is_of_the_kernel = ["/dev", "/proc", "/sys"].iter().any(|folder| path.starts_with(folder));
        // A shared-memory file is readable by other processes.
        if is_of_the_kernel && !path.starts_with("/dev/shm") {
            return;
        }
        let path = resolved(path);
        if self.excluded.lock().iter().any(|excluded| path.starts_with(excluded)) {
            return;
        }
        let mut files = self.files.lock();
        if files.len() < MAX_FILES {
            files.entry(path).or_default();
        }
    }

    /// The files, sorted.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.files.lock().keys().cloned().collect()
    }

    /// The regular files that were written since the previous call, sorted.
    pub fn take_changed(&self) -> Vec<PathBuf> {
        let mut files = self.files.lock();
        let changed = files.iter_mut().filter_map(|(path, known)| {
            let version = version(path);
            (version.is_some() && std::mem::replace(known, version) != version).then(|| path.clone())
        });
        changed.collect()
    }
}

fn version(path: &Path) -> Option<Version> {
    let about = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    Some((about.modified().ok()?, about.len()))
}

/// The path without symbolic links. What does not exist yet is looked for in its folder.
fn resolved(path: &Path) -> PathBuf {
    let by_folder = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(by_folder).unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_again_only_when_it_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, inside) = (folder.path().join("a"), folder.path().join("device/b"));
        let noted = OutsideFiles::except([folder.path().join("device")]);
        std::fs::create_dir(folder.path().join("device")).expect("a folder");
        noted.add(&file);
        noted.add(&inside);
        noted.add(Path::new("/dev/null"));
        assert_eq!(noted.take_changed(), [] as [PathBuf; 0], "it is not there yet");
        std::fs::write(&file, "1").expect("written");
        assert_eq!(noted.take_changed(), [resolved(&file)]);
        assert_eq!(noted.take_changed(), [] as [PathBuf; 0]);
        std::fs::write(&file, "12").expect("written");
        assert_eq!(noted.take_changed(), [resolved(&file)]);
        assert_eq!(noted.paths(), [resolved(&file)]);
    }

    #[test]
    #[cfg(unix)]
    fn a_folder_by_another_name_is_excluded_too() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("device")).expect("a folder");
        std::os::unix::fs::symlink(folder.path().join("device"), folder.path().join("link")).expect("a link");
        let noted = OutsideFiles::except([folder.path().join("link")]);
        noted.add(&folder.path().join("device/a"));
        noted.add(&folder.path().join("link/b"));
        assert_eq!(noted.paths(), [] as [PathBuf; 0]);
    }
}
