//! Reports: listeners to the run's events. Each format is one file; none is called by the runner.

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

/// Listens to a run and writes what its readers want.
pub trait Listener {
    fn on_event(&mut self, event: &RunEvent) -> io::Result<()>;
}
