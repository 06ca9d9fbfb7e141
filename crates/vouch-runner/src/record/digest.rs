//! The digest of the build under test.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The digest of a file, of a folder, or of an OCI image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BuildDigest {
    /// The path as the target file gives it, or the OCI reference.
    pub name: String,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// Why a build has no digest.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// A file or folder cannot be read.
    #[error("cannot read the build {}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system reports.
        error: io::Error,
    },
    /// An OCI reference without a digest can be another image tomorrow.
    #[error("the image `{0}` is not pinned; write oci:NAME@sha256:DIGEST, with 64 hexadecimal digits")]
    NotPinned(String),
}

/// The SHA-256 of bytes, in lower-case hexadecimal.
pub fn of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The digest of a build: `oci:NAME@sha256:DIGEST`, or a file or folder relative to `folder`.
///
/// The digest of a file is that of its content. The digest of a folder is that of a list with a line for each file, sorted by
/// path: the digest of the file, two spaces, its path with `/`; `find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum`
/// gives the same for names without special characters, as the paths begin with `./`.
///
/// # Errors
/// If the file or folder cannot be read, or the image has no digest.
pub fn of_path(build: &str, folder: &Path) -> Result<BuildDigest, DigestError> {
    if let Some(image) = build.strip_prefix("oci:") {
        let digest = image.rsplit_once("@sha256:").map(|(_, digest)| digest.to_lowercase());
        let digest = digest.filter(|digest| digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let sha256 = digest.ok_or_else(|| DigestError::NotPinned(image.to_owned()))?;
        return Ok(BuildDigest { name: build.to_owned(), sha256 });
    }
    let path = folder.join(build);
    let sha256 = if path.is_dir() { of_folder(&path)? } else { of_file(&path)? };
    Ok(BuildDigest { name: build.to_owned(), sha256 })
}

fn of_file(path: &Path) -> Result<String, DigestError> {
    let failed = |error| DigestError::Io { path: path.to_owned(), error };
    let mut hasher = Sha256::new();
    // A device or a FIFO may never end.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is neither a file nor a folder")));
    }
    io::copy(&mut fs::File::open(path).map_err(failed)?, &mut hasher).map_err(failed)?;
    Ok(hex(&hasher.finalize()))
}

fn of_folder(root: &Path) -> Result<String, DigestError> {
    let mut files = Vec::new();
    collect(root, &mut files)?;
    let mut lines = Vec::new();
    for file in files {
        let relative = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().replace('\\', "/");
        lines.push((relative, of_file(&file)?));
    }
    lines.sort();
    let list = lines.into_iter().fold(String::new(), |mut list, (path, digest)| {
        let _ = writeln!(list, "{digest}  ./{path}");
        list
    });
    Ok(of_bytes(list.as_bytes()))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), DigestError> {
    let failed = |error| DigestError::Io { path: folder.to_owned(), error };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            collect(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_a_folder_and_an_image_have_digests() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("app")).expect("a folder");
        fs::write(folder.path().join("app/b.txt"), "abc").expect("a file");
        fs::write(folder.path().join("app/a.txt"), "").expect("a file");
        let digest = |build: &str| of_path(build, folder.path()).map(|digest| digest.sha256);
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest("app/b.txt").expect("a digest"), abc);
        // find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum
        let list = format!("{}  ./a.txt\n{abc}  ./b.txt\n", of_bytes(b""));
        assert_eq!(digest("app").expect("a digest"), of_bytes(list.as_bytes()));
        assert_eq!(digest(&format!("oci:registry/app@sha256:{abc}")).expect("a digest"), abc);
        assert!(matches!(digest("oci:registry/app:latest"), Err(DigestError::NotPinned(_))));
        assert!(matches!(digest("missing"), Err(DigestError::Io { .. })));
    }
}
