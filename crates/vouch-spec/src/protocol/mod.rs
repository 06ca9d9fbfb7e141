//! The adapter protocol: JSON-RPC 2.0, one message a line. See `docs/adapter-protocol.md`.
//!
//! This layer knows the words and the frame, not who speaks: harness and reference SDK both stand on it.

mod claims;
mod framing;
pub mod message;
mod peer;
mod schema;
mod violation;
mod vocabulary;

pub use claims::Claims;
pub use peer::{CallError, Handler, Peer, Refusal, connect};
pub use violation::{MAX_UNSOLICITED, Violation};
pub use vocabulary::{
    Capability, Control, DeviceControl, Environment, ErrorKind, Realm, Region, Role, SdkMethod, StatusWord,
    is_documented,
};

pub use schema::schema;

/// The newest version that `initialize` can settle.
pub const VERSION: u32 = 1;
/// The oldest version that `initialize` can settle.
pub const MIN_VERSION: u32 = 1;
