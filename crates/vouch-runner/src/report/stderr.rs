//! Remarks beside the output, on standard error.

use std::fmt::Display;
use std::io::Write;

/// Says a line. Where nobody reads standard error any more (`2>&1 | head`, a closed terminal), it goes nowhere and ends
/// nothing.
pub fn print_stderr(what: impl Display) {
    drop(writeln!(std::io::stderr(), "{what}"));
}
