//! The folder for temporary files can be written to, and has space: each case stores its device there.

use super::Diagnosis;
use crate::temporary_folder;

const CHECK: &str = "temporary folder";
/// Less than this is not enough for a run, in bytes.
const TOO_LITTLE: u64 = 32 << 20;
/// Less than this may not be enough, in bytes.
const LITTLE: u64 = 256 << 20;
/// Fewer files than this may not be enough.
const FEW_FILES: u64 = 10_000;

pub(super) fn check() -> Vec<Diagnosis> {
    let place = std::env::temp_dir().display().to_string();
    let advice = "set TMPDIR to a folder that exists, and that you may write to";
    let folder = match temporary_folder::create() {
        Ok(folder) => folder,
        Err(error) => {
            return vec![Diagnosis::problem(CHECK, format!("no folder can be made in {place}: {error}"), advice)];
        }
    };
    if let Err(error) = std::fs::write(folder.path().join("probe"), [0; 4096]) {
        return vec![Diagnosis::problem(CHECK, format!("no file can be written in {place}: {error}"), advice)];
    }
    let advice = "free some, or set TMPDIR to a folder with more space";
    // Where the space is not known, writing has shown what can be shown.
    let Ok(space) = rustix::fs::statvfs(folder.path()) else {
        return vec![Diagnosis::ok(CHECK, format!("{place} can be written to"))];
    };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let found = format!("{place} has {} MB free", free >> 20);
    let files_run_out = space.f_files > 0 && space.f_favail < FEW_FILES;
    vec![if free < TOO_LITTLE {
        Diagnosis::problem(CHECK, found, advice)
    } else if free < LITTLE {
        Diagnosis::warning(CHECK, found, advice)
    } else if files_run_out {
        Diagnosis::warning(CHECK, format!("{place} has space for {} more files only", space.f_favail), advice)
    } else {
        Diagnosis::ok(CHECK, found)
    }]
}
