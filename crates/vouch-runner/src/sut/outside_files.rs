//! Files that a process writes outside the folders it was given. A secret in one of them has left the device's storage (EXC-3).

use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The files that the processes of one case opened for writing, or made by a rename or a link, outside their folders. It is
/// filled where writes are intercepted.
#[derive(Debug, Default)]
pub struct OutsideFiles(Mutex<BTreeSet<PathBuf>>);

impl OutsideFiles {
    /// Notes a file. Devices and the kernel's own files are none.
    pub(super) fn add(&self, path: PathBuf) {
        let is_of_the_kernel = ["/dev", "/proc", "/sys"].iter().any(|folder| path.starts_with(folder));
        // A shared-memory file is readable by other processes.
        if is_of_the_kernel && !path.starts_with("/dev/shm") {
            return;
        }
        let mut files = self.0.lock();
        if files.len() < MAX_FILES {
            files.insert(path);
        }
    }

    /// The files, sorted.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.0.lock().iter().cloned().collect()
    }
}

/// The maximum number of files that are noted for one case.
const MAX_FILES: usize = 256;
