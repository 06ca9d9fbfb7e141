//! Messages on standard error.

use std::fmt::Display;
use std::io::Write;
use vouch_spec::text::OutsideText;

/// Writes a message to standard error. Its lines stay; what a terminal would obey is escaped. Write errors are ignored, because
/// a closed standard error (`2>&1 | head`, a closed terminal) must not end the run.
pub fn print_stderr(message: impl Display) {
    print_stderr_styled(OutsideText::block(&message.to_string()));
}

/// As [`print_stderr`], for a text with colours that its maker has escaped.
pub fn print_stderr_styled(safe: impl Display) {
    drop(writeln!(std::io::stderr(), "{safe}"));
}
