//! Vouch: a conformance harness for the sign-in-token scheme.
//!
//! Data flows one way: files ([`text`], `scenario`, `target`) become a plan, a plan becomes a run, a run is a stream of
//! events, and reports listen to it.

// They panic where nobody reads any more; `cli::out::Out` and `report::remark` do not.
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]

pub mod cli;
pub mod clock;
pub mod cloud;
pub mod explore;
pub mod invariant;
pub mod load;
pub mod mutant;
pub mod profile;
pub mod protocol;
pub mod reference;
pub mod report;
pub mod run;
pub mod scenario;
pub mod seat;
pub mod serve;
pub mod target;
pub mod text;
pub mod wire;
