//! The wire between the seats: every HTTP exchange is recorded here and may meet a fault here.
//!
//! The wire knows links, operations and bytes. It does not know which implementation sits at either end.

mod body;
mod fault;
mod forward;
mod front;
pub mod guise;
mod nowhere;
pub mod redact;
pub mod render;
mod session;
pub mod snapshot;
mod transcript;

pub use fault::{FaultRule, Faults, Harm, Moment};
pub use forward::{Forward, client};
pub use front::{Front, Reply, Upstream};
pub use nowhere::{Nowhere, Why};
pub use session::Session;
pub use transcript::{Exchange, Fate, Link, Operation, Party, Received, Transcript};
