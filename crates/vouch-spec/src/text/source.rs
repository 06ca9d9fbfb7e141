//! A file's name and text, and places in it.

use super::read::read_file;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The longest file that is parsed, in bytes. A tree takes some fifty times the length of its text.
const MAX_LENGTH: u64 = 2 << 20;

/// A text file as it was read. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Source(Arc<SourceText>);

#[derive(Debug)]
struct SourceText {
    path: PathBuf,
    text: String,
}

/// A range of bytes in a [`Source`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Source {
    /// Names a text; the name is what diagnostics show.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self(Arc::new(SourceText { path: path.into(), text: text.into() }))
    }

    /// Reads a regular file of at most 2 MiB. The error says which file.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        let bytes = read_file(path, MAX_LENGTH)
            .map_err(|e| std::io::Error::new(e.kind(), format!("cannot read {}: {e}", path.display())))?;
        let text = String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                format!("{} is not UTF-8 text (byte {at})", path.display()),
            )
        })?;
        Ok(Self::new(path, text))
    }

    pub fn path(&self) -> &Path {
        &self.0.path
    }

    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Line and column of a byte, both counted from 1; the column in characters.
    pub fn line_column(&self, byte: usize) -> (usize, usize) {
        let mut at = byte.min(self.0.text.len());
        while !self.0.text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &self.0.text[..at];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// `file:line:column` of a span's start.
    pub fn place(&self, span: Span) -> String {
        let (line, column) = self.line_column(span.start);
        format!("{}:{line}:{column}", self.path().display())
    }
}
