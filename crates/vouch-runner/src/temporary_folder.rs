//! Temporary folders: they belong to one process, nobody else can read them, and those of dead processes are removed.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const PREFIX: &str = "vouch-run-";
/// A folder of a dead process is kept this long: where two containers share a folder, the process may live in the other.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// So many entries of the folder for temporary files are looked at, at the most.
const MAX_ENTRIES: usize = 10_000;

/// Creates a folder that only this user can read. It is removed when the value is dropped.
///
/// # Errors
/// If it cannot be created.
pub fn create() -> io::Result<TempDir> {
    // Builds under test get the paths as JSON.
    if std::env::temp_dir().to_str().is_none() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path in TMPDIR is not UTF-8"));
    }
    let prefix = format!("{PREFIX}{}-", std::process::id());
    tempfile::Builder::new().prefix(&prefix).permissions(std::fs::Permissions::from_mode(0o700)).tempdir()
}

/// Removes the folders that killed processes of this user left behind a day ago or earlier. What cannot be removed stays.
pub fn sweep() {
    sweep_in(&std::env::temp_dir(), SystemTime::now());
}

fn sweep_in(folder: &Path, now: SystemTime) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.take(MAX_ENTRIES).filter_map(Result::ok) {
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(process_of) else { continue };
        // Links are not followed.
        let Ok(metadata) = entry.metadata() else { continue };
        let age = metadata.modified().ok().and_then(|changed| now.duration_since(changed).ok());
        let is_ours = metadata.is_dir() && metadata.uid() == rustix::process::getuid().as_raw();
        if is_ours && age.is_some_and(|age| age >= KEPT) && !Path::new("/proc").join(process.to_string()).exists() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// The process of a folder's name. `None`: the folder is not ours.
fn process_of(name: &str) -> Option<u32> {
    let (process, random) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let is_random = random.len() == 6 && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
    process.parse().ok().filter(|_| is_random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_can_read_a_temporary_folder() {
        let folder = create().expect("a folder");
        let mode = folder.path().metadata().expect("it exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let name = folder.path().file_name().and_then(|name| name.to_str()).expect("a name");
        assert_eq!(process_of(name), Some(std::process::id()));
    }

    #[test]
    fn only_old_folders_of_dead_processes_are_swept() {
        let all = tempfile::tempdir().expect("a folder");
        let live = format!("vouch-run-{}-abcdef", std::process::id());
        let names = ["vouch-run-4000000000-abcdef", &live, "vouch-ports", "vouch-run-mine", "other"];
        for name in names {
            std::fs::create_dir(all.path().join(name)).expect("writable");
        }
        std::os::unix::fs::symlink("other", all.path().join("vouch-run-4000000000-linked")).expect("writable");
        let left = || {
            let entries = std::fs::read_dir(all.path()).expect("readable");
            entries.map(|entry| entry.expect("readable").file_name().into_string().expect("a name")).collect::<Vec<_>>()
        };
        sweep_in(all.path(), SystemTime::now());
        assert_eq!(left().len(), names.len() + 1, "they are young");
        sweep_in(all.path(), SystemTime::now() + KEPT);
        assert_eq!(left().len(), names.len());
        assert!(!left().iter().any(|name| name == names[0]));
    }
}
