//! The reports of a run, one file for each format. A report is a listener to the events of a run.
//!
//! A report must not know how a run works; it sees [`RunEvent`]s only.

mod console;
mod json;
mod junit;
mod stderr;

pub use console::{Console, Detail};
pub use json::Json;
pub use junit::Junit;
pub use stderr::print_stderr;

use crate::run::event::RunEvent;
use std::io;

/// Receives the events of a run in order.
pub trait Listener {
    /// Handles one event. The error is a failure to write the report.
    fn on_event(&mut self, event: &RunEvent) -> io::Result<()>;
}
