//! The wire between the roles: every HTTP exchange is recorded here and may meet a fault here.
//!
//! The wire knows links, operations and bytes. It does not know which implementation sits at either end.

mod body;
pub mod encodings;
mod fault;
mod forward;
mod recording_proxy;
pub mod redact;
pub mod render;
mod session;
pub mod snapshot;
mod transcript;
mod unreachable;

pub use fault::{FaultEffect, FaultPoint, FaultRule, Faults};
pub use forward::{Forward, client};
pub use recording_proxy::{RecordingProxy, Reply, Upstream};
pub use session::Session;
pub use transcript::{Exchange, ExchangeOutcome, Link, Operation, Party, Received, Transcript};
pub use unreachable::{Unreachable, UnreachableKind};
