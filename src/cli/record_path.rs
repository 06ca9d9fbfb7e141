//! Where records go when nobody says where.

use std::path::{Path, PathBuf};

/// So many records of a kind are kept in the default folder; the oldest go first.
const KEPT: usize = 50;
const EXTENSION: &str = "vouch";

/// The default folder: `target/vouch` in a Cargo project, else the user's state folder.
fn folder() -> Option<PathBuf> {
    if Path::new("target").is_dir() && Path::new("Cargo.toml").is_file() {
        return Some(PathBuf::from("target/vouch"));
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("vouch"))
}

/// A new path in the default folder for a record of this kind, `run` or `load`. It is `None` where the user has no home.
pub fn default_path(kind: &str) -> Option<PathBuf> {
    let folder = folder()?;
    // Names sort by time. A run of the same second has another process id.
    let time = vouch_spec::timestamp::now().replace([':', '-'], "");
    let path = folder.join(format!("{kind}-{time}-{}.{EXTENSION}", std::process::id()));
    forget_old(&folder, kind);
    Some(path)
}

fn forget_old(folder: &Path, kind: &str) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with(&format!("{kind}-")) && name.ends_with(&format!(".{EXTENSION}"))
    };
    let mut records: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(is_ours).collect();
    records.sort();
    let old = records.len().saturating_sub(KEPT - 1);
    for path in records.into_iter().take(old) {
        // What cannot be removed stays.
        let _ = std::fs::remove_file(path);
    }
}
