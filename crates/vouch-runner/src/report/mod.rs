//! Listeners to the events of a run, such as reports and the run record.
//!
//! A listener must not know how a run works; it sees [`RunEvent`]s only.

mod stderr;

pub use stderr::{print_stderr, print_stderr_styled};

use crate::run::event::RunEvent;
use std::io;

/// Receives the events of a run in order.
pub trait Listener {
    /// Handles one event. The error is a failure to write the report.
    fn on_event(&mut self, event: &RunEvent) -> io::Result<()>;
}
