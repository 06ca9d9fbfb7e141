//! zstd-compressed files of JSON lines: what records are written in.

use super::file::RecordError;
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Take, Write};
use std::path::{Path, PathBuf};
use vouch_spec::text::read_file;

/// zstd's default: a better level saves a tenth of the size for three times the time.
const COMPRESSION_LEVEL: i32 = 3;
/// The longest line, in bytes. A longer one is not a record's.
const MAX_LINE: u64 = 32 << 20;
/// The longest file, in bytes: some 100,000 cases.
const MAX_FILE: u64 = 128 << 20;
/// The longest text of a record, in bytes. A small file may hold a text of any length.
const MAX_TEXT: u64 = 1 << 30;

/// Writes a file, line by line. What is flushed can be read, also if the process is killed later.
pub struct LineWriter {
    path: PathBuf,
    out: zstd::Encoder<'static, File>,
    finished: bool,
}

impl LineWriter {
    /// Creates the file, and the folders above it.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        let out = zstd::Encoder::new(File::create(path)?, COMPRESSION_LEVEL)?;
        Ok(Self { path: path.to_owned(), out, finished: false })
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a line.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")
    }

    /// Makes the lines until here readable.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Ends the file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(&mut self) -> io::Result<()> {
        self.finished = true;
        self.out.do_finish()?;
        self.out.get_ref().sync_all()
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        if !self.finished {
            // The run ended early; what was written is kept.
            let _ = self.out.do_finish();
        }
    }
}

/// The decompressed text of a file, up to the limit.
type Text = Take<BufReader<zstd::Decoder<'static, BufReader<Cursor<Vec<u8>>>>>>;

/// Reads a file line by line. A file whose end is cut off, because the process was killed, ends with its last whole line.
pub struct LineReader {
    path: PathBuf,
    text: Text,
    line: String,
    number: usize,
    sha256: String,
}

impl LineReader {
    /// Opens a file.
    ///
    /// # Errors
    /// If the file cannot be read or is too long.
    pub fn open(path: &Path) -> Result<Self, RecordError> {
        let bytes = read_file(path, MAX_FILE).map_err(|error| RecordError::Io { path: path.to_owned(), error })?;
        Self::new(path, bytes)
    }

    /// Reads the bytes of a file. `path` is for errors.
    ///
    /// # Errors
    /// If they are not compressed.
    pub fn new(path: &Path, bytes: Vec<u8>) -> Result<Self, RecordError> {
        let io = |error| RecordError::Io { path: path.to_owned(), error };
        let sha256 = super::sha256(&bytes);
        let text = BufReader::new(zstd::Decoder::new(Cursor::new(bytes)).map_err(io)?).take(MAX_TEXT);
        Ok(Self { path: path.to_owned(), text, line: String::new(), number: 0, sha256 })
    }

    /// SHA-256 of the file, in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The next line with its number, from 1.
    ///
    /// # Errors
    /// If the file is not compressed text, or too long.
    pub fn next_line(&mut self) -> Result<Option<(usize, &str)>, RecordError> {
        let io = |error| RecordError::Io { path: self.path.clone(), error };
        self.line.clear();
        match self.text.by_ref().take(MAX_LINE).read_line(&mut self.line) {
            Ok(0) if self.text.limit() == 0 => {
                return Err(io(io::Error::other(format!("its text is longer than {} MiB", MAX_TEXT >> 20))));
            }
            Ok(0) => return Ok(None),
            Ok(_) => {}
            // The process was killed in the middle of a line or block.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && self.number > 0 => return Ok(None),
            Err(error) => return Err(io(error)),
        }
        if self.line.len() as u64 >= MAX_LINE {
            return Err(io(io::Error::other(format!("a line of it is longer than {} MiB", MAX_LINE >> 20))));
        }
        if !self.line.ends_with('\n') && self.number > 0 {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some((self.number, &self.line)))
    }
}
