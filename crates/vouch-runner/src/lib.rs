//! Runs scenarios against a system under test and reports which clauses are satisfied.
//!
//! This crate knows roles, the wire between them and the device around them. It must not know which implementation fills a
//! role, nor anything of exploration or load.

pub mod invariant;
pub mod mutants;
pub mod report;
pub mod resource_limits;
pub mod run;
pub mod sut;
pub mod target_file;
pub mod target_setup;
