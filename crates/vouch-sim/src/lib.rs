//! The simulated environment of a test run: a virtual or real clock, the recording proxy with fault injection and
//! redaction, the mock cloud, the reference SDK, backend and app, and their mutants. This crate must not know how scenarios
//! are run or evaluated; the runner combines these parts.
//!
//! - [`clock`]: virtual and real time of a case.
//! - [`wire`]: records HTTP exchanges, injects faults and redacts secrets.
//! - [`mock_cloud`]: the vendor API and the identity provider.
//! - [`mod@reference`]: the reference SDK, backend and app.
//! - [`mutant`]: the reference parts with one injected fault each.
//! - [`serve`]: the mock cloud as a server, for load tests.
//! - [`intercept`]: the HTTPS proxy through which clients that know only the vendor's real host names reach a cloud.

pub mod clock;
mod digests;
pub mod forgery;
pub mod intercept;
pub mod jwt_parts;
pub mod mock_cloud;
pub mod mutant;
mod public_key;
pub mod reference;
pub mod serve;
pub mod sign_in_token;
pub mod variant;
pub mod wire;

pub use digests::digests;
