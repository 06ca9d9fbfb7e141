//! Reads files that are named by users: regular files only, up to a limit, so that no device, pipe or archive exhausts memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Reads a regular file of at most `limit` bytes. It neither waits for a pipe nor reads a device.
///
/// # Errors
/// If the file cannot be read, is not a regular file, or is longer.
pub fn read_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        return Ok(bytes);
    }
    Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {}", in_units(limit))))
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    options.open(path)
}

fn in_units(bytes: u64) -> String {
    if bytes >= 1 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{bytes} bytes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, "12345").expect("writable");
        assert_eq!(read_file(&path, 5).expect("short enough"), b"12345");
        assert_eq!(read_file(&path, 4).expect_err("too long").to_string(), "it is longer than 4 bytes");
        assert_eq!(in_units(3 << 20), "3 MiB");
    }

    #[cfg(unix)]
    #[test]
    fn devices_pipes_and_folders_are_refused_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        let name = pipe.to_string_lossy().into_owned() + "\0";
        // SAFETY: a system call with a NUL-terminated string.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr().cast(), 0o600) }, 0);
        for path in [&pipe, folder.path(), Path::new("/dev/zero")] {
            assert_eq!(read_file(path, 9).expect_err("refused").to_string(), "it is not a regular file", "{path:?}");
        }
    }
}
