//! The wire between the roles: it records every HTTP exchange and injects faults.
//!
//! It knows links, operations and bytes. It must not know which implementation is at either end.

mod body;
mod carried_secrets;
mod client_tls;
mod cross_origin;
pub mod encodings;
mod fault;
mod forward;
mod http_client;
mod recording_proxy;
pub mod redact;
pub mod render;
mod session;
pub mod snapshot;
mod spoken_profile;
mod transcript;
mod unreachable;

pub use carried_secrets::{hide_tokens, note_secrets};
pub use client_tls::{ClientIdentity, ClientTls, TlsConfig, TlsError, tls_failure};
pub use cross_origin::is_preflight;
pub(crate) use cross_origin::{allow_reading, is_cross_origin, preflight_answer};
pub use fault::{ELSEWHERE, FaultContext, FaultEffect, FaultInjector, FaultPoint, FaultRule};
pub use forward::ForwardingUpstream;
pub use http_client::{BodyError, MAX_RESPONSE_BODY, client, client_over, read_body};
pub(crate) use recording_proxy::reset;
pub use recording_proxy::{REASON, RecordingProxy, Upstream, WireResponse};
pub use session::ObservedSession;
pub use spoken_profile::{SpokenProfile, WireEra};
pub use transcript::{Exchange, ExchangeOutcome, Link, Operation, Party, Transcript, WireRequest};
pub use unreachable::{UnreachableAddress, UnreachableKind};
