//! Vouch: a conformance and load test harness for the sign-in-token scheme.

// They panic where nobody reads any more; `cli::out::Out` and `report::print_stderr` do not.
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]

mod bundled;
pub mod cli;
