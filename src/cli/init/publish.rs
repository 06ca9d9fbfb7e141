//! Writes all files of `vouch init`, or none.

use super::files::NewFile;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// What was made so far. Dropped before [`Made::keep`], it is removed again.
#[derive(Default)]
struct Made {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

/// Writes the files into a folder, and makes the folders that they need. Each is written beside its place and then renamed; a
/// file that is there already is not replaced. The error names the path that failed; then nothing is left.
pub(super) fn write(folder: &Path, files: &[NewFile]) -> Result<(), (PathBuf, io::Error)> {
    let mut made = Made::default();
    let mut staged = Vec::new();
    for file in files {
        let path = folder.join(&file.path);
        let written = stage(&path, file, &mut made).map_err(|error| (path.clone(), error))?;
        staged.push((path, written));
    }
    for (path, written) in staged {
        written.persist_noclobber(&path).map_err(|error| (path.clone(), error.error))?;
        made.files.push(path);
    }
    made.keep();
    Ok(())
}

/// Writes a file beside its place.
fn stage(path: &Path, file: &NewFile, made: &mut Made) -> io::Result<NamedTempFile> {
    // `Path::parent` of a bare name is empty.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    made.folder(folder)?;
    let mode = if file.executable { 0o777 } else { 0o666 };
    let permissions = std::fs::Permissions::from_mode(mode);
    let mut temporary = tempfile::Builder::new().prefix(".vouch-init-").permissions(permissions).tempfile_in(folder)?;
    temporary.write_all(file.text.as_bytes())?;
    Ok(temporary)
}

impl Made {
    /// Makes a folder and those above it.
    fn folder(&mut self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
            self.folder(above)?;
        }
        std::fs::create_dir(folder)?;
        self.folders.push(folder.to_owned());
        Ok(())
    }

    fn keep(mut self) {
        self.folders.clear();
        self.files.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // What cannot be removed stays; the error that is reported came before.
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
        for folder in self.folders.iter().rev() {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str, executable: bool) -> NewFile {
        NewFile { path: path.into(), text: text.into(), what: "a file", executable }
    }

    fn tree(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).expect("readable").flatten() {
            let path = entry.path();
            found.push(entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                found.extend(tree(&path));
            }
        }
        found.sort();
        found
    }

    #[test]
    fn all_files_are_written_with_their_modes() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = [file("a/b/c", "c", false), file("gate.sh", "sh", true)];
        write(&folder.path().join("new"), &files).expect("written");
        assert_eq!(tree(folder.path()), ["a", "b", "c", "gate.sh", "new"]);
        let mode = |name: &str| folder.path().join("new").join(name).metadata().expect("there").permissions().mode();
        assert_eq!((mode("a/b/c") & 0o111, mode("gate.sh") & 0o100), (0, 0o100));
        assert_eq!(mode("a/b/c") & 0o600, 0o600);
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_nothing_of_the_others() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("taken"), "mine").expect("writable");
        // A folder of a file's name, and a file that appears between the check and the write.
        for last in ["taken/file", "taken"] {
            let files = [file("first", "1", false), file("kit/lib/second", "2", false), file(last, "3", false)];
            let (path, _) = write(folder.path(), &files).expect_err("it is taken");
            assert_eq!(path, folder.path().join(last));
            assert_eq!(tree(folder.path()), ["taken"]);
        }
        assert_eq!(std::fs::read_to_string(folder.path().join("taken")).expect("readable"), "mine");
    }
}
