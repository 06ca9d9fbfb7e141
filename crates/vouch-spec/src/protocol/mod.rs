//! The adapter protocol: JSON-RPC 2.0, one message a line. See `docs/adapter-protocol.md`.
//!
//! This layer knows the words and the frame, not who speaks: harness and reference SDK both stand on it.

mod breach;
mod line;
pub mod message;
mod peer;
mod schema;
mod words;

pub use breach::{Breach, MAX_UNASKED};
pub use peer::{CallError, Handler, Peer, Refusal, connect};
pub use words::{Capability, Control, Environment, ErrorKind, Realm, Region, Seat, StatusWord, is_documented};

pub use schema::schema;

/// The version that `initialize` settles.
pub const VERSION: u32 = 1;
