//! Messages on standard error.

use std::fmt::Display;
use std::io::Write;

/// Writes a line to standard error. Write errors are ignored, because a closed standard error (`2>&1 | head`, a closed
/// terminal) must not end the run.
pub fn print_stderr(message: impl Display) {
    drop(writeln!(std::io::stderr(), "{message}"));
}
