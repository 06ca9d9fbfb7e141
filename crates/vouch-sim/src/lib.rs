//! The simulated world: virtual and real time, the recorded wire with its faults and redaction, the mock cloud, the
//! reference SDK, backend and app, and their mutants.
//!
//! This crate must not know scenarios being run or judged: it offers parts, and the runner puts them together.

pub mod clock;
pub mod mock_cloud;
pub mod mutant;
pub mod reference;
pub mod serve;
pub mod sign_in_token;
pub mod wire;
